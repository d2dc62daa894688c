"""The command `csd`: each command a thin door to a plain function; Prefect is imported only where it is used."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table as Grid

from depository import openings
from depository.answers import Receipt
from depository.register import AccountType
from depository.rejects import Broken, FileRefused
from depository.verify import verify as verify_books
from flows.clock import RealClock, SimulatedClock, SteppedClock
from flows.steps.sites import Site, load_market, read_site
from forms.catalog import FORMS

HELP = """A central securities depository run by files.

Start with `csd demo`: it plays a whole business day on this machine and shows where every answer went.
"""

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console()

ROOT = Path(__file__).resolve().parent.parent
MARKET = ROOT / "market" / "kazakhstan"
SAMPLE = ROOT / "sample_files" / "day"
SAMPLE_DAY = date(2026, 11, 23)

Settings = Annotated[Path, typer.Option("--site", help="Settings file of the site.", envvar="CSD_SITE")]
Day = Annotated[datetime | None, typer.Argument(help="Business date, today when left out.", formats=["%Y-%m-%d"])]


def main() -> None:
    """Runs the command; what a person can mend ends with one line and exit code 2, a broken invariant with 3."""
    try:
        app(standalone_mode=True)
    except (FileRefused, OSError, LookupError, ValueError) as fault:
        console.print(f"csd: {fault}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)
    except Broken as fault:
        console.print(f"csd: the books were not changed: {fault}", style="red", markup=False, soft_wrap=True)
        sys.exit(3)


@app.command(rich_help_panel="See it")
def demo(
    folder: Annotated[Path, typer.Option(help="Where the demonstration's site is made anew.")] = Path("var/demo"),
    database: Annotated[
        str, typer.Option(help="Database URL; SQLite in the folder when left out.")
    ] = "sqlite:///csd.db",
) -> None:
    """Play the sample business day: own SFTP server, own Prefect server, everything in one folder."""
    from flows.demo import run_demo

    run_demo(folder, MARKET, SAMPLE, SAMPLE_DAY, database, clock_of=SteppedClock)


@app.command(rich_help_panel="See it")
def day(
    speed: Annotated[float, typer.Option(help="How many times faster than the day outside the clock moves.")] = 600,
    folder: Annotated[Path, typer.Option(help="Where the day's site is made anew.")] = Path("var/day"),
    database: Annotated[
        str, typer.Option(help="Database URL; SQLite in the folder when left out.")
    ] = "sqlite:///csd.db",
) -> None:
    """Play the sample business day on a clock that moves by itself."""
    from flows.demo import run_demo

    run_demo(folder, MARKET, SAMPLE, SAMPLE_DAY, database, clock_of=lambda start: SimulatedClock(start, speed))


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

    at = _now_at(market)
    made = make_site(folder, market, reference, port, at, database)
    counts = load_data(made.settings, reference, at)
    for name, count in counts.items():
        console.print(f"  {name}: {count}")
    console.print(f"The site is in {folder}; run it with: csd up --site {made.settings}", markup=False)


@app.command(rich_help_panel="Run a depository")
def load(
    reference: Annotated[Path, typer.Argument(help="Folder with reference files.")], site: Settings = Path("csd.toml")
) -> None:
    """Load or change reference data: calendar, parties, powers, bank accounts, products, accounts."""
    from flows.steps.setup import load as load_data

    with _opened(site) as (_, at):
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

    run_up(site, port, prefect_database or None, own_sftp)


@app.command(rich_help_panel="Run a depository")
def status(business_date: Day = None, site: Settings = Path("csd.toml")) -> None:
    """Show the day's batches, what waits for delivery, which files were refused, on which the depository fails, which wait at night."""
    from depository.bank import unidentified
    from depository.day import batches_of
    from depository.store import account_changes, challenges, failed_takes, files, notices, refunds, register
    from depository.units import from_units
    from flows.steps import technology_time

    with _opened(site) as (opened, at):
        on = business_date.date() if business_date else at.date()
        with opened.reading(at, on) as work:
            batches = batches_of(work, on)
            taken = files.of_day(work, on)
            waiting = files.count_waiting(work)
            failing = failed_takes.every(work)
            nobodys = [
                f"{from_units(one.amount, register.scale(work, one.currency))} {one.currency}, bank reference {one.reference}, "
                f"from {one.sender.name or 'an unnamed sender'} {one.sender.iban}".rstrip()
                for one in unidentified(work)
            ]
            blocked = account_changes.blocks(work)
            letters = notices.letters(work)
            challenged = challenges.open_ones(work)
            going_back = [
                f"{from_units(one.amount, register.scale(work, one.currency))} {one.currency}, bank reference {one.credit}, "
                f"to {one.iban}: {one.number} {one.state}, payment day {one.pay_on}"
                for one in refunds.under_way(work)
            ]
        waits = technology_time.waits(opened, at)
    grid = Grid("Batch", "Due", "State", "Result", title=f"Business day {on}")
    for state in batches:
        grid.add_row(state.batch.slot, f"{state.batch.due_at:%H:%M:%S}", state.state, state.result[:80])
    console.print(grid)
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
            since = f"since {opened.market.local(seen.since):%H:%M:%S}"
            console.print(f"  {seen.party} {seen.name} {since}", markup=False, soft_wrap=True)
    if opened.signer is not None:
        console.print(f"our signatures: {opened.signer.subject}, until {opened.signer.valid_to:%Y-%m-%d}", markup=False)
    for party, name, form, verdict, lines, bad, _ in refused:
        console.print(f"  {party} {name} {form}: {verdict}, {bad} of {lines} lines refused", markup=False)
    for one in failing:
        told = f"waits by a fault of ours, try {one.tries}: {one.fault}"
        console.print(f"  {one.party} {one.claimed}: {told}", style="red", markup=False, soft_wrap=True)


