"""Strict reading and writing of CSV feeds: UTF-8, commas, a header row, every fault with its line and column.

Source: RFC 4180; the rest is the house style for feeds (docs/reference/feeds.md).
"""

import contextlib
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Context, Decimal
from functools import lru_cache

from depository.feeds import RefusedLine
from depository.identifiers import CURRENCY_DECIMALS, BadIdentifier, lookalike_message
from depository.rejects import FileRefused, Reject, RejectionReason

MAX_BYTES = 50_000_000
"""A feed file larger than this is refused unread: about 300,000 trades."""
MAX_RECORD = 1_000_000
"""Characters of one record: a longer one is no line of a feed, and its cells could fill the memory."""
TRAILER = "TRAILER"
"""First cell of the control trailer, the last line of a feed."""

EXACT = Context(prec=100)
"""Arithmetic that never rounds on numbers of this size (the standard 28 digits would, on long totals)."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,8})?")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPACES = " \t\u00a0"
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: `line` counts the lines of the file from 1 (the header is line 1); cells by column name."""

    line: int
    cells: dict[str, str]
    columns: dict[str, int]
    """Column number (from 1) by name, as the file orders them."""

    def place(self, column: str) -> str:
        """Where a person finds the cell: line and column."""
        return place_of(self.line, column, self.columns)


def place_of(line: int, column: str, columns: Mapping[str, int]) -> str:
    """Where a person finds a cell: line, and column by number and name, or the line alone when the file has no such column."""
    number = columns.get(column)
    return f"line {line}, column {number} ({column})" if number else f"line {line}"


@dataclass(frozen=True, slots=True)
class CsvTable:
    """Rows with the right number of cells, lines with another number (refused), the control trailer, and the columns' numbers by name."""

    rows: tuple[Row, ...]
    refused: tuple[RefusedLine, ...]
    trailer: tuple[str, ...]
    columns: Mapping[str, int]


def shown(text: str) -> str:
    """The found text, shortened so that a hostile cell cannot fill a receipt."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


def read_table(
    data: bytes, columns: Sequence[str], *, what: str, rule: str, optional: Sequence[str] = (), trailer: bool = False
) -> CsvTable:
    """The table of a CSV file whose header names `columns`, in any order; the `optional` ones may be missing.

    Raises FileRefused when the file as a whole cannot be trusted: encoding, separator, header, quoting, trailer.
    """
    text = _text(data, what)
    records = _records(text, what)
    if not records:
        raise FileRefused("empty", f"The {what} file is empty: send the header row {','.join(columns)} and the lines.")
    header = [cell.strip(_SPACES) for cell in records[0][1]]
    _check_header(header, columns, optional, what)
    numbers = {name: number for number, name in enumerate(header, start=1)}
    body, ending = _split_trailer(records[1:], what, trailer)
    rows: list[Row] = []
    refused: list[RefusedLine] = []
    for line, cells in body:
        if len(cells) != len(header):
            message = f"The line has {len(cells)} cells, the header has {len(header)}: quote a text that holds a comma."
            found = shown(",".join(cells[: len(header)]))
            reject = Reject(RejectionReason.OTHER, rule, "", found, message)
            refused.append(RefusedLine(line, shown(cells[0].strip(_SPACES)), (reject,), (f"line {line}",)))
            continue
        values = {name: cell.strip(_SPACES) for name, cell in zip(header, cells, strict=True)}
        rows.append(Row(line, {name: values.get(name, "") for name in columns}, numbers))
    return CsvTable(tuple(rows), tuple(refused), ending, numbers)


def _text(data: bytes, what: str) -> str:
    if len(data) > MAX_BYTES:
        raise FileRefused(
            "too-large",
            f"The {what} file has {len(data):,} bytes, the limit is {MAX_BYTES:,}: send it in several files.",
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileRefused("wrong-encoding", f"The {what} file is UTF-16: save it as CSV in UTF-8.")
    try:
        # One byte order mark is harmless: spreadsheet programs put it before "CSV UTF-8".
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise FileRefused(
            "wrong-encoding", f"Line {line} of the {what} file is not UTF-8: save it as CSV in UTF-8."
        ) from None
    forbidden = _FORBIDDEN.search(text)
    if forbidden:
        line = text.count("\n", 0, forbidden.start()) + 1
        raise FileRefused(
            "damaged",
            f"Line {line} of the {what} file holds the control character U+{ord(forbidden.group()):04X}: "
            "it is damaged or no text file; export it again.",
        )
    return text


def _records(text: str, what: str) -> list[tuple[int, list[str]]]:
    """Non-empty records, each with the line of the file that it starts on."""
    lines = _Lines(text, what)
    reader = csv.reader(lines, strict=True)
    records: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for cells in reader:
            if any(cell.strip(_SPACES) for cell in cells):
                records.append((line, cells))
            line = lines.next_record()
    except csv.Error as error:
        raise FileRefused(
            "damaged",
            f"Line {line} of the {what} file cannot be read ({error}): write a quote inside a quoted text twice.",
        ) from None
    return records


class _Lines:
    """Gives the reader line by line, and stops at a record so long that its cells would fill the memory."""

    def __init__(self, text: str, what: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self._what = what
        self._number = 0
        self._length = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._number += 1
        self._length += len(line)
        if self._length > MAX_RECORD:
            raise FileRefused(
                "too-large",
                f"Line {self._number} of the {self._what} file ends a record of more than {MAX_RECORD:,} characters: "
                "no line of this feed is so long.",
            )
        return line

    def next_record(self) -> int:
        """Begin to measure the next record; its first line's number."""
        self._length = 0
        return self._number + 1


