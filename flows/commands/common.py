"""What all commands share: the site they work on, and how they show a receipt."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from depository.answers import Receipt
from depository.reports import Table
from flows.clock import RealClock
from flows.steps.sites import Site, read_site

console = Console()

ROOT = Path(__file__).resolve().parents[2]
MARKET = ROOT / "market" / "kazakhstan"
SAMPLE = ROOT / "sample_files" / "day"
SAMPLE_DAY = date(2026, 11, 23)

Settings = Annotated[Path, typer.Option("--site", help="Settings file of the site.", envvar="CSD_SITE")]
Operator = Annotated[str, typer.Option(help="Who enters it.")]
Approver = Annotated[str, typer.Option(help="Who approves it: another person.")]
Day = Annotated[datetime | None, typer.Argument(help="Business date, today when left out.", formats=["%Y-%m-%d"])]


def settings_file(settings: Path) -> Path:
    """The settings file of a site; raises FileNotFoundError that says how to get one."""
    if not settings.is_file():
        raise FileNotFoundError(
            f"there is no settings file {settings}: make a site with `csd init FOLDER`, or name one with --site FOLDER/csd.toml"
        )
    return settings


@contextmanager
def opened(settings: Path, read: Callable[[Path], Site] = read_site) -> Iterator[tuple[Site, datetime]]:
    """A site for the length of one command, and the moment at which it began."""
    site = read(settings_file(settings))
    try:
        yield site, RealClock(site.market.zone).now()
    finally:
        site.close()


def fault_in_words(fault: Exception) -> str:
    """What is wrong: of the operating system's faults the file and the reason, without its number."""
    if isinstance(fault, OSError) and fault.filename is not None and fault.strerror:
        return f"{fault.filename}: {fault.strerror}"
    return str(fault)


def signature_beside(file: Path) -> bytes | None:
    """The signature `FILE.p7s`, when there is one."""
    beside = file.with_name(f"{file.name}.p7s")
    return beside.read_bytes() if beside.exists() else None


def print_receipt(receipt: Receipt) -> None:
    """The verdict, and every reject with its place."""
    console.print(f"{receipt.file_name}: {receipt.verdict} {receipt.message}", markup=False, soft_wrap=True)
    for place, reject in zip(receipt.places, receipt.rejects, strict=True):
        console.print(
            f"  {place or 'the whole file'}: {reject.message} [{reject.code}, {reject.rule}]",
            markup=False,
            soft_wrap=True,
        )
    for line in receipt.lines:
        console.print(
            f"  line {line.line} {line.reference}: {line.verdict} {line.status} {line.note}",
            markup=False,
            soft_wrap=True,
        )
        for place, reject in zip(line.places, line.rejects, strict=True):
            console.print(f"    {place}: {reject.message} [{reject.code}, {reject.rule}]", markup=False, soft_wrap=True)


def print_table(table: Table) -> None:
    """A table of a report: as a grid where it is short and the screen wide enough, else row by row, so that nothing is cut off.

    What parties wrote stands in it; it is printed as it is.
    """
    # Loaded by the command that prints one.
    from flows.screen import ROWS_SHOWN, shown, summary_grid

    titles = [column.title for column in table.columns]
    rows = [[shown(value) for value in row] for row in table.rows]
    widest = [max(map(len, cells)) for cells in zip(titles, *rows, strict=True)]
    if len(rows) <= ROWS_SHOWN and sum(widest) + 3 * len(widest) + 1 <= console.width:
        console.print(summary_grid(table))
        return
    console.print(f"\n{table.title}", markup=False, soft_wrap=True)
    label = max(map(len, titles))
    for row in rows:
        console.print("-" * 20)
        for title, value in zip(titles, row, strict=True):
            if value:
                console.print(f"{title:<{label}}  {value}", markup=False, soft_wrap=True)
