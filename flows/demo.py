"""The demonstration: a site made anew, its own SFTP server and Prefect server, the sample day played, a summary printed."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

from rich.console import Console

from depository.answers import Receipt, Verdict
from depository.day import batches_of
from depository.fails import FAILED, fails_of_day
from depository.instructions import Status
from depository.reports import Column, Kind, Table, Value, table
from depository.sftp.server import EmbeddedServer
from depository.store import instructions, journal
from depository.verify import verify
from flows.clock import Clock
from flows.screen import DayScreen, print_summary
from flows.server import PrefectServer
from flows.steps.setup import HOST_KEY, forget, load, make_site
from flows.steps.sites import Site, load_market

console = Console()


def run_demo(
    folder: Path, market: Path, sample: Path, day: date, database: str, clock_of: Callable[[datetime], Clock]
) -> None:
    """Plays the sample day in `folder`, which is removed first; `clock_of` makes the day's clock from its first moment."""
    # The screen tells the day; the runs' own logs are in the operators' page.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "WARNING")
    forget(folder)
    zone = load_market(market).zone
    console.print(f"Making a depository in {folder}: folders, keys, database, reference data …", markup=False)
    first = datetime.combine(day - timedelta(days=20), time(8), zone)
    made = make_site(folder, market, sample / "reference", port=0, at=first, database=database, looks=1, apart=0)
    with EmbeddedServer.start(made.sftp_root, made.authorised_keys, made.keys / HOST_KEY) as server:
        # The server takes a free port, which the settings learn now.
        made.settings.write_text(made.settings.read_text().replace("port = 0", f"port = {server.port}"))
        load(made.settings, sample / "reference", first)
        console.print("Starting a Prefect server …")
        with PrefectServer(folder / "prefect") as prefect:
            console.print(f"Operators watch the runs at {prefect.ui_url} while the day is played", markup=False)
            from flows.office import close_sites, site_of
            from flows.simulation import play, play_history

            play_history(made, sample, day)
            clock = clock_of(datetime.combine(day, time(8, 55), zone))
            with DayScreen(f"Business day {day}", clock.now, console) as screen:
                played = asyncio.run(play(made, sample, clock, screen, day))
            site = site_of(str(made.settings))
            tables, facts = summary(site, played.receipts, day, clock.now())
            close_sites()
    places = {
        "Answers, reports and statements": f"{folder}/sftp/<party>/outbox",
        "The operators' reports": f"{folder}/sftp/csd/outbox",
        "Payment orders": f"{folder}/sftp/bank/outbox",
        "Every file that came and went, by hash": f"{folder}/archive",
        "Prove the books": f"csd verify --site {folder}/csd.toml",
    }
    print_summary(f"Business day {day}", tables, places, facts, console)


def summary(
    site: Site, receipts: list[Receipt], day: date, at: datetime
) -> tuple[list[Table], list[tuple[str, Value]]]:
    """What came in, what was refused and why, what settled, who failed, and whether the books prove themselves."""
    with site.reading(at, day) as work:
        touched = instructions.touched_on(work, day)
        fails = fails_of_day(work, FAILED)
        number, head = journal.head(work)
        verdict = verify(work)
        done = Counter(state.state for state in batches_of(work, day))
    # The same file again has the same receipt and counts once; a dry run has none.
    receipts = list({r.number: r for r in receipts if r.number}.values())
    by_form = Counter((r.form or "unreadable", r.verdict.value) for r in receipts)
    refused = Counter(
        (r.form or "unreadable", reject.code.value, reject.rule, reject.message)
        for r in receipts
        for reject in [*r.rejects, *(x for line in r.lines if line.verdict is Verdict.REFUSED for x in line.rejects)]
    )
    statuses = Counter((one.kind.value, one.status.value) for one in touched)
    tables = [
        table(
            "in",
            "What came in",
            (Column("form", "Form"), Column("verdict", "Verdict"), Column("files", "Files", Kind.COUNT)),
            tuple((form, verdict_, count) for (form, verdict_), count in sorted(by_form.items())),
        ),
        table(
            "refused",
            "What was refused, and why",
            (
                Column("form", "Form"),
                Column("code", "Code"),
                Column("rule", "Rule"),
                Column("why", "Why"),
                Column("times", "Times", Kind.COUNT),
            ),
            tuple((*key, count) for key, count in sorted(refused.items())),
        ),
        table(
            "instructions",
            "What became of the instructions",
            (Column("kind", "Kind"), Column("status", "Status"), Column("count", "Instructions", Kind.COUNT)),
            tuple((kind, status, count) for (kind, status), count in sorted(statuses.items())),
        ),
        table(
            "fails",
            "Who failed",
            (
                Column("instruction", "Instruction"),
                Column("causes", "Failing participants"),
                Column("short", "What is short"),
            ),
            tuple((f.instruction, ", ".join(f.causes), f.short) for f in fails),
            "Nobody failed.",
        ),
    ]
    settled = sum(one.status is Status.SETTLED for one in touched)
    facts: list[tuple[str, Value]] = [
        ("Batches", ", ".join(f"{count} {state}" for state, count in sorted(done.items()))),
        ("Instructions settled", settled),
        ("Journal", f"{number} entries, head {head[:16]}…"),
        ("Proof", "the journal proves the books" if not verdict.faults else "; ".join(verdict.faults)),
    ]
    return tables, facts
