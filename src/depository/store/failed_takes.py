"""Files that lie claimed and could not be worked on by a fault of ours: how often tried, and why it failed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from depository.store import schema
from depository.store.work import Work

T = schema.failed_take


@dataclass(frozen=True, slots=True)
class FailedTake:
    """A file by its name on our side, and its tries so far."""

    party: str
    claimed: str
    tries: int
    fault: str
    outage: bool
    """The last fault was one of the surroundings (database, disk): it is tried until it works."""
    first_at: datetime
    last_at: datetime


def every(work: Work) -> list[FailedTake]:
    """All of them, by party and name."""
    rows = work.connection.execute(select(T).order_by(T.c.party, T.c.claimed))
    return [FailedTake(r.party, r.claimed, r.tries, r.fault, bool(r.outage), r.first_at, r.last_at) for r in rows]


def count(work: Work, party: str, claimed: str, fault: str, outage: bool) -> int:
    """Counts one more try that failed at the moment of the work; returns how many there were."""
    mine = (T.c.party == party, T.c.claimed == claimed)
    tries = int(work.connection.execute(select(T.c.tries).where(*mine)).scalar() or 0) + 1
    values = {"tries": tries, "fault": fault, "outage": int(outage), "last_at": work.at}
    if tries == 1:
        work.connection.execute(insert(T).values(party=party, claimed=claimed, first_at=work.at, **values))
    else:
        work.connection.execute(update(T).where(*mine).values(**values))
    return tries


def forget(work: Work, party: str, claimed: str) -> None:
    """The file has been worked on, or is gone."""
    work.connection.execute(delete(T).where(T.c.party == party, T.c.claimed == claimed))
