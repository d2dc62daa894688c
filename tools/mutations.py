"""Changes right files into nearly right ones: inside the zip of a workbook, the tags of XML, the cells of CSV, the values of JSON, DER.

Random bytes die at the first check of a parser; these get past it. The same seed gives the same change.
"""

import io
import random
import re
import warnings
import zipfile
from collections.abc import Callable

Grow = Callable[[bytes], bytes]
"""Changes a piece in some other way, such as libFuzzer's own."""

JUNK = (
    b"",
    b"0",
    b"-1",
    b"1e999",
    b"9" * 40,
    b"0." + b"0" * 40 + b"1",
    b"NaN",
    b"Infinity",
    b"=1+1",
    b"@SUM(A1)",
    b"\xd0\x90\xd0\x92\xd0\xa1",  # Cyrillic letters that look like ABC
    b"\xef\xbc\x91\xef\xbc\x92",  # digits of full width
    b"\xd9\xa1\xd9\xa2",  # Arabic digits
    b"\xe2\x80\xae",  # turns the direction of writing
    b"\xe2\x80\x8b",  # a space without width
    b"\xf0\x9f\x8f\xa6",
    b"\xed\xa0\x80",  # half of a surrogate pair, no UTF-8
    b"\x00",
    b"\x1b[2J",
    b"\r\n",
    b'"',
    b"'",
    b"&#0;",
    b"&#x110000;",
    b"&amp;amp;",
    b"&none;",
    b"]]>",
    b"<![CDATA[",
    b"<!--",
    b"<?x ?>",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
    b"0001-01-01",
    b"9999-12-31",
    b"2026-02-30",
    b"2026-11-23T25:61:61+99:99",
    b"-2958466",
    b"2958466",
    b"1e308",
    b"XFD1048576",
    b"A0",
    b"../../etc/passwd",
    b"true",
    b"null",
    b"[]",
    b"{}",
    b"[" * 3000,
    b"x" * 40_000,
)
_XML = re.compile(rb"<[^<>]*>|[^<]+|<")
_CSV = re.compile(rb"[^,;\r\n\"]+|.", re.DOTALL)
_JSON = re.compile(rb"\"(?:[^\"\\]|\\.)*\"|[-+.\w]+|.", re.DOTALL)
_VALUE = re.compile(rb"(?<==)(\"[^\"]*\"|'[^']*')")
MOST = 200_000
"""Bytes of a changed piece at most."""


def mutated(data: bytes, seed: int, grow: Grow = bytes) -> bytes:
    """One to three changes to a file, by what it seems to be."""
    draw = random.Random(seed)
    for _ in range(draw.randint(1, 3)):
        data = _once(data, draw, grow)
    return data


def _once(data: bytes, draw: random.Random, grow: Grow) -> bytes:
    if draw.random() < 0.1:
        return grow(data)
    if data.startswith(b"PK"):
        return _in_zip(data, draw, grow)
    if data.startswith(b"\x30\x82"):
        return _in_der(data, draw, grow)
    return _in_text(data, draw, grow)