def _check_header(header: list[str], columns: Sequence[str], optional: Sequence[str], what: str) -> None:
    wanted = ",".join(columns)
    if len(header) == 1:
        for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if separator in header[0]:
                raise FileRefused("wrong-separator", f"The {what} file separates by {name}: separate by commas.")
    unknown = [name for name in header if name not in columns]
    if unknown:
        twin = lookalike_message(unknown[0]) if len(unknown[0]) <= _SHOWN else ""
        raise FileRefused(
            "wrong-header",
            f"The {what} file has the unknown column {shown(unknown[0])!r}"
            + (f" and {len(unknown) - 1} more" if len(unknown) > 1 else "")
            + f": the first line must name the columns {wanted}."
            + (f" {twin}" if twin else ""),
        )
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise FileRefused("wrong-header", f"The {what} file names the column {twice} twice: name it once.")
    missing = [name for name in columns if name not in header and name not in optional]
    if missing:
        raise FileRefused("wrong-header", f"The {what} file lacks the column(s) {', '.join(missing)}: add them.")


def _split_trailer(
    records: list[tuple[int, list[str]]], what: str, trailer: bool
) -> tuple[list[tuple[int, list[str]]], tuple[str, ...]]:
    if not trailer:
        return records, ()
    places = [n for n, (_, cells) in enumerate(records) if cells[0].strip(_SPACES) == TRAILER]
    if not places:
        raise FileRefused(
            "wrong-trailer",
            f"The {what} file has no control trailer, so it may be cut off: its last line must begin with {TRAILER}.",
        )
    if places[0] != len(records) - 1:
        line = records[places[0]][0]
        raise FileRefused(
            "wrong-trailer", f"The control trailer of the {what} file is line {line}, yet lines follow: put it last."
        )
    cells = tuple(cell.strip(_SPACES) for cell in records[-1][1])
    return records[:-1], cells


def trailer_numbers(trailer: tuple[str, ...], names: Sequence[str], what: str) -> tuple[Decimal, ...]:
    """The numbers of a control trailer, in the order of `names`; raises FileRefused when they are not there."""
    # A spreadsheet pads the short line with empty cells.
    given = list(trailer[1:])
    while len(given) > len(names) and not given[-1]:
        given.pop()
    if len(given) != len(names) or not all(_NUMBER.fullmatch(text) for text in given):
        raise FileRefused(
            "wrong-trailer",
            f"The control trailer of the {what} file is {shown(','.join(trailer))!r}: "
            f"write {TRAILER},{','.join(names)}.",
        )
    return tuple(Decimal(text) for text in given)


def check_total(name: str, stated: Decimal, counted: Decimal, what: str, *, complete: bool = True) -> None:
    """Refuse the file when a control total disagrees; with unreadable lines (`complete` false) it may be larger."""
    if stated == counted or (not complete and stated > counted):
        return
    raise FileRefused(
        "wrong-trailer",
        f"The control trailer of the {what} file says {name} {stated:f}, the lines give {counted:f}: "
        "the file is cut off or changed; send it whole.",
    )


@lru_cache(maxsize=8192)
def _checked(check: Callable[[str], str], found: str) -> str:
    """The identifier in canonical form; feeds repeat the same few thousand, so each is checked once."""
    return check(found)


