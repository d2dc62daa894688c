"""The planner: writes the day's batches from the calendar and says which have to run now, after whatever happened (design §6)."""

import secrets
from collections.abc import Callable
from datetime import date, datetime

from depository.day import PLANNED, BatchState, batches_of, plan_day, unfinished_before
from depository.points import reached
from depository.store.events import EventKind
from depository.timetable import PlannedBatch
from flows.steps.inputs import note
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
    reached("plan.committed")
    return planned


def due(site: Site, at: datetime) -> list[PlannedBatch]:
    """Planned batches whose moment has come, of today and of days before that never ran, in order: the reconciler's list."""
    with site.reading(at) as work:
        today = work.market.local(at).date()
        open_ = [*unfinished_before(work, today), *(b for b in batches_of(work, today) if b.state == PLANNED)]
        return [b.batch for b in open_ if b.batch.due_at <= at]
