"""Payments by which money that was nobody's goes back to its sender."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import insert, select, update

from depository.ledger import UNIDENTIFIED
from depository.store import schema
from depository.store.withdrawals import ORDERED, QUEUED
from depository.store.work import Work

T = schema.refund


@dataclass(frozen=True, slots=True)
class Refund:
    """A credit on its way back, blocked until the bank confirms; `number` is the payment's end-to-end id. Amount in units."""

    number: str
    credit: str
    """The bank's reference of the credit."""
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


def blocked_part(number: str) -> str:
    """The part of nobody's money that a refund blocks."""
    return f"REFUND/{number}"


def blocks(work: Work) -> dict[tuple[str, str, str], int]:
    """What refunds block until the bank confirms them: (holder, currency, part) -> amount in smallest units."""
    return {(UNIDENTIFIED, r.currency, blocked_part(r.number)): r.amount for r in under_way(work)}


def add(work: Work, one: Refund) -> None:
    """Writes a refund."""
    work.connection.execute(insert(T).values(**asdict(one)))


def get(work: Work, number: str) -> Refund | None:
    """The refund with this number."""
    row = work.connection.execute(select(T).where(T.c.number == number)).first()
    return None if row is None else Refund(**row._mapping)


def in_state(work: Work, state: str, pay_by: date) -> list[Refund]:
    """Refunds in a state to be paid by a date, oldest first."""
    rows = work.connection.execute(select(T).where(T.c.state == state, T.c.pay_on <= pay_by).order_by(T.c.number))
    return [Refund(**r._mapping) for r in rows]


def under_way(work: Work) -> list[Refund]:
    """Refunds that the bank has not confirmed, oldest first."""
    rows = work.connection.execute(select(T).where(T.c.state.in_([QUEUED, ORDERED])).order_by(T.c.number))
    return [Refund(**r._mapping) for r in rows]


def set_state(work: Work, numbers: Sequence[str], state: str, message_id: str = "") -> None:
    """Moves refunds on; a message id is kept once set."""
    values = {"state": state, "message_id": message_id} if message_id else {"state": state}
    work.connection.execute(update(T).where(T.c.number.in_(numbers)).values(**values))
