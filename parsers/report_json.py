"""A report as JSON for machines, and back.

Layout `report-1`: facts as label, type and value; each table with its columns and its rows as objects by column key.
Money and quantities are text, so that no reader rounds them; dates and moments are ISO 8601. Equal reports give equal
bytes.
"""

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from depository.reports import Column, Kind, Report, Table, Value
from parsers import canonical_json

LAYOUT = "report-1"

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+[+-][0-9:]+")


def render(report: Report) -> bytes:
    """The bytes of a report; raises ValueError when a row does not fit its columns or a column key stands twice."""
    return canonical_json.write(
        {
            "layout": LAYOUT,
            "code": report.code,
            "title": report.title,
            "addressee": report.addressee,
            "business_date": report.business_date,
            "made_at": report.made_at,
            "facts": [{"label": label, "type": _type(value), "value": value} for label, value in report.facts],
            "tables": [_table(table) for table in report.tables],
        }
    )


def _type(value: Value) -> str:
    """The type of a fact's value, which has no column to tell it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, datetime):
        return "moment"
    if isinstance(value, date):
        return "date"
    if isinstance(value, Decimal):
        return "decimal"
    return "integer" if isinstance(value, int) else "text"


def _table(table: Table) -> dict[str, Any]:
    keys = [column.key for column in table.columns]
    if len(set(keys)) != len(keys):
        raise ValueError(f"table {table.name} has a column key twice")
    return {
        "name": table.name,
        "title": table.title,
        "note": table.note,
        "columns": [{"key": c.key, "title": c.title, "kind": c.kind.value} for c in table.columns],
        "rows": [dict(zip(keys, row, strict=True)) for row in table.rows],
    }


def parse(data: bytes) -> Report:
    """The report of the bytes; raises ValueError or KeyError when they are no report of this layout."""
    document = canonical_json.read(data)
    if document.get("layout") != LAYOUT:
        raise ValueError(f"no report of layout {LAYOUT}")
    try:
        return _parsed(document)
    except (TypeError, AttributeError, InvalidOperation) as fault:
        # A value of another kind than the layout's: a number for a list, words for an exact number.
        raise ValueError(f"no report of layout {LAYOUT}: {fault}") from fault


def _parsed(document: dict[str, Any]) -> Report:
    return Report(
        code=document["code"],
        title=document["title"],
        addressee=document["addressee"],
        business_date=date.fromisoformat(document["business_date"]),
        made_at=datetime.fromisoformat(document["made_at"]),
        facts=tuple((fact["label"], _fact(fact["type"], fact["value"])) for fact in document["facts"]),
        tables=tuple(_parse_table(table) for table in document["tables"]),
    )


def _fact(kind: str, value: Any) -> Value:
    if kind == "decimal":
        return Decimal(value)
    if kind == "date":
        return date.fromisoformat(value)
    if kind == "moment":
        return datetime.fromisoformat(value)
    found: Value = value
    return found


def _parse_table(table: dict[str, Any]) -> Table:
    columns = tuple(Column(c["key"], c["title"], Kind(c["kind"])) for c in table["columns"])
    rows = tuple(tuple(_cell(column.kind, row[column.key]) for column in columns) for row in table["rows"])
    return Table(table["name"], table["title"], columns, rows, table["note"])


def _cell(kind: Kind, value: Any) -> Value:
    """The value of a cell by its column's kind; a word in a column of numbers or dates stays a word."""
    if isinstance(value, str):
        if kind in (Kind.QUANTITY, Kind.MONEY, Kind.PERCENT, Kind.COUNT) and _NUMBER.fullmatch(value):
            return Decimal(value)
        if kind is Kind.DATE and _DATE.fullmatch(value):
            return date.fromisoformat(value)
        if kind is Kind.MOMENT and _MOMENT.fullmatch(value):
            return datetime.fromisoformat(value)
    found: Value = value
    return found