@app.command("figures", rich_help_panel="Run a depository")
def show_figures(business_date: Day = None, site: Settings = Path("csd.toml")) -> None:
    """Show what each run of a day left: files, lines, refusals, control totals, journal range, checksum, and how long it took (KCSD-98)."""
    from depository import figures

    with _opened(site) as (opened, at):
        on = business_date.date() if business_date else at.date()
        with opened.reading(at, on) as work:
            runs = figures.runs(work)
            rows = figures.rows(work, runs)
    grid = Grid(*(column.title for column in figures.COLUMNS[:-1]), "Took", title=f"Runs of {on}")
    for run, row in zip(runs, rows, strict=True):
        began = f"{run.began.astimezone(opened.market.zone):%H:%M:%S}"
        grid.add_row(run.name, began, *(str(value) for value in row[2:-1]), run.took)
    console.print(grid)
    if runs:
        console.print(f"Journal hash after the last run: {runs[-1].checksum}", markup=False, soft_wrap=True)


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

    with _opened(site) as (opened, at):
        marks = (SIMPLE,) if simple else ()
        result = run_batch(opened, business_date.date() if business_date else at.date(), slot, at, marks)
        with opened.folders() as folders:
            sent = deliver(opened, folders, at)
    console.print(f"{slot}: {result.state}; {sent} files delivered")
    for name, value in result.facts.items():
        console.print(f"  {name}: {value}", markup=False)


@app.command(rich_help_panel="Run a depository")
def plan(business_date: Day = None, site: Settings = Path("csd.toml")) -> None:
    """Plan a business day's batches; planning again changes nothing."""
    from flows.steps.planning import plan as plan_day

    with _opened(site) as (opened, at):
        states = plan_day(opened, business_date.date() if business_date else at.date(), at)
    console.print(f"{len(states)} batches")


@app.command("move-day", rich_help_panel="Run a depository")
def move_day(
    business_date: Annotated[datetime, typer.Argument(help="The planned day.", formats=["%Y-%m-%d"])],
    operator: Annotated[str, typer.Option(help="Who enters the change.")],
    approved_by: Annotated[str, typer.Option(help="Who approves it: another person.")],
    site: Settings = Path("csd.toml"),
) -> None:
    """Bring what is left of a planned day to the changed timetable of the market (CSD-7.6.5-c); every participant is told."""
    from flows.steps.planning import move

    with _opened(site) as (opened, at):
        changed = move(opened, business_date.date(), operator, approved_by, at)
    console.print(
        f"{len(changed)} batches changed: {', '.join(changed)}" if changed else "no batch changed", markup=False
    )
    console.print("A running `csd up` follows by itself.")