@dataclass(slots=True)
class Cells:
    """Reads the cells of one row into values and gathers every fault of it instead of stopping at the first."""

    row: Row
    rule: str
    rejects: list[Reject] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    def fault(self, code: RejectionReason, column: str, message: str, rule: str = "") -> None:
        """Record one fault of the row, by the feed's rule unless it breaks another one."""
        self.rejects.append(Reject(code, rule or self.rule, column, shown(self.row.cells.get(column, "")), message))
        self.places.append(self.row.place(column))

    def refused(self, reference: str) -> RefusedLine:
        """The row as a refused line."""
        return RefusedLine(self.row.line, shown(reference), tuple(self.rejects), tuple(self.places))

    def given(self, column: str) -> bool:
        """Is there anything in the cell?"""
        return bool(self.row.cells[column])

    def text(self, column: str, longest: int, *, mandatory: bool = True) -> str:
        """Free text of at most `longest` characters."""
        found = self.row.cells[column]
        if not found and mandatory:
            self.fault(RejectionReason.OTHER, column, f"{column} is missing: give it.")
        elif len(found) > longest:
            self.fault(RejectionReason.OTHER, column, f"{column} has {len(found)} characters: at most {longest}.")
        return found

    def identifier(
        self,
        column: str,
        check: Callable[[str], str],
        code: RejectionReason = RejectionReason.OTHER,
        *,
        mandatory: bool = True,
    ) -> str:
        """An identifier with its check digits, in canonical form; "" when it is not one."""
        found = self.row.cells[column]
        if not found:
            if mandatory:
                self.fault(code, column, f"{column} is missing: give it.")
            return ""
        try:
            return _checked(check, found)
        except BadIdentifier as error:
            self.fault(code, column, str(error))
            return ""

    def choice(
        self,
        column: str,
        choices: Sequence[str],
        code: RejectionReason = RejectionReason.OTHER,
        default: str | None = None,
    ) -> str:
        """One of a few words, written as in `choices`; the default for an empty cell; "" when it is none of them."""
        found = self.row.cells[column]
        if not found and default is not None:
            return default
        if found not in choices:
            self.fault(code, column, f"{column} is one of {', '.join(choices)}." + _twin(found))
            return ""
        return found

    def number(self, column: str, code: RejectionReason, *, positive: bool = True) -> Decimal | None:
        """A decimal number with a point as the only separator, else None. `1,234` is refused, never guessed."""
        found = self.row.cells[column]
        if not found:
            self.fault(code, column, f"{column} is missing: give it.")
            return None
        if not _NUMBER.fullmatch(found):
            self.fault(
                code,
                column,
                f"{column} is not a plain number: write digits with a point as the only separator, such as 1234.5 "
                "(at most 18 digits before and 8 after it).",
            )
            return None
        number = Decimal(found)
        if positive and number <= 0:
            self.fault(code, column, f"{column} must be more than nought.")
            return None
        return number

    def day(self, column: str, code: RejectionReason = RejectionReason.DATE) -> date | None:
        """A date written YYYY-MM-DD; None when it is not one."""
        found = self.row.cells[column]
        if not found:
            self.fault(code, column, f"{column} is missing: give it as YYYY-MM-DD.")
            return None
        try:
            if not _DATE.fullmatch(found):
                raise ValueError
            return date.fromisoformat(found)
        except ValueError:
            self.fault(code, column, f"{column} is no date: write it as YYYY-MM-DD, such as 2026-11-23.")
            return None

    def moment(self, column: str) -> datetime | None:
        """A moment with its zone, `2026-11-23T14:30:00+05:00`; None for an empty cell and when it is not one."""
        found = self.row.cells[column]
        if not found:
            return None
        with contextlib.suppress(ValueError):
            at = datetime.fromisoformat(found)
            if at.tzinfo is not None:
                return at
        self.fault(
            RejectionReason.DATE, column, f"{column} is no moment: write it with its zone, 2026-11-23T14:30:00+05:00."
        )
        return None

    def flag(self, column: str, default: bool) -> bool:
        """yes or no; the default where the cell is empty."""
        return self.choice(column, ("yes", "no"), default="yes" if default else "no") == "yes"


def _twin(found: str) -> str:
    message = lookalike_message(shown(found))
    return f" {message}" if message else ""


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]], trailer: Sequence[str] | None = None) -> bytes:
    """A CSV file as read_table takes it: UTF-8, comma, CRLF line ends; the same rows give the same bytes."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    if trailer is not None:
        writer.writerow([TRAILER, *trailer])
    return out.getvalue().encode("utf-8")


def exact_sum(numbers: Iterable[Decimal]) -> Decimal:
    """The sum without any rounding."""
    total = Decimal(0)
    for number in numbers:
        total = EXACT.add(total, number)
    return total


def decimals(currency: str) -> int:
    """Decimals of an amount in the currency (ISO 4217)."""
    return CURRENCY_DECIMALS.get(currency, 2)


def too_fine(amount: Decimal, currency: str) -> bool:
    """Has the amount more decimals than the currency knows?"""
    shifted = amount.scaleb(decimals(currency))
    return shifted != shifted.to_integral_value()


def plain(number: Decimal) -> str:
    """A number as digits with a point, never with an exponent."""
    return format(number, "f")
