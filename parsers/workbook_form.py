"""A form in an Excel workbook: bytes to `Form`, with every fault of form in its place.

Labels are found by their text: beside their cell in the header and body, above their column in the table. Rows may be inserted,
cells merged, sheets added; a label that is changed, missing or there twice refuses the form (rule CSD-A3).
"""

import hashlib
import re
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from itertools import compress, zip_longest
from typing import Any

from depository.identifiers import lookalike_message
from depository.pieces import each
from depository.rejects import FileRefused, Reject, RejectionReason
from depository.requests import Header, InterestRequest, OpeningCover, OpeningRequest
from forms import header as form_header
from forms.catalog import FORMS
from forms.columns import validate_columns
from forms.field import CellFault, Field, Row, fields_of, number_text, shown, tidy, validate
from forms.form import Form, Line, Places, Request
from forms.header import HeaderRow
from forms.lines import LinesWriter, Piece
from forms.spec import Checks, FormSpec
from parsers.workbook_guard import Inspection, SheetFacts, column_letters, column_number, inspect
from parsers.workbook_rows import SheetRows, rows

_LONG = 300_000
"""Bytes of a file from which it may have a long sheet."""
_FRONT_ROWS = 500
"""Rows of a front sheet in which labels are looked for."""
_TABLE_LABELS = 4
"""So many labels of the table in one row make it the row of labels."""
_TEXTS = frozenset((str,))
_NOTES = 10
"""So many sheets that were not read are named; the rest is counted."""
_FORM_RULE = "CSD-A3"
_CELL = re.compile(r"(?:.*!)?([A-Z]{1,3})([0-9]+)", re.DOTALL)
_NO_ROW = 10_000_000
"""Beyond every row of a sheet."""
MARK = "◀ "
"""Begins every remark that an answer puts beside a header cell; a marked workbook can be mended and sent again."""
ANSWER_SHEET = "Answer"
"""The sheet that an answer adds."""


def read_form(data: bytes, file_name: str) -> Form:
    """Read a form; raises FileRefused when the file is no workbook that can be read or holds no known form."""
    if len(data) >= _LONG:
        # A long sheet is looked at while it is read, piece by piece, which most of them are plain enough for. Should anything be odd,
        # all is looked at before anything is read, as with other files: that alone says what is wrong.
        with suppress(FileRefused):
            inspection = inspect(data, file_name, long_later=True)
            form = _form(data, inspection)
            if all(sheet.unseen is None or sheet.unseen.over for sheet in inspection.sheets):
                return form
    return _form(data, inspect(data, file_name))


def _form(data: bytes, inspection: Inspection) -> Form:
    spec, front, notes = _front_sheet(inspection)
    return _Reading(data, inspection, spec, front).form(notes)


def _front_sheet(inspection: Inspection) -> tuple[FormSpec, SheetFacts, tuple[str, ...]]:
    """Choose the sheet that is named after a form, and say what was left aside."""
    visible = [sheet for sheet in inspection.sheets if sheet.visible]
    forms = [sheet for sheet in visible if _code(sheet.name) in FORMS]
    known = ", ".join(FORMS)
    if len(forms) > 1:
        names = ", ".join(sheet.name for sheet in forms[:_NOTES])
        raise FileRefused("several-forms", f"The workbook has the sheets {names}: send one form a file.")
    if not forms:
        hidden = [sheet.name for sheet in inspection.sheets if not sheet.visible and _code(sheet.name) in FORMS]
        names = ", ".join(repr(sheet.name[:40]) for sheet in visible[:_NOTES]) or "none"
        twins = next((lookalike_message(sheet.name) for sheet in visible if lookalike_message(sheet.name)), "")
        more = f" The sheet {hidden[0]} is hidden; show it." if hidden else f" {twins}" if twins else ""
        raise FileRefused(
            "no-form",
            f"No visible sheet is named after a form (known: {known}; found: {names}). Fill in the blank of the form and "
            f"leave the names of its sheets as they are.{more}",
        )
    spec = FORMS[_code(forms[0].name)]
    notes = []
    for sheet in inspection.sheets:
        if not sheet.visible:
            notes.append(f"The hidden sheet {sheet.name!r} was not read.")
        elif sheet.name == ANSWER_SHEET:
            continue
        elif sheet is not forms[0] and _code(sheet.name) != _code(spec.table_sheet):
            notes.append(f"The sheet {sheet.name!r} belongs to no form and was not read.")
    if len(notes) > _NOTES:
        notes = [*notes[:_NOTES], f"So it is with {len(notes) - _NOTES} more sheets."]
    return spec, forms[0], tuple(notes)


