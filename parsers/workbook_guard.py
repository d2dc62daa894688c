"""Pre-flight of a workbook, before any spreadsheet library sees it: limits, forbidden parts, and what each sheet is made of.

A long sheet may be looked at while it is read (`looked_at`): each piece of it before a library sees that one.

Only the standard library reads the bytes here, piece by piece, so that a hostile file costs little. What passes can still hurt a
parser (memory, time); `parsers.sandbox` is the second wall.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import normpath
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from depository.pieces import ahead
from depository.rejects import FileRefused
from forms.refusals import WRONG_NAME

MAX_FILE = 30_000_000
MAX_PARTS = 300
MAX_EXPANDED = 400_000_000
MAX_PART = 300_000_000
MAX_SMALL_PART = 8_000_000
"""For parts that are read whole here: the workbook's list of sheets and the relations."""
MAX_RATIO = 300
RATIO_FROM = 2_000_000
"""Expanded bytes from which the ratio of a part is looked at; tiny parts compress to anything."""
MAX_ROWS = 200_000
MAX_COLUMNS = 64


class LookFirst(Exception):
    """A sheet has something that must be known before it is read: formulas, errors, comments, merged cells, hidden rows."""


@dataclass(slots=True)
class Unseen:
    """A long sheet that is looked at while it is read."""

    over: bool = False
    """It was looked at to its end, and there was nothing in it that has to be known before it is read."""


