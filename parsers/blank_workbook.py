"""Forms as Excel workbooks to fill in: the blank, and the blank filled with given values.

Both come from the field tables in `forms`; the same input gives the same bytes.
"""

import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from forms.catalog import FORMS
from forms.field import FIRST_DATE, Field, Kind, fields_of
from forms.header import LAYOUT_VERSION, HeaderRow
from forms.spec import FormSpec

CREATED = datetime(2026, 1, 1)  # noqa: DTZ001 - the format has no zone
"""The creation date that all blanks carry: no clock is read, so that the same blank has the same bytes."""

LINE_LABEL = "Line"
_TABLE_START = 10  # row of the labels on a front sheet that has the table, counted from 0
_BLANK_ROWS = 25
_TEXT = 49  # the built-in number format @
_STREAM_FROM = 2_000  # lines from which rows are streamed to disk instead of kept in memory

_GUIDE = "Fill in * always and ° in the cases that the cell's hint names. Dates as 2026-11-23; decimals with a point."
_INK = "#1F2933"
_BAND = "#DCE3EA"
_GRID = "#B8C2CC"
_INPUT = "#FFFFFF"
_MUTED = "#5B6770"


def render_blank(code: str) -> bytes:
    """Render the empty form `code` ("IST", "WRN", "IAO", "IND", ...); raises KeyError for another code."""
    return fill(code, {}, {}, ())


def fill(
    code: str,
    header: Mapping[str, object],
    body: Mapping[str, object],
    lines: Sequence[Mapping[str, object]],
) -> bytes:
    """Fill in form `code`: keys are field names, values are what the cell shall hold.

    `header` has the fields of `forms.header.HeaderRow` (`form` and `layout` are filled in when not given), `body` the fields beside
    their labels (WRN, SIN, BDN, BUNA's cover …), `lines` one mapping a row of the table (IST, BUNA). Dates and numbers become date and
    number cells, everything else text; a choice may be given by its text or by what it means. Raises KeyError for an unknown field.
    """
    spec = FORMS[code]
    _no_strangers(header, HeaderRow.model_fields)
    _no_strangers(body, spec.body.model_fields if spec.body else {})
    for line in lines:
        _no_strangers(line, spec.table.model_fields if spec.table else {})
    memory = io.BytesIO()
    streaming = len(lines) > _STREAM_FROM
    book = xlsxwriter.Workbook(memory, {"constant_memory": streaming, "in_memory": not streaming})
    book.set_properties({"title": f"{spec.code} {spec.title}", "created": CREATED})
    book.set_size(2400, 1400)
    styles = _Styles(book)
    front = book.add_worksheet(spec.code)
    values = {"form": spec.code, "layout": LAYOUT_VERSION, **header}
    if spec.table_sheet == spec.code:
        _front_with_table(front, spec, styles, values, lines)
    else:
        _front(front, spec, styles, {**values, **{f"body.{k}": v for k, v in body.items()}})
        if spec.table:
            _table_sheet(book.add_worksheet(spec.table_sheet), spec, styles, lines)
    book.close()
    return memory.getvalue()


def _no_strangers(values: Mapping[str, object], known: Mapping[str, object]) -> None:
    for name in values:
        if name not in known:
            raise KeyError(name)


class _Styles:
    """The few cell formats of a blank, made once a workbook."""

    def __init__(self, book: Workbook) -> None:
        base = {"font_name": "Arial", "font_size": 10, "font_color": _INK, "valign": "vcenter", "indent": 1}
        self._book = book
        self._base = base
        self.title = book.add_format({**base, "font_size": 15, "bold": True, "indent": 0})
        self.subtitle = book.add_format({**base, "font_size": 9, "font_color": _MUTED, "indent": 0})
        self.band = book.add_format({**base, "bold": True, "bg_color": _BAND, "border": 1, "border_color": _GRID})
        self.label = book.add_format(
            {**base, "font_color": _INK, "bg_color": "#F5F7F9", "border": 1, "border_color": _GRID}
        )
        self.head = book.add_format(
            {
                **base,
                "bold": True,
                "bg_color": _BAND,
                "border": 1,
                "border_color": _GRID,
                "text_wrap": True,
                "font_size": 9,
            }
        )
        self.note = book.add_format({**base, "font_size": 9, "font_color": _MUTED, "text_wrap": True, "valign": "top"})
        self.number = book.add_format(
            {
                **base,
                "font_color": _MUTED,
                "border": 1,
                "border_color": _GRID,
                "align": "center",
                "indent": 0,
                "bg_color": "#F5F7F9",
            }
        )
        self.printed = book.add_format({**base, "bold": True, "border": 1, "border_color": _GRID, "num_format": _TEXT})
        self._inputs: dict[tuple[Kind, bool, int], Format] = {}

    def input(self, field: Field, *, border: bool = True) -> Format:
        """Give the format of an unlocked cell for this field."""
        key = (field.kind, border, field.decimals)
        if key not in self._inputs:
            number = {
                Kind.DATE: "yyyy-mm-dd",
                Kind.NUMBER: "#,##0." + "#" * field.decimals if field.decimals else "0",
                Kind.CHOICE: _TEXT,
                Kind.TEXT: _TEXT,
                Kind.CODE: _TEXT,
            }[field.kind]
            options: dict[str, Any] = {**self._base, "locked": False, "num_format": number, "align": "left"}
            if field.kind is Kind.NUMBER:
                # A fixed pattern would show "1000." for whole quantities.
                options["num_format"] = "General" if field.decimals else "0"
            if border:
                options |= {"border": 1, "border_color": _GRID, "bg_color": _INPUT, "text_wrap": field.max_length > 60}
            self._inputs[key] = self._book.add_format(options)
        return self._inputs[key]


