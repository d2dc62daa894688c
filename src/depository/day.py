"""The day's plan: batches from the calendar and the timetable, and the moment of the main cycle, drawn once (CSD-5.2.10-a)."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import insert, select, update

from depository.store import register, schema
from depository.store.work import Work
from depository.timetable import LATE_POLICY, BatchKind, Lateness, PlannedBatch, moment, plan

PLANNED = "planned"
DONE = "done"
SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Draw:
    """The random moment: `commitment` is published before, `secret` and `moment` after; SHA-256(secret) is the commitment."""

    business_date: date
    commitment: str
    secret: str
    moment: datetime


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as the database has it; the database decides, whatever triggers (design §6)."""

    batch: PlannedBatch
    state: str
    result: str


def moment_of(secret: str, earliest: datetime, latest: datetime) -> datetime:
    """The moment that a secret stands for: whole seconds, both ends included, evenly spread."""
    span = int((latest - earliest).total_seconds()) + 1
    return earliest + timedelta(seconds=int(hashlib.sha256(f"moment {secret}".encode()).hexdigest(), 16) % span)


def plan_day(work: Work, secret: str) -> list[BatchState]:
    """Writes the batches of the business day once; planning again, or by two planners at once, changes nothing.

    `secret` is fresh randomness for the main cycle's moment; it is used only when none was drawn yet.
    """
    calendar = register.calendar(work)
    day = work.business_date
    if not calendar.is_business_day(day):
        return []
    if not batches_of(work, day):
        drawn = _draw(work, secret)
        planned = plan(day, calendar.is_settlement_day(day), work.market.timetable(day), drawn.moment, work.market.zone)
        work.connection.execute(
            insert(schema.batch),
            [
                {
                    "business_date": b.business_date,
                    "slot": b.slot,
                    "kind": b.kind.value,
                    "due_at": b.due_at,
                    "state": PLANNED,
                    "result": "",
                }
                for b in planned
            ],
        )
    return batches_of(work, day)


def batches_of(work: Work, day: date) -> list[BatchState]:
    """The batches of a day in order of their moment."""
    t = schema.batch
    rows = work.connection.execute(select(t).where(t.c.business_date == day))
    order = list(BatchKind)
    found = [
        BatchState(PlannedBatch(r.business_date, r.slot, BatchKind(r.kind), work.market.local(r.due_at)), r.state, r.result)
        for r in rows
    ]
    return sorted(found, key=lambda b: (b.batch.due_at, order.index(b.batch.kind)))


def unfinished_before(work: Work, day: date) -> list[BatchState]:
    """Planned batches of earlier days that never ran."""
    t = schema.batch
    days = work.connection.execute(
        select(t.c.business_date).where(t.c.business_date < day, t.c.state == PLANNED).distinct().order_by(t.c.business_date)
    ).scalars()
    return [b for d in list(days) for b in batches_of(work, d) if b.state == PLANNED]


def to_start(work: Work, slot: str) -> BatchState | None:
    """The batch if it still has to run, None when it is done or was skipped (its key is unique, so it runs once)."""
    found = [b for b in batches_of(work, work.business_date) if b.batch.slot == slot]
    return found[0] if found and found[0].state == PLANNED else None


def overtaken(work: Work, batch: PlannedBatch) -> bool:
    """Has a later batch of the same kind come due, so that this late one has nothing of its own to do?"""
    if LATE_POLICY[batch.kind] is Lateness.RUN:
        return False
    return any(
        other.batch.kind is batch.kind and batch.due_at < other.batch.due_at <= work.at
        for other in batches_of(work, batch.business_date)
    )


def finish(work: Work, slot: str, state: str, result: str) -> None:
    """Marks a batch in the same transaction that holds its effect."""
    t = schema.batch
    work.connection.execute(
        update(t)
        .where(t.c.business_date == work.business_date, t.c.slot == slot)
        .values(state=state, result=result, started_at=work.at, finished_at=work.at)
    )


def draw_of(work: Work, day: date) -> Draw | None:
    """The draw of a day."""
    row = work.connection.execute(select(schema.draw).where(schema.draw.c.business_date == day)).first()
    return None if row is None else Draw(row.business_date, row.commitment, row.secret, work.market.local(row.moment))


def reveal(work: Work) -> None:
    """Notes that the secret has been published."""
    t = schema.draw
    work.connection.execute(update(t).where(t.c.business_date == work.business_date).values(revealed_at=work.at))


def _draw(work: Work, secret: str) -> Draw:
    times = work.market.timetable(work.business_date)
    earliest = moment(work.business_date, times.main_earliest, work.market.zone)
    latest = moment(work.business_date, times.main_latest, work.market.zone)
    drawn = Draw(
        work.business_date, hashlib.sha256(secret.encode()).hexdigest(), secret, moment_of(secret, earliest, latest)
    )
    work.connection.execute(
        insert(schema.draw).values(
            business_date=drawn.business_date, commitment=drawn.commitment, secret=secret, moment=drawn.moment
        )
    )
    return drawn