@app.command(rich_help_panel="Run a depository")
def take(
    file: Annotated[Path, typer.Argument(help="The file.")],
    party: Annotated[str, typer.Option(help="Code of the party that sent it.")],
    channel: Annotated[str, typer.Option(help="How it came: e-mail, courier, hand …")],
    reason: Annotated[str, typer.Option(help="Why not by SFTP.")],
    operator: Annotated[str, typer.Option(help="Who takes it in.")],
    site: Settings = Path("csd.toml"),
) -> None:
    """Take a file in by hand when SFTP is down: the very same path, with channel, reason and operator on record (CSD-1.5-d).

    Its signature FILE.p7s is taken from beside it. In the technology time it has to wait like any other (CSD-7.6.5-b).
    """
    from flows.steps.intake import INBOX, Arrival
    from flows.steps.intake import take as take_file

    with _opened(site) as (opened, at):
        waits = opened.market.technology_time(at)
        if waits is not None:
            raise ValueError(
                f"it is the technology time ({waits}), in which nothing is taken: take the file in after it"
            )
        how = f"{channel}; {reason}; taken in by {operator}"
        receipt = take_file(
            opened, Arrival(party, INBOX, file.name, file.read_bytes(), at, how, signature=_signature_beside(file))
        )
    _print_receipt(receipt)


@app.command(rich_help_panel="Run a depository")
def sir(
    interest: Annotated[str, typer.Argument(help="Number of the interest, e.g. S000001.")],
    party: Annotated[str, typer.Option(help="Debtor or secured party that asked for it.")],
    site: Settings = Path("csd.toml"),
) -> None:
    """Send a security interest report on request (CSD-4.3-1-c)."""
    from flows.steps.interest_report import send_interest_report

    with _opened(site) as (opened, at):
        console.print(send_interest_report(opened, interest, party, at), markup=False)


@app.command(rich_help_panel="Run a depository")
def cancel(
    instruction: Annotated[str, typer.Argument(help="Our number of the instruction, e.g. I000000123.")],
    reason: Annotated[str, typer.Option(help="Why the side that did not fail is better off; both sides read it.")],
    operator: Annotated[str, typer.Option(help="Who enters it.")],
    approved_by: Annotated[str, typer.Option(help="Who approves it: another person.")],
    site: Settings = Path("csd.toml"),
) -> None:
    """Cancel an unsettled exchange trade on the first settlement day after its intended one (CSD-5.1.10-b); both sides are told."""
    from flows.steps.cancelling import cancel_trade

    with _opened(site) as (opened, at):
        number = cancel_trade(opened, instruction, reason, operator, approved_by, at)
    console.print(f"{number}: {instruction} is cancelled", markup=False)


@app.command(rich_help_panel="Run a depository")
def answer(
    challenge: Annotated[str, typer.Argument(help="Number of the challenge, e.g. Q000001; `csd status` lists them.")],
    text: Annotated[str, typer.Argument(help="The answer, which goes to the participant by notice.")],
    operator: Annotated[str, typer.Option(help="Who gives it.")],
    site: Settings = Path("csd.toml"),
) -> None:
    """Answer a participant's challenge of its report of obligations from trading (CSD-5.2.13-a)."""
    from flows.steps.challenging import answer_challenge

    with _opened(site) as (opened, at):
        answer_challenge(opened, challenge, text, operator, at)


@app.command(rich_help_panel="Run a depository")
def block(
    account: Annotated[str, typer.Argument(help="Number of the account.")],
    body: Annotated[str, typer.Option(help="Who orders it: a court, a bailiff, the regulator.")],
    document: Annotated[str, typer.Option(help="The order: number and date.")],
    operator: Annotated[str, typer.Option(help="Who enters it.")],
    approved_by: Annotated[str, typer.Option(help="Who approves it: another person.")],
    channel: Annotated[str, typer.Option(help="How the letter goes to the body.")] = "courier",
    reason: Annotated[str, typer.Option(help="For the record; nobody is told.")] = "",
    site: Settings = Path("csd.toml"),
) -> None:
    """Block an account by order of a body: nothing leaves it; owner, exchange and body are told (KCSD-97)."""
    from flows.steps.blocking import block_account

    with _opened(site) as (opened, at):
        done = block_account(opened, account, body, document, reason, channel, operator, approved_by, at)
    console.print(f"{done.number}: {account} is blocked; hand over the letter {done.letter.number}", markup=False)


