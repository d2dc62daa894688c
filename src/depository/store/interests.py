"""Recorded security interests and their enforcements."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import insert, or_, select, update

from depository.store import schema
from depository.store.work import Work

LOCKED = "locked"
DISCHARGED = "discharged"
ENFORCED = "enforced"
PENDING = "pending"
DONE = "done"

I = schema.interest  # noqa: E741 - the tables of this module
E = schema.enforcement


@dataclass(frozen=True, slots=True)
class Interest:
    """A security interest: `quantity` was locked at first, `locked` is what still is (smallest units)."""

    number: str
    reference: str
    debtor: str
    debtor_account: str
    secured_party: str
    secured_account: str
    isin: str
    quantity: int
    locked: int
    agreement_number: str
    agreement_date: date | None
    additional_information: str
    state: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Enforcement:
    """A secured party's notice of enforcement, to be carried out on `transfer_on`."""

    number: str
    interest: str
    reference: str
    quantity: int
    received_on: date
    transfer_on: date
    state: str
    details: str


def blocked_part(number: str) -> str:
    """The part of the balance that an interest locks."""
    return f"SIN/{number}"


def blocks(work: Work) -> dict[tuple[str, str, str], int]:
    """What interests lock at present: (account, ISIN, part) -> quantity in smallest units."""
    rows = work.connection.execute(select(I.c.debtor_account, I.c.isin, I.c.number, I.c.locked).where(I.c.locked != 0))
    return {(r.debtor_account, r.isin, blocked_part(r.number)): int(r.locked) for r in rows}


def add(work: Work, one: Interest) -> None:
    """Writes an interest."""
    work.connection.execute(insert(I).values(**asdict(one)))


def get(work: Work, number: str) -> Interest | None:
    """The interest with this number."""
    row = work.connection.execute(select(I).where(I.c.number == number)).first()
    return None if row is None else Interest(**row._mapping)


def set_locked(work: Work, number: str, locked: int, state: str) -> None:
    """Changes what an interest still locks."""
    work.connection.execute(update(I).where(I.c.number == number).values(locked=locked, state=state))


def of_party(work: Work, participant: str) -> list[Interest]:
    """Interests in force in which a participant is debtor or secured party."""
    mine = or_(I.c.debtor == participant, I.c.secured_party == participant)
    rows = work.connection.execute(select(I).where(mine, I.c.state == LOCKED).order_by(I.c.number))
    return [Interest(**r._mapping) for r in rows]


def add_enforcement(work: Work, one: Enforcement) -> None:
    """Writes an enforcement."""
    work.connection.execute(insert(E).values(**asdict(one)))


def enforcements(work: Work, interest: str = "", due_by: date | None = None) -> Sequence[Enforcement]:
    """Enforcements still to be carried out, of one interest or due by a date."""
    query = select(E).where(E.c.state == PENDING).order_by(E.c.number)
    if interest:
        query = query.where(E.c.interest == interest)
    if due_by is not None:
        query = query.where(E.c.transfer_on <= due_by)
    return [Enforcement(**r._mapping) for r in work.connection.execute(query)]


def close_enforcement(work: Work, number: str) -> None:
    """Marks an enforcement carried out."""
    work.connection.execute(update(E).where(E.c.number == number).values(state=DONE))
