"""A real Prefect server, served flows and the planner's runs: the part that breaks in silence with wrong versions."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import prefect  # noqa: F401 - before the server starts, so that its settings have to be changed
import pytest
from sqlalchemy import create_engine, text

from depository.timetable import BatchKind, PlannedBatch
from flows.clock import RealClock
from flows.schedule import run_name, schedule_batches
from flows.server import PrefectServer, ServerNotStartedError, client_settings, foreign_settings, server_settings
from tests.support.databases import PostgresServer

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[3]
MONDAY = date(2026, 11, 23)
BATCHES = "written-batch/batch"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A private server whose scheduler looks every two seconds instead of every minute."""
    settings = {
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
        "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "2",
    }
    with PrefectServer(tmp_path_factory.mktemp("prefect"), poll_seconds=1, settings=settings) as started:
        yield started


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, server: PrefectServer) -> Iterator[Path]:
    """The folder into which the served flows write; they are served as long as the tests run."""
    folder = tmp_path_factory.mktemp("work")
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            # Not as `-m`: the flows of a program that is running itself cannot be loaded by the name of their module.
            [sys.executable, "-c", f"from tests.support.served_flows import main; main({str(folder)!r})"],
            env=environment, cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
    yield folder
    process.send_signal(signal.SIGTERM)
    process.wait(240)


def wait_for(what: Callable[[], bool], seconds: float, said: Callable[[], str]) -> None:
    """Looks until it is so; fails with what was said when it is not within the time."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, said()
        time.sleep(0.2)


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def runs_of(key: str) -> list[str]:
    """Names of the server's runs with this name."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName

    async def read() -> list[str]:
        async with get_client() as client:
            found = await client.read_flow_runs(flow_run_filter=FlowRunFilter(name=FlowRunFilterName(any_=[key])))
            return [run.name for run in found]

    return asyncio.run(read())


def plan(*batches: PlannedBatch) -> list[str]:
    """Plans the batches and returns the numbers of their runs."""
    return [str(run.id) for run in asyncio.run(schedule_batches(batches, BATCHES))]


def registered(work: Path) -> None:
    """Waits until the deployments are there."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    async def there() -> bool:
        async with get_client() as client:
            try:
                await client.read_deployment_by_name(BATCHES)
            except ObjectNotFound:
                return False
            return True

    wait_for(lambda: asyncio.run(there()), 240, lambda: (work / "log").read_text())


def now() -> datetime:
    from zoneinfo import ZoneInfo

    return RealClock(ZoneInfo("Asia/Almaty")).now()


def test_a_flow_runs_against_the_private_server(server: PrefectServer) -> None:
    from prefect import flow, get_client

    @flow(name="plain")
    async def double(number: int) -> int:
        async with get_client() as client:
            assert str(client.api_url).startswith(server.api_url)
        return 2 * number

    assert asyncio.run(double(21)) == 42


def test_a_flow_in_another_thread_runs_against_the_private_server_too(server: PrefectServer) -> None:
    from prefect import flow, get_client

    seen: list[str] = []

    @flow(name="in a thread")
    async def look() -> None:
        async with get_client() as client:
            seen.append(str(client.api_url))

    # Prefect was imported before the server was there, and a thread begins with settings of its own.
    thread = threading.Thread(target=lambda: asyncio.run(look()))
    thread.start()
    thread.join(60)
    assert seen == [f"{server.api_url}/"]


def test_a_run_that_prefect_schedules_by_itself_is_made_and_executed(work: Path) -> None:
    # With SQLAlchemy 2.1 under Prefect 3.8.8 everything looks healthy and no such run is ever made.
    wait_for(lambda: len(lines(work / "ticks")) >= 1, 240, lambda: (work / "log").read_text())


def test_a_planned_batch_runs_at_its_moment_and_only_once_however_often_it_is_planned(work: Path) -> None:
    registered(work)
    due = now() + timedelta(seconds=2)
    planned = PlannedBatch(MONDAY, "main", BatchKind.MAIN_CYCLE, due)
    first = plan(planned)
    wait_for(lambda: bool(lines(work / f"{MONDAY}-main")), 240, lambda: (work / "log").read_text())
    # Prefect rounds a moment to the second.
    assert now() >= due - timedelta(seconds=1)
    assert plan(planned, PlannedBatch(MONDAY, "main", BatchKind.MAIN_CYCLE, now())) == first * 2
    time.sleep(3)
    assert lines(work / f"{MONDAY}-main") == ["ran"]


def test_planning_twice_makes_each_run_once(work: Path) -> None:
    registered(work)
    day = [
        PlannedBatch(MONDAY, f"late-{number:02}", BatchKind.LATE_CYCLE, now() + timedelta(hours=number))
        for number in (1, 2, 3)
    ]
    first = plan(*day)
    assert len(set(first)) == 3
    assert plan(*day) == first
    assert runs_of(run_name(day[0])) == [run_name(day[0])]


def test_a_planner_that_is_started_again_makes_no_second_run(server: PrefectServer, work: Path) -> None:
    registered(work)
    program = (
        "import asyncio; from datetime import date, datetime\n"
        "from depository.timetable import BatchKind, PlannedBatch; from flows.schedule import schedule_batches\n"
        "at = datetime.fromisoformat('2036-11-23T19:00:00+05:00')\n"
        "batch = PlannedBatch(date(2026, 11, 23), 'end', BatchKind.END_OF_DAY, at)\n"
        f"print(asyncio.run(schedule_batches([batch], '{BATCHES}'))[0].id)\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    said = [
        subprocess.run(
            [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]
    assert said[0].strip()
    assert said[0] == said[1]


def test_a_run_moves_when_its_batch_is_moved_by_notice(work: Path) -> None:
    registered(work)
    at = datetime(2036, 11, 24, 11, 0, tzinfo=UTC)
    first = asyncio.run(schedule_batches([PlannedBatch(MONDAY, "moved", BatchKind.LATE_CYCLE, at)], BATCHES))[0]
    moved = asyncio.run(
        schedule_batches([PlannedBatch(MONDAY, "moved", BatchKind.LATE_CYCLE, at + timedelta(minutes=30))], BATCHES)
    )[0]
    assert moved.id == first.id
    assert moved.next_scheduled_start_time == at + timedelta(minutes=30)
    # Moved to now, it runs now, once.
    plan(PlannedBatch(MONDAY, "moved", BatchKind.LATE_CYCLE, now()))
    wait_for(lambda: bool(lines(work / f"{MONDAY}-moved")), 240, lambda: (work / "log").read_text())


def test_what_is_to_be_kept_from_view_is_not_seen_in_the_run(work: Path) -> None:
    registered(work)
    window = datetime(2036, 11, 25, 11, 0, tzinfo=UTC)
    drawn = PlannedBatch(date(2036, 11, 25), "main", BatchKind.MAIN_CYCLE, window + timedelta(minutes=17, seconds=3))
    run = asyncio.run(schedule_batches([drawn], BATCHES, lambda batch: window))[0]
    assert run.next_scheduled_start_time == window
    assert "11:17" not in run.model_dump_json()


def test_a_moment_without_a_zone_is_refused(server: PrefectServer) -> None:
    naive = datetime(2026, 11, 23, 11, 0)  # noqa: DTZ001 - the fault that is tested
    with pytest.raises(ValueError, match="no time zone"):
        plan(PlannedBatch(MONDAY, "naive", BatchKind.LATE_CYCLE, naive))


def processes_in(folder: Path) -> list[int]:
    """Numbers of the processes, other than this one, whose environment or command names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                said = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in said:
                found.append(int(entry.name))
    return found


