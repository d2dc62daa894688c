"""The answer to a workbook as a workbook: the sender's own with the offending cells coloured, and a sheet "Answer".

Small workbooks stay the sender's own; of large ones a copy of the values is written. Nothing that is written is a formula: text is
stored as typed text whatever it begins with, and a sender's formula is replaced by its value. Same input, same bytes.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import xlsxwriter
from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import range_boundaries
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from depository.answers import LineOutcome, Receipt, Verdict, what_next
from depository.rejects import FileRefused, Reject
from forms.catalog import FORMS
from forms.field import OddCell, fields_of, shown
from forms.form import Form
from parsers.workbook_form import ANSWER_SHEET, MARK, read_form
from parsers.workbook_guard import Inspection, column_letters, column_number, inspect
from parsers.workbook_rows import odd_cells, rows

HEADS = ("Answer: verdict", "Answer: our number", "Answer: code", "Answer: rule", "Answer: reason")
"""Labels of the columns that are put to the right of the table."""

_FILL = "FFFFC7CE"
_HEAD_FILL = "FFDCE3EA"
_WHOLE_ROWS = 5_000
"""Lines up to which the sender's own workbook is kept."""
_WHOLE_BYTES = 10_000_000
"""Expanded bytes of a sheet up to which the sender's own workbook is kept: openpyxl takes some fifty times as much memory."""
_PLACE = re.compile(r"(.+)!([A-Z]{1,3})([0-9]+)")
_FOLDED = 75
"""Characters of a reason on one line of its cell."""
_LINE = 13
"""Points from one line of a cell to the next."""
_WIDTHS = (20, 18, 16, 18, 16, 14, 20, 22, 8, 14, 70, 24)
_COLUMNS = (
    "Line",
    "Reference",
    "Verdict",
    "Status",
    "Our number",
    "Place",
    "Field",
    "Found",
    "Code",
    "Rule",
    "What is wrong and what to send",
    "Note",
)


def mark(original: bytes, form: Form | None, receipt: Receipt) -> bytes:
    """Mark a workbook with the answer to it.

    `form` is what was read from it, None when it could not be read; then only the sheet "Answer" is added. When the workbook
    cannot be opened safely the result holds the sheet "Answer" alone. Never raises for any `original`. The moment in the result
    is the receipt's.
    """
    try:
        inspection = inspect(
            original, receipt.file_name if receipt.file_name.lower().endswith(".xlsx") else "form.xlsx"
        )
        small = all(sheet.size < _WHOLE_BYTES for sheet in inspection.sheets)
        if small and (form is None or len(form.lines) <= _WHOLE_ROWS):
            return _kept(original, inspection, form, receipt)
        if form is not None:
            return _copied(original, inspection, form, receipt)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a library may raise anything on a crafted file; the answer still has to reach the sender
        return _alone(receipt)
    return _alone(receipt)


def mark_as_read(original: bytes, receipt: Receipt) -> bytes:
    """The same with the form read once more from the workbook, under the name that its receipt gives."""
    try:
        form = read_form(original, receipt.file_name)
    except FileRefused:
        form = None
    return mark(original, form, receipt)


@dataclass(frozen=True, slots=True)
class _Finding:
    """A reject with the cell it belongs to."""

    line: int
    place: str
    reject: Reject


def _findings(form: Form | None, receipt: Receipt) -> Iterator[_Finding]:
    sources: list[tuple[int, Sequence[Reject], Sequence[str]]] = [(0, receipt.rejects, receipt.places)]
    sources += [(line.line, line.rejects, line.places) for line in receipt.lines]
    for number, rejects, places in sources:
        for index, reject in enumerate(rejects):
            place = places[index] if index < len(places) else ""
            yield _Finding(number, place or (form.place(number, reject.field) if form else ""), reject)


def _remark(reject: Reject) -> str:
    return (
        f"{reject.message} [{reject.code.value}, {reject.rule}]"
        if reject.rule
        else f"{reject.message} [{reject.code.value}]"
    )


# --- the sender's own workbook -------------------------------------------------------------------------------------------------


