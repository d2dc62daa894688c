"""Plans the business day: batches from our calendar, one Prefect run each, and takes up what a crash left (design §6)."""

import logging
from datetime import date, datetime, timedelta

from prefect import flow, get_run_logger

from depository.day import batches_of
from depository.timetable import BatchKind, PlannedBatch, moment
from flows.clock import RealClock
from flows.office import carry_out, site_of
from flows.schedule import schedule_batches, until_served
from flows.steps.planning import due, plan

DEPLOYMENT = {kind: f"{kind.value}/{kind.value}" for kind in BatchKind}
GRACE_SECONDS = 30
"""So long after its moment a batch belongs to its own run, which takes seconds to start; then the reconciler takes it up."""


@flow(name="plan the day", flow_run_name="plan")
async def plan_the_day(settings: str, day: date | None = None) -> int:
    """Plans today, or `day`, and schedules a run per batch; repeating it changes nothing. Returns how many batches there are."""
    site = site_of(settings)
    now = RealClock(site.market.zone).now()
    planned = [state.batch for state in plan(site, day or now.date(), now)]
    get_run_logger().info("%d batches planned for %s", len(planned), day or now.date())

    def begins(batch: PlannedBatch) -> datetime:
        if batch.kind is BatchKind.MAIN_CYCLE:
            earliest = site.market.timetable(batch.business_date).main_earliest
            return moment(batch.business_date, earliest, site.market.zone)
        return batch.due_at

    await until_served(DEPLOYMENT.values())
    for kind in BatchKind:
        mine = [batch for batch in planned if batch.kind is kind]
        await schedule_batches(mine, DEPLOYMENT[kind], begins)
    return len(planned)


@flow(name="reconcile batches", flow_run_name="take up what is left")
async def take_up(settings: str) -> int:
    """Runs, in order, every batch whose moment passed without it; each batch's lateness policy decides what it does."""
    return await take_up_what_is_left(settings, get_run_logger())


async def take_up_what_is_left(
    settings: str, log: "logging.Logger | logging.LoggerAdapter[logging.Logger]", started: datetime | None = None
) -> int:
    """The same as a plain function: it needs no Prefect, and plans the day when Prefect's own run did not.

    What was due before the moment `started`, at which the depository was started, is taken up at once: its run died with the process
    before. A batch that fails is told and holds up no later one by being tried first. Raises the first such fault at the end.
    """
    site = site_of(settings)
    now = RealClock(site.market.zone).now()
    with site.reading(now, now.date()) as work:
        planned = batches_of(work, now.date())
    if not planned:
        plan(site, now.date(), now)
    ours = now - timedelta(seconds=GRACE_SECONDS)
    left = [
        batch for batch in due(site, now) if batch.due_at < ours or (started is not None and batch.due_at < started)
    ]
    fault: Exception | None = None
    for batch in left:
        log.warning("%s of %s did not run at %s; running it now", batch.slot, batch.business_date, batch.due_at)
        try:
            await carry_out(settings, batch.business_date, batch.slot, None)
        except Exception as problem:  # noqa: BLE001 - told, and raised when the others have had their turn
            log.error("%s of %s: %s", batch.slot, batch.business_date, problem)
            fault = fault or problem
    if fault is not None:
        raise fault
    return len(left)
