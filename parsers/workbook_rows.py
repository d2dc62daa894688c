"""The rows of a sheet as plain values, by calamine, and by openpyxl where calamine gives up.

Both give the same: text, numbers, booleans, dates, None or "" for blank, and `OddCell` where a cell has no value (a formula that was
never calculated, an error). calamine loses errors and openpyxl calls a formula without value blank, so that both are found in the XML.
calamine also reads on in XML that is not well-formed, so that of all but very large workbooks the XML is checked first.
"""

import io
import re
import zipfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import IO, TypeAlias
from xml.parsers import expat

from python_calamine import CalamineSheet, CalamineWorkbook

from depository.pieces import ahead, pieces
from depository.rejects import FileRefused
from forms.field import OddCell
from parsers.workbook_guard import MAX_COLUMNS, MAX_ROWS, SheetFacts, column_number, looked_at

CHECKED = 6_000_000
"""Expanded bytes of a sheet up to which the XML of the whole workbook is checked; above, that would cost as much as reading it."""
PIECE = 1_000_000
"""Expanded bytes of a sheet that calamine gets at a time: it takes some ten times as much memory."""
AHEAD = 2
"""Pieces that are read ahead, side by side."""
TOGETHER = 500
"""Rows that are given together at most; to turn 2,000 at a time into columns takes longer."""
Rows: TypeAlias = tuple[int, Sequence[Sequence[object]]]
"""The number of a row, and it with those that follow: the cells of each from column A on."""
_NO_OBJECT = "PyObject pointer is null"
"""How calamine panics when Python has no memory for a value."""
_LAST_ROWS = 300_000
"""Bytes from the end of a piece in which the row is looked for with which the next piece begins."""


class SheetRows(Iterator[tuple[int, Sequence[object]]]):
    """The rows of a sheet from the top: one by one as (number from 1, cells from column A on), or faster as `pieces`."""

    def __init__(self, source: Iterator[Rows]) -> None:
        self._source = source
        self._at_hand: Rows = (1, ())
        self._given = 0
        """So many of the rows at hand have been given."""

    def __next__(self) -> tuple[int, Sequence[object]]:
        while self._given == len(self._at_hand[1]):
            self._at_hand, self._given = next(self._source), 0
        first, some = self._at_hand
        self._given += 1
        return first + self._given - 1, some[self._given - 1]

    def pieces(self) -> Iterator[Rows]:
        """Give what is left: the number of a row, and it with those that follow, at most `TOGETHER`."""
        first, some = self._at_hand
        if self._given < len(some):
            yield first + self._given, some[self._given :]
        yield from self._source


def rows(data: bytes, sheet: SheetFacts) -> SheetRows:
    """Give the rows of a sheet; going through them raises FileRefused when the library cannot read what the guard let through."""
    return SheetRows(_checked(data, sheet))


def _checked(data: bytes, sheet: SheetFacts) -> Iterator[Rows]:
    try:
        if sheet.size < CHECKED:
            _check_xml(data)
        odd = odd_cells(data, sheet) if sheet.odd else {}
        for numbered in pieces(calamine_rows(data, sheet), TOGETHER):
            # Rows that are left out in the file are given as empty ones, so that the numbers follow each other.
            first, some = numbered[0][0], [cells for _, cells in numbered]
            if first + len(some) - 1 > MAX_ROWS or max(map(len, some)) > MAX_COLUMNS:
                # The guard goes by the numbers that rows and cells give themselves; these have none.
                raise FileRefused(
                    "too-many-cells",
                    f"A sheet reaches farther than {MAX_ROWS:,} rows or {MAX_COLUMNS} columns. "
                    "Delete the rows and columns that are not used, save it and send it again.",
                )
            yield first, _with_odd(first, some, odd) if odd else some
    except FileRefused:
        raise
    except Exception as fault:
        # A library may raise anything on a crafted file; whatever it is, the file is not readable.
        if isinstance(fault, MemoryError):
            raise
        raise FileRefused(
            "damaged", "A sheet of the workbook cannot be read. Open it, save it again and send it once more."
        ) from fault


def _with_odd(
    first: int, some: Sequence[Sequence[object]], odd: Mapping[int, Mapping[int, OddCell]]
) -> list[Sequence[object]]:
    found: list[Sequence[object]] = []
    for number, cells in enumerate(some, first):
        changed = list(cells)
        for column, cell in odd.get(number, {}).items():
            changed += [None] * (column - len(changed))
            changed[column - 1] = cell
        found.append(changed)
    return found