def _kept(original: bytes, inspection: Inspection, form: Form | None, receipt: Receipt) -> bytes:
    # data_only: a sender's formula becomes the value that was read.
    book = load_workbook(io.BytesIO(original), data_only=True, keep_links=False)
    for facts in inspection.sheets:
        sheet = book[facts.name]
        if isinstance(sheet, Worksheet):
            if ANSWER_SHEET in book.sheetnames:
                _clean(sheet)
            if facts.odd:
                for row, cells in odd_cells(original, facts).items():
                    for column, odd in cells.items():
                        _put(sheet.cell(row, column), odd.text)
    if ANSWER_SHEET in book.sheetnames:
        del book[ANSWER_SHEET]
    findings: tuple[_Finding, ...] = ()
    if form is not None:
        findings = tuple(_findings(form, receipt))
        for finding in findings:
            if at := _sheet_cell(book, finding.place):
                at.fill = PatternFill("solid", fgColor=_FILL)
        _beside_front(book, findings, form)
        _beside_table(book, form, receipt)
    answer = book.create_sheet(ANSWER_SHEET)
    _answer_sheet(answer, form, receipt)
    if form is None or not all(finding.place for finding in findings):
        # What has no cell can be seen there alone.
        _open_on(book, answer)
    return _saved(book, receipt)


def _open_on(book: Workbook, first: Worksheet) -> None:
    book.active = first
    for sheet in book.worksheets:
        sheet.sheet_view.tabSelected = sheet is first


def _sheet_cell(book: Workbook, place: str) -> Cell | None:
    found = _PLACE.fullmatch(place)
    if not found or found[1] not in book.sheetnames:
        return None
    cell = book[found[1]][f"{found[2]}{found[3]}"]
    # The hidden part of a merged range takes no colour of its own.
    return cell if isinstance(cell, Cell) else None


def _clean(sheet: Worksheet) -> None:
    """Take away the marks of an earlier answer."""
    plain = PatternFill()
    for row in sheet.iter_rows():
        for cell in row:
            if not isinstance(cell, Cell):
                continue
            if cell.fill.fgColor.rgb == _FILL:
                cell.fill = plain
            if isinstance(cell.value, str) and cell.value.startswith(MARK):
                cell.value = None
    heads = [cell for row in sheet.iter_rows(max_row=500) for cell in row if cell.value in HEADS]
    for head in heads:
        for below in sheet.iter_rows(min_row=head.row, min_col=head.column, max_col=head.column):
            for cell in below:
                if isinstance(cell, Cell):
                    cell.value = None


def _beside_front(book: Workbook, findings: Sequence[_Finding], form: Form) -> None:
    """Write what is wrong with a field outside the table to the right in its row."""
    table_rows = set(form.places.rows)
    places = [finding.place for finding in findings]
    remarks: dict[tuple[str, int], list[str]] = {}
    for finding in findings:
        found = _PLACE.fullmatch(finding.place)
        if found and not (found[1] == form.places.sheet and int(found[3]) in table_rows):
            remarks.setdefault((found[1], int(found[3])), []).append(_remark(finding.reject))
    for (name, row), texts in remarks.items():
        if name not in book.sheetnames:
            continue
        sheet = book[name]
        used = [cell.column for cell in sheet[row] if cell.value is not None]
        used += [column_number(f[2]) for f in map(_PLACE.fullmatch, places) if f and f[1] == name and int(f[3]) == row]
        used += [right for _, top, right, bottom in _merges(sheet) if top <= row <= bottom]
        cell = sheet.cell(row, max(used, default=1) + 1)
        _put(cell, MARK + " ".join(texts))
        cell.font = Font(name="Arial", size=9, color="FF9C0006")
        cell.alignment = Alignment(vertical="center")


def _merges(sheet: Worksheet) -> list[tuple[int, int, int, int]]:
    """List the merged ranges as (left, top, right, bottom)."""
    found = []
    for merged in sheet.merged_cells.ranges:
        left, top, right, bottom = range_boundaries(merged.coord)
        assert left is not None and top is not None and right is not None and bottom is not None  # noqa: PT018
        found.append((left, top, right, bottom))
    return found