def _code(sheet_name: str) -> str:
    return tidy(sheet_name).upper()


def _plain(label: str) -> str:
    """Bring a label to the form in which labels are compared: no star, ring, colon, case or double spaces."""
    return tidy(label.replace("’", "'")).rstrip("*°: ").casefold()


@dataclass(slots=True)
class _Labels:
    """Labels and values found beside them on a front sheet."""

    values: dict[str, object] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    at: dict[str, list[str]] = field(default_factory=dict)
    """Field -> cells in which its label stands."""
    other_texts: dict[str, str] = field(default_factory=dict)
    """Text that is no label -> its cell."""


class _Merges:
    """The merged ranges of a sheet: all but the first cell of one have no value, which their sender cannot see."""

    def __init__(self, facts: SheetFacts) -> None:
        self._by_column: dict[int, list[tuple[int, int, int]]] = {}
        for (top, left), (bottom, right) in sorted(facts.merged.items()):
            self._by_column.setdefault(left, []).append((top, bottom, right))

    def told(self, place: str, reject: Reject) -> Reject:
        """The reject, with a word on the range to which its cell belongs when there was nothing in it."""
        found = _CELL.fullmatch(place)
        if reject.found or not found or not self._by_column:
            return reject
        column, row = column_number(found[1]), int(found[2])
        for left, ranges in self._by_column.items():
            at = bisect_right(ranges, (row, _NO_ROW, 0)) - 1
            if left > column or at < 0:
                continue
            top, bottom, right = ranges[at]
            if row <= bottom and column <= right and (row, column) != (top, left):
                first = f"{column_letters(left)}{top}"
                told = (
                    f"{reject.message} The cell is one of the merged cells {first}:{column_letters(right)}{bottom}, "
                    f"which have one value, in {first}: unmerge them and fill in each."
                )
                return replace(reject, message=told)
        return reject


