"""Commands that prove the books and hand them over."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from depository.rejects import Broken
from depository.verify import verify as verify_books
from flows.commands.common import Settings, console, opened
from flows.steps.sites import site_as_set

app = typer.Typer()


@app.command(rich_help_panel="Prove the books")
def verify(site: Settings = Path("csd.toml")) -> None:
    """Rebuild every balance from the journal; check the chain, blocks, the archive, and what bank and registry stated last."""
    from flows.steps.backup import missing_contents

    with opened(site) as (here, at):
        try:
            with console.status("Reading the journal …"), here.reading(at) as work:
                verdict = verify_books(work)
            missing = missing_contents(here, at)
        except (ValueError, LookupError) as unreadable:
            raise Broken(
                f"a record beside the journal cannot be read, so it was changed by hand: {unreadable}; "
                "`csd replay` up to the last day recorded names table, key and column"
            ) from unreadable
        faults = [*verdict.faults, *(f"archive: {fault}" for fault in missing)]
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

    with opened(site) as (here, _):
        sqlite = here.engine.dialect.name == "sqlite"
        copied = copy_site(here, target) if sqlite else copy_archive(here, target)
    console.print(f"{copied} contents copied to {target}", markup=False)
    if not sqlite:
        console.print("The database is copied by pg_dump, before the archive.")


@app.command(rich_help_panel="Prove the books")
def adopt(site: Settings = Path("csd.toml")) -> None:
    """Say that the site's database and archive belong together, after one was restored, copied or moved to another disk.

    No other site may work on the database; the one that did is refused from then on.
    """
    from depository.store.belonging import adopt as adopt_database
    from flows.steps.backup import missing_contents

    with opened(site, site_as_set) as (here, at):
        missing = missing_contents(here, at)
        if missing:
            told = "; ".join(missing[:3])
            raise LookupError(
                f"this archive lacks {len(missing)} contents that the database refers to, so it is not its archive: {told}"
            )
        identity = adopt_database(here.engine, here.archive)
    console.print(f"Database and archive belong together as {identity}.", markup=False)


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

    with opened(site) as (here, at), console.status("Replaying what came in …"):
        if from_archive:
            result = replay_archive(here.archive, here.sandbox, until.date(), folder)
        else:
            result = replay_books(here, until.date(), folder, at)
    others = f"{result.records} other records" if result.records else "other records not compared"
    console.print(
        f"{result.events} events, {result.entries} journal entries, head {result.head}, {result.outgoing} outgoing files, {others}"
    )
    if not (result.records or result.differences or from_archive):
        console.print("Later days are recorded, too: name the last one to compare every other record.")
    for difference in result.differences:
        console.print(f"DIFFERS {difference}", style="red", markup=False, soft_wrap=True)
    if result.differences:
        for told in result.other_programs:
            console.print(told, markup=False, soft_wrap=True)
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

    with opened(site) as (here, at):
        names = hand_over_cycle(here, business_date.date(), number, folder, at)
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

    last = until or since
    if last < since:
        raise ValueError(f"--until {last.date()} is before --since {since.date()}")
    if last != since and not participant:
        raise ValueError("everybody's records are handed over day by day: leave --until out, or name a --participant")
    with opened(site) as (here, at):
        if participant:
            done = export_participant(here, participant, since.date(), last.date(), target, at)
        else:
            done = export_day(here, since.date(), target, at)
    console.print(
        f"{done.target}: {done.files_in} files in, {done.files_out} files out, {done.rows} records", markup=False
    )


@app.command(rich_help_panel="Prove the books")
def solve(
    in_dir: Annotated[Path, typer.Argument(help="Folder with securities.csv, cash.csv, instructions.csv, rates.csv.")],
    out_dir: Annotated[Path, typer.Argument(help="Folder for the outcome and its certificate.")],
    objective: Annotated[str, typer.Option(help="mixed, value or count.")] = "mixed",
    effort: Annotated[str, typer.Option(help="quick, standard or thorough.")] = "standard",
    units: Annotated[
        int | None,
        typer.Option(min=0, help="Stop after so many units of work, as a certificate says that the clock did."),
    ] = None,
) -> None:
    """Run one settlement cycle from plain files, without a database.

    Ends with 0 when the whole outcome is in OUT_DIR, 2 for input that cannot be taken (file, line and column are named), 3 for a broken
    rule, 4 when the outcome cannot be written; then OUT_DIR is as it was. Without certificate.json in it a folder holds no outcome.
    """
    from flows.steps.solve import solve_folder

    with console.status("Solving the cycle …"):
        code = solve_folder(in_dir, out_dir, objective, effort, units)
    raise typer.Exit(code)
