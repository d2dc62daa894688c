"""Closures and blocks of accounts, with what each rests on."""

from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import insert, select, update

from depository.store import schema
from depository.store.work import Work

CLOSED = "closed"
BLOCKED = "blocked"
IN_FORCE = "in force"
LIFTED = "lifted"

T = schema.account_change


@dataclass(frozen=True, slots=True)
class AccountChange:
    """A closure at its participant's request, or a block by order of a body."""

    number: str
    account: str
    action: str
    body: str
    """Who ordered a block: a court, a bailiff, the regulator; "" for a closure."""
    document: str
    """The order's own number, or the participant's number of the form."""
    reason: str
    state: str
    business_date: date
    at: datetime


def add(work: Work, one: AccountChange) -> None:
    """Writes a change."""
    work.connection.execute(insert(T).values(**asdict(one)))


def block_of(work: Work, account: str) -> AccountChange | None:
    """The block that is in force on an account."""
    found = select(T).where(T.c.account == account, T.c.action == BLOCKED, T.c.state == IN_FORCE)
    row = work.connection.execute(found).first()
    return None if row is None else AccountChange(**row._mapping)


def blocks(work: Work) -> list[AccountChange]:
    """The blocks in force, by number."""
    rows = work.connection.execute(select(T).where(T.c.action == BLOCKED, T.c.state == IN_FORCE).order_by(T.c.number))
    return [AccountChange(**r._mapping) for r in rows]


def lift(work: Work, number: str) -> None:
    """Ends a block."""
    work.connection.execute(update(T).where(T.c.number == number).values(state=LIFTED))