@dataclass(frozen=True, slots=True)
class SheetFacts:
    """What the guard learnt of a sheet."""

    name: str
    visible: bool
    part: str
    size: int
    """Expanded bytes."""
    odd: bool
    """It holds formulas or error cells, so that some cells may have no value."""
    plain: bool
    """Its XML has no comments and the like, so that what looks like a row in it is one."""
    merged: Mapping[tuple[int, int], tuple[int, int]]
    """(row, column) of a merged range's first cell -> those of its last; counted from 1."""
    hidden: frozenset[int] = frozenset()
    """Rows that nobody sees, by hand or by a filter; counted from 1."""
    unseen: Unseen | None = None
    """Set where the sheet was not looked at yet: what is said of it above is what most have."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """A workbook that passed."""

    sheets: tuple[SheetFacts, ...]


def inspect(data: bytes, file_name: str, *, long_later: bool = False) -> Inspection:
    """Check a workbook before it is parsed; raises FileRefused with a code of `REFUSALS`.

    With `long_later` long sheets are left to `looked_at`.
    """
    _kind(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            parts = _parts(package)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error, EOFError, OverflowError):
        raise FileRefused(
            "damaged", "The file is cut off or damaged: it cannot be opened. Save it again and send it once more."
        ) from None
    _package(parts)
    # Last of all: another name makes no workbook of another kind of file.
    _name(file_name)
    try:
        return Inspection(_sheets(data, parts, long_later=long_later))
    except (ParseError, DefusedXmlException, LookupError, zlib.error, struct.error, ValueError):
        raise FileRefused(
            "damaged", "The file is damaged inside. Open it, save it again and send it once more."
        ) from None


def _kind(data: bytes) -> None:
    if not data:
        raise FileRefused("empty", "The file has no bytes. Send it again.")
    if len(data) > MAX_FILE:
        raise FileRefused(
            "too-large",
            f"The file has {len(data):,} bytes, at most {MAX_FILE:,} are taken. Split it into several forms.",
        )
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise FileRefused(
                "encrypted", "The workbook is protected by a password. Save it without one and send it again."
            )
        raise FileRefused(
            "wrong-type",
            "This is an Excel 97-2003 workbook (.xls). Save it as Excel workbook (.xlsx) and send it again.",
        )
    if not data.startswith(b"PK"):
        what = "something else"
        head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        if head.startswith(b"%pdf"):
            what = "a PDF"
        elif head.startswith((b"<html", b"<!doctype", b"<table")):
            what = "a web page"
        elif head.startswith(b"<"):
            what = "an XML file"
        elif b"\x00" not in data[:512]:
            what = "plain text, such as CSV"
        raise FileRefused(
            "wrong-type",
            f"The file is {what}, not an Excel workbook (.xlsx). Fill in the blank of the form and send that.",
        )


def _name(file_name: str) -> None:
    if not file_name.lower().endswith((".xlsx", ".xlsm")):
        raise FileRefused(
            WRONG_NAME,
            f"The file's name {file_name[-60:]!r} does not end in .xlsx. Send it again under a name that does.",
        )


def _parts(package: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = package.infolist()
    if len(entries) > MAX_PARTS:
        raise FileRefused(
            "too-many-parts",
            f"The package holds {len(entries)} parts, at most {MAX_PARTS} are taken. Use the blank of the form.",
        )
    parts: dict[str, zipfile.ZipInfo] = {}
    seen: set[str] = set()
    _apart(entries)
    for entry in entries:
        name = entry.filename
        if name.endswith("/"):
            continue
        if name.casefold() in seen:
            raise FileRefused(
                "duplicate-part",
                f"The package holds the part {name[:80]} twice. Save the workbook again and send it once more.",
            )
        seen.add(name.casefold())
        if entry.flag_bits & 0x1:
            raise FileRefused(
                "encrypted", "The package is protected by a password. Save it without one and send it again."
            )
        if (
            entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            or not name
            or ".." in name
            or name.startswith("/")
            or "\\" in name
        ):
            raise FileRefused(
                "damaged",
                "The package is not one that a spreadsheet program writes. Save it again and send it once more.",
            )
        parts[name] = entry
    total = sum(entry.file_size for entry in parts.values())
    for entry in parts.values():
        steep = entry.file_size > RATIO_FROM and entry.file_size > MAX_RATIO * max(entry.compress_size, 1)
        if entry.file_size > MAX_PART or total > MAX_EXPANDED or steep:
            raise FileRefused(
                "expands-too-far", "The file expands to far more than a form can hold. Use the blank of the form."
            )
    return parts


def _apart(entries: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse parts that lie on top of each other: a few bytes then expand as often as there are names (CVE-2024-0450)."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise FileRefused(
                "expands-too-far", "The parts of the file lie on top of each other. Use the blank of the form."
            )
        # A header of 30 bytes and the name come before what is packed.
        end = entry.header_offset + 30 + len(entry.orig_filename) + entry.compress_size


def _package(parts: Mapping[str, zipfile.ZipInfo]) -> None:
    names = {name.casefold() for name in parts}
    if "[content_types].xml" not in names or "xl/workbook.xml" not in names:
        what = "a package of another kind"
        if "word/document.xml" in names:
            what = "a Word document"
        elif "content.xml" in names:
            what = "an OpenDocument file (.ods)"
        elif "xl/workbook.bin" in names:
            what = "a binary workbook (.xlsb)"
        raise FileRefused(
            "wrong-type", f"The file is {what}, not an Excel workbook (.xlsx). Save it as .xlsx and send it again."
        )
    for name in names:
        if "vbaproject" in name or name.startswith(("xl/macrosheets/", "xl/dialogsheets/")):
            raise FileRefused(
                "macros", "The workbook holds macros. Save it as a workbook without macros (.xlsx) and send it again."
            )
        if name.startswith(("xl/externallinks/", "xl/querytables/")) or name == "xl/connections.xml":
            raise FileRefused(
                "external-links",
                "The workbook links to other files or data sources. Break the links, save it and send it again.",
            )
        if name.startswith(("xl/embeddings/", "xl/activex/", "xl/ctrlprops/")):
            raise FileRefused(
                "embedded-objects", "The workbook holds embedded objects. Delete them, save it and send it again."
            )


def _pieces(data: bytes, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Expand a part piece by piece, each beginning with the end of the one before; its real length must be the declared one."""
    expanded = _expanded(data, entry)
    tail = b""
    for piece in ahead(expanded) if entry.file_size > _LARGE else expanded:
        whole = tail + piece
        yield whole
        tail = whole[-_OVERLAP:]


def _expanded(data: bytes, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    at = entry.header_offset
    if data[at : at + 4] != b"PK\x03\x04":
        raise ValueError(entry.filename)
    name_length, extra_length = struct.unpack_from("<HH", data, at + 26)
    at += 30 + name_length + extra_length
    packed = memoryview(data)[at : at + entry.compress_size]
    if len(packed) != entry.compress_size:
        raise ValueError(entry.filename)
    length, check = 0, 0
    if entry.compress_type == zipfile.ZIP_STORED:
        source: Iterator[bytes] = (bytes(packed[i : i + _STEP]) for i in range(0, len(packed), _STEP))
    else:
        source = _inflated(packed)
    for piece in source:
        length += len(piece)
        if length > entry.file_size:
            raise FileRefused(
                "expands-too-far", "The file expands to more than it says. Save it again and send it once more."
            )
        check = zlib.crc32(piece, check)
        yield piece
    if length != entry.file_size or check != entry.CRC:
        raise ValueError(entry.filename)


_STEP = 1 << 20
_LARGE = 8 * _STEP
"""Expanded bytes from which a part is expanded by a thread, while what came before is looked at."""
_OVERLAP = 256


def _inflated(packed: memoryview) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-15)
    for i in range(0, len(packed), _STEP):
        piece = inflater.decompress(packed[i : i + _STEP], _STEP)
        while piece:
            yield piece
            piece = inflater.decompress(inflater.unconsumed_tail, _STEP)
    if not inflater.eof:
        raise ValueError("cut off")


