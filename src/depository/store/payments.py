"""Payments that leave through the settlement bank: withdrawals by participants, and refunds of money that was nobody's."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, Table, insert, select, update

from depository.ledger import UNIDENTIFIED
from depository.store import schema
from depository.store.work import Work

QUEUED = "queued"
ORDERED = "ordered"
PAID = "paid"
RETURNED = "returned"
TAKEN_BACK = "taken back"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingPayment:
    """A payment whose money is blocked until the bank confirms; `number` is its end-to-end id. Amount in units."""

    number: str
    currency: str
    amount: int
    iban: str
    bank_bic: str
    beneficiary_name: str
    beneficiary_bin: str
    purpose: str
    details: str
    pay_on: date
    state: str
    message_id: str
    requested_at: datetime

    @property
    def holder(self) -> str:
        """Whose money it takes."""
        raise NotImplementedError

    @property
    def part(self) -> str:
        """The part of the holder's balance that it blocks."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal(OutgoingPayment):
    """A participant's money on its way to an account of its own."""

    participant: str
    reference: str

    @property
    def holder(self) -> str:
        """The participant."""
        return self.participant

    @property
    def part(self) -> str:
        """Named by the form."""
        return f"WRN/{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund(OutgoingPayment):
    """A credit that named no participant on its way back to its sender."""

    credit: str
    """The bank's reference of the credit."""

    @property
    def holder(self) -> str:
        """Nobody."""
        return UNIDENTIFIED

    @property
    def part(self) -> str:
        """Named by what it is."""
        return f"REFUND/{self.number}"


TABLES: dict[type[OutgoingPayment], Table] = {Withdrawal: schema.withdrawal, Refund: schema.refund}
P = TypeVar("P", bound=OutgoingPayment)


def add(work: Work, one: OutgoingPayment) -> None:
    """Writes a payment."""
    work.connection.execute(insert(TABLES[type(one)]).values(**asdict(one)))


def get(work: Work, number: str) -> OutgoingPayment | None:
    """The payment with this number, which is the end-to-end id of the bank's entries."""
    for kind, t in TABLES.items():
        if found := _found(work, kind, t.c.number == number):
            return found[0]
    return None


def due(work: Work, currency: str) -> list[OutgoingPayment]:
    """The queued payments in a currency whose day has come, withdrawals before refunds, each oldest first."""
    return [
        one
        for kind, t in TABLES.items()
        for one in _found(work, kind, t.c.state == QUEUED, t.c.currency == currency, t.c.pay_on <= work.business_date)
    ]


def under_way(work: Work) -> list[OutgoingPayment]:
    """The payments that the bank has not confirmed, withdrawals before refunds, each oldest first."""
    return [one for kind, t in TABLES.items() for one in _found(work, kind, t.c.state.in_([QUEUED, ORDERED]))]


def refunds_under_way(work: Work) -> list[Refund]:
    """The refunds that the bank has not confirmed, oldest first."""
    return _found(work, Refund, schema.refund.c.state.in_([QUEUED, ORDERED]))


def refund(work: Work, number: str) -> Refund | None:
    """The refund with this number."""
    found = _found(work, Refund, schema.refund.c.number == number)
    return found[0] if found else None


def withdrawals_of(work: Work, participant: str, state: str) -> list[Withdrawal]:
    """A participant's withdrawals in a state, oldest first."""
    t = schema.withdrawal
    return _found(work, Withdrawal, t.c.participant == participant, t.c.state == state)


def blocks(work: Work) -> dict[tuple[str, str, str], int]:
    """What payments block until the bank confirms them: (holder, currency, part) -> amount in smallest units."""
    return {(one.holder, one.currency, one.part): one.amount for one in under_way(work)}


def set_state(work: Work, some: Sequence[OutgoingPayment], state: str, message_id: str = "") -> None:
    """Moves payments on; a message id is kept once set."""
    values = {"state": state, "message_id": message_id} if message_id else {"state": state}
    for kind, t in TABLES.items():
        numbers = [one.number for one in some if isinstance(one, kind)]
        if numbers:
            work.connection.execute(update(t).where(t.c.number.in_(numbers)).values(**values))


def _found(work: Work, kind: type[P], *which: ColumnElement[bool]) -> list[P]:
    t = TABLES[kind]
    return [kind(**row._mapping) for row in work.connection.execute(select(t).where(*which).order_by(t.c.number))]
