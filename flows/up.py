"""Runs a depository for real: Prefect server, planner, resident intake, reconciler, a run for each batch (design §6)."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from depository.sftp.server import EmbeddedServer
from depository.timetable import BatchKind
from flows.server import PrefectServer
from flows.steps.setup import HOST_KEY
from flows.steps.sites import read_site

console = Console()
AFTER_A_FAULT = 10
PLANNING_EVERY = 600
TAKING_UP_EVERY = 300
"""Seconds."""


def run_up(settings: Path, port: int | None, prefect_database: str | None, own_sftp: bool) -> None:
    """Serves until it is told to stop (Ctrl-C); a restart takes up what was left.

    Batches are deployments served from here, each run a process of its own; intake, planner and reconciler are resident.
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
        with residents(settings):
            serve_batches(settings)


@contextmanager
def residents(settings: Path) -> Iterator[None]:
    """Intake, planner and reconciler beside whatever else this process does, each started again when it ends in a fault."""
    from flows.intake import STOP, intake
    from flows.planner import plan_the_day, take_up

    STOP.clear()
    threads = [
        threading.Thread(target=run, daemon=True)
        for run in (
            lambda: _keep_running(STOP, "intake", lambda: intake(str(settings)), 0),
            lambda: _keep_running(STOP, "planner", lambda: plan_the_day(str(settings)), PLANNING_EVERY),
            lambda: _keep_running(STOP, "reconciler", lambda: take_up(str(settings)), TAKING_UP_EVERY),
        )
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        STOP.set()
        for thread in threads:
            thread.join(timeout=30)


def _keep_running(
    stop: threading.Event, name: str, work: Callable[[], Coroutine[Any, Any, object]], pause: float
) -> None:
    """Runs a flow again and again, `pause` seconds apart; a fault is told, and tried again soon.

    The planner's first tries may come before the deployments are registered.
    """
    while not stop.is_set():
        try:
            asyncio.run(work())
            stop.wait(pause)
        except Exception as fault:  # noqa: BLE001 - a resident goes on whatever one run met; the run shows the fault
            console.print(f"{name}: {fault}; trying again", style="red", markup=False, soft_wrap=True)
            stop.wait(AFTER_A_FAULT)


def serve_batches(settings: Path) -> None:
    """Serves a deployment for each kind of batch from this process; each run is a process of its own."""
    from flows.schedule import serve, served
    from flows.simulation import FLOW

    parameters = {"settings": str(settings)}
    serve(*(served(FLOW[kind], kind.value, parameters=parameters) for kind in BatchKind))