def _print_setup(sheet: Worksheet, spec: FormSpec, portrait: bool, pages_wide: int = 1) -> None:
    sheet.set_paper(9)
    if portrait:
        sheet.set_portrait()
    else:
        sheet.set_landscape()
    sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
    sheet.fit_to_pages(pages_wide, 0)
    sheet.set_footer(f"&L&8{spec.code} layout {LAYOUT_VERSION}&C&8&A&R&8Page &P of &N")
    sheet.hide_gridlines(2)
    sheet.protect(
        "",
        {
            "insert_rows": True,
            "delete_rows": True,
            "format_cells": True,
            "format_columns": True,
            "format_rows": True,
            "sort": True,
            "autofilter": True,
        },
    )


def _starred(field: Field) -> str:
    return field.label + (" *" if field.mandatory else " °" if field.when else "")


def _front(sheet: Worksheet, spec: FormSpec, styles: _Styles, values: Mapping[str, object]) -> None:
    """Write a sheet of labels with their cells to the right, section by section."""
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 58)
    sheet.set_row(0, 26)
    sheet.write_string(0, 0, f"{spec.code}   {spec.title}", styles.title)
    sheet.write_string(1, 0, _GUIDE, styles.subtitle)
    fields = {field.name: field for field in fields_of(HeaderRow)}
    names = list(fields)
    split = names.index("additional_information")
    row = 3
    sections: list[tuple[str, list[tuple[str, Field]]]] = [("Sender", [(n, fields[n]) for n in names[:split]])]
    if spec.body:
        sections.append(("Request", [(f"body.{field.name}", field) for field in fields_of(spec.body)]))
    sections.append(("Further", [("additional_information", fields["additional_information"])]))
    sections.append(("Signed by", [(n, fields[n]) for n in names[split + 1 :]]))
    for title, entries in sections:
        sheet.merge_range(row, 0, row, 1, title, styles.band)
        row += 1
        for name, field in entries:
            sheet.set_row(row, 48 if name == "additional_information" else 19)
            sheet.write_string(row, 0, _starred(field), styles.label)
            _cell(sheet, row, 1, field, values.get(name), styles)
            _validation(sheet, row, 1, row, 1, field)
            row += 1
        row += 1
    for note in spec.notes:
        sheet.set_row(row, 14 * (1 + len(note) // 100))
        sheet.merge_range(row, 0, row, 1, note, styles.note)
        row += 1
    sheet.freeze_panes(3, 0)
    _print_setup(sheet, spec, portrait=True)


def _front_with_table(
    sheet: Worksheet,
    spec: FormSpec,
    styles: _Styles,
    values: Mapping[str, object],
    lines: Sequence[Mapping[str, object]],
) -> None:
    """Write a sheet with the header in two groups side by side and the table under it."""
    assert spec.table
    fields = fields_of(HeaderRow)
    split = [field.name for field in fields].index("additional_information") + 1
    left, right = fields[:split], fields[split:]
    table = fields_of(spec.table)
    sheet.set_column(0, 0, 6)
    for column, field in enumerate(table, 1):
        sheet.set_column(column, column, field.width, styles.input(field, border=False))
    sheet.set_row(0, 26)
    sheet.write_string(0, 0, f"{spec.code}   {spec.title}", styles.title)
    sheet.write_string(
        1,
        0,
        _GUIDE + " " + " ".join(spec.notes),
        styles.subtitle,
    )
    for number in range(max(len(left), len(right))):
        row = 2 + number
        sheet.set_row(row, 30 if number < len(left) and left[number].name == "additional_information" else 18)
        if number < len(left):
            sheet.merge_range(row, 0, row, 2, _starred(left[number]), styles.label)
            _merged(sheet, row, 3, 6, left[number], values.get(left[number].name), styles)
        if number < len(right):
            sheet.merge_range(row, 8, row, 9, _starred(right[number]), styles.label)
            _merged(sheet, row, 10, 13, right[number], values.get(right[number].name), styles)
    _table(sheet, spec, styles, lines, _TABLE_START)
    _print_setup(sheet, spec, portrait=False)


def _table_sheet(sheet: Worksheet, spec: FormSpec, styles: _Styles, lines: Sequence[Mapping[str, object]]) -> None:
    assert spec.table
    sheet.set_column(0, 0, 7)
    for column, field in enumerate(fields_of(spec.table), 1):
        sheet.set_column(column, column, field.width, styles.input(field, border=False))
    _table(sheet, spec, styles, lines, 0)
    # Too many columns for one page: three side by side, each with line, action and reference.
    sheet.repeat_columns(0, 2)
    _print_setup(sheet, spec, portrait=False, pages_wide=3)


def _table(
    sheet: Worksheet, spec: FormSpec, styles: _Styles, lines: Sequence[Mapping[str, object]], label_row: int
) -> None:
    assert spec.table
    fields = fields_of(spec.table)
    sheet.set_row(label_row, 40)
    sheet.write_string(label_row, 0, LINE_LABEL, styles.head)
    for column, field in enumerate(fields, 1):
        sheet.write_string(label_row, column, _starred(field), styles.head)
        _validation(sheet, label_row + 1, column, label_row + spec.max_lines, column, field)
    for number in range(max(len(lines), _BLANK_ROWS)):
        row = label_row + 1 + number
        sheet.write_number(row, 0, number + 1, styles.number)
        values = lines[number] if number < len(lines) else {}
        for column, field in enumerate(fields, 1):
            _cell(sheet, row, column, field, values.get(field.name), styles)
    sheet.freeze_panes(label_row + 1, 3)
    sheet.repeat_rows(label_row)


def _merged(sheet: Worksheet, row: int, first: int, last: int, field: Field, value: object, styles: _Styles) -> None:
    sheet.merge_range(row, first, row, last, "", styles.input(field))
    _cell(sheet, row, first, field, value, styles)
    _validation(sheet, row, first, row, first, field)


def _cell(sheet: Worksheet, row: int, column: int, field: Field, value: object, styles: _Styles) -> None:
    style = styles.printed if field.name in ("form", "layout") else styles.input(field)
    if field.kind is Kind.CHOICE and value is not None:
        value = _choice_text(field, value)
    if value is None or value == "":
        sheet.write_blank(row, column, None, style)
    elif isinstance(value, bool):
        sheet.write_boolean(row, column, value, style)
    elif isinstance(value, date) and (value.date() if isinstance(value, datetime) else value) < FIRST_DATE:
        sheet.write_string(row, column, value.isoformat(), style)
    elif isinstance(value, date):
        sheet.write_datetime(row, column, value, style)
    elif isinstance(value, int | float | Decimal):
        # A sheet keeps 15 digits of a number; a longer one goes as text so that none is lost.
        if isinstance(value, Decimal) and len(value.normalize().as_tuple().digits) > 15:
            sheet.write_string(row, column, format(value, "f"), style)
        else:
            sheet.write_number(row, column, float(value), style)
    else:
        sheet.write_string(row, column, str(value), style)


def _choice_text(field: Field, value: object) -> object:
    if isinstance(value, str) and value in field.choices:
        return value
    for text in field.choices:
        meaning = field.read(text)
        if meaning == value and type(meaning) is type(value):
            return text
    return value


def _validation(sheet: Worksheet, row: int, column: int, last_row: int, last_column: int, field: Field) -> None:
    """Add the drop-down, the check and the hint of a cell; checks warn only, since text dates and numbers are taken too."""
    hint = field.hint
    if field.when:
        hint += f" Needed when {field.when}."
    if field.example and field.kind is not Kind.CHOICE:
        hint += f" Example: {field.example}"
    options: dict[str, Any] = {
        "input_title": field.label[:32],
        "input_message": hint[:255],
        "error_type": "warning",
        "error_title": field.label[:32],
        "error_message": hint[:255],
        "ignore_blank": True,
    }
    if field.kind is Kind.CHOICE:
        options |= {"validate": "list", "source": list(field.choices), "error_type": "stop"}
    elif field.kind is Kind.DATE:
        options |= {"validate": "date", "criteria": ">=", "value": date(1900, 1, 1)}
    elif field.kind is Kind.NUMBER and "ALL" not in field.label:
        options |= {"validate": "decimal", "criteria": ">", "value": 0}
    elif field.max_length:
        options |= {"validate": "length", "criteria": "<=", "value": field.max_length}
    else:
        options |= {"validate": "any"}
    sheet.data_validation(row, column, last_row, last_column, options)