# Cell or row references beyond MAX_COLUMNS (BL) or MAX_ROWS, however the attribute is written.
_FAR_COLUMN = rb"(?:[A-Za-z]{3}|[C-Zc-z][A-Za-z]|[Bb][M-Zm-z])\d"
_FAR = re.compile(rb"\br\s*=\s*[\"'](?:" + _FAR_COLUMN + rb"|[A-Za-z]{0,2}(?:[2-9]\d{5}|\d{7}))")
# Whatever is not one letter or A and another before at most five digits, all in capitals and double quotes: fast, and sure when it finds
# nothing.
_PERHAPS_FAR = re.compile(rb'r(?=[=\s])(?!="A?+[A-Z]?+\d{1,5}+")(?==|\s+=)')
_FORMULA = re.compile(rb"<(?:[A-Za-z0-9]+:)?f[\s>/]")
# Begins with a letter that most pieces hardly have.
_PERHAPS_FORMULA = re.compile(rb"f(?<=[<:]f)[\s>/]")
_MERGED = re.compile(rb"mergeCell\s[^>]*?ref\s*=\s*[\"']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})[\"']")
_ROW = re.compile(rb"<(?:[A-Za-z0-9]+:)?row\s[^>]*>")
_NUMBER = re.compile(rb"\sr\s*=\s*[\"'](\d{1,6})[\"']")
_HIDDEN = re.compile(rb"\shidden\s*=\s*[\"'](?:1|true)[\"']")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9_-]+)[\"']")


def _start(piece: bytes) -> None:
    """Check the first bytes of an XML part; UTF-8 alone, so that the byte searches here see what a parser sees."""
    head = piece[:400]
    encoding = _ENCODING.search(head.split(b"?>", 1)[0])
    if (
        b"\x00" in head
        or head.startswith((b"\xff\xfe", b"\xfe\xff"))
        or (encoding and encoding[1].lower() not in (b"utf-8", b"us-ascii"))
    ):
        raise FileRefused(
            "wrong-encoding",
            "A part of the workbook is not UTF-8. Save it with a spreadsheet program and send it again.",
        )


def _declares(piece: bytes) -> bool:
    """Tell whether a piece has declarations or comments; those of a document type or of entities refuse the file."""
    if b"!" not in piece or b"<!" not in piece:
        return False
    if b"<!D" in piece or b"<!E" in piece:
        raise FileRefused(
            "entities",
            "A part of the workbook declares a document type or entities. Save it with a spreadsheet program and send it again.",
        )
    return True


def _whole(data: bytes, entry: zipfile.ZipInfo) -> bytes:
    if entry.file_size > MAX_SMALL_PART:
        raise FileRefused(
            "expands-too-far", "The workbook's list of parts is far larger than a form's. Use the blank of the form."
        )
    found = bytearray()
    for piece in _pieces(data, entry):
        found += piece if not found else piece[min(_OVERLAP, len(found)) :]
    return bytes(found)


def _sheets(data: bytes, parts: Mapping[str, zipfile.ZipInfo], *, long_later: bool) -> tuple[SheetFacts, ...]:
    by_name = {name.casefold(): entry for name, entry in parts.items()}
    relations = fromstring(_whole(data, by_name["xl/_rels/workbook.xml.rels"]), forbid_dtd=True)
    targets = {one.get("Id"): _target(one.get("Target") or "") for one in relations}
    workbook = fromstring(_whole(data, by_name["xl/workbook.xml"]), forbid_dtd=True)
    if "purl.oclc.org" in workbook.tag:
        raise FileRefused(
            "wrong-type", "The file is a Strict Open XML workbook. Save it as Excel workbook (.xlsx) and send it again."
        )
    listed = [
        (sheet.get("name") or "", sheet.get("state", "visible") == "visible", targets.get(_relation(sheet), ""))
        for group in workbook
        if group.tag.endswith("}sheets")
        for sheet in group
    ]
    sheet_parts = {part.casefold() for _, _, part in listed}
    facts: dict[str, _Found] = {}
    for name, entry in by_name.items():
        if long_later and name in sheet_parts and entry.file_size > _LARGE:
            facts[name] = _Found(unseen=Unseen())
        elif name in sheet_parts or (name.startswith("xl/worksheets/") and name.endswith(".xml")):
            facts[name] = _sheet(data, entry)
        elif name.endswith((".xml", ".rels", ".vml")):
            _other(data, name, entry)
    return tuple(
        SheetFacts(name, visible, part, by_name[part.casefold()].file_size, *facts[part.casefold()])
        for name, visible, part in listed
        if part.casefold() in facts
    )


