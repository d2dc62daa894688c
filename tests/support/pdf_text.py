"""The text of a PDF that reportlab wrote, page by page, by the fonts' own character maps."""

import io
import re
from typing import Any

from pyhanko.pdf_utils.reader import PdfFileReader

_STRING = re.compile(rb"/(\S+) [\d.]+ Tf|\(((?:[^()\\]|\\.)*)\) Tj", re.DOTALL)
_MAP = re.compile(rb"<([0-9A-Fa-f]+)> <([0-9A-Fa-f]+)>")
_RANGE = re.compile(rb"<([0-9A-Fa-f]+)> <([0-9A-Fa-f]+)> (?:<([0-9A-Fa-f]+)>|\[([^\]]*)\])")


def pages(data: bytes) -> list[str]:
    """One string per page: the shown pieces of text in the order of the file, a blank between them."""
    reader = PdfFileReader(io.BytesIO(data))
    found = []
    for number in range(int(reader.root["/Pages"]["/Count"])):
        page = reader.root["/Pages"]["/Kids"][number]
        named = page["/Resources"]["/Font"]
        fonts = {name.lstrip("/"): _characters(named[name]) for name in named}
        found.append(" ".join(_pieces(page["/Contents"].data, fonts)))
    return found


def _characters(font: Any) -> dict[int, str]:
    if "/ToUnicode" not in font:
        return {}
    characters: dict[int, str] = {}
    text = font["/ToUnicode"].data
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", text, re.DOTALL):
        for code, target in _MAP.findall(block):
            characters[int(code, 16)] = bytes.fromhex(target.decode()).decode("utf-16-be")
    for block in re.findall(rb"beginbfrange(.*?)endbfrange", text, re.DOTALL):
        for first, last, target, targets in _RANGE.findall(block):
            listed = re.findall(rb"<([0-9A-Fa-f]+)>", targets)
            for step, code in enumerate(range(int(first, 16), int(last, 16) + 1)):
                point = int(listed[step], 16) if listed else int(target, 16) + step
                characters[code] = chr(point)
    return characters


def _pieces(stream: bytes, fonts: dict[str, dict[int, str]]) -> list[str]:
    pieces, characters = [], dict[int, str]()
    for font, string in _STRING.findall(stream):
        if font:
            characters = fonts.get(font.decode(), {})
        else:
            raw = re.sub(rb"\\([0-7]{1,3}|.)", _unescape, string, flags=re.DOTALL)
            pieces.append("".join(characters.get(code, chr(code)) for code in raw))
    return pieces


def _unescape(found: re.Match[bytes]) -> bytes:
    code = found.group(1)
    if code[:1].isdigit():
        return bytes([int(code, 8)])
    return {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}.get(code, code)