@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_no_process_is_left_behind_however_the_one_that_serves_ends(
    server: PrefectServer, tmp_path: Path, order: int
) -> None:
    # The store of the running server saves the first start's half minute of making tables.
    home = tmp_path / "prefect"
    home.mkdir()
    with sqlite3.connect(server.home / "prefect.db") as source, sqlite3.connect(home / "prefect.db") as copy:
        source.backup(copy)
    program = (
        "from pathlib import Path; from flows.server import PrefectServer\n"
        f"with PrefectServer(Path({str(home)!r})) as server:\n"
        "    print(server.pid, flush=True)\n"
        f"    from tests.support.served_flows import main; main({str(tmp_path)!r})\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    served_by = int(process.stdout.readline())
    assert served_by in processes_in(home)
    time.sleep(2)
    process.send_signal(order)
    process.wait(240)
    process.stdout.close()
    wait_for(lambda: not processes_in(home), 240, lambda: f"left behind: {processes_in(home)}")


def test_the_deployments_of_prefect_yaml_are_taken_by_a_real_server(server: PrefectServer) -> None:
    from prefect.client.orchestration import get_client

    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "CSD_SETTINGS": "/etc/csd/csd.toml"}
    command = [sys.executable, "-m", "prefect", "--no-prompt"]
    for order in (["work-pool", "create", "csd", "--type", "process"], ["deploy", "--all"]):
        subprocess.run([*command, *order], env=environment, cwd=ROOT, check=True, capture_output=True)

    async def read() -> tuple[str | None, dict[str, object], object]:
        async with get_client() as client:
            found = await client.read_deployment_by_name("main cycle/main cycle")
            return found.entrypoint, found.parameters, found.pull_steps

    assert asyncio.run(read()) == ("flows.main_cycle.main_cycle", {"settings": "/etc/csd/csd.toml"}, [])


def test_a_server_that_cannot_start_says_why(tmp_path: Path, server: PrefectServer) -> None:
    with pytest.raises(ServerNotStartedError, match=f"port {server.port} is in use"):
        PrefectServer(tmp_path, port=server.port).start()


def test_the_server_keeps_its_runs_on_postgresql(tmp_path: Path, postgres_server: PostgresServer) -> None:
    name = postgres_server.create(empty=True)
    with PrefectServer(tmp_path, database_url=postgres_server.url(name, "asyncpg")):
        from prefect import flow

        @flow(name="on-postgresql")
        async def done() -> str:
            return "done"

        assert asyncio.run(done()) == "done"
    engine = create_engine(postgres_server.url(name))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM flow_run")).scalar() == 1
    engine.dispose()
    postgres_server.drop(name)


def test_the_users_own_prefect_settings_reach_neither_server_nor_flows() -> None:
    environment = {
        "PREFECT_API_KEY": "secret",
        "PREFECT_PROFILE": "theirs",
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "HOME": "/",
    }
    assert foreign_settings(environment) == {"PREFECT_API_KEY", "PREFECT_PROFILE"}


def test_nothing_is_sent_to_the_makers_of_prefect() -> None:
    settings = server_settings(Path("home"), 4300, None)
    assert settings["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert settings["DO_NOT_TRACK"] == "1"
    assert settings["PREFECT_SERVER_UI_API_URL"] == "http://127.0.0.1:4300/api"
    assert client_settings(Path("home"), "http://127.0.0.1:4300/api", 5)["DO_NOT_TRACK"] == "1"
