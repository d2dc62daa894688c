"""A report as a workbook that a person reads and prints: a cover sheet with the facts, then one sheet per table.

Written by XlsxWriter, a large report row by row in constant memory. No cell is ever a formula or a link to the outside; equal reports
give equal bytes. A number is written as a number only when Excel keeps every digit of it (15 digits), else as text:
nothing is rounded silently.
"""

import io
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from depository.reports import Column, Kind, Report, Table, Value

SHEET_ROWS = 1_000_000
"""Rows of a table on one sheet; a longer table goes on on the next sheet (Excel's own limit is 1,048,576)."""

SMALL_ROWS = 1_000
"""Rows of a report up to which it is put together in memory: the temporary files of constant memory cost more than they save."""

_INK = "#1F3864"
_SOFT = "#595959"
_LINE = "#D9D9D9"
_EXCEL_DIGITS = 15
_LONGEST_TEXT = 32_000
_LONGEST_LINK = 250
_FIRST_YEAR = 1901
_WIDEST = 48
_WIDEST_FACT = 72
_NUMERIC = (Kind.COUNT, Kind.QUANTITY, Kind.MONEY, Kind.PERCENT)
_FORMULA = ("=", "+", "-", "@")


class _Styles:
    """The formats of one workbook, each made once."""

    def __init__(self, workbook: Workbook) -> None:
        self._workbook = workbook
        self._made: dict[tuple[tuple[str, object], ...], Format] = {}

    def get(self, **properties: object) -> Format:
        # Another order of the same properties would make the format twice, which does no harm.
        key = tuple(properties.items())
        if key not in self._made:
            self._made[key] = self._workbook.add_format({"font_name": "Calibri", "font_size": 10, **properties})
        return self._made[key]

    def cell(self, **properties: object) -> Format:
        return self.get(
            **{"valign": "top", "bottom": 1, "bottom_color": _LINE, "align": "left", "indent": 1, **properties}
        )


