"""The day's plan: batches from the calendar and the timetable, and the moment of the main cycle, drawn once (CSD-5.2.10-a)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from depository.store import batches as store
from depository.store import register
from depository.store.batches import (
    DONE,
    MOVED_AWAY,
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
from depository.timetable import LATE_POLICY, BatchKind, Lateness, PlannedBatch, moment, plan

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
    "move_day",
    "overtaken",
    "plan_day",
    "reveal",
    "to_start",
    "unfinished_before",
    "with_moments",
]


def with_moments(work: Work, states: Sequence[BatchState]) -> list[tuple[BatchState, str]]:
    """The day's batches in their order, each with its moment as operators may see it.

    Of a main cycle that has not run neither the moment nor its place between others tells what was drawn (CSD-5.2.10-a): it stands
    where its window begins.
    """

    def hidden(state: BatchState) -> bool:
        return state.batch.kind is BatchKind.MAIN_CYCLE and state.state == PLANNED

    def place(state: BatchState) -> tuple[datetime, bool]:
        if not hidden(state):
            return state.batch.due_at, True
        day = state.batch.business_date
        return moment(day, work.market.timetable(day).main_earliest, work.market.zone), False

    return [
        (state, "drawn by lot" if hidden(state) else f"{state.batch.due_at:%H:%M:%S}")
        for state in sorted(states, key=place)
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


def move_day(work: Work) -> list[str]:
    """Brings what is left of a planned day to the timetable that is in force now (CSD-7.6.5-c); returns the slots that changed.

    What has run stays as it was. A main cycle that has not run is drawn from the new window by the same secret, so the published
    commitment holds. Raises LookupError, changing nothing, where the day cannot follow.
    """
    day, at, zone = work.business_date, work.at, work.market.zone
    now = {state.batch.slot: state for state in batches_of(work, day)}
    drawn = draw_of(work, day)
    if drawn is None or not now:
        raise LookupError(f"{day} is not planned yet: it will follow the timetable when it is; plan it with `csd plan`")
    if now["end-of-day"].state != PLANNED:
        raise LookupError(f"{day} has ended; a change is in force from the next day that is planned")
    timetable = work.market.timetable(day)
    main = drawn.moment
    if "main-cycle" in now and now["main-cycle"].waits:
        main = _moment_of(work, drawn.secret)
        if main != drawn.moment and moment(day, timetable.main_earliest, zone) <= at:
            raise LookupError(
                f"the main cycle's new window must not have begun: let it begin after {work.market.local(at):%H:%M} in timetable.toml"
            )
        store.move_draw(work, main)
    wanted = _renumbered(plan(day, register.calendar(work).is_settlement_day(day), timetable, main, zone), now, at)
    changed = []
    for slot, was in now.items():
        if was.state == PLANNED and slot not in wanted:
            finish(work, slot, SKIPPED, MOVED_AWAY)
            changed.append(slot)
    for slot, batch in wanted.items():
        known = now.get(slot)
        if known is None and batch.due_at > at:
            store.add(work, [batch])
        elif known is not None and known.waits and (known.state, known.batch.due_at) != (PLANNED, batch.due_at):
            store.move(work, batch)
        else:
            continue
        changed.append(slot)
    return sorted(changed)


def _renumbered(
    planned: Sequence[PlannedBatch], now: Mapping[str, BatchState], at: datetime
) -> dict[str, PlannedBatch]:
    """The batches by slot. Late cycles count on from those that have run, as their slots say which of the day they are."""
    late = [batch for batch in planned if batch.kind is BatchKind.LATE_CYCLE and batch.due_at > at]
    ran = sum(state.batch.kind is BatchKind.LATE_CYCLE and not state.waits for state in now.values())
    others = {batch.slot: batch for batch in planned if batch.kind is not BatchKind.LATE_CYCLE}
    return others | {(slot := f"late-{n:02d}"): replace(batch, slot=slot) for n, batch in enumerate(late, ran + 1)}


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
    commitment = hashlib.sha256(secret.encode()).hexdigest()
    drawn = Draw(work.business_date, commitment, secret, _moment_of(work, secret))
    store.add_draw(work, drawn)
    return drawn


def _moment_of(work: Work, secret: str) -> datetime:
    """The moment that a secret stands for in the window of the day's timetable."""
    day, times, zone = work.business_date, work.market.timetable(work.business_date), work.market.zone
    return moment_of(secret, moment(day, times.main_earliest, zone), moment(day, times.main_latest, zone))