@app.command(rich_help_panel="Run a depository")
def unblock(
    account: Annotated[str, typer.Argument(help="Number of the account.")],
    document: Annotated[str, typer.Option(help="The order that lifts the block: number and date.")],
    operator: Annotated[str, typer.Option(help="Who enters it.")],
    approved_by: Annotated[str, typer.Option(help="Who approves it: another person.")],
    channel: Annotated[str, typer.Option(help="How the letter goes to the body.")] = "courier",
    site: Settings = Path("csd.toml"),
) -> None:
    """Lift the block of an account; owner, exchange and body are told."""
    from flows.steps.blocking import unblock_account

    with _opened(site) as (opened, at):
        done = unblock_account(opened, account, document, channel, operator, approved_by, at)
    console.print(f"{done.number}: {account} is open again; hand over the letter {done.letter.number}", markup=False)


@app.command("handed-over", rich_help_panel="Run a depository")
def handed_over(
    notice_number: Annotated[
        str, typer.Argument(metavar="NOTICE", help="Number of the letter; `csd status` lists them.")
    ],
    operator: Annotated[str, typer.Option(help="Who handed it over.")],
    site: Settings = Path("csd.toml"),
) -> None:
    """Note that a letter was handed over, which is when it counts as received (CSD-1.5-b)."""
    from flows.steps.blocking import hand_over

    with _opened(site) as (opened, at):
        hand_over(opened, notice_number, operator, at)


@app.command(rich_help_panel="Run a depository")
def history(
    reference: Annotated[str, typer.Argument(help="The sender's number of the form.")],
    party: Annotated[str, typer.Option(help="Code of the party that sent it.")],
    folder: Annotated[Path | None, typer.Option(help="Also write it here, as PDF to print and as JSON.")] = None,
    send: Annotated[bool, typer.Option("--send", help="Also put it into the sender's outbox.")] = False,
    site: Settings = Path("csd.toml"),
) -> None:
    """Show a form's history: the order as it was taken, each step to its final state, refusals and answers (KCSD-86)."""
    from flows.steps.history import history_of, send_history, write_history

    with _opened(site) as (opened, at):
        report = history_of(opened, party, reference, at)
        written = write_history(report, reference, folder) if folder else []
        sent = send_history(opened, party, reference, at) if send else ""
    for label, value in report.facts:
        console.print(f"{label}: {value}", markup=False, soft_wrap=True)
    for table in (one for one in report.tables if one.name != "Order" and one.rows):
        grid = Grid(*(column.title for column in table.columns), title=table.title)
        for row in table.rows:
            grid.add_row(*("" if value is None else str(value) for value in row))
        console.print(grid)
    for path in written:
        console.print(f"{path}", markup=False, soft_wrap=True)
    if sent:
        console.print(f"in the outbox of {party}: {sent}", markup=False, soft_wrap=True)


@app.command(rich_help_panel="Run a depository")
def assign(
    reference: Annotated[str, typer.Argument(help="The bank's reference of the credit; `csd status` lists them.")],
    participant: Annotated[str, typer.Argument(help="Code of the participant whose money it is.")],
    reason: Annotated[str, typer.Option(help="How it is known whose money it is.")],
    operator: Annotated[str, typer.Option(help="Who enters it.")],
    approved_by: Annotated[str, typer.Option(help="Who approves it: another person.")],
    site: Settings = Path("csd.toml"),
) -> None:
    """Give a credit that names no participant to the one whose money it is; it funds the participant from now on (CSD-3.3.1-a)."""
    from flows.steps.assigning import assign_money

    with _opened(site) as (opened, at):
        number = assign_money(opened, reference, participant, reason, operator, approved_by, at)
    console.print(f"{number}: {reference} is money of {participant}", markup=False)


