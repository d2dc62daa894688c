"""Takes files in all day: one resident run looks at every folder again and again, many files a run (design §6)."""

import asyncio
import threading
from datetime import datetime, timedelta
from pathlib import Path

from prefect import flow, get_run_logger, runtime
from prefect.artifacts import acreate_table_artifact
from tenacity import retry, retry_if_exception_type, stop_never, wait_random_exponential

from depository.answers import Receipt, Verdict
from depository.sftp.errors import SftpError
from depository.store.failed_takes import FailedTake
from flows.clock import RealClock
from flows.office import folders_of, moment_of, shown, site_of
from flows.steps import confining, technology_time
from flows.steps.deliver import deliver
from flows.steps.intake import take_files
from flows.steps.resident import Resident, pause_after
from flows.steps.sites import Site
from flows.steps.technology_time import Waits

SHOWN = 50
"""Files on the operators' page."""
SHOW_EVERY = timedelta(seconds=2)
"""Between two such pages, and the lines in the run's log that go with them."""
_shown: dict[Path, list[FailedTake]] = {}
"""By site, the failing files that operators were shown last."""
_shown_waiting: dict[Path, Waits | None] = {}
"""By site, what operators were shown last of the technology time."""
STOP = threading.Event()
"""Set by who runs the resident intake when it has to end."""


def _name_of_look() -> str:
    """The run's name for operators."""
    at = runtime.flow_run.parameters.get("at")
    return f"look at {at:%Y-%m-%d %H:%M}" if at else "look now"


@flow(name="take files", flow_run_name=_name_of_look)
async def take_once(settings: str, at: datetime | None = None) -> list[Receipt]:
    """One look at every folder, and delivery of the answers; for a simulated day and for operators."""
    site = site_of(settings)
    moment = moment_of(site, at)
    with folders_of(site) as folders:
        receipts = take_files(site, folders, moment)
        deliver(site, folders, moment)
    if receipts:
        await shown(_show(receipts))
    await shown(_show_failing(site, moment))
    await shown(_show_waiting(site, moment))
    return receipts


@flow(name="intake", flow_run_name="resident intake")
async def intake(settings: str, seconds_between: float = 0.5) -> int:
    """Looks again and again until `STOP` is set, with hardly a pause while many files come; returns how many files it took.

    A broken connection is tried again for ever, later and later up to a minute; nothing is lost meanwhile.
    """
    site = site_of(settings)
    clock = RealClock(site.market.zone)
    taken = 0
    unshown: list[Receipt] = []
    show_next = clock.now()
    with Resident(site) as resident:
        while not STOP.is_set():
            site = site_of(settings)
            resident.follow(site)
            receipts = await _patiently(resident, clock)
            taken += len(receipts)
            unshown = [*unshown, *receipts][-SHOWN:]
            if clock.now() >= show_next:
                if unshown:
                    await shown(_show(unshown))
                await shown(_show_failing(site, clock.now()))
                await shown(_show_waiting(site, clock.now()))
                unshown, show_next = [], clock.now() + SHOW_EVERY
            await clock.wait_until(clock.now() + timedelta(seconds=pause_after(receipts, seconds_between)))
    if unshown:
        await shown(_show(unshown))
    return taken


@retry(
    retry=retry_if_exception_type((SftpError, OSError)),
    wait=wait_random_exponential(max=60),
    stop=stop_never,
    sleep=asyncio.sleep,
    before_sleep=lambda state: get_run_logger().warning(
        "SFTP: %s; trying again", state.outcome and state.outcome.exception()
    ),
)
async def _patiently(resident: Resident, clock: RealClock) -> list[Receipt]:
    return resident.look(clock.now())


async def _show_failing(site: Site, at: datetime) -> None:
    """Files that wait because of a fault of ours, on the operators' page and in the run's log, whenever that has changed."""
    failing = confining.waiting(site, at)
    known = _shown.get(site.var, [])
    if failing == known:
        return
    for one in failing:
        if one not in known:
            get_run_logger().error("%s/%s, try %d: %s", one.party, one.claimed, one.tries, one.fault)
    rows = [
        {
            "party": one.party,
            "file": one.claimed,
            "tries": str(one.tries),
            "fault": one.fault,
            "since": f"{site.market.local(one.first_at):%Y-%m-%d %H:%M:%S}",
        }
        for one in failing[:SHOWN]
    ]
    page = rows or [{"party": "", "file": "none", "tries": "", "fault": "", "since": ""}]
    await acreate_table_artifact(table=page, key="files-failing", description="Files that wait by a fault of ours")
    _shown[site.var] = failing


async def _show_waiting(site: Site, at: datetime) -> None:
    """In the technology time, its end and the files that wait for it; once more when it is over (CSD-7.6.5-b)."""
    waits = technology_time.waits(site, at)
    if waits == _shown_waiting.get(site.var):
        return
    _shown_waiting[site.var] = waits
    about = "No technology time: nothing waits" if waits is None else f"Technology time {waits.span}: these files wait"
    get_run_logger().info("%s%s", about, "" if waits is None else f" ({len(waits.files)})")
    rows = [
        {"party": one.party, "file": one.name, "since": f"{site.market.local(one.since):%Y-%m-%d %H:%M:%S}"}
        for one in (waits.files[:SHOWN] if waits else ())
    ]
    await acreate_table_artifact(
        table=rows or [{"party": "", "file": "none", "since": ""}], key="files-waiting", description=about
    )


async def _show(receipts: list[Receipt]) -> None:
    logger = get_run_logger()
    for receipt in receipts:
        refused = sum(line.verdict is Verdict.REFUSED for line in receipt.lines)
        what = f"{receipt.verdict}, {len(receipt.lines)} lines, {refused} refused"
        logger.info("%s %s %s: %s", receipt.number, receipt.sender, receipt.file_name, what)
    rows = [
        {
            "receipt": r.number,
            "party": r.sender,
            "file": r.file_name,
            "form": r.form,
            "verdict": r.verdict.value,
            "lines": str(len(r.lines)),
            "refused": str(sum(line.verdict is Verdict.REFUSED for line in r.lines)),
            "arrived": r.arrived_at.isoformat(timespec="seconds"),
        }
        for r in receipts[-SHOWN:]
    ]
    await acreate_table_artifact(table=rows, key="files-taken", description="The last files taken")
