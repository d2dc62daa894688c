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
SEQUENCE, CONSTRUCTED, LONG_TAG = 0x30, 0x20, 0x1F
LONG_LENGTH = 0x80
"""Of DER: from here on the byte says how many bytes the length has; by itself (BER) that the contents end with two zero bytes."""
GAP = 4_096
"""Zero bytes in a row that no compressed file has; where a client has not written yet, a server gives as many or more. Text has none."""
ZEROS = 32
"""The same for a signature, which is short."""


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


def has_gap(name: str, data: bytes) -> bool:
    """Whether a file has its end and a part before it that its client may not have written yet: some write the end before the middle."""
    length = bytes_to_read(name, len(data))
    zeros = 1 if name.lower().endswith(".csv") else GAP
    return length > 0 and b"\0" * zeros in data and ends_there(name, data[-length:], len(data))


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
    """DER says its length at the beginning, BER without it ends what it has begun, PEM has a last line.

    Where zeros could be what is not written yet, it is not said: that of 256 signatures one ends with a zero costs it a moment.
    """
    if PEM.match(data) is not None:
        return b"\0" not in data
    if data[:1] != bytes([SEQUENCE]) or b"\0" * ZEROS in data:
        return False
    try:
        end, closing = _end_of_ber(data)
    except IndexError:
        return False
    return end == len(data) and data[end - 2 * closing - 1] != 0


def _end_of_ber(data: bytes) -> tuple[int, int]:
    """Where the first element ends, and how many elements without a length are closed just there; raises IndexError when it is cut off.

    What has a length is passed over as a whole.
    """
    at = unclosed = closing = 0
    while True:
        if unclosed and data[at] == data[at + 1] == 0:
            at, unclosed, closing = at + 2, unclosed - 1, closing + 1
        else:
            closing, kind = 0, data[at]
            if kind & LONG_TAG == LONG_TAG:
                at += 1
                while data[at] & LONG_LENGTH:
                    at += 1
            length, at = data[at + 1], at + 2
            if length == LONG_LENGTH:
                if not kind & CONSTRUCTED:
                    raise IndexError("only what is made of elements can end without a length")
                unclosed += 1
            else:
                if length > LONG_LENGTH:
                    size = length - LONG_LENGTH
                    length, at = int.from_bytes(data[at : at + size], "big"), at + size
                at += length
        if not unclosed:
            return at, closing


KINDS = {  # by ending, in small letters
    "xlsx": _Kind(END.size, False, _zip_ends),
    "xml": _Kind(2_000_000, True, _xml_ends),
    "csv": _Kind(1_000, False, _feed_ends),
    "p7s": _Kind(65_536, True, _signature_ends),
}