@app.command(rich_help_panel="Run a depository")
def refund(
    reference: Annotated[str, typer.Argument(help="The bank's reference of the credit; `csd status` lists them.")],
    reason: Annotated[str, typer.Option(help="How it is known that it is no participant's.")],
    operator: Annotated[str, typer.Option(help="Who enters it.")],
    approved_by: Annotated[str, typer.Option(help="Who approves it: another person.")],
    purpose: Annotated[str, typer.Option(help="EKNP of the payment, for KZT.")] = "",
    iban: Annotated[str, typer.Option(help="The sender's account, when the bank's statement does not name it.")] = "",
    bic: Annotated[str, typer.Option(help="BIC of the sender's bank, when the statement does not name it.")] = "",
    name: Annotated[str, typer.Option(help="The sender's name, when the statement does not give it.")] = "",
    bin_: Annotated[
        str, typer.Option("--bin", help="The sender's IIN or BIN, when the statement does not give it.")
    ] = "",
    site: Settings = Path("csd.toml"),
) -> None:
    """Send a credit that names no participant back to its sender, by a payment order of the next payout (CSD-3.3.1-a)."""
    from depository.store.bank import Sender
    from flows.steps.refunding import refund_money

    with _opened(site) as (opened, at):
        sender = Sender(name, iban, bic, bin_)
        one = refund_money(opened, reference, sender, purpose, reason, operator, approved_by, at)
    console.print(
        f"{one.number}: {reference} goes back to {one.beneficiary_name}, {one.iban}, on {one.pay_on}", markup=False
    )


@app.command(rich_help_panel="Run a depository")
def notice(
    subject: Annotated[str, typer.Argument(help="Its subject, one line.")],
    operator: Annotated[str, typer.Option(help="Who sends it.")],
    text: Annotated[str, typer.Option(help="Its text; or give a file.")] = "",
    file: Annotated[Path | None, typer.Option(help="A plain text file in UTF-8 with its text.")] = None,
    to: Annotated[
        list[str] | None, typer.Option(help="Code of a party; several times for several, which makes it a circular.")
    ] = None,
    account_type: Annotated[
        str,
        typer.Option(
            "--class", help=f"A class: participants with an open account of this type ({', '.join(AccountType)})."
        ),
    ] = "",
    everyone: Annotated[bool, typer.Option("--all", help="To every participant.")] = False,
    site: Settings = Path("csd.toml"),
) -> None:
    """Send a notice to one party, to a class of participants or to all (CSD-1.5-c).

    It is entered in the register of notices and put into each outbox as PDF and JSON.
    """
    from flows.steps.circulars import addressing_of, send_notice

    if bool(text) == bool(file):
        raise ValueError("give the notice's text with --text or in a file with --file, one of the two")
    if bool(to) + bool(account_type) + everyone != 1:
        raise ValueError("say to whom the notice goes: --to CODE, --class TYPE or --all, one of the three")
    body = file.read_text(encoding="utf-8").strip() if file else text
    with _opened(site) as (opened, at):
        sent = send_notice(opened, addressing_of(to or [], account_type), subject, body, operator, at)
    for one in sent:
        console.print(f"{one.number} {one.addressee}", markup=False)
    if not sent:
        console.print("This very notice was sent before on this business day; nothing was sent again.")


@app.command(rich_help_panel="Forms")
def blank(
    form: Annotated[str, typer.Argument(help=f"Form code: {', '.join(FORMS)}.")],
    out: Annotated[Path | None, typer.Option(help="File to write; <FORM>.xlsx when left out.")] = None,
) -> None:
    """Write the blank workbook of a form."""
    from parsers.blank_workbook import render_blank

    code = form.upper()
    if code not in FORMS:
        raise LookupError(f"there is no form {form}; the forms are {', '.join(FORMS)}")
    target = out or Path(f"{code}.xlsx")
    target.write_bytes(render_blank(code))
    console.print(f"{target}", markup=False)


@app.command(rich_help_panel="Forms")
def check(
    file: Annotated[Path, typer.Argument(help="A form's workbook.")],
    party: Annotated[str, typer.Option(help="Also check against the books, as if this party had sent it.")] = "",
    site: Settings = Path("csd.toml"),
) -> None:
    """Check a form without sending it: every fault with its cell; with --party against the books, too, without any effect."""
    from flows.steps.checking import check_form, check_on_site

    if not party:
        faults = check_form(file.name, file.read_bytes())
        for place, message, code, rule in faults:
            console.print(f"{place}: {message} [{code}, {rule}]", markup=False, soft_wrap=True)
        console.print(f"{len(faults)} faults of form")
        raise typer.Exit(1 if faults else 0)
    with _opened(site) as (opened, at):
        receipt = check_on_site(opened, party, file.name, file.read_bytes(), at, _signature_beside(file))
    _print_receipt(receipt)


