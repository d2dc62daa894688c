"""Commands that make a site, run it and show how the day stands."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE
from rich.table import Table as Grid
from rich.text import Text

from flows.clock import RealClock
from flows.commands.common import MARKET, SAMPLE, Approver, Day, Operator, Settings, console, opened, settings_file
from flows.steps.sites import Site, load_market

if TYPE_CHECKING:
    from depository.figures import Run

app = typer.Typer()


@app.command(rich_help_panel="Run a depository")
def init(
    folder: Annotated[Path, typer.Argument(help="An empty folder for the site.")],
    reference: Annotated[
        Path, typer.Option(help="Folder with parties.csv, accounts.csv …", show_default="the sample's")
    ] = SAMPLE / "reference",
    market: Annotated[
        Path, typer.Option(help="Folder with market.toml and timetable.toml.", show_default="Kazakhstan (model)")
    ] = MARKET,
    port: Annotated[int, typer.Option(help="Port of the SFTP server.")] = 2222,
    database: Annotated[
        str, typer.Option(help="Database URL, e.g. postgresql+psycopg://user@host/name.")
    ] = "sqlite:///csd.db",
) -> None:
    """Make a site: SFTP folders, keys, settings file, database with the reference data."""
    from flows.steps.setup import load as load_data
    from flows.steps.setup import make_site

    if (folder / "csd.toml").exists():
        raise FileExistsError(
            f"{folder} has a site already (csd.toml): name a new folder, or load changes with `csd load`"
        )
    at = _now_at(market)
    made = make_site(folder, market, reference, port, at, database)
    try:
        counts = load_data(made.settings, reference, at)
    except BaseException:
        # No site yet: the same can be said again when it is mended.
        made.settings.unlink()
        raise
    for name, count in counts.items():
        console.print(f"  {name}: {count}")
    console.print(f"The site is in {folder}. Run it with an SFTP server of its own, for a trial:", markup=False)
    console.print(f"  csd up --own-sftp --site {made.settings}", markup=False, soft_wrap=True)
    console.print("or with OpenSSH (docs/operating/sftp.md), then without --own-sftp.")


@app.command(rich_help_panel="Run a depository")
def load(
    reference: Annotated[Path, typer.Argument(help="Folder with reference files.")], site: Settings = Path("csd.toml")
) -> None:
    """Load or change reference data: calendar, parties, powers, bank accounts, products, accounts."""
    from flows.steps.setup import load as load_data

    with opened(site) as (_, at):
        counts = load_data(site, reference, at)
    for name, count in counts.items():
        console.print(f"  {name}: {count}")


@app.command(rich_help_panel="Run a depository")
def up(
    site: Settings = Path("csd.toml"),
    port: Annotated[int | None, typer.Option(help="Port of the Prefect server, a free one when left out.")] = None,
    prefect_database: Annotated[
        str, typer.Option(help="Prefect's own database URL; SQLite beside the site when left out.")
    ] = "",
    own_sftp: Annotated[bool, typer.Option(help="Serve the site's SFTP folders from this process, too.")] = False,
) -> None:
    """Run the depository for real: Prefect server, planner, resident intake, a run for each batch of the day."""
    from flows.up import run_up

    run_up(settings_file(site), port, prefect_database or None, own_sftp)


@app.command(rich_help_panel="Run a depository")
def status(business_date: Day = None, site: Settings = Path("csd.toml")) -> None:
    """Show the day's batches, what waits for delivery, which files were refused, on which the depository fails, which wait at night."""
    from depository.amounts import in_words
    from depository.bank import unidentified
    from depository.day import batches_of, with_moments
    from depository.store import account_changes, challenges, failed_takes, files, notices, payments
    from flows.steps import technology_time

    with opened(site) as (here, at):
        on = business_date.date() if business_date else at.date()
        with here.reading(at, on) as work:
            batches = with_moments(work, batches_of(work, on))
            taken = files.of_day(work, on)
            waiting = files.count_waiting(work)
            failing = failed_takes.every(work)
            nobodys = [
                f"{in_words(work, one.currency, one.amount)}, bank reference {one.reference}, "
                f"from {one.sender.name or 'an unnamed sender'} {one.sender.iban}".rstrip()
                for one in unidentified(work)
            ]
            blocked = account_changes.blocks(work)
            letters = notices.letters(work)
            challenged = challenges.open_ones(work)
            going_back = [
                f"{in_words(work, one.currency, one.amount)}, bank reference {one.credit}, "
                f"to {one.iban}: {one.number} {one.state}, payment day {one.pay_on}"
                + (" (csd take-back)" if one.state == payments.QUEUED else "")
                for one in payments.refunds_under_way(work)
            ]
        waits = technology_time.waits(here, at)
    grid = Grid("Batch", "Due", "State", "Result", title=f"Business day {on}")
    for state, moment in batches:
        grid.add_row(state.batch.slot, moment, state.state, Text(state.in_words()))
    console.print(grid if batches else f"No batch is planned for {on}; csd plan plans a business day.")
    refused = [row for row in taken if row[3] in ("refused", "quarantined", "partly accepted")]
    console.print(f"{len(taken)} files taken, {len(refused)} with refusals; {waiting} answers wait for delivery")
    for money in nobodys:
        console.print(f"nobody's money: {money} (csd assign, csd refund)", markup=False, soft_wrap=True)
    for held in blocked:
        console.print(f"blocked: {held.account} by {held.body}, {held.document} ({held.number})", markup=False)
    for asked in challenged:
        told = f"challenge {asked.number} of {asked.participant}, trade {asked.trade} of {asked.trading_day}"
        console.print(f"{told}: {asked.statement} (csd answer)", markup=False, soft_wrap=True)
    for letter in letters:
        told = f"letter {letter.number} of {letter.business_date} to {letter.addressee}: {letter.subject}"
        console.print(f"{told} (within a business day; then csd handed-over)", markup=False, soft_wrap=True)
    for money in going_back:
        console.print(f"goes back to its sender: {money}", markup=False, soft_wrap=True)
    if waits is not None:
        console.print(f"technology time {waits.span}: {len(waits.files)} files wait for its end")
        for seen in waits.files:
            since = f"since {here.market.local(seen.since):%H:%M:%S}"
            console.print(f"  {seen.party} {seen.name} {since}", markup=False, soft_wrap=True)
    if here.signer is not None:
        console.print(f"our signatures: {here.signer.subject}, until {here.signer.valid_to:%Y-%m-%d}", markup=False)
    for party, name, form, verdict, lines, bad, _ in refused:
        console.print(f"  {party} {name} {form}: {verdict}, {bad} of {lines} lines refused", markup=False)
    for one in failing:
        told = f"waits by a fault of ours, try {one.tries}: {one.fault}"
        console.print(f"  {one.party} {one.claimed}: {told}", style="red", markup=False, soft_wrap=True)


