"""The rows of a sheet as plain values, by calamine, and by openpyxl where calamine gives up.

Both give the same: text, numbers, booleans, dates, None or "" for blank, and `OddCell` where a cell has no value (a formula that was
never calculated, an error). calamine loses errors and openpyxl calls a formula without value blank, so that both are found in the XML.
calamine also reads on in XML that is not well-formed, so that of all but very large workbooks the XML is checked first.
"""

import io
import zipfile
from collections.abc import Iterator, Sequence
from xml.parsers import expat

from openpyxl import load_workbook
from openpyxl.utils.escape import unescape
from python_calamine import CalamineWorkbook

from depository.rejects import FileRefused
from forms.field import OddCell
from parsers.workbook_guard import SheetFacts, column_number

CHECKED = 6_000_000
"""Expanded bytes of a sheet up to which the XML of the whole workbook is checked; above, that would cost as much as reading it."""


def rows(data: bytes, sheet: SheetFacts) -> Iterator[tuple[int, Sequence[object]]]:
    """Give (row number from 1, cells from column A on) of each row.

    Raises FileRefused when the library cannot read what the guard let through.
    """
    try:
        if sheet.size < CHECKED:
            _check_xml(data)
        odd = odd_cells(data, sheet) if sheet.odd else {}
        for number, cells in calamine_rows(data, sheet.name):
            if number in odd:
                changed = list(cells)
                for column, cell in odd[number].items():
                    changed += [None] * (column - len(changed))
                    changed[column - 1] = cell
                yield number, changed
            else:
                yield number, cells
    except FileRefused:
        raise
    except Exception as fault:
        # A library may raise anything on a crafted file; whatever it is, the file is not readable.
        if isinstance(fault, MemoryError):
            raise
        raise FileRefused(
            "damaged", "A sheet of the workbook cannot be read. Open it, save it again and send it once more."
        ) from fault


def _check_xml(data: bytes) -> None:
    """Raise ExpatError where a part is not well-formed."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        for part in package.namelist():
            if part.endswith((".xml", ".rels")):
                expat.ParserCreate().Parse(package.read(part), True)


def openpyxl_rows(data: bytes, name: str) -> Iterator[tuple[int, Sequence[object]]]:
    """The rows by openpyxl, which takes five times as long as all else that is done with a small form."""
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    try:
        sheet = book[name]
        # The sheet's own statement of its size is often wrong, and rows beyond it would be dropped silently.
        sheet.reset_dimensions()
        for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
            # Control characters are written as _x0007_; calamine gives them back, openpyxl leaves that to the caller.
            if any(type(cell) is str and "_x" in cell for cell in cells):
                yield number, [unescape(cell) if isinstance(cell, str) else cell for cell in cells]
            else:
                yield number, cells
    finally:
        book.close()


def calamine_rows(data: bytes, name: str) -> Iterator[tuple[int, Sequence[object]]]:
    """The rows by calamine; it takes memory for every cell."""
    given = 0
    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_name(name)
        if sheet.start is None:
            return
        for given, cells in enumerate(sheet.iter_rows(), 1):
            yield given, cells
        return
    except BaseException as panic:
        # calamine panics on a date far outside the calendar, and a panic is no Exception; openpyxl goes on from there.
        if type(panic).__name__ != "PanicException":
            raise
    yield from ((number, cells) for number, cells in openpyxl_rows(data, name) if number > given)


def odd_cells(data: bytes, sheet: SheetFacts) -> dict[int, dict[int, OddCell]]:
    """Find the cells of a sheet without a value: row -> column -> what stands there."""
    finder = _OddCells()
    parser = expat.ParserCreate()
    parser.StartElementHandler = finder.start
    parser.EndElementHandler = finder.end
    parser.CharacterDataHandler = finder.text
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package, package.open(sheet.part) as part:
            parser.ParseFile(part)
    except (expat.ExpatError, KeyError, zipfile.BadZipFile):
        raise FileRefused(
            "damaged", "A sheet of the workbook cannot be read. Open it, save it again and send it once more."
        ) from None
    return finder.found


class _OddCells:
    """Handlers of the XML parser; a cell without a reference stands right of the one before."""

    def __init__(self) -> None:
        self.found: dict[int, dict[int, OddCell]] = {}
        self._row = 0
        self._column = 0
        self._kind = ""
        self._formula: str | None = None
        self._value: str | None = None
        self._inside = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if tag == "c":
            reference = attributes.get("r", "")
            letters = reference.rstrip("0123456789")
            self._column = column_number(letters.upper()) if letters else self._column + 1
            self._kind, self._formula, self._value = attributes.get("t", "n"), None, None
        elif tag == "row":
            self._row = int(attributes.get("r", self._row + 1))
            self._column = 0
        elif tag == "f":
            self._formula, self._inside = "", "f"
        elif tag == "v":
            self._value, self._inside = "", "v"

    def text(self, words: str) -> None:
        if self._inside == "f":
            self._formula = (self._formula or "") + words
        elif self._inside == "v":
            self._value = (self._value or "") + words

    def end(self, tag: str) -> None:
        tag = tag.rpartition(":")[2]
        self._inside = ""
        if tag != "c":
            return
        odd = None
        if self._kind == "e":
            odd = OddCell(self._value or "#ERROR", formula=False)
        elif self._formula is not None and not self._value and self._kind != "str":
            odd = OddCell("=" + self._formula, formula=True)
        if odd:
            self.found.setdefault(self._row, {})[self._column] = odd