@app.command(rich_help_panel="Prove the books")
def verify(site: Settings = Path("csd.toml")) -> None:
    """Rebuild every balance from the journal; check the chain, blocks, the archive, and what bank and registry stated last."""
    from flows.steps.backup import missing_contents

    with _opened(site) as (opened, at):
        with console.status("Reading the journal …"), opened.reading(at) as work:
            verdict = verify_books(work)
        faults = [*verdict.faults, *(f"archive: {fault}" for fault in missing_contents(opened, at))]
    console.print(f"{verdict.entries} entries, {verdict.postings} postings, head {verdict.head}", soft_wrap=True)
    for fault in faults:
        console.print(f"FAULT {fault}", style="red", markup=False, soft_wrap=True)
    for difference in verdict.outside:
        console.print(f"DIFFERS {difference}", style="red", markup=False, soft_wrap=True)
    if not faults:
        console.print("The journal proves the books.")
    if faults or verdict.outside:
        raise typer.Exit(1)


@app.command(rich_help_panel="Prove the books")
def backup(
    target: Annotated[
        Path,
        typer.Argument(
            help="A new folder; with PostgreSQL one that has an earlier copy of the archive is brought up to date."
        ),
    ],
    site: Settings = Path("csd.toml"),
) -> None:
    """Copy the archive, and with SQLite the database, while the depository works (docs/operating/backup.md)."""
    from flows.steps.backup import copy_archive, copy_site

    with _opened(site) as (opened, _):
        sqlite = opened.engine.dialect.name == "sqlite"
        copied = copy_site(opened, target) if sqlite else copy_archive(opened, target)
    console.print(f"{copied} contents copied to {target}", markup=False)
    if not sqlite:
        console.print("The database is copied by pg_dump, before the archive.")


@app.command(rich_help_panel="Prove the books")
def replay(
    until: Annotated[
        datetime, typer.Argument(help="Business date up to whose end everything is replayed.", formats=["%Y-%m-%d"])
    ],
    folder: Annotated[
        Path, typer.Argument(help="An empty folder for the sandbox: database, archive, every outgoing file.")
    ],
    site: Settings = Path("csd.toml"),
    from_archive: Annotated[bool, typer.Option(help="Use the archive alone, not the database.")] = False,
) -> None:
    """Rebuild the books from what came in, and compare balances, journal, every outgoing file byte for byte, and every record."""
    from flows.steps.replay import replay as replay_books
    from flows.steps.replay import replay_archive

    with _opened(site) as (opened, at), console.status("Replaying what came in …"):
        if from_archive:
            result = replay_archive(opened.archive, opened.sandbox, until.date(), folder)
        else:
            result = replay_books(opened, until.date(), folder, at)
    console.print(
        f"{result.events} events, {result.entries} journal entries, head {result.head}, {result.outgoing} outgoing files, "
        f"{result.records} other records"
    )
    for difference in result.differences:
        console.print(f"DIFFERS {difference}", style="red", markup=False, soft_wrap=True)
    if result.differences:
        raise typer.Exit(1)
    console.print("The replay gives the same books and the same files.")


@app.command(rich_help_panel="Prove the books")
def cycle(
    business_date: Annotated[datetime, typer.Argument(help="Business date of the cycle.", formats=["%Y-%m-%d"])],
    number: Annotated[int, typer.Argument(help="Number of the cycle on that day, as its report says.")],
    folder: Annotated[Path, typer.Argument(help="A new folder for the files.")],
    site: Settings = Path("csd.toml"),
) -> None:
    """Hand over a settlement cycle as the plain files of `csd solve`: input, outcome, reasons, certificate and its proof."""
    from flows.steps.cycle_files import hand_over_cycle

    with _opened(site) as (opened, at):
        names = hand_over_cycle(opened, business_date.date(), number, folder, at)
    console.print(f"{folder}: {', '.join(names)}", markup=False, soft_wrap=True)
    console.print(
        f"Settle it again: csd solve {folder} OUT. Recompute its bound: python -m benchmarks.settlement.verify_bound {folder}",
        markup=False,
        soft_wrap=True,
    )