@app.command("figures", rich_help_panel="Run a depository")
def show_figures(business_date: Day = None, site: Settings = Path("csd.toml")) -> None:
    """Show what each run of a day left: files, lines, refusals, control totals, journal range, checksum, and how long it took (KCSD-98)."""
    from depository import figures

    with opened(site) as (here, at):
        on = business_date.date() if business_date else at.date()
        with here.reading(at, on) as work:
            runs = figures.runs(work)
            rows = figures.rows(work, runs)
    if not runs:
        console.print(f"No run of {on} has left figures.")
        return
    told = [dict(zip((column.key for column in figures.COLUMNS), row, strict=True)) for row in rows]
    counts = ("files_in", "files_out", "lines", "refused", "instructions")
    grid = Grid("Run", "Began", "Took", box=SIMPLE, title=f"Runs of {on}")
    for title in ("Files in", "out", "Lines", "Refused", "Steps"):
        grid.add_column(title, justify="right")
    for run, row in zip(runs, told, strict=True):
        grid.add_row(run.name, _began(run, here), run.took, *(f"{row[name]:,}" for name in counts))
    console.print(grid)
    console.print("What they wrote into the journal: entries, what moved, and the journal's hash after it")
    # A hash in a column of its own would leave nothing to the others.
    for run, row in zip(runs, told, strict=True):
        if run.last < run.first:
            continue
        moved = [str(row["money"])] if row["money"] else []
        if row["securities"]:
            moved.append(f"{row['securities']:,} securities, hash total of quantities {row['hash_total']:,}")
        console.print(f"{run.name} {_began(run, here)}: {row['entries']}; {'; '.join(moved)}", markup=False)
        console.print(f"  {run.checksum}", markup=False, soft_wrap=True)


@app.command(rich_help_panel="Run a depository")
def batch(
    slot: Annotated[str, typer.Argument(help="Slot of the plan, e.g. main-cycle; see `csd status`.")],
    business_date: Day = None,
    site: Settings = Path("csd.toml"),
    simple: Annotated[
        bool, typer.Option(help="Settle first in, first out, without the engine, when that hangs.")
    ] = False,
) -> None:
    """Run one planned batch by hand; one that has run is not run again."""
    from depository.settlement import SIMPLE
    from flows.steps.batches import run_batch
    from flows.steps.deliver import deliver

    with opened(site) as (here, at):
        marks = (SIMPLE,) if simple else ()
        result = run_batch(here, business_date.date() if business_date else at.date(), slot, at, marks)
        with here.folders() as folders:
            sent = deliver(here, folders, at)
    console.print(f"{slot}: {result.state}; {sent} files delivered")
    for name, value in result.facts.items():
        console.print(f"  {name}: {value}", markup=False)


@app.command(rich_help_panel="Run a depository")
def plan(business_date: Day = None, site: Settings = Path("csd.toml")) -> None:
    """Plan a business day's batches; planning again changes nothing."""
    from flows.steps.planning import plan as plan_day

    with opened(site) as (here, at):
        day = business_date.date() if business_date else at.date()
        states = plan_day(here, day, at)
    console.print(f"{len(states)} batches" if states else f"{day} is no business day: nothing is planned")


@app.command("move-day", rich_help_panel="Run a depository")
def move_day(
    business_date: Annotated[datetime, typer.Argument(help="The planned day.", formats=["%Y-%m-%d"])],
    operator: Operator,
    approved_by: Approver,
    site: Settings = Path("csd.toml"),
) -> None:
    """Bring what is left of a planned day to the changed timetable of the market (CSD-7.6.5-c); every participant is told."""
    from flows.steps.planning import move

    with opened(site) as (here, at):
        changed = move(here, business_date.date(), operator, approved_by, at)
    console.print(
        f"{len(changed)} batches changed: {', '.join(changed)}" if changed else "no batch changed", markup=False
    )
    console.print("A running `csd up` follows by itself.")


def _began(run: "Run", site: Site) -> str:
    return f"{run.began.astimezone(site.market.zone):%H:%M:%S}"


def _now_at(market: Path) -> datetime:
    return RealClock(load_market(market).zone).now()
