"""The planner: writes the day's batches from the calendar and says which have to run now, after whatever happened (design §6)."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

from depository.day import PLANNED, BatchState, batches_of, move_day, plan_day, unfinished_before
from depository.market import read_market
from depository.notices import Audience, notify
from depository.points import reached
from depository.store import events, register
from depository.store.events import EventKind
from depository.timetable import PlannedBatch
from flows.steps.approval import two_persons
from flows.steps.inputs import note
from flows.steps.outgoing import queue_notices
from flows.steps.program import keep_program
from flows.steps.sites import Site


def plan(
    site: Site, day: date, at: datetime, secret: Callable[[], str] = lambda: secrets.token_hex(16)
) -> list[BatchState]:
    """Plans a day once; the moment of the main cycle is drawn from fresh randomness (CSD-5.2.10-a) and never drawn again."""
    with site.writing(at, day) as work:
        before = batches_of(work, day)
        if before:
            return before
        drawn = secret()
        reached("plan.drawn")
        planned = plan_day(work, drawn)
        reached("plan.written")
        if planned:
            note(work, site.archive, EventKind.PLAN, {"day": day.isoformat(), "secret": drawn})
            keep_program(work, site.archive)
    reached("plan.committed")
    return planned


def move(site: Site, day: date, operator: str, approved_by: str, at: datetime) -> list[str]:
    """Brings a planned day to a changed timetable, which all participants are told (CSD-7.6.5-c); returns the slots that changed.

    Two persons answer for it (design, section 6). Raises LookupError, changing nothing, when they are one or the day cannot follow.
    """
    two_persons("a change of the timetable", operator, approved_by)
    cause = f"timetable/{day.isoformat()}"
    with site.writing(at, day) as work:
        changed = move_day(work)
        body = (
            f"The timetable of {day} has changed. What has run stays as it was; these times hold from now on. "
            "The secret whose hash was published at the opening stays the same and gives the moment of the main cycle in its window."
        )
        times = work.market.timetable(day).published()
        for party in register.participants(work):
            notice = notify(work, party.code, f"Timetable of {day} changed", body, times, Audience.ALL)
            queue_notices(work, site.archive, [notice], cause)
        note(work, site.archive, EventKind.TIMETABLE, {"operator": operator, "approved_by": approved_by})
    return changed


def follow(site: Site, seen: int, at: datetime) -> tuple[Site, int]:
    """The site under the timetable to which `move` has moved a day after the event `seen`, as it was approved; and the newest event.

    The very same site when no day has moved, so that what runs for days knows the new times without being started again (CSD-7.6.5-c).
    """
    with site.reading(at, at.date()) as work:
        newest = events.newest(work)
        moved = events.last_timetable(work, seen) if newest > seen else None
    if moved is None:
        return site, newest
    market, timetable = (site.archive.get(digest).decode() for digest in moved.data["market"])
    return replace(site, market=read_market(market, timetable)), newest


def due(site: Site, at: datetime) -> list[PlannedBatch]:
    """Planned batches whose moment has come, of today and of days before that never ran, in order: the reconciler's list."""
    with site.reading(at) as work:
        today = work.market.local(at).date()
        open_ = [*unfinished_before(work, today), *(b for b in batches_of(work, today) if b.state == PLANNED)]
        return [b.batch for b in open_ if b.batch.due_at <= at]
