"""Small flows that a real Prefect server runs in tests: each writes down that it ran."""

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from prefect import flow
from prefect.schedules import Interval

from flows.clock import RealClock
from flows.schedule import serve, served


@flow(name="written-batch", log_prints=False)
async def batch(folder: str, business_date: date, slot: str) -> str:
    """Appends a line to the file of its slot: two lines would be two effects."""
    with (Path(folder) / f"{business_date.isoformat()}-{slot}").open("a") as ran:
        ran.write("ran\n")
    return f"{business_date.isoformat()} {slot}"


@flow(name="written-tick")
async def tick(folder: str) -> None:
    """Appends a line to the file `ticks`."""
    with (Path(folder) / "ticks").open("a") as ran:
        ran.write("tick\n")


def main(folder: str) -> None:
    """Serves both flows; the second by an interval, so that only Prefect's own scheduler can make its runs."""
    # Once: each run costs seconds of the machine that runs the tests.
    soon = RealClock(ZoneInfo("Asia/Almaty")).now() + timedelta(seconds=6)
    serve(
        served(batch, "batch", parameters={"folder": folder}),
        served(tick, "tick", parameters={"folder": folder}, schedules=[Interval(timedelta(days=1), anchor_date=soon)]),
    )
