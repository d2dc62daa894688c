"""What the exchange, the settlement bank and the registry send, free of any file format."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


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
    """Participant code found in the structured remittance or end-to-end id; "" = not identified."""
    end_to_end: str
    """Our own payment's end-to-end reference on a debit; "" otherwise."""
    counterparty_name: str
    remittance: str


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


@dataclass(frozen=True, slots=True)
class RegistryPosition:
    """What the registry says it holds in the depository's name."""

    line: int
    isin: str
    quantity: Decimal
    as_of: date