def _check_xml(data: bytes) -> None:
    """Raise ExpatError where a part is not well-formed, but for very large ones."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        for part in package.infolist():
            if part.filename.endswith((".xml", ".rels")) and part.file_size < CHECKED:
                expat.ParserCreate().Parse(package.read(part), True)


def openpyxl_rows(data: bytes, facts: SheetFacts) -> Iterator[tuple[int, Sequence[object]]]:
    """The rows by openpyxl, which takes five times as long as all else that is done with a small form."""
    # Loaded by the first workbook that needs it: it takes a third of the memory of a child.
    from openpyxl import load_workbook
    from openpyxl.utils.escape import unescape

    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    try:
        sheet = book[facts.name]
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


def calamine_rows(data: bytes, facts: SheetFacts) -> Iterator[tuple[int, Sequence[object]]]:
    """The rows by calamine, of long sheets piece by piece."""
    given = 0
    try:
        for first, found in _calamine_pieces(data, facts):
            if first <= given:
                raise ValueError("the rows are not in order")
            yield from ((number, ()) for number in range(given + 1, first))
            for given, cells in enumerate(found, first):
                yield given, cells
        return
    except BaseException as panic:
        # calamine panics on a date far outside the calendar, and a panic is no Exception; openpyxl goes on from there.
        if type(panic).__name__ != "PanicException" or facts.unseen is not None:
            raise
        if _NO_OBJECT in str(panic):
            # Whether openpyxl, which takes less memory and five times as long, still got through would be chance.
            raise MemoryError("calamine") from panic
    yield from ((number, cells) for number, cells in openpyxl_rows(data, facts) if number > given)


def _calamine_pieces(data: bytes, facts: SheetFacts) -> Iterator[tuple[int, Iterable[Sequence[object]]]]:
    """Give the rows of a sheet piece by piece, each with the number of its first row.

    calamine takes memory for every cell of a sheet at once, so a long sheet is handed to it as several short ones. While the rows of
    one are gone through, other threads read the next: calamine lets go of the interpreter while it reads.
    """
    if facts.size <= PIECE or not facts.plain:
        whole = _sheet(io.BytesIO(data), facts)
        if whole.start is not None:
            yield 1, whole.iter_rows()
        return
    packages = ahead(_packages(data, facts))
    with ThreadPoolExecutor(AHEAD) as threads:
        coming = deque(threads.submit(_sheet, one, facts) for one in islice(packages, AHEAD))
        while coming:
            sheet = coming.popleft().result()
            coming.extend(threads.submit(_sheet, one, facts) for one in islice(packages, 1))
            if sheet.start is not None:
                row, column = sheet.start
                found = sheet.to_python(skip_empty_area=True)
                yield row + 1, ([*[None] * column, *cells] for cells in found) if column else found


def _sheet(package: IO[bytes], facts: SheetFacts) -> CalamineSheet:
    return CalamineWorkbook.from_filelike(package).get_sheet_by_name(facts.name)


_ROW = re.compile(rb'<row r="\d+"')
_NEEDED = (
    "[content_types].xml",
    "_rels/.rels",
    "xl/workbook.xml",
    "xl/_rels/workbook.xml.rels",
    "xl/styles.xml",
    "xl/sharedstrings.xml",
)
"""Parts of a package without which a sheet cannot be read, in small letters."""


def _packages(data: bytes, facts: SheetFacts) -> Iterator[io.BytesIO]:
    """Give the workbook with some of the sheet's rows at a time."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        needed = {name: package.read(name) for name in package.namelist() if name.casefold() in _NEEDED}
        part = next(name for name in package.namelist() if name.casefold() == facts.part.casefold())
        # Every piece needs the shared strings: the longer they are, the fewer pieces.
        step = max(PIECE, *map(len, needed.values()))
        for piece in _row_pieces(looked_at(data, facts) if facts.unseen else _expanded(package, part), step):
            yield _package(needed, part, piece)


def _expanded(package: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    with package.open(part) as source:
        yield from iter(partial(source.read, PIECE), b"")


def _row_pieces(source: Iterator[bytes], step: int) -> Iterator[Sequence[bytes | memoryview]]:
    """Cut a sheet between rows: each piece has the sheet's beginning and closes its elements; the last one has the true end.

    A piece is given as the parts it is made of, so that they need not be copied into one.
    """
    rest = next(source, b"")
    found = _ROW.search(rest)
    head = rest[: found.start()] if found else rest
    rest = rest[len(head) :]
    for more in source:
        at = 0
        if len(rest) >= step:
            at = next((m.start() for m in _ROW.finditer(rest, max(0, len(rest) - _LAST_ROWS))), 0)
        if at:
            yield head, memoryview(rest)[:at], b"</sheetData></worksheet>"
        rest = rest[at:] + more
    yield head, rest


def _package(needed: Mapping[str, bytes], part: str, piece: Sequence[bytes | memoryview]) -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as package:
        for name, content in needed.items():
            package.writestr(name, content)
        with package.open(part, "w") as written:
            for some in piece:
                written.write(some)
    target.seek(0)
    return target


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
