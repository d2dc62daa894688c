"""Requests to have an unsettled trade cancelled."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from depository.store import schema
from depository.store.work import Work

WAITING = "waiting"
CANCELLED = "cancelled"
NOT_NEEDED = "not needed"
"""The trade was no longer open when the request's moment came."""

T = schema.cancellation


@dataclass(frozen=True, slots=True)
class Cancellation:
    """A request to cancel an instruction; `requested_by` "" = the depository of its own accord."""

    number: str
    instruction: str
    requested_by: str
    reference: str
    """The requester's number of the form, "" for the depository."""
    reason: str
    state: str
    requested_at: datetime


def add(work: Work, one: Cancellation) -> None:
    """Writes a request."""
    work.connection.execute(insert(T).values(**asdict(one)))


def get(work: Work, number: str) -> Cancellation | None:
    """The request with this number."""
    row = work.connection.execute(select(T).where(T.c.number == number)).first()
    return None if row is None else Cancellation(**row._mapping)


def waiting(work: Work) -> list[Cancellation]:
    """The requests that wait, oldest first."""
    rows = work.connection.execute(select(T).where(T.c.state == WAITING).order_by(T.c.number))
    return [Cancellation(**r._mapping) for r in rows]


def set_state(work: Work, number: str, state: str) -> None:
    """Moves a request on."""
    work.connection.execute(update(T).where(T.c.number == number).values(state=state))
