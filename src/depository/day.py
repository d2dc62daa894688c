"""The day's plan: batches from the calendar and the timetable, and the moment of the main cycle, drawn once (CSD-5.2.10-a)."""

import hashlib
from datetime import datetime, timedelta

from depository.store import batches as store
from depository.store import register
from depository.store.batches import (
    DONE,
    PLANNED,
    SKIPPED,
    BatchState,
    Draw,
    batches_of,
    draw_of,
    finish,
    reveal,
    unfinished_before,
)
from depository.store.work import Work
from depository.timetable import LATE_POLICY, Lateness, PlannedBatch, moment, plan

__all__ = [
    "DONE",
    "PLANNED",
    "SKIPPED",
    "BatchState",
    "Draw",
    "batches_of",
    "draw_of",
    "finish",
    "moment_of",
    "overtaken",
    "plan_day",
    "reveal",
    "to_start",
    "unfinished_before",
]


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
        store.add(work, planned)
    return batches_of(work, day)


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


def _draw(work: Work, secret: str) -> Draw:
    times = work.market.timetable(work.business_date)
    earliest = moment(work.business_date, times.main_earliest, work.market.zone)
    latest = moment(work.business_date, times.main_latest, work.market.zone)
    drawn = Draw(
        work.business_date, hashlib.sha256(secret.encode()).hexdigest(), secret, moment_of(secret, earliest, latest)
    )
    store.add_draw(work, drawn)
    return drawn
