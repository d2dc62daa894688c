"""Challenges of the reports of obligations from trading."""

from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import insert, select, update

from depository.store import schema
from depository.store.work import Work

OPEN = "open"
ANSWERED = "answered"

T = schema.challenge


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a participant says is wrong, and what it was answered."""

    number: str
    participant: str
    reference: str
    trading_day: date
    trade: str
    statement: str
    state: str
    answer: str
    business_date: date
    at: datetime


def add(work: Work, one: Challenge) -> None:
    """Writes a challenge."""
    work.connection.execute(insert(T).values(**asdict(one)))


def get(work: Work, number: str) -> Challenge | None:
    """The challenge with this number."""
    row = work.connection.execute(select(T).where(T.c.number == number)).first()
    return None if row is None else Challenge(**row._mapping)


def open_ones(work: Work) -> list[Challenge]:
    """The challenges that wait for an answer, oldest first."""
    rows = work.connection.execute(select(T).where(T.c.state == OPEN).order_by(T.c.number))
    return [Challenge(**r._mapping) for r in rows]


def answer(work: Work, number: str, text: str) -> None:
    """Keeps the answer."""
    work.connection.execute(update(T).where(T.c.number == number).values(state=ANSWERED, answer=text))
