"""One table of a report as CSV: column keys, exact numbers, ISO dates; safe to open in a spreadsheet program."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from depository.pieces import each
from depository.reports import Report, Value
from parsers.csv_table import plain, write_table

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|")


def render(report: Report, table_name: str) -> bytes:
    """The bytes of the table; raises LookupError when the report has no table of that name.

    A text that a spreadsheet program would take for a formula gets an apostrophe in front; the JSON has it without.
    """
    table = next((t for t in report.tables if t.name == table_name), None)
    if table is None:
        raise LookupError(f"report {report.code} has no table {table_name}")
    columns = (_column(column) for column in zip(*table.rows, strict=True))
    return write_table([c.key for c in table.columns], zip(*columns, strict=True))


def _column(values: Sequence[Value]) -> list[str]:
    """The cells of a column; equal texts are written alike, and equal numbers (1.0 and 1.00) are not."""
    texts = [value for value in values if type(value) is str]
    return each(_text, texts) if len(texts) == len(values) else list(map(_cell, values))


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return _text(value)


def _text(value: str) -> str:
    # Spreadsheet programs skip leading blanks before they look for a formula.
    return "'" + value if value.lstrip(" \u00a0").startswith(_FORMULA) or value.startswith("'") else value