def _relation(sheet: Element) -> str:
    return next((value for key, value in sheet.attrib.items() if key.endswith("}id")), "")


def _target(target: str) -> str:
    return target.lstrip("/") if target.startswith("/") else normpath("xl/" + target)


def _other(data: bytes, name: str, entry: zipfile.ZipInfo) -> None:
    first = True
    for piece in _pieces(data, entry):
        if first:
            _start(piece)
            first = False
        _declares(piece)
        if name == "[content_types].xml" and b"macroEnabled" in piece:
            raise FileRefused(
                "macros", "The workbook is of the kind that holds macros. Save it as .xlsx and send it again."
            )
    if name.endswith(".rels"):
        for one in fromstring(_whole(data, entry), forbid_dtd=True):
            # A spreadsheet program turns a typed e-mail address into a link by itself; that is harmless and stays.
            if one.get("TargetMode") == "External" and not (one.get("Type") or "").endswith("/hyperlink"):
                raise FileRefused(
                    "external-links", "The workbook links to other files. Break the links, save it and send it again."
                )


class _Found(NamedTuple):
    """Of `SheetFacts`, from `odd` on."""

    odd: bool = False
    plain: bool = True
    merged: Mapping[tuple[int, int], tuple[int, int]] = {}
    hidden: frozenset[int] = frozenset()
    unseen: Unseen | None = None


def _sheet(data: bytes, entry: zipfile.ZipInfo) -> _Found:
    look = _Look()
    for piece in _pieces(data, entry):
        look.at(piece)
    return look.found()


def looked_at(data: bytes, sheet: SheetFacts) -> Iterator[bytes]:
    """Expand a sheet that is `unseen` piece by piece, each looked at before it is given.

    Raises FileRefused or a fault of the expanding where `inspect` refuses the file, and LookFirst. What is cut off at the end of a piece
    was not looked at whole.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        entry = next(one for one in package.infolist() if one.filename.casefold() == sheet.part.casefold())
    look, tail = _Look(), b""
    for piece in _expanded(data, entry):
        whole = tail + piece
        look.at(whole)
        if look.odd or not look.plain or look.hidden:
            raise LookFirst
        yield piece
        tail = whole[-_OVERLAP:]
    if look.found().merged:
        raise LookFirst
    assert sheet.unseen is not None
    sheet.unseen.over = True


class _Look:
    """What is looked for in the XML of a sheet, piece by piece, each beginning with the end of the one before."""

    def __init__(self) -> None:
        self.odd = False
        self.plain = True
        self.hidden: set[int] = set()
        self._first = True
        self._end = b""

    def at(self, piece: bytes) -> None:
        """Look at the next piece; raises FileRefused."""
        if self._first:
            _start(piece)
            self._first = False
        self.plain = not _declares(piece) and self.plain
        if _reaches_far(piece):
            raise FileRefused(
                "too-many-cells",
                f"A sheet reaches farther than {MAX_ROWS:,} rows or {MAX_COLUMNS} columns. "
                "Delete the rows and columns that are not used, save it and send it again.",
            )
        self.odd = self.odd or _may_be_odd(piece)
        if b"hidden" in piece:
            self.hidden.update(_hidden_rows(piece))
        if self._end and len(self._end) < MAX_SMALL_PART:
            self._end += piece[_OVERLAP:]
        elif not self._end and (at := piece.find(b"/sheetData")) >= 0:
            self._end = piece[at:]

    def found(self) -> _Found:
        """What there was."""
        merged = {
            (int(top), column_number(left.decode())): (int(bottom), column_number(right.decode()))
            for left, top, right, bottom in _MERGED.findall(self._end)
        }
        return _Found(self.odd, self.plain, merged, frozenset(self.hidden))


def _hidden_rows(piece: bytes) -> Iterator[int]:
    for row in _ROW.findall(piece):
        number = _NUMBER.search(row)
        if number and _HIDDEN.search(row):
            yield int(number[1])


def _reaches_far(piece: bytes) -> bool:
    """Tell whether a piece has a cell or row beyond the limits."""
    return _PERHAPS_FAR.search(piece) is not None and _FAR.search(piece) is not None


def _may_be_odd(piece: bytes) -> bool:
    """Tell whether a piece has a formula or an error cell; plain searches first, since they run over every byte."""
    if b't="e"' in piece or (b"'" in piece and b"t='e'" in piece):
        return True
    return _PERHAPS_FORMULA.search(piece) is not None and _FORMULA.search(piece) is not None


def column_number(letters: str) -> int:
    """Give the number of a column, A = 1."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """Give the letters of a column, 1 = A."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
