"""What the exchange, the settlement bank and the registry send, free of any file format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from depository.business_days import DayKind
from depository.rejects import Reject


@dataclass(frozen=True, slots=True)
class Trade:
    """One exchange trade, new or cancelled (fields: forms.md, "In from others")."""

    line: int
    trade_id: str
    traded_at: datetime
    kind: str
    """TRADE, REPO_OPEN or REPO_CLOSE."""
    isin: str
    quantity: Decimal
    price: Decimal
    amount: Decimal
    currency: str
    alternative_currency: str
    buyer: str
    buyer_account: str
    seller: str
    seller_account: str
    settlement_date: date
    repo_rate: Decimal | None
    repo_end: date | None
    cancelled: bool


@dataclass(frozen=True, slots=True)
class BankEntry:
    """One booked entry on the depository's nominee account at the settlement bank (camt Ntry)."""

    line: int
    reference: str
    """The bank's own reference (AcctSvcrRef): the entry's identity, so that advice and statement have one effect."""
    amount: Decimal
    """Always positive."""
    credit: bool
    reversal: bool
    value_date: date
    participant: str
    """Participant code found in the structured or unstructured remittance; "" = not identified."""
    end_to_end: str
    """End-to-end reference of our own payment: on a debit, a reversal or a returned payment; "" on other credits."""
    counterparty_name: str
    remittance: str
    counterparty_iban: str = ""
    """Account, BIC of the bank and IIN or BIN of a credit's sender, each only when the bank gives a right one."""
    counterparty_bic: str = ""
    counterparty_bin: str = ""


@dataclass(frozen=True, slots=True)
class BankStatement:
    """A statement (camt.053) or credit/debit advice (camt.054) of one nominee account."""

    message_id: str
    statement_id: str
    iban: str
    currency: str
    business_date: date
    opening: Decimal | None
    """Booked opening balance; None in an advice."""
    closing: Decimal | None
    entries: tuple[BankEntry, ...]
    refused: "tuple[RefusedLine, ...]" = ()
    """Booked entries that were not taken, each with its reason."""
    remarks: tuple[str, ...] = ()
    """What a person should know: entries left out because the bank has not booked them, references hard to read."""


@dataclass(frozen=True, slots=True)
class RegistryPosition:
    """What the registry says it holds in the depository's name."""

    line: int
    isin: str
    quantity: Decimal
    as_of: date


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line of a feed that was not taken; the others go on. `reference` is its own identity, "" when unreadable."""

    line: int
    reference: str
    rejects: tuple[Reject, ...]
    places: tuple[str, ...]
    """Line and column of each reject, in the same order."""


@dataclass(frozen=True, slots=True)
class TradeFile:
    """The exchange's trades of one file whose control trailer agrees (CSD-4.1.1-b)."""

    trades: tuple[Trade, ...]
    refused: tuple[RefusedLine, ...]
    columns: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Column number (from 1) by name, as the file orders them."""


@dataclass(frozen=True, slots=True)
class RegistryFile:
    """The registry's positions of one file whose control trailer agrees (CSD-3.5.1-a)."""

    positions: tuple[RegistryPosition, ...]
    refused: tuple[RefusedLine, ...]
    columns: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Column number (from 1) by name, as the file orders them."""


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One declared day of the settlement calendar with its reason and source (CSD-7.6.5-a)."""

    day: date
    kind: DayKind
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class OpeningPosition:
    """A holding lodged at the registry before the first business day; it enters as a lodgment (CSD-3.5.1-a)."""

    line: int
    account: str
    isin: str
    quantity: Decimal
    registry_reference: str