class _Reading:
    """One reading of one form: what has been found so far."""

    def __init__(self, data: bytes, inspection: Inspection, spec: FormSpec, front: SheetFacts) -> None:
        self._data = data
        self._inspection = inspection
        self._spec = spec
        self._front = front
        self._merges = _Merges(front)
        self._rejects: list[Reject] = []
        self._hash = hashlib.sha256()
        self._table_at: dict[str, int] = {}
        self._label_places: dict[str, str] = {}
        self._strangers: dict[str, str] = {}
        self._actions: Counter[str] = Counter()

    def form(self, notes: tuple[str, ...]) -> Form:
        spec = self._spec
        source = rows(self._data, self._front)
        header_fields = fields_of(HeaderRow)
        body_fields = fields_of(spec.body) if spec.body else ()
        on_front = spec.table_sheet == spec.code
        labels = self._scan(source, header_fields + body_fields, stop_at_table=on_front)
        self._missing(labels, header_fields + body_fields)
        header_row = self._header(labels)
        single = {name: f"{self._front.name}!{cell}" for name, cell in labels.places.items()}
        cover: OpeningCover | None = None
        lines: Sequence[Line] = ()
        numbers = array("i")
        facts, table_sheet = self._front, self._front.name
        if spec.body and spec.table is None:
            lines = self._body_line(labels, header_row)
        elif spec.body and spec.to_cover:
            cover = self._cover(labels)
        if spec.table:
            if not on_front:
                found = self._table_facts()
                source = rows(self._data, found) if found else SheetRows(iter(()))
                if found:
                    facts = found
                    self._merges = _Merges(found)
                    table_sheet = found.name
                    self._find_table(source, found)
            if self._table_complete(table_sheet):
                lines, numbers = self._lines(source, table_sheet, header_row.form_date if header_row else None)
        return Form(
            code=spec.code,
            header=form_header.to_header(header_row) if header_row else None,
            rejects=tuple(self._rejects),
            lines=lines,
            cover=cover,
            content_sha256=self._hash.hexdigest(),
            places=Places(
                single=single,
                sheet=table_sheet,
                columns={name: column_letters(column) for name, column in self._table_at.items()},
                rows=numbers,
                labels=self._label_places,
            ),
            reference=header_row.reference if header_row else tidy(shown(labels.values.get("reference"))),
            notes=(*notes, *self._hidden(facts, numbers)),
            actions=self._actions,
        )

    def _hidden(self, facts: SheetFacts, lines: Iterable[int]) -> Iterator[str]:
        """A line that its sender does not see is easily sent by mistake, as when a list is filtered."""
        hidden = [row for row in lines if row in facts.hidden] if facts.hidden else []
        if hidden:
            some = ", ".join(map(str, hidden[:_NOTES])) + (" …" if len(hidden) > _NOTES else "")
            yield f"Hidden on the sheet {facts.name!r} and taken like the others: {len(hidden)} of the lines (row {some})."

    def _refuse(
        self, field_name: str, message: str, found: str = "", code: RejectionReason = RejectionReason.RULE
    ) -> None:
        self._rejects.append(Reject(code, _FORM_RULE, field_name, found, message))

    def _scan(
        self, source: Iterator[tuple[int, Sequence[object]]], wanted: Sequence[Field], *, stop_at_table: bool
    ) -> _Labels:
        """Find the labels and the values to their right, down to the table's labels when the table is on this sheet."""
        names = {_plain(one.label): one.name for one in wanted}
        found = _Labels()
        for number, cells in source:
            if number > _FRONT_ROWS:
                break
            # A remark of ours beside a cell, in a workbook that was marked, mended and sent again, counts as blank.
            texts = [
                (c, v)
                for c, v in enumerate(cells, 1)
                if not _blank(v) and not (isinstance(v, str) and v.startswith(MARK))
            ]
            if stop_at_table and self._is_table_head(number, texts, self._front.name):
                break
            at_label = {column: names.get(_plain(cell)) if isinstance(cell, str) else None for column, cell in texts}
            taken: set[int] = set()
            for column, cell in texts:
                if column in taken:
                    continue
                name = at_label[column]
                if name is None:
                    if isinstance(cell, str):
                        found.other_texts.setdefault(tidy(cell)[:80], f"{column_letters(column)}{number}")
                    continue
                after = self._front.merged.get((number, column), (number, column))[1] + 1
                beside = next(((c, v) for c, v in texts if c > column), None)
                found.at.setdefault(name, []).append(f"{column_letters(column)}{number}")
                if len(found.at[name]) > 1:
                    continue
                # The next cell is the value whatever it says: there are people named Street.
                if beside and (beside[0] == after or at_label[beside[0]] is None):
                    found.values[name], found.places[name] = beside[1], f"{column_letters(beside[0])}{number}"
                    taken.add(beside[0])
                else:
                    found.values[name], found.places[name] = None, f"{column_letters(after)}{number}"
        return found

    def _is_table_head(self, number: int, texts: Sequence[tuple[int, object]], sheet: str) -> bool:
        """Tell whether this is the row of the table's labels, and remember where each stands."""
        assert self._spec.table
        names = {_plain(one.label): one for one in fields_of(self._spec.table)}
        hits = [
            (column, names[_plain(cell)]) for column, cell in texts if isinstance(cell, str) and _plain(cell) in names
        ]
        if len(hits) < min(_TABLE_LABELS, len(names)):
            return False
        for column, one in hits:
            place = f"{sheet}!{column_letters(column)}{number}"
            if one.name in self._table_at:
                self._refuse(
                    one.name,
                    f"The label {one.label!r} stands at {self._label_places[one.name]} and at {place}: delete one of the two columns.",
                    one.label,
                )
                continue
            self._table_at[one.name] = column
            self._label_places[one.name] = place
        self._strangers = {
            tidy(cell): f"{column_letters(column)}{number}"
            for column, cell in texts
            if isinstance(cell, str) and _plain(cell) not in names and _plain(cell) != "line"
        }
        return True

    def _missing(self, labels: _Labels, wanted: Sequence[Field]) -> None:
        for one in wanted:
            cells = labels.at.get(one.name, [])
            if not cells:
                near, found = self._near(one, labels.other_texts)
                if found:
                    labels.places[one.name] = labels.other_texts[found]
                self._refuse(
                    one.name,
                    f"The label {one.label!r} is missing on the sheet {self._front.name}: use the blank as it is.{near}",
                    found,
                )
            elif len(cells) > 1:
                self._refuse(
                    one.name,
                    f"The label {one.label!r} stands at {' and at '.join(cells)}, so it is not clear which cell counts: delete one.",
                    one.label,
                )

    def _near(self, wanted: Field, texts: Mapping[str, str]) -> tuple[str, str]:
        """What may have been the label, in words and as found; `texts` by their cells."""
        close = get_close_matches(wanted.label, texts, 1, 0.6)
        if not close:
            return "", ""
        found = close[0]
        twins = f" {lookalike_message(found)}".rstrip()
        return f" Cell {texts[found]} says {found!r}; if that is it, write {wanted.label!r} there.{twins}", found

    def _header(self, labels: _Labels) -> HeaderRow | None:
        cells = {one.name: labels.values.get(one.name) for one in fields_of(HeaderRow)}
        row, rejects = validate(HeaderRow, cells, _FORM_RULE, self._header_checks)
        known = set(labels.at)
        self._rejects += [
            self._merges.told(labels.places.get(one.field, ""), one) for one in rejects if one.field in known
        ]
        self._digest(row.__dict__.values() if row else None, cells.values())
        return row if not self._rejects else None

    def _header_checks(self, values: Mapping[str, Any]) -> list[tuple[str, CellFault]]:
        faults = form_header.checks(values)
        if "form" in values and values["form"].upper() != self._spec.code:
            faults.append(
                (
                    "form",
                    CellFault(
                        f"says {values['form']!r}, but the sheet is named {self._front.name}: use the blank of one form."
                    ),
                )
            )
        return faults

    def _body_line(self, labels: _Labels, header: HeaderRow | None) -> tuple[Line, ...]:
        """Validate a body beside its labels: the form's only line."""
        spec = self._spec
        assert spec.body
        assert spec.to_request
        cells = {one.name: labels.values.get(one.name) for one in fields_of(spec.body)}
        row, rejects = validate(spec.body, cells, spec.rule, self._line_checks(header.form_date if header else None))
        self._digest(row.__dict__.values() if row else None, cells.values())
        rejects = tuple(
            self._merges.told(labels.places.get(one.field, ""), one) for one in rejects if one.field in labels.at
        )
        request = spec.to_request(1, row) if row else None
        if request and header:
            request = _with_header(request, form_header.to_header(header))
        return (Line(1, request, rejects, header.reference if header else ""),)

    def _cover(self, labels: _Labels) -> OpeningCover | None:
        spec = self._spec
        assert spec.body
        assert spec.to_cover
        cells = {one.name: labels.values.get(one.name) for one in fields_of(spec.body)}
        row, rejects = validate(spec.body, cells, spec.rule, lambda _: [])
        self._digest(row.__dict__.values() if row else None, cells.values())
        self._rejects += [
            self._merges.told(labels.places.get(one.field, ""), one) for one in rejects if one.field in labels.at
        ]
        return spec.to_cover(row) if row else None

    def _table_facts(self) -> SheetFacts | None:
        wanted = _code(self._spec.table_sheet)
        found = next((one for one in self._inspection.sheets if one.visible and _code(one.name) == wanted), None)
        if found is None:
            self._refuse(
                "", f"The sheet {self._spec.table_sheet!r} with the table is missing or hidden: use the blank as it is."
            )
        return found

    def _find_table(self, source: Iterator[tuple[int, Sequence[object]]], facts: SheetFacts) -> None:
        for number, cells in source:
            texts = [(column, cell) for column, cell in enumerate(cells, 1) if not _blank(cell)]
            if self._is_table_head(number, texts, facts.name) or number >= _FRONT_ROWS:
                return

    def _table_complete(self, sheet: str) -> bool:
        """Refuse the form when a column of the table is missing; an unread column could hold what the sender meant."""
        assert self._spec.table
        if not self._table_at:
            if not any(one.field == "" for one in self._rejects):
                self._refuse(
                    "", f"The row with the table's labels is missing on the sheet {sheet}: use the blank as it is."
                )
            return False
        complete = True
        for one in fields_of(self._spec.table):
            if one.name not in self._table_at:
                complete = False
                near, found = self._near(one, self._strangers)
                if found:
                    self._label_places[one.name] = f"{sheet}!{self._strangers[found]}"
                self._refuse(
                    one.name,
                    f"The column {one.label!r} is missing in the table of the sheet {sheet}: use the blank as it is.{near}",
                    found,
                )
        return complete

    def _lines(self, source: SheetRows, sheet: str, form_date: date | None) -> tuple[Sequence[Line], "array[int]"]:
        """Validate the table's rows; empty ones do not count."""
        spec = self._spec
        assert spec.table
        assert spec.to_requests
        model = spec.table
        names = tuple(one.name for one in fields_of(model))
        checks = self._line_checks(form_date)
        usual = self._usual(form_date)
        action_at = names.index("action") if "action" in names else None
        reference_at = names.index(spec.line_reference)
        seen: dict[str, int] = {}
        lines = LinesWriter()
        numbers = array("i")
        for found, every in self._table_rows(source, names):
            room = spec.max_lines - len(numbers)
            cells = [column[:room] for column in every]
            first = len(numbers) + 1
            numbers.extend(found[:room])
            if not room:
                self._too_many()
                break
            valid = validate_columns(model, cells, spec.rule, checks, usual)
            rejects = {index: self._placed(found[index], some) for index, some in valid.rejects.items()}
            references = list(valid.columns[spec.line_reference])
            for index in rejects:
                references[index] = tidy(shown(cells[reference_at][index]))
            for number, reference in enumerate(references, first):
                before = seen.setdefault(reference, number) if reference else number
                if before != number:
                    again = self._repeated(reference, before, sheet, numbers, spec.line_reference)
                    rejects[number - first] = (*rejects.get(number - first, ()), again)
            self._digest_rows(valid.columns, cells, rejects)
            lines.add(Piece(first, references, rejects, spec.to_requests, valid.columns))
            if action_at is not None:
                self._actions.update(map(_small, cells[action_at]))
            if len(found) > room:
                self._too_many()
                break
        if not numbers:
            self._refuse("", f"The table on the sheet {sheet} has no line: fill in at least one.")
        return lines.done(), numbers

    def _placed(self, row: int, rejects: tuple[Reject, ...]) -> tuple[Reject, ...]:
        """The rejects of a row of the table, with a word where its cell is merged."""
        return tuple(self._merges.told(f"{column_letters(self._table_at[one.field])}{row}", one) for one in rejects)

    def _too_many(self) -> None:
        self._refuse("", f"The table has more than {self._spec.max_lines:,} lines: split it into several forms.")

    def _table_rows(
        self, source: SheetRows, names: Sequence[str]
    ) -> Iterator[tuple[Sequence[int], list[Sequence[object]]]]:
        """Give the rows that are not empty in pieces: their numbers, and their cells as columns in the order of the fields."""
        wanted = [self._table_at[name] - 1 for name in names]
        for first, some in source.pieces():
            every: list[Sequence[object]] = list(zip_longest(*some))
            every += [(None,) * len(some)] * (max(wanted) + 1 - len(every))
            columns = [every[column] for column in wanted]
            numbers: Sequence[int] = range(first, first + len(some))
            if any(map(_blank, columns[0])):
                filled = [not all(map(_blank, row)) for row in zip(*columns, strict=True)]
                columns = [tuple(compress(column, filled)) for column in columns]
                numbers = tuple(compress(numbers, filled))
            if numbers:
                yield numbers, columns

    def _repeated(self, reference: str, first: int, sheet: str, numbers: "array[int]", name: str) -> Reject:
        place = f"{sheet}!{column_letters(self._table_at[name])}{numbers[first - 1]}"
        message = f"the reference stands in line {first} too ({place}); give each line its own."
        label = next(one.label for one in fields_of(self._spec.table or Row) if one.name == name)
        return Reject(RejectionReason.REFERENCE, self._spec.rule, name, reference, f"{label}: {message}")

    def _line_checks(self, form_date: date | None) -> Checks:
        spec = self._spec
        measured = spec.date_checks
        if measured is None or form_date is None:
            return spec.checks
        day = form_date
        return lambda values: [*spec.checks(values), *measured(values, day)]

    def _usual(self, form_date: date | None) -> Callable[[Mapping[str, Sequence[Any]]], Sequence[bool]] | None:
        usual, day = self._spec.usual, form_date
        if usual is None or day is None:
            return None
        return lambda columns: usual(columns, day)

    def _digest(self, values: Iterable[object] | None, cells: Iterable[object]) -> None:
        """Take a row into the hash of the content: its values, or its cells when it is not right."""
        texts = list(map(_text, cells if values is None else values))
        if values is None:
            texts = [tidy(text) for text in texts]
        self._hash.update(("\x1f".join(texts) + "\x1e").encode(errors="replace"))

    def _digest_rows(
        self, columns: Mapping[str, Sequence[object]], cells: Sequence[Sequence[object]], wrong: Iterable[int]
    ) -> None:
        """The same for many rows, given as columns; `wrong` are those that are not right."""
        texts = [column if _TEXTS.issuperset(map(type, column)) else each(_text, column) for column in columns.values()]
        rows = list(map("\x1f".join, zip(*texts, strict=True)))
        for index in wrong:
            rows[index] = "\x1f".join(tidy(_text(column[index])) for column in cells)
        rows.append("")
        self._hash.update("\x1e".join(rows).encode(errors="replace"))


def _with_header(request: Request, header: Header) -> Request:
    """Give the request of a form with one line what the header says for it."""
    if isinstance(request, InterestRequest):
        # CSD-4.3-1-b: what the form says under "Additional information" goes into the record.
        return replace(request, additional_information=header.additional_information)
    if isinstance(request, OpeningRequest):
        # CSD-3.1.2-d: an IAO has no reference beside its own number.
        return request._replace(reference=header.reference)
    return request


def _blank(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


@lru_cache(maxsize=1024, typed=True)
def _small(cell: object) -> str:
    return tidy(shown(cell)).casefold()


def _text(value: object) -> str:
    return value if type(value) is str else _canonical(value)


@lru_cache(maxsize=65536, typed=True)
def _canonical(value: object) -> str:
    """Write a value other than text so that the same content gives the same text, whatever program saved it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int | float):
        return number_text(float(value))
    return shown(value)
