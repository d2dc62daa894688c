"""What a listing says of one entry of a folder, and names that are not UTF-8 as text."""

import re
from dataclasses import dataclass

ESCAPED = re.compile("[\uf780-\uf7ff]+")
"""Signs of the private use area that stand for the bytes 80 to FF of a name that is not UTF-8 there."""
TO_ESCAPE = re.compile("[\udc80-\udcff\uf780-\uf7ff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a folder, as the server lists it."""

    name: str
    """As `decode_name` makes it from the server's bytes: any name, and always text that a database or a log can hold."""
    size: int
    """Bytes; 0 when the server does not say."""
    mtime: int
    """Seconds since 1970 by the server's clock or as set by the client: good for noticing a change, no more."""
    is_file: bool
    """A plain file: no folder, link, pipe or device."""


def decode_name(name: bytes) -> str:
    """A server's name as text; `encode_name` gives the same bytes back.

    Python's own way (lone surrogates) is not taken, as neither SQLite nor PostgreSQL nor JSON in UTF-8 can hold the result.
    """
    text = name.decode("utf-8", "surrogateescape")
    return text if text.isascii() else TO_ESCAPE.sub(_escape, text)


def encode_name(name: str) -> bytes:
    """The bytes of a name or path; raises UnicodeEncodeError for lone surrogates, which no name from a listing has."""
    if name.isascii():
        return name.encode()
    parts, at = [], 0
    for run in ESCAPED.finditer(name):
        parts += [name[at : run.start()].encode(), bytes(ord(sign) & 0xFF for sign in run.group())]
        at = run.end()
    return b"".join((*parts, name[at:].encode()))


def _escape(found: re.Match[str]) -> str:
    sign = found.group()
    # A sign of our own that stands in a real name is written byte by byte, so that it cannot be taken for an escape.
    raw = bytes([ord(sign) & 0xFF]) if sign < "\ue000" else sign.encode()
    return "".join(chr(0xF700 + byte) for byte in raw)
