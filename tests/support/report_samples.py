"""Reports for the tests of the writers: every kind of column, hostile texts, numbers too long for a spreadsheet."""

from datetime import date, datetime
from decimal import Decimal

from depository.reports import Column, Kind, Report, Table
from tests.support.feed_builders import DAY, NOON

FORMULAS = ("=1+1", "+1", "-1+2", "@SUM(A1)", '=HYPERLINK("http://example.org","x")', "\t=1", "=cmd|' /C calc'!A0")
COLUMNS = (
    Column("account", "Account"),
    Column("count", "Instructions", Kind.COUNT),
    Column("quantity", "Quantity", Kind.QUANTITY),
    Column("amount", "Amount", Kind.MONEY),
    Column("share", "Share", Kind.PERCENT),
    Column("day", "Settles on", Kind.DATE),
    Column("at", "Settled at", Kind.MOMENT),
)
ROW = ("B01-HO", 12, Decimal("1000.5"), Decimal("-1234567.10"), Decimal("5.25"), date(2026, 11, 25), NOON)


def report(*tables: Table, **changes: object) -> Report:
    """A report with these tables."""
    values: dict[str, object] = {
        "code": "holdings",
        "title": "Statement of holdings",
        "addressee": "B01",
        "business_date": DAY,
        "made_at": NOON,
        "facts": (
            ("Account", "B01-HO"),
            ("Journal head", "ab" * 32),
            ("Entries", 412),
            ("Projected", Decimal("1250000.50")),
            ("Final", True),
            ("As of", datetime(2026, 11, 23, 9, 0, tzinfo=NOON.tzinfo)),
            ("Next day", date(2026, 11, 24)),
            ("Nothing", None),
        ),
        "tables": tables,
    }
    return Report(**{**values, **changes})  # type: ignore[arg-type]


def table(*rows: tuple[object, ...], **changes: object) -> Table:
    """A table of all kinds of columns."""
    values: dict[str, object] = {
        "name": "holdings",
        "title": "Holdings",
        "columns": COLUMNS,
        "rows": rows or (ROW,),
        "note": "At the end of the day.",
    }
    return Table(**{**values, **changes})  # type: ignore[arg-type]


def texts(*values: str) -> Table:
    """A table of one text column."""
    return Table("texts", "Texts", (Column("text", "Text"),), tuple((value,) for value in values))
