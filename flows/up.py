"""Runs a depository for real: Prefect server, planner, resident intake, reconciler, a run for each batch (design §6)."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from depository.sftp.server import EmbeddedServer
from depository.timetable import BatchKind
from flows.clock import RealClock
from flows.server import PrefectServer
from flows.steps.setup import HOST_KEY
from flows.steps.sites import read_site

console = Console()
log = logging.getLogger(__name__)
AFTER_A_FAULT = 10
PLANNING_EVERY = 600
TAKING_UP_EVERY = 10
SWEEPING_EVERY = 3600
SERVING_AGAIN_AFTER = 5
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
            try:
                served = EmbeddedServer.start(settings.parent / "sftp", authorised, keys / HOST_KEY, sftp_port)
            except OSError as fault:
                raise OSError(
                    f"the SFTP server cannot have port {sftp_port} of 127.0.0.1. Stop what has it, perhaps another "
                    f"`csd up`, or give another `port` under [sftp] in {settings}"
                ) from fault
            stack.enter_context(served)
            console.print(f"SFTP on 127.0.0.1:{sftp_port}")
        server = PrefectServer(settings.parent / "prefect", port=port, database_url=prefect_database)
        prefect = stack.enter_context(server)
        console.print(f"Operators watch and steer at {prefect.ui_url}", markup=False)
        prefect.watch(lambda said: console.print(said, style="red", markup=False, soft_wrap=True))
        asyncio.run(end_runs_left_over())
        with residents(settings):
            keep_serving(settings)


@contextmanager
def residents(settings: Path) -> Iterator[None]:
    """Intake, planner and reconciler beside whatever else this process does, each started again when it ends in a fault.

    Once started, intake and reconciler go on also while the Prefect server does not answer.
    """
    from flows.intake import STOP, intake
    from flows.office import site_of
    from flows.planner import plan_the_day, take_up_what_is_left

    STOP.clear()
    started = RealClock(site_of(str(settings)).market.zone).now()
    threads = [
        threading.Thread(target=run, daemon=True)
        for run in (
            lambda: _keep_running(STOP, "intake", lambda: intake(str(settings)), 0),
            lambda: _keep_running(STOP, "planner", lambda: plan_the_day(str(settings)), PLANNING_EVERY),
            lambda: _keep_running(
                STOP, "reconciler", lambda: take_up_what_is_left(str(settings), log, started), TAKING_UP_EVERY
            ),
            lambda: _keep_running(STOP, "sweeping", lambda: _sweep(settings), SWEEPING_EVERY),
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


async def _sweep(settings: Path) -> None:
    """Removes from the archive what killed processes left half-written."""
    from flows.office import site_of

    site_of(str(settings)).archive.sweep()


def keep_serving(settings: Path) -> None:
    """Serves the batches until it is told to stop; Prefect's runner gives up when its server is away for minutes."""
    while True:
        try:
            serve_batches(settings)
            return
        except Exception as fault:  # noqa: BLE001 - whatever ended it, the batches have to be served
            console.print(f"serving batches: {fault}; trying again", style="red", markup=False, soft_wrap=True)
            time.sleep(SERVING_AGAIN_AFTER)


async def end_runs_left_over() -> None:
    """Marks as crashed the runs of an earlier process, which nobody works on any more; what they left is in the database."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import State, StateType
    from prefect.states import Crashed

    working = FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING, StateType.CANCELLING])
    async with get_client() as client:
        left = await client.read_flow_runs(flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=working)))
        for run in left:
            ended: State[object] = Crashed(
                message="its process ended; what it had not done is taken up from the database"
            )
            await client.set_flow_run_state(run.id, ended, force=True)


def serve_batches(settings: Path) -> None:
    """Serves a deployment for each kind of batch from this process; each run is a process of its own."""
    from flows.schedule import serve, served
    from flows.simulation import FLOW

    parameters = {"settings": str(settings)}
    serve(*(served(FLOW[kind], kind.value, parameters=parameters) for kind in BatchKind))
