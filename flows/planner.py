"""Plans the business day: batches from our calendar, one Prefect run each, and takes up what a crash left (design §6)."""

from datetime import date, datetime

from prefect import flow, get_run_logger

from depository.timetable import BatchKind, PlannedBatch, moment
from flows.clock import RealClock
from flows.office import carry_out, site_of
from flows.schedule import schedule_batches
from flows.steps.planning import due, plan

DEPLOYMENT = {kind: f"{kind.value}/{kind.value}" for kind in BatchKind}
GRACE_SECONDS = 120
"""So long after its moment a batch belongs to its own run; then the reconciler takes it up."""


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

    for kind in BatchKind:
        mine = [batch for batch in planned if batch.kind is kind]
        await schedule_batches(mine, DEPLOYMENT[kind], begins)
    return len(planned)


@flow(name="reconcile batches", flow_run_name="take up what is left")
async def take_up(settings: str) -> int:
    """Runs, in order, every batch whose moment passed without it; each batch's lateness policy decides what it does."""
    site = site_of(settings)
    now = RealClock(site.market.zone).now()
    site.archive.sweep()
    left = [batch for batch in due(site, now) if (now - batch.due_at).total_seconds() > GRACE_SECONDS]
    for batch in left:
        get_run_logger().warning(
            "%s of %s did not run at %s; running it now", batch.slot, batch.business_date, batch.due_at
        )
        await carry_out(settings, batch.business_date, batch.slot, None)
    return len(left)
