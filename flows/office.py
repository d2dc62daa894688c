"""What every flow shares: the open site of this process, the moment, the delivery of answers and the operator's page."""

import logging
import re
import threading
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.exceptions import MissingContextError
from sqlalchemy.exc import SQLAlchemyError

from depository import figures
from depository.day import PLANNED, batches_of, with_moments
from depository.reports import Report, Table, Value
from depository.sftp.folders import Folders
from depository.store import events
from flows.clock import RealClock
from flows.screen import NUMBERS
from flows.screen import shown as in_words
from flows.steps.deliver import deliver
from flows.steps.planning import follow
from flows.steps.sites import Site, read_site

if TYPE_CHECKING:
    from flows.steps.batches import BatchResult

log = logging.getLogger(__name__)

ROWS_ON_PAGE = 200
ROWS_BESIDE_FACTS = 20
LONGEST_IN_CELL = 63
"""Characters of a value."""
BESIDE_FACTS = ("Unsettled", "Failing", "Priorities", "Ranking")
"""Tables of a report that an operator wants to see at once, below its facts."""
_open: dict[str, tuple[Site, int]] = {}
"""The open sites, each with the newest event up to which it has followed changes of the timetable."""
_opening = threading.Lock()


def site_of(settings: str) -> Site:
    """The site of a settings file, opened once per process, under the timetable to which operators have moved a day since."""
    key = str(Path(settings).resolve())
    with _opening:
        known = _open.get(key)
        site, seen = known or (read_site(Path(key)), 0)
        now = RealClock(site.market.zone).now()
        if known is None:
            # Just read: it has the times that are in force.
            with site.reading(now, now.date()) as work:
                seen = events.newest(work)
        _open[key] = (site, seen)
        try:
            _open[key] = follow(site, seen, now)
        except SQLAlchemyError as fault:
            # Whoever asked finds out by itself, and knows what to do about it.
            log.warning("whether a day was moved is not known: %s", fault)
        if _open[key][0] is not site:
            log.info("a day was moved: its new times are in force")
        return _open[key][0]


def close_sites() -> None:
    """Closes what this process has opened."""
    for site, _ in _open.values():
        site.close()
    _open.clear()


def moment_of(site: Site, at: datetime | None) -> datetime:
    """The moment given by a simulated day, else the time of day."""
    return at or RealClock(site.market.zone).now()


@contextmanager
def folders_of(site: Site) -> Iterator[Folders]:
    """The SFTP folders, for the length of one piece of work."""
    with site.folders() as folders:
        yield folders


async def carry_out(settings: str, business_date: date, slot: str, at: datetime | None) -> "BatchResult":
    """Runs one batch, delivers its answers and shows its result on the operator's page."""
    # Loaded where a batch runs: the settlement engine takes as much memory as all of the intake.
    from flows.steps.batches import run_batch

    site = site_of(settings)
    if at is None:
        await _until_due(site, business_date, slot)
    moment = moment_of(site, at)
    result = run_batch(site, business_date, slot, moment)
    with folders_of(site) as folders:
        sent = deliver(site, folders, moment)
    _log_of_run().info("%s %s: %s, %s; %d files delivered", business_date, slot, result.state, result.facts, sent)
    await shown(show(result, figures_of(site, business_date, slot, moment)))
    await shown(show_day(site, business_date, moment))
    return result


def _log_of_run() -> "logging.Logger | logging.LoggerAdapter[logging.Logger]":
    """Where a batch tells what it did: the run's log, which operators see, or our own when the reconciler runs it outside of a run."""
    try:
        return get_run_logger()
    except MissingContextError:
        return log


async def _until_due(site: Site, business_date: date, slot: str) -> None:
    """Waits for a batch's moment: that of the main cycle is not shown beforehand, and any may have moved since its run was asked for."""
    clock = RealClock(site.market.zone)
    while True:
        with site.reading(clock.now(), business_date) as work:
            planned = [
                s.batch.due_at for s in batches_of(work, business_date) if (s.batch.slot, s.state) == (slot, PLANNED)
            ]
        if not planned or planned[0] <= clock.now():
            return
        await clock.wait_until(planned[0])


async def shown(showing: Coroutine[Any, Any, None]) -> None:
    """Shows something to operators; that Prefect cannot be reached takes nothing away from what was done."""
    try:
        await showing
    except Exception as fault:  # noqa: BLE001 - what is shown can be looked up in the database, too
        log.warning("Prefect does not show it: %s", fault)