def _beside_table(book: Workbook, form: Form, receipt: Receipt) -> None:
    """Write verdict, our number, code, rule and reason to the right of each row of the table."""
    place = next((_PLACE.fullmatch(at) for at in form.places.labels.values()), None)
    if not place or form.places.sheet not in book.sheetnames or not receipt.lines:
        return
    sheet = book[form.places.sheet]
    label_row = int(place[3])
    first = max((cell.column for cell in sheet[label_row] if cell.value is not None), default=0) + 1
    for offset, head in enumerate(HEADS):
        cell = sheet.cell(label_row, first + offset)
        _put(cell, head)
        cell.font = Font(name="Arial", size=9, bold=True)
        cell.fill = PatternFill("solid", fgColor=_HEAD_FILL)
        cell.alignment = Alignment(wrap_text=True, vertical="center")
        sheet.column_dimensions[column_letters(first + offset)].width = (12, 18, 10, 16, 70)[offset]
    for outcome in receipt.lines:
        if not 1 <= outcome.line <= len(form.places.rows):
            continue
        row = form.places.rows[outcome.line - 1]
        texts = _row_texts(outcome)
        for offset, text in enumerate(texts):
            cell = sheet.cell(row, first + offset)
            _put(cell, text)
            cell.font = Font(name="Arial", size=9, color="FF9C0006" if outcome.rejects else "FF1F2933")
            cell.alignment = Alignment(wrap_text=True, vertical="center")
        # A reason that is folded into several lines would run over those of the rows above and below.
        folded = sum(1 + len(text) // _FOLDED for text in texts[-1].split("\n"))
        if folded > 1:
            sheet.row_dimensions[row].height = max(_LINE * folded, sheet.row_dimensions[row].height or 0)


def _row_texts(outcome: LineOutcome) -> tuple[str, ...]:
    codes = dict.fromkeys(one.code.value for one in outcome.rejects)
    rules = dict.fromkeys(one.rule for one in outcome.rejects if one.rule)
    reasons = [one.message for one in outcome.rejects] or [outcome.note or ""]
    return outcome.verdict.value, outcome.record, ", ".join(codes), ", ".join(rules), "\n".join(reasons)


def _put(cell: object, value: object) -> None:
    """Set a cell's value; text stays text even when it begins like a formula or an error."""
    if not isinstance(cell, Cell):
        return
    if isinstance(value, str):
        text = ILLEGAL_CHARACTERS_RE.sub("�", value)[:32_000]
        cell.value = text or None
        if text:
            cell.data_type = "s"
            if text[0] in "=+-@":
                cell.quotePrefix = True
    elif isinstance(value, datetime):
        cell.value = value.isoformat(" ")
    else:
        cell.value = value  # type: ignore[assignment]


def _answer_sheet(sheet: Worksheet, form: Form | None, receipt: Receipt) -> None:
    sheet.sheet_view.showGridLines = False
    for index, width in enumerate(_WIDTHS, 1):
        sheet.column_dimensions[column_letters(index)].width = width
    for row, values in enumerate(_answer_rows(form, receipt), 1):
        longest = (
            max((len(str(value)) / _WIDTHS[i] for i, value in enumerate(values)), default=0) if len(values) > 2 else 0
        )
        sheet.row_dimensions[row].height = 20 if row == 1 else 14 * (1 + int(longest))
        for column, value in enumerate(values, 1):
            if value in (None, ""):
                continue
            cell = sheet.cell(row, column)
            _put(cell, value)
            head = values == _COLUMNS
            cell.font = Font(
                name="Arial", size=14 if row == 1 else 10, bold=row == 1 or head or (len(values) == 2 and column == 1)
            )
            cell.alignment = Alignment(wrap_text=len(values) > 2, vertical="top", horizontal="left")
            if head:
                cell.fill = PatternFill("solid", fgColor=_HEAD_FILL)
                sheet.freeze_panes = f"A{row + 1}"
    sheet.page_setup.paperSize = 9
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _answer_rows(form: Form | None, receipt: Receipt) -> Iterator[tuple[object, ...]]:
    """Give the rows of the sheet "Answer": facts of the receipt, counts, and every line that was not plainly accepted."""
    counts = {verdict: sum(line.verdict is verdict for line in receipt.lines) for verdict in Verdict}
    yield ("Answer of the depository",)
    if receipt.message:
        yield (receipt.message,)
    if next_ := what_next(receipt):
        yield (next_,)
    yield ()
    facts: tuple[tuple[str, object], ...] = (
        ("Receipt", receipt.number),
        ("Verdict", receipt.verdict.value),
        ("Form", receipt.form),
        ("Your number", receipt.reference),
        ("Sender", receipt.sender),
        ("File", receipt.file_name),
        ("Bytes", receipt.size),
        ("SHA-256", receipt.sha256),
        ("Arrived at", receipt.arrived_at),
        ("Business date", receipt.business_date.isoformat()),
        ("Channel", receipt.channel),
        ("Batch", receipt.batch),
        ("Cut-off of the batch", receipt.cut_off),
    )
    yield from (fact for fact in facts if fact[1] not in ("", None))
    if receipt.rejects:
        yield from [("Wrong lines", len(receipt.lines))] if receipt.lines else []
    else:
        yield ("Lines", len(receipt.lines))
        yield from ((f"Lines {verdict.value}", number) for verdict, number in counts.items() if number)
    if form is not None:
        yield from (("Note", note) for note in form.notes)
    yield ()
    yield _COLUMNS
    for index, reject in enumerate(receipt.rejects):
        place = receipt.places[index] if index < len(receipt.places) else ""
        yield ("whole file", "", receipt.verdict.value, "", "", *_reject_texts(0, place, reject, form), "")
    for line in receipt.lines:
        start = (line.line, line.reference, line.verdict.value, line.status, line.record)
        for index, reject in enumerate(line.rejects):
            place = line.places[index] if index < len(line.places) else ""
            yield (*start, *_reject_texts(line.line, place, reject, form), line.note)
        if not line.rejects and (line.verdict is not Verdict.ACCEPTED or line.note):
            yield (*start, "", "", "", "", "", "", line.note)


def _reject_texts(line: int, place: str, reject: Reject, form: Form | None) -> tuple[str, ...]:
    at = place or (form.place(line, reject.field) if form else "")
    return at, reject.field, reject.found, reject.code.value, reject.rule, reject.message


def _alone(receipt: Receipt) -> bytes:
    """Write the sheet "Answer" alone, for what cannot be opened safely."""
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = ANSWER_SHEET
    _answer_sheet(sheet, None, receipt)
    return _saved(book, receipt)


def _saved(book: Workbook, receipt: Receipt) -> bytes:
    """Save with the receipt's moment in place of the clock's."""
    written = io.BytesIO()
    book.save(written)
    moment = receipt.arrived_at
    stamp = f"{moment:%Y-%m-%dT%H:%M:%SZ}".encode()
    result = io.BytesIO()
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            content = source.read(entry)
            if entry.filename == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", rb"\g<1>" + stamp, content)
            fixed = zipfile.ZipInfo(
                entry.filename, (max(moment.year, 1980), moment.month, moment.day, moment.hour, moment.minute, 0)
            )
            fixed.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(fixed, content)
    return result.getvalue()


# --- a copy of the values ------------------------------------------------------------------------------------------------------


def _copied(original: bytes, inspection: Inspection, form: Form, receipt: Receipt) -> bytes:
    """Write the values of a large workbook with the marks, row by row, so that memory stays flat."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"constant_memory": True})
    book.set_properties({"created": receipt.arrived_at.replace(tzinfo=None)})
    base = {"font_name": "Arial", "font_size": 10}
    bad = {**base, "bg_color": "#" + _FILL[2:]}
    styles = {
        (False, False): book.add_format(base),
        (True, False): book.add_format(bad),
        (False, True): book.add_format({**base, "num_format": "yyyy-mm-dd"}),
        (True, True): book.add_format({**bad, "num_format": "yyyy-mm-dd"}),
    }
    head = book.add_format({**base, "bold": True, "bg_color": "#" + _HEAD_FILL[2:]})
    wrap = book.add_format({**base, "text_wrap": True, "valign": "top"})
    marked: dict[tuple[str, int], set[int]] = {}
    remarks: dict[tuple[str, int], list[str]] = {}
    for finding in _findings(form, receipt):
        if found := _PLACE.fullmatch(finding.place):
            at = (found[1], int(found[3]))
            marked.setdefault(at, set()).add(column_number(found[2]))
            remarks.setdefault(at, []).append(_remark(finding.reject))
    outcomes = {form.places.rows[one.line - 1]: one for one in receipt.lines if 1 <= one.line <= len(form.places.rows)}
    wanted = [
        facts for facts in inspection.sheets if facts.visible and facts.name in (form.places.sheet, _front_name(form))
    ]
    for facts in wanted:
        sheet = book.add_worksheet(facts.name)
        is_table = facts.name == form.places.sheet
        label_row = _label_row(form) if is_table else 0
        _widths(sheet, form, is_table)
        for number, cells in rows(original, facts):
            at = (facts.name, number)
            hit = marked.get(at, set())
            for column, value in enumerate(cells, 1):
                if column in hit or value not in (None, ""):
                    style = head if number == label_row else styles[column in hit, isinstance(value, date)]
                    _write(sheet, number - 1, column - 1, value, style)
            if is_table and number == label_row:
                for offset, text in enumerate(HEADS):
                    sheet.write_string(number - 1, len(cells) + offset, text, head)
            elif is_table and number in outcomes:
                for offset, text in enumerate(_row_texts(outcomes[number])):
                    if text:
                        sheet.write_string(number - 1, len(cells) + offset, text, wrap)
            elif at in remarks:
                sheet.write_string(number - 1, len(cells), MARK + " ".join(remarks[at]), styles[False, False])
    sheet = book.add_worksheet(ANSWER_SHEET)
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    for number, values in enumerate(_answer_rows(form, receipt)):
        for column, value in enumerate(values):
            if value not in (None, ""):
                _write(sheet, number, column, value, head if values == _COLUMNS else styles[False, False])
    book.close()
    return target.getvalue()


def _front_name(form: Form) -> str:
    return next((place.rpartition("!")[0] for place in form.places.single.values()), form.code)


def _label_row(form: Form) -> int:
    found = next((_PLACE.fullmatch(place) for place in form.places.labels.values()), None)
    return int(found[3]) if found else 0


def _widths(sheet: "xlsxwriter.worksheet.Worksheet", form: Form, is_table: bool) -> None:
    sheet.set_column(0, 0, 10 if is_table else 34)
    sheet.set_column(1, 1, 58)
    table = FORMS[form.code].table
    if is_table and table:
        by_name = {field.name: field.width for field in fields_of(table)}
        last = 0
        for name, letters in form.places.columns.items():
            column = column_number(letters) - 1
            sheet.set_column(column, column, by_name.get(name, 16))
            last = max(last, column)
        sheet.set_column(last + 1, last + 4, 16)
        sheet.set_column(last + 5, last + 5, 90)


def _write(sheet: "xlsxwriter.worksheet.Worksheet", row: int, column: int, value: object, style: object) -> None:
    """Write one value; text as text whatever it begins with."""
    if value is None or value == "":
        sheet.write_blank(row, column, None, style)
    elif isinstance(value, bool):
        sheet.write_boolean(row, column, value, style)
    elif isinstance(value, datetime) and value.tzinfo is not None:
        sheet.write_string(row, column, value.isoformat(" "), style)
    elif isinstance(value, date):
        sheet.write_datetime(row, column, value, style)
    elif isinstance(value, int | float):
        sheet.write_number(row, column, value, style)
    else:
        text = value if isinstance(value, str) else value.text if isinstance(value, OddCell) else shown(value)
        sheet.write_string(row, column, ILLEGAL_CHARACTERS_RE.sub("�", text)[:32_000], style)