def _in_zip(data: bytes, draw: random.Random, grow: Grow) -> bytes:
    """A change in a part, or of the list of parts; the file as it is when it is no zip that can be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            if sum(entry.file_size for entry in package.infolist()) > 2_000_000:
                return data
            parts = [(entry.filename, package.read(entry)) for entry in package.infolist()]
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is no zip
        return grow(data)
    if not parts:
        return data
    # Sheets, texts and styles are where a form's content is read.
    likely = [n for n, (name, _) in enumerate(parts) if "sheet" in name or "shared" in name or "styles" in name]
    at = draw.choice(likely) if likely and draw.random() < 0.8 else draw.randrange(len(parts))
    name, content = parts[at]
    match draw.randrange(12):
        case 0:
            del parts[at]
        case 1:
            parts.append((name.upper() if draw.random() < 0.5 else name, content))
        case 2:
            parts[at] = (draw.choice(("xl/vbaProject.bin", "xl/../" + name, "/" + name, name + " ", "")), content)
        case 3:
            parts[at] = (name, parts[draw.randrange(len(parts))][1])
        case _:
            parts[at] = (name, _in_text(content, draw, grow))
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        # A part that is there twice is what some of these files are about.
        warnings.simplefilter("ignore", UserWarning)
        for name, content in parts:
            package.writestr(zipfile.ZipInfo(name or "x"), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _in_der(data: bytes, draw: random.Random, grow: Grow, depth: int = 0) -> bytes:
    """A change of one element of a DER structure somewhere inside; the lengths around it are right again."""
    elements = _elements(data)
    if not elements:
        return draw.choice((b"", b"\x05\x00", grow(data)))
    at = draw.randrange(len(elements))
    tag, value = elements[at]
    inside = tag & 0x20 or tag == 0x04
    if inside and depth < 20 and draw.random() < 0.85:
        elements[at] = (tag, _in_der(value, draw, grow, depth + 1))
    else:
        match draw.randrange(9):
            case 0:
                del elements[at]
            case 1:
                elements.insert(draw.randrange(len(elements) + 1), elements[at])
            case 2:
                elements[at] = (draw.randrange(256), value)
            case 3:
                elements[at] = (tag, draw.choice(JUNK))
            case 4:
                elements[at] = (tag, value * draw.choice((0, 2, 300)))
            case 5:
                other = draw.randrange(len(elements))
                elements[at], elements[other] = elements[other], elements[at]
            case 6:
                elements[at] = (tag, draw.randbytes(len(value)))
            case 7:
                # The same element inside itself, many times.
                elements[at] = (tag, _wrapped(tag, value, draw.choice((1, 5, 200))))
            case _:
                elements[at] = (tag, grow(value))
    return b"".join(_element(tag, value) for tag, value in elements)[:MOST]


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """Tag and value of the DER elements that follow each other; none when the bytes are not just such elements."""
    found = []
    at = 0
    while at + 2 <= len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length > 0x80:
            many = length - 0x80
            length = int.from_bytes(data[at : at + many], "big")
            at += many
        if at + length > len(data):
            return []
        found.append((tag, data[at : at + length]))
        at += length
    return found if at == len(data) else []


def _element(tag: int, value: bytes) -> bytes:
    if len(value) < 0x80:
        return bytes((tag, len(value))) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 + len(length))) + length + value


def _wrapped(tag: int, value: bytes, times: int) -> bytes:
    for _ in range(times):
        value = _element(tag, value)
    return value


def _in_text(data: bytes, draw: random.Random, grow: Grow) -> bytes:
    head = data.lstrip(b"\xef\xbb\xbf \r\n\t")[:1]
    pieces = (_XML if head == b"<" else _JSON if head in (b"{", b"[") else _CSV).findall(data[:MOST])
    if not pieces:
        return draw.choice(JUNK)
    at = draw.randrange(len(pieces))
    match draw.randrange(8):
        case 0:
            del pieces[at]
        case 1:
            pieces.insert(draw.randrange(len(pieces) + 1), pieces[at])
        case 2:
            other = draw.randrange(len(pieces))
            pieces[at], pieces[other] = pieces[other], pieces[at]
        case 3:
            pieces[at] = draw.choice(JUNK)
        case 4:
            pieces[at] = _valued(pieces[at], draw)
        case 5:
            pieces[at] = pieces[at] * draw.choice((2, 10, 300))
        case 6:
            del pieces[at : at + draw.randint(1, 50)]
        case _:
            pieces[at] = grow(pieces[at])
    return b"".join(pieces)[:MOST]


def _valued(piece: bytes, draw: random.Random) -> bytes:
    """The piece with another value: of an attribute when it has any, else of itself."""
    values = list(_VALUE.finditer(piece))
    junk = draw.choice(JUNK)
    if not values:
        return piece[: draw.randint(0, len(piece))] + junk
    one = draw.choice(values)
    return piece[: one.start()] + b'"' + junk + b'"' + piece[one.end() :]