def figures_of(site: Site, business_date: date, slot: str, at: datetime) -> str:
    """The figures of a batch's run, and of intake and operators since the run before it, for its page (KCSD-98)."""
    with site.reading(at, business_date) as work:
        done = figures.runs(work)
        last = next((n for n, run in enumerate(done) if run.name == slot), None)
        if last is None:
            return ""
        mine = done[max(last - 1, 0) : last + 1]
        mine = [run for run in mine if run.name in (slot, figures.BETWEEN)]
        rows = figures.rows(work, mine)
    table = "".join(
        f"\n### {run.name}\n\n"
        + _facts(
            [
                *((column.title, value) for column, value in zip(figures.COLUMNS[1:], row[1:], strict=True)),
                ("Took", run.took),
            ]
        )
        for run, row in zip(mine, rows, strict=True)
    )
    return f"\n## Figures of the run\n{table}"


async def show(result: "BatchResult", figures_page: str = "") -> None:
    """The batch's result as artifacts: facts and figures as a page, tables as tables."""
    # One page per kind of batch, whose older versions are the earlier batches of the kind.
    key = re.sub(r"-\d+$", "", result.slot.lower())
    await acreate_markdown_artifact(
        markdown=page_of(result) + figures_page, key=key, description=f"{result.business_date} {result.slot}"
    )
    if result.report is not None:
        for table in result.report.tables:
            await _show_table(result.report, table, key)


def page_of(result: "BatchResult") -> str:
    """The operator's page of a batch: its facts, and those of its report (of a cycle: the certificate)."""
    from depository.cycle_report import jsonable

    page = f"# {result.slot}, {result.business_date}: {result.state}\n\n{_facts(jsonable(result.facts).items())}"
    if result.report is not None:
        page += f"\n## {result.report.title}\n\n{_facts(result.report.facts)}"
        beside = [table for table in result.report.tables if table.name in BESIDE_FACTS]
        page += "".join(_beside(table, result.report.title) for table in beside)
    return page


def _facts(facts: Iterable[tuple[str, Value]]) -> str:
    """Label and value pairs as a table; long values below it, as Prefect's screen breaks no line in a cell and would cut them off."""
    told = [(name, in_words(value)) for name, value in facts]
    below = "".join(f"\n**{name}**: {value}\n" for name, value in told if len(value) > LONGEST_IN_CELL)
    return _grid(("fact", "value"), [one for one in told if len(one[1]) <= LONGEST_IN_CELL]) + below


def _beside(table: Table, above: str) -> str:
    """A table below the facts: its first rows, numbers to the right; `above` is the heading that stands there."""
    heading = "" if table.title == above else f"\n### {table.title}\n"
    if not table.rows:
        return f"{heading}\n{table.note}\n"
    left = len(table.rows) - ROWS_BESIDE_FACTS
    more = f"\n{left:,} more: the whole table stands beside this page.\n" if left > 0 else ""
    rules = ["---:" if column.kind in NUMBERS else "---" for column in table.columns]
    rows = _grid([column.title for column in table.columns], table.rows[:ROWS_BESIDE_FACTS], rules)
    return f"{heading}\n{rows}{more}"


def _grid(header: Sequence[str], rows: Iterable[Sequence[Value]], rules: Sequence[str] = ()) -> str:
    """A table of a page; a stroke in a value would end its cell."""
    lines = [
        header,
        rules or ["---"] * len(header),
        *([in_words(value).replace("|", r"\|") for value in row] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


async def show_day(site: Site, business_date: date, at: datetime) -> None:
    """The day at a glance: every batch with its moment, state and result. The main cycle's moment is shown once it has run."""
    with site.reading(at, business_date) as work:
        states = with_moments(work, batches_of(work, business_date))
    rows = [
        {
            "batch": s.batch.slot,
            "due": due,
            "state": s.state,
            "result": s.in_words(),
        }
        for s, due in states
    ]
    await acreate_table_artifact(table=rows, key="the-day", description=f"Business day {business_date}")


async def _show_table(report: Report, table: Table, key: str) -> None:
    rows = [
        {column.title: in_words(value) for column, value in zip(table.columns, row, strict=True)}
        for row in table.rows[:ROWS_ON_PAGE]
    ]
    if rows:
        name = f"{key}-{table.name.lower()}"
        await acreate_table_artifact(table=rows, key=name, description=f"{report.title}: {table.title}")
