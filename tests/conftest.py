"""Fixtures that all tests share, and the closing word on what could not be tested."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from tests.support.databases import PostgresServer, SqliteTemplate
from tests.support.sharing import WholeFiles, longest_first

DATABASES = ("sqlite", "postgresql")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background (nohup, `&` of a script) we would hand on to the processes under test that Ctrl-C does nothing.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# sshd and PostgreSQL run as other users and read what the tests write, whatever the shell that starts them keeps from others.
os.umask(0o022)

MEMORY = Path("/dev/shm")
ROOM = 3_000_000_000
"""Bytes; a run leaves a tenth of it."""


def room_in_memory() -> bool:
    """Whether there is a file system in memory, and memory for it."""
    if not os.access(MEMORY, os.W_OK | os.X_OK):
        return False
    available = next(
        (line for line in Path("/proc/meminfo").read_text().splitlines() if "MemAvailable" in line), "0 0 kB"
    )
    return shutil.disk_usage(MEMORY).free > ROOM and int(available.split()[1]) * 1024 > 2 * ROOM


# Each file that is taken is flushed to the disk a dozen times: on a slow one the tests would take many times as long.
if room_in_memory():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# How long an example takes says something about the machine alone; what fails is printed so that it can be tried again.
settings.register_profile("csd", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("csd")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A private PostgreSQL server, one per session (per worker when the tests run in parallel)."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    """A SQLite file with all tables, to copy from."""
    return SqliteTemplate(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database with all tables; every test that takes it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        template: SqliteTemplate = request.getfixturevalue("sqlite_template")
        yield template.copy_to(tmp_path / "csd.sqlite")
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def sqlite_url(sqlite_template: SqliteTemplate, tmp_path: Path) -> str:
    """The address of a fresh SQLite database with all tables, for what does not hang on the kind of database."""
    return sqlite_template.copy_to(tmp_path / "csd.sqlite")


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database without any table, for the migrations."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = server.create(empty=True)
    yield server.url(name)
    server.drop(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, in every worker alike."""
    items[:] = longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> WholeFiles:
    """With several workers, how the tests are shared out."""
    return WholeFiles(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says in plain words what was not tested and why, before pytest's closing line."""
    reasons: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons.setdefault(reason.removeprefix("Skipped: "), []).append(report.nodeid)
    if reasons:
        terminalreporter.section("not tested")
        for reason, tests in sorted(reasons.items()):
            terminalreporter.write_line(f"{len(tests)} test(s) not run: {reason}")