def render(report: Report) -> bytes:
    """The bytes of the workbook; raises ValueError when a row does not fit its columns or a moment has no zone."""
    out = io.BytesIO()
    small = sum(len(table.rows) for table in report.tables) <= SMALL_ROWS
    workbook = xlsxwriter.Workbook(
        out,
        {
            "in_memory": small,
            "constant_memory": not small,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    made_at = _local(report.made_at)
    workbook.set_properties({"title": report.title, "subject": report.addressee, "created": made_at})
    styles = _Styles(workbook)
    names = _sheet_names(report)
    _cover(workbook, styles, report, names)
    for table, parts in zip(report.tables, names, strict=True):
        _check(table)
        for part, name in enumerate(parts):
            first = part * SHEET_ROWS
            _sheet(workbook, styles, report, table, name, table.rows[first : first + SHEET_ROWS])
    workbook.close()
    return out.getvalue()


def _check(table: Table) -> None:
    for number, row in enumerate(table.rows, start=1):
        if len(row) != len(table.columns):
            raise ValueError(
                f"row {number} of table {table.name} has {len(row)} values for {len(table.columns)} columns"
            )


def _sheet_names(report: Report) -> list[list[str]]:
    """For each table the names of its sheets: within Excel's rules (31 characters, none of []:*?/\\, no two alike)."""
    taken = {"report", "history"}
    names = []
    for table in report.tables:
        parts = max(1, -(-len(table.rows) // SHEET_ROWS))
        mine = []
        for part in range(1, parts + 1):
            wanted = table.title or table.name
            clean = "".join(" " if c in "[]:*?/\\" or not c.isprintable() else c for c in wanted).strip(" '") or "Table"
            name, number = clean[:31].strip(" '"), part
            if part > 1:
                name = f"{clean[:25].strip()} ({part})"
            while name.lower() in taken:
                number += 1
                name = f"{clean[:25].strip()} ({number})"
            taken.add(name.lower())
            mine.append(name)
        names.append(mine)
    return names


def _page(sheet: Worksheet, report: Report) -> None:
    """Print set-up: A4 landscape, one page wide, who and when at the foot of every page."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
    # An ampersand begins a code in a footer, so it is doubled; a footer holds 255 characters at most.
    left = f"{report.title[:60]} · {report.addressee[:60]} · {report.business_date.isoformat()}".replace("&", "&&")
    sheet.set_footer(f"&L&8{left}&R&8Page &P of &N")
    sheet.hide_gridlines(2)


def _cover(workbook: Workbook, styles: _Styles, report: Report, names: list[list[str]]) -> None:
    sheet = workbook.add_worksheet("Report")
    _page(sheet, report)
    labels = [label for label, _ in report.facts] + [table.title for table in report.tables]
    sheet.set_column(0, 0, min(_WIDEST, max([22, *(len(label) + 4 for label in labels)])))
    values = [_shown(value, _kind(value), 0) for _, value in report.facts]
    middle = min(_WIDEST_FACT, max([24, *(len(value) + 4 for value in values)]))
    sheet.set_column(1, 1, middle)
    sheet.set_column(2, 2, max(30, 110 - middle))
    sheet.set_row(0, 30)
    sheet.write_string(0, 0, report.title, styles.get(font_size=18, bold=True, font_color=_INK, valign="vcenter"))
    sheet.write_string(1, 0, report.addressee, styles.get(font_size=12, bold=True, font_color=_SOFT))
    row = 3
    zone = str(report.made_at.tzinfo or "")
    facts: list[tuple[str, Value]] = [("Business date", report.business_date), ("Made at", report.made_at)]
    if "/" in zone:
        facts.append(("Times are local to", zone))
    for label, value in [*facts, *report.facts]:
        _height(sheet, row, [(_shown(value, _kind(value), 0), middle)])
        sheet.write_string(row, 0, label, styles.cell(font_color=_SOFT))
        _write(sheet, styles, row, 1, value, _kind(value), _places([value]), {"align": "left", "text_wrap": True})
        row += 1
    if report.tables:
        row += 1
        for column, (heading, align) in enumerate((("Sheet", "left"), ("Lines", "left"), ("Note", "left"))):
            sheet.write_string(row, column, heading, _heading(styles, align))
        row += 1
    link = styles.cell(font_color="#0563C1", underline=1)
    for table, parts in zip(report.tables, names, strict=True):
        for part, name in enumerate(parts):
            lines = min(SHEET_ROWS, len(table.rows) - part * SHEET_ROWS)
            target = name.replace("'", "''")
            _height(sheet, row, [(table.note, max(30, 110 - middle))])
            shown = (table.title if part == 0 else name)[:_LONGEST_LINK] or name
            sheet.write_url(row, 0, f"internal:'{target}'!A1", link, shown)
            sheet.write_number(row, 1, lines, styles.cell(num_format="#,##0", align="left"))
            sheet.write_string(row, 2, table.note, styles.cell(text_wrap=True, font_color=_SOFT))
            row += 1


def _height(sheet: Worksheet, row: int, texts: list[tuple[str, float]]) -> None:
    """Give a row the height of its longest wrapped text, since not every program works it out on opening."""
    lines = max(
        (sum(-(-len(line) // max(1, int(width * 1.1) - 2)) or 1 for line in t.split("\n")) for t, width in texts),
        default=1,
    )
    if lines > 1:
        sheet.set_row(row, min(409.0, 2 + 13.5 * lines))


def _heading(styles: _Styles, align: str) -> Format:
    return styles.get(
        bold=True, font_color="#FFFFFF", bg_color=_INK, align=align, valign="vcenter", text_wrap=True, indent=1
    )


def _sheet(
    workbook: Workbook, styles: _Styles, report: Report, table: Table, name: str, rows: tuple[tuple[Value, ...], ...]
) -> None:
    sheet = workbook.add_worksheet(name)
    _page(sheet, report)
    places = [_places([row[n] for row in rows]) for n in range(len(table.columns))]
    widths = [_width(column, [row[n] for row in rows], places[n]) for n, column in enumerate(table.columns)]
    for n, width in enumerate(widths):
        sheet.set_column(n, n, width)
    texts = [n for n, column in enumerate(table.columns) if column.kind not in _NUMERIC]
    sheet.set_row(0, 24)
    sheet.write_string(0, 0, table.title, styles.get(font_size=14, bold=True, font_color=_INK, valign="vcenter"))
    under = f"{report.title} · {report.addressee} · {report.business_date.isoformat()}"
    sheet.write_string(1, 0, under, styles.get(font_color=_SOFT))
    head = 3
    if table.note:
        sheet.write_string(2, 0, table.note, styles.get(italic=True, font_color=_SOFT))
        head = 4
    sheet.set_row(head, 30)
    for n, column in enumerate(table.columns):
        align = "right" if column.kind in _NUMERIC else "left"
        sheet.write_string(head, n, column.title, _heading(styles, align))
    for number, row in enumerate(rows, start=head + 1):
        _height(sheet, number, [(str(row[n]), widths[n]) for n in texts if isinstance(row[n], str)])
        for n, value in enumerate(row):
            _write(sheet, styles, number, n, value, table.columns[n].kind, places[n], {})
    if not rows and not table.note:
        sheet.write_string(head + 1, 0, "No lines.", styles.get(italic=True, font_color=_SOFT))
    if table.columns and rows:
        sheet.autofilter(head, 0, head + len(rows), len(table.columns) - 1)
    sheet.freeze_panes(head + 1, 0)
    sheet.repeat_rows(head)


def _kind(value: Value) -> Kind:
    """How a fact is shown, which has no column to say it: exact numbers as they are written."""
    if isinstance(value, datetime):
        return Kind.MOMENT
    if isinstance(value, date):
        return Kind.DATE
    if isinstance(value, Decimal):
        return Kind.QUANTITY
    if isinstance(value, int) and not isinstance(value, bool):
        return Kind.COUNT
    return Kind.TEXT


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _places(values: list[Value]) -> int:
    """The most decimals that any number of a column has, so that all of them show as many."""
    return max((_decimals(value) for value in values if isinstance(value, Decimal)), default=0)


def _number_format(kind: Kind, places: int) -> str:
    if kind is Kind.TEXT:
        return "0" + ("." + "0" * places if places else "")
    if kind is Kind.MONEY:
        places = max(2, places)
    whole = "#,##0" + ("." + "0" * places if places else "")
    if kind is Kind.PERCENT:
        # The value is in percent already: 5.25 means 5.25 %.
        whole += '"%"'
    return f"{whole};[Red]-{whole}"


def _local(at: datetime) -> datetime:
    """The wall clock's reading in the moment's own zone: Excel knows no zones."""
    if at.tzinfo is None:
        raise ValueError(f"the moment {at} has no zone")
    return at.replace(tzinfo=None)


def excel_number(value: Decimal | int) -> float | None:
    """The number as Excel stores it, or None when Excel would lose a digit of it."""
    exact = Decimal(value)
    if not exact.is_finite() or len(exact.normalize().as_tuple().digits) > _EXCEL_DIGITS:
        return None
    # Display only: the number in the books stays exact.
    stored = float(exact)
    # XlsxWriter writes 16 digits; reading them back must give the very same number.
    if Decimal(repr(stored)) != exact or float(f"{stored:.16G}") != stored:
        return None
    return stored


def _write(
    sheet: Worksheet,
    styles: _Styles,
    row: int,
    column: int,
    value: Value,
    kind: Kind,
    places: int,
    extra: dict[str, object],
) -> None:
    """Write one value; text stays text whatever it begins with."""
    if value is None:
        sheet.write_blank(row, column, None, styles.cell(**extra))
    elif isinstance(value, bool):
        sheet.write_string(row, column, "yes" if value else "no", styles.cell(**extra))
    elif isinstance(value, datetime):
        style = styles.cell(**{"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left", **extra})
        _write_date(sheet, row, column, _local(value), style, styles.cell(**extra))
    elif isinstance(value, date):
        style = styles.cell(**{"num_format": "yyyy-mm-dd", "align": "left", **extra})
        _write_date(sheet, row, column, value, style, styles.cell(**extra))
    elif isinstance(value, (int, Decimal)):
        number = excel_number(value)
        if number is None:
            shown = _grouped(value, kind, places)
            sheet.write_string(row, column, shown, styles.cell(**{"align": "right", "num_format": "@", **extra}))
        else:
            form = _number_format(kind, places)
            sheet.write_number(row, column, number, styles.cell(**{"num_format": form, "align": "right", **extra}))
    else:
        text = value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "… (cut)"
        style = {"num_format": "@", "text_wrap": True, **extra}
        if text.startswith(_FORMULA):
            # Keeps it text even when a person edits the cell.
            style["quote_prefix"] = True
        sheet.write_string(row, column, text, styles.cell(**style))


def _write_date(sheet: Worksheet, row: int, column: int, value: date, style: Format, as_text: Format) -> None:
    if value.year < _FIRST_YEAR:
        sheet.write_string(row, column, value.isoformat(), as_text)
    elif isinstance(value, datetime):
        sheet.write_datetime(row, column, value, style)
    else:
        sheet.write_datetime(row, column, datetime.combine(value, time.min), style)


def _grouped(value: Decimal | int, kind: Kind, places: int) -> str:
    """A number as text, as its column would show it."""
    exact = Decimal(value)
    if not exact.is_finite():
        return str(exact)
    if kind is Kind.TEXT:
        return f"{exact:f}"
    places = max(2, places) if kind is Kind.MONEY else places
    return f"{exact:,.{max(places, _decimals(exact))}f}" + ("%" if kind is Kind.PERCENT else "")


def _shown(value: Value, kind: Kind, places: int) -> str:
    """About what the cell will show, to measure it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return _grouped(value, kind, places)
    return str(value)


def _width(column: Column, values: list[Value], places: int) -> float:
    """The width of a column in characters: its longest content, within reason; a heading may break at its blanks."""
    longest = max((len(line) for line in _measured(column, values, places)), default=0)
    heading = max((len(word) for word in column.title.split()), default=0)
    # Indents take two characters, the autofilter's button three.
    return float(min(_WIDEST, max(10, longest + 4, heading + 6, min(len(column.title) // 2 + 6, 22))))


def _measured(column: Column, values: list[Value], places: int) -> Iterator[str]:
    for value in values:
        yield from _shown(value, column.kind, places).split("\n")