@app.command(rich_help_panel="Prove the books")
def export(
    target: Annotated[Path, typer.Argument(help="The zip file to write.")],
    since: Annotated[datetime, typer.Option(help="First business date.", formats=["%Y-%m-%d"])],
    until: Annotated[
        datetime | None, typer.Option(help="Last business date; the first when left out.", formats=["%Y-%m-%d"])
    ] = None,
    participant: Annotated[
        str, typer.Option(help="A participant's records; everybody's of one day when left out.")
    ] = "",
    site: Settings = Path("csd.toml"),
) -> None:
    """Hand over a participant's or a day's records: files, answers, instructions, journal, notices (CSD-2.5.1f-a)."""
    from flows.steps.export import export_day, export_participant

    with _opened(site) as (opened, at):
        if participant:
            done = export_participant(opened, participant, since.date(), (until or since).date(), target, at)
        else:
            done = export_day(opened, since.date(), target, at)
    console.print(
        f"{done.target}: {done.files_in} files in, {done.files_out} files out, {done.rows} records", markup=False
    )


@app.command(rich_help_panel="Prove the books")
def solve(
    in_dir: Annotated[Path, typer.Argument(help="Folder with securities.csv, cash.csv, instructions.csv, rates.csv.")],
    out_dir: Annotated[Path, typer.Argument(help="Folder for the outcome and its certificate.")],
    objective: Annotated[str, typer.Option(help="mixed, value or count.")] = "mixed",
    effort: Annotated[str, typer.Option(help="quick, standard or thorough.")] = "standard",
) -> None:
    """Run one settlement cycle from plain files, without a database."""
    from flows.steps.solve import solve_folder

    with console.status("Solving the cycle …"):
        code = solve_folder(in_dir, out_dir, objective, effort)
    raise typer.Exit(code)


@app.command(rich_help_panel="Run a depository")
def hold(
    participant: Annotated[str, typer.Argument(help="Participant whose openings wait.")],
    reason: Annotated[str, typer.Option(help="What is missing.")],
    operator: Annotated[str, typer.Option(help="Who places the hold.")],
    nin: Annotated[str, typer.Option(help="One client's NIN; every client when left out.")] = openings.EVERY_CLIENT,
    site: Settings = Path("csd.toml"),
) -> None:
    """Put openings of nominee accounts on hold for KYC documents (CSD-3.1.2-f)."""
    from flows.steps.holding import place

    with _opened(site) as (opened, at):
        place(opened, participant, nin, reason, operator, at)


@app.command(rich_help_panel="Run a depository")
def release(
    participant: Annotated[str, typer.Argument(help="Participant whose openings go on.")],
    nin: Annotated[
        str, typer.Option(help="One client's NIN; the hold on every client when left out.")
    ] = openings.EVERY_CLIENT,
    site: Settings = Path("csd.toml"),
) -> None:
    """Lift a hold and open the accounts that waited for it."""
    from flows.steps.holding import lift

    with _opened(site) as (opened, at):
        for number in lift(opened, participant, nin, at):
            console.print(number, markup=False)


@contextmanager
def _opened(settings: Path) -> Iterator[tuple[Site, datetime]]:
    """A site for the length of one command, and the moment at which it began."""
    if not settings.exists():
        raise FileNotFoundError(
            f"there is no settings file {settings}: make a site with `csd init`, or name one with --site"
        )
    opened = read_site(settings)
    try:
        yield opened, RealClock(opened.market.zone).now()
    finally:
        opened.close()


def _now_at(market: Path) -> datetime:
    return RealClock(load_market(market).zone).now()


def _signature_beside(file: Path) -> bytes | None:
    """The signature `FILE.p7s`, when there is one."""
    beside = file.with_name(f"{file.name}.p7s")
    return beside.read_bytes() if beside.exists() else None


def _print_receipt(receipt: Receipt) -> None:
    console.print(f"{receipt.file_name}: {receipt.verdict} {receipt.message}", markup=False, soft_wrap=True)
    for place, reject in zip(receipt.places, receipt.rejects, strict=True):
        console.print(
            f"  {place} {reject.field}: {reject.message} [{reject.code}, {reject.rule}]", markup=False, soft_wrap=True
        )
    for line in receipt.lines:
        console.print(
            f"  line {line.line} {line.reference}: {line.verdict} {line.status} {line.note}",
            markup=False,
            soft_wrap=True,
        )
        for place, reject in zip(line.places, line.rejects, strict=True):
            console.print(f"    {place}: {reject.message} [{reject.code}, {reject.rule}]", markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
