"""Runs a depository for real: Prefect server, planner, resident intake, reconciler, a run for each batch (design §6)."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from depository.sftp.server import EmbeddedServer
from depository.timetable import BatchKind
from flows.clock import RealClock
from flows.server import PrefectServer
from flows.steps.setup import HOST_KEY
from flows.steps.sites import read_site

console = Console()
AFTER_A_FAULT = 10
"""Seconds."""


def run_up(settings: Path, port: int | None, prefect_database: str | None, own_sftp: bool) -> None:
    """Serves until it is told to stop (Ctrl-C); a restart takes up what was left.

    Batches and planner are deployments served from here, each run a process of its own; the intake is one resident run.
    `own_sftp` serves the site's SFTP tree (`sftp/` beside the settings) from this process, for trials without OpenSSH.
    """
    settings = settings.resolve()
    site = read_site(settings)
    sftp_port = site.sftp.port
    site.close()
    with ExitStack() as stack:
        if own_sftp:
            keys = settings.parent / "keys"
            authorised = {p.stem: p.read_text().strip() for p in keys.glob("*.pub") if p.stem != HOST_KEY}
            stack.enter_context(EmbeddedServer.start(settings.parent / "sftp", authorised, keys / HOST_KEY, sftp_port))
            console.print(f"SFTP on 127.0.0.1:{sftp_port}")
        server = PrefectServer(settings.parent / "prefect", port=port, database_url=prefect_database)
        prefect = stack.enter_context(server)
        console.print(f"Operators watch and steer at {prefect.ui_url}", markup=False)
        with resident_intake(settings):
            serve_all(settings, site.market.zone)


@contextmanager
def resident_intake(settings: Path) -> Iterator[None]:
    """The intake flow beside whatever else this process does; started again when it ends in a fault."""
    from flows.intake import STOP, intake

    def run() -> None:
        while not STOP.is_set():
            try:
                asyncio.run(intake(str(settings)))
            except Exception as fault:  # noqa: BLE001 - intake goes on whatever one look met; the run shows the fault
                console.print(f"intake: {fault}; starting it again", style="red", markup=False)
                STOP.wait(AFTER_A_FAULT)

    STOP.clear()
    thread = threading.Thread(target=run, name="intake", daemon=True)
    thread.start()
    try:
        yield
    finally:
        STOP.set()
        thread.join(timeout=30)


def serve_all(settings: Path, zone: ZoneInfo) -> None:
    """Serves every deployment of the depository from this process; the planner runs half a minute after the start and every ten minutes."""
    from prefect.schedules import Interval

    from flows.planner import plan_the_day, take_up
    from flows.schedule import serve, served
    from flows.simulation import FLOW

    parameters = {"settings": str(settings)}
    # Late enough for the deployments to be registered: a moment that has passed by then makes no run.
    soon = RealClock(zone).now() + timedelta(seconds=30)
    planning = Interval(timedelta(minutes=10), anchor_date=soon)
    taking_up = Interval(timedelta(minutes=5), anchor_date=soon + timedelta(minutes=1))
    serve(
        served(plan_the_day, "every ten minutes", parameters=parameters, schedules=[planning]),
        served(take_up, "every five minutes", parameters=parameters, schedules=[taking_up]),
        *(served(FLOW[kind], kind.value, parameters=parameters) for kind in BatchKind),
    )
