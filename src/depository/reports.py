"""The shape of everything that goes out as tables: statements, funding report, cycle report, security interest report, day report.

A report is data; the writers in `parsers` turn the same report into a workbook, JSON, CSV or PDF.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

Value = str | int | Decimal | date | datetime | bool | None


class Kind(StrEnum):
    """What a column holds, which decides format and alignment."""

    TEXT = "text"
    COUNT = "count"
    QUANTITY = "quantity"
    MONEY = "money"
    PERCENT = "percent"
    DATE = "date"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: machine name, heading for people, kind."""

    key: str
    title: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet of a report. Rows hold one value per column; quantities and money are exact `Decimal`."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    note: str = ""
    """One sentence above the table: what an empty or surprising one means."""


def table(
    name: str, title: str, columns: tuple[Column, ...], rows: tuple[tuple[Value, ...], ...], if_empty: str = ""
) -> Table:
    """A table that says what it means when it has no rows."""
    return Table(name, title, columns, rows, "" if rows else if_empty)


@dataclass(frozen=True, slots=True)
class Report:
    """A report to one addressee, of one business date, made at one moment."""

    code: str
    """Machine name: funding, cycle, holdings, transactions, cash, interest, day, reconciliation, ..."""
    title: str
    addressee: str
    business_date: date
    made_at: datetime
    facts: tuple[tuple[str, Value], ...]
    """Label and value pairs printed above the tables (account, cycle, journal head, ...)."""
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment order to the settlement bank. `end_to_end` identifies it for ever."""

    end_to_end: str
    debtor_iban: str
    currency: str
    amount: Decimal
    creditor_name: str
    creditor_bin: str
    creditor_iban: str
    creditor_bic: str
    purpose: str
    details: str
    execution_date: date
