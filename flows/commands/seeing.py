"""Commands that show what the depository does."""

from pathlib import Path
from typing import Annotated

import typer

from flows.clock import SimulatedClock, SteppedClock
from flows.commands.common import MARKET, SAMPLE, SAMPLE_DAY

app = typer.Typer()


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
