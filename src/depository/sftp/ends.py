"""Whether a file's last bytes say that it ends there: a part of such a file never looks whole, so it need not stand still for long."""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from xml.parsers import expat

END = struct.Struct("<4s4H2LH")
"""The end of a zip file's directory, without a comment: signature, four counts, size and place of the directory, length of the comment."""
TRAILER = re.compile(rb'[\r\n] *"?TRAILER\b[^\r\n]*\r?\n\s*\Z')
"""The control trailer as the last line, with its line end: without that a digit of it could be missing."""
PEM = re.compile(rb"\s*-----BEGIN ([A-Z0-9 ]{1,30})-----\s.*\n-----END \1-----\s*\Z", re.DOTALL)
DER_SEQUENCE = 0x30
LONG_LENGTH = 0x80
"""Of DER: from here on the byte says how many bytes the length has; by itself (BER) that there is no length."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Files of one ending."""

    length: int
    """So many of the last bytes are read."""
    whole: bool
    """They must be all there are; a larger file does not say where it ends."""
    ends: Callable[[bytes, int], bool]
    """Whether they say that a file of this size ends there."""


def bytes_to_read(name: str, size: int) -> int:
    """How many of a file's last bytes `ends_there` needs; 0 for a file that cannot say where it ends."""
    kind = _kind(name)
    if kind is None or not size or (kind.whole and size > kind.length):
        return 0
    return min(size, kind.length)


def ends_there(name: str, tail: bytes, size: int) -> bool:
    """Whether a file's last bytes, so many as `bytes_to_read`, say that a file of just this size ends there.

    Blank lines may be missing behind the end, and nothing else: no shorter part of a file that was written from its beginning on says so.
    """
    kind = _kind(name)
    # More or fewer bytes: its size is another by now.
    return kind is not None and len(tail) == bytes_to_read(name, size) > 0 and kind.ends(tail, size)


def _kind(name: str) -> _Kind | None:
    return KINDS.get(name.lower().rpartition(".")[2])


def _zip_ends(tail: bytes, size: int) -> bool:
    """The record of the directory is written last and says where it lies; one with a comment behind it is not looked for."""
    if len(tail) < END.size:
        return False
    signature, disk, first, here, entries, length, start, comment = END.unpack(tail)
    alone = disk == first == comment == 0 and here == entries > 0
    return bool(signature == b"PK\5\6" and alone and start + length + END.size == size)


def _xml_ends(data: bytes, _size: int) -> bool:
    """The root element is closed. Nothing behind a DTD is looked at: whoever reads the file refuses it."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _no_dtd
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError):
        return False
    return True


def _no_dtd(*_: object) -> None:
    raise ValueError("a DTD")


def _feed_ends(tail: bytes, _size: int) -> bool:
    return TRAILER.search(tail) is not None


def _signature_ends(data: bytes, _size: int) -> bool:
    """DER says its length at the beginning, PEM has a last line."""
    if len(data) > 1 and data[0] == DER_SEQUENCE and data[1] != LONG_LENGTH:
        head, length = 2, data[1]
        if length > LONG_LENGTH:
            head = 2 + length - LONG_LENGTH
            length = int.from_bytes(data[2:head], "big")
        return len(data) == head + length
    return PEM.match(data) is not None


KINDS = {  # by ending, in small letters
    "xlsx": _Kind(END.size, False, _zip_ends),
    "xml": _Kind(1_000_000, True, _xml_ends),
    "csv": _Kind(1_000, False, _feed_ends),
    "p7s": _Kind(65_536, True, _signature_ends),
}
