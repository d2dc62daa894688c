"""Withdrawals of money and their payment orders."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import insert, select, update

from depository.store import schema
from depository.store.work import Work

QUEUED = "queued"
ORDERED = "ordered"
PAID = "paid"
RETURNED = "returned"

T = schema.withdrawal


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A withdrawal whose money is blocked until the bank confirms; `number` is the payment's end-to-end id. Amount in units."""

    number: str
    participant: str
    reference: str
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
    """The part of the balance that a withdrawal blocks."""
    return f"WRN/{number}"


def blocks(work: Work) -> dict[tuple[str, str, str], int]:
    """What withdrawals block until the bank confirms them: (participant, currency, part) -> amount in smallest units."""
    rows = work.connection.execute(
        select(T.c.participant, T.c.currency, T.c.number, T.c.amount).where(T.c.state.in_([QUEUED, ORDERED]))
    )
    return {(r.participant, r.currency, blocked_part(r.number)): int(r.amount) for r in rows}


def add(work: Work, one: Withdrawal) -> None:
    """Writes a withdrawal."""
    work.connection.execute(insert(T).values(**asdict(one)))


def get(work: Work, number: str) -> Withdrawal | None:
    """The withdrawal with this number."""
    row = work.connection.execute(select(T).where(T.c.number == number)).first()
    return None if row is None else Withdrawal(**row._mapping)


def in_state(work: Work, state: str, pay_by: date) -> list[Withdrawal]:
    """Withdrawals in a state to be paid by a date, oldest first."""
    rows = work.connection.execute(select(T).where(T.c.state == state, T.c.pay_on <= pay_by).order_by(T.c.number))
    return [Withdrawal(**r._mapping) for r in rows]


def of_participant(work: Work, participant: str, states: Sequence[str]) -> list[Withdrawal]:
    """A participant's withdrawals in these states."""
    rows = work.connection.execute(
        select(T).where(T.c.participant == participant, T.c.state.in_(states)).order_by(T.c.number)
    )
    return [Withdrawal(**r._mapping) for r in rows]


def set_state(work: Work, numbers: Sequence[str], state: str, message_id: str = "") -> None:
    """Moves withdrawals on; a message id is kept once set."""
    values = {"state": state, "message_id": message_id} if message_id else {"state": state}
    work.connection.execute(update(T).where(T.c.number.in_(numbers)).values(**values))
