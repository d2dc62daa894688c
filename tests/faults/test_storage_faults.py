"""What the depository stands on breaks under it: PostgreSQL is killed, the database turns read-only, the disk is full.

Each stops the work with a clear word, damages nothing, and once it is mended the same call goes on to the same end.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text

from depository.sftp.client import connect
from depository.sftp.errors import SftpError
from depository.sftp.folders import Folders
from depository.store import schema
from depository.store.database import open_database
from depository.verify import verify
from tests.faults.kill_points import (
    DAY,
    SAMPLE,
    SMALL_DAY,
    TODAY,
    Depository,
    Place,
    Played,
    Step,
    World,
    differences,
    drop_files,
    open_site,
    play,
    sqlite_check,
    state_of,
)
from tests.faults.watch import depository
from tests.support.databases import PostgresServer
from tests.support.disks import fill, small_disk
from tests.support.fault_results import tried

PATIENCE = 240.0
TRIES = 20
SQLITE_FULL = ("database or disk is full", "disk I/O error", "No space left on device", "File too large")
"""What SQLite says, and the system for a file of the archive."""
NO_DATABASE = "the database does not work"


class MortalServer(PostgresServer):
    """A PostgreSQL server of its own that can be killed and started again."""

    def kill(self) -> None:
        """SIGKILL to the postmaster and what watches over it; its children notice and end."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + PATIENCE
        while self._children() and time.monotonic() < deadline:
            time.sleep(0.05)

    def start_again(self) -> None:
        """The same data, recovered from the write-ahead log."""
        arguments = self._process.args
        assert isinstance(arguments, list)
        # Where no init collects orphans, the dead postmaster still has its process number, and its lock files count.
        for lock in (self.data / "postmaster.pid", self.folder / ".s.PGSQL.5432.lock", self.folder / ".s.PGSQL.5432"):
            lock.unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
                start_new_session=True,
            )
        self._wait_until_ready()

    def _children(self) -> list[str]:
        """Server processes that still work on this folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if (entry / "cwd").resolve() == self.data.resolve():
                    found.append(entry.name)
            except OSError:
                continue
        return found


@contextmanager
def closing_server() -> Iterator[MortalServer]:
    """A server of its own."""
    server = MortalServer()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def undisturbed(world: World, tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("undisturbed")
    return play(world, f"sqlite:///{folder / 'csd.db'}", folder)


def until_done(depository: Depository, step: Step, zone: object, faults: list[str]) -> list[str]:
    """Repeats a command as a resident flow does, until it succeeds; returns what it logged meanwhile."""
    logged: list[str] = []
    for _ in range(TRIES):
        fault = depository.ask(step.command, step.moment(zone))
        logged += depository.said
        if not fault:
            return logged
        faults.append(fault)
        time.sleep(0.2)
    raise AssertionError(f"{step.command} never succeeded: {faults[-1]}")


def test_postgresql_killed_in_the_middle_of_the_work(world: World, undisturbed: Played, tmp_path: Path) -> None:
    """Six times in one day, each inside an open transaction; the same process goes on when the server is back."""
    pauses = (
        ("record.answers queued", 3),
        ("make.before commit", 2),
        ("deliver.before commit", 3),
        ("cycle.posted", 1),
        ("batch.before commit", 12),
        ("end of day.sealed", 1),
    )
    killed = 0
    over = threading.Event()
    with closing_server() as server:
        url = server.url(server.create(empty=True))

        def reaper() -> None:
            nonlocal killed
            while not over.is_set():
                if (tmp_path / "var" / "paused").exists():
                    server.kill()
                    server.start_again()
                    killed += 1
                    (tmp_path / "var" / "paused").unlink()
                time.sleep(0.02)

        thread = threading.Thread(target=reaper)
        thread.start()
        told: list[str] = []
        try:
            with world.server(tmp_path / "sftp") as sftp:
                (tmp_path / "var").mkdir()
                depository = world.forker.depository(world.place(url, tmp_path / "var", sftp), pause=pauses)
                for step in SMALL_DAY:
                    drop_files(tmp_path / "sftp", step.drops)
                    before = killed
                    faults: list[str] = []
                    logged = until_done(depository, step, world.zone, faults)
                    told += faults
                    # Killed under files that are recorded together, the server may be back when they are taken one by one: then
                    # the log says so, and the command succeeds.
                    clear = [one for one in (*faults, *logged) if NO_DATABASE in one]
                    assert len(clear) >= killed - before, (step, faults, logged)
                depository.close()
        finally:
            over.set()
            thread.join()
        assert killed == len(pauses)
        assert all(NO_DATABASE in fault for fault in told), told
        engine = open_database(url)
        found = state_of(engine, tmp_path / "var" / "archive", tmp_path / "sftp")
        engine.dispose()
    assert differences(undisturbed.state, found) == []
    for point, _ in pauses:
        tried(
            f"PostgreSQL killed (SIGKILL) and restarted at “{point}”", "PostgreSQL", "a clear stop, then the same state"
        )


def broken_at(
    world: World,
    url: str,
    folder: Path,
    breaking: Callable[[Depository, Place], None],
    mending: Callable[[Depository, Place], None],
    words: tuple[str, ...],
    undisturbed: Played,
) -> None:
    """Breaks what the depository stands on at two moments of the day: before files come, and before the main cycle."""
    broken = {3: "run", 6: "look", 13: "run"}
    (folder / "var").mkdir(exist_ok=True)
    with world.server(folder / "sftp") as sftp:
        place = world.place(url, folder / "var", sftp)
        depository = world.forker.depository(place)
        for number, step in enumerate(SMALL_DAY):
            drop_files(folder / "sftp", step.drops)
            if number in broken:
                assert step.command == broken[number]
                breaking(depository, place)
                for _ in range(2):
                    fault = depository.ask(step.command, step.moment(world.zone))
                    assert any(word in fault for word in words), fault
                mending(depository, place)
                assert faults_of_books(place, step.moment(world.zone)) == ()
            depository.do(step.command, step.moment(world.zone))
        depository.close()
    engine = open_database(url)
    found = state_of(engine, folder / "var" / "archive", folder / "sftp")
    engine.dispose()
    assert differences(undisturbed.state, found) == []


def faults_of_books(place: Place, at: datetime) -> tuple[str, ...]:
    """What `csd verify` finds right after the disaster."""
    with closing(open_site(place)) as site, site.reading(at) as work:
        return verify(work).faults


def test_a_full_disk_under_sqlite_and_the_archive(world: World, undisturbed: Played, tmp_path: Path) -> None:
    """By a limit on the size of files, which needs no rights: the archive and the database both hit it."""

    def tell(command: str) -> Callable[[Depository, Place], None]:
        return lambda depository, _: depository.do(command, SMALL_DAY[0].moment(world.zone))

    broken_at(world, f"sqlite:///{tmp_path / 'csd.db'}", tmp_path, tell("fill"), tell("free"), SQLITE_FULL, undisturbed)
    assert sqlite_check(tmp_path / "csd.db") == "ok"
    tried("disk full (no file may grow)", "SQLite and archive", "a clear stop, no damage, then the same state")


def test_no_space_left_under_sqlite_and_the_archive(world: World, undisturbed: Played, tmp_path: Path) -> None:
    """A real file system without room."""
    with small_disk(tmp_path / "disk", 64) as disk:
        (disk / "var").mkdir()

        def mend(_: Depository, __: Place) -> None:
            (disk / "ballast").unlink()

        folder = tmp_path / "day"
        folder.mkdir()
        (folder / "var").symlink_to(disk / "var")
        url = f"sqlite:///{disk / 'csd.db'}"
        broken_at(world, url, folder, lambda _, __: fill(disk), mend, SQLITE_FULL, undisturbed)
        assert sqlite_check(disk / "csd.db") == "ok"
    tried(
        "disk full (no space left on the device)", "SQLite and archive", "a clear stop, no damage, then the same state"
    )


def test_no_space_left_under_postgresql(
    world: World, undisturbed: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may even stop itself when its log has no room; it comes back by itself."""
    outer = Path(tempfile.mkdtemp(prefix="csd-full-"))
    # The server runs as another user.
    outer.chmod(0o755)
    with small_disk(outer / "d", 400) as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with closing_server() as server:
            monkeypatch.undo()
            url = server.url(server.create(empty=True))

            def mend(_: Depository, __: Place) -> None:
                (disk / "ballast").unlink()
                if server._process.poll() is not None:
                    server.start_again()
                server._wait_until_ready()

            broken_at(world, url, tmp_path, lambda _, __: fill(disk), mend, ("DatabaseUnavailable",), undisturbed)
    shutil.rmtree(outer, ignore_errors=True)
    tried("disk full (no space left on the device)", "PostgreSQL", "a clear stop, no damage, then the same state")


def test_a_read_only_postgresql(
    world: World, undisturbed: Played, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    name = postgres_server.create(empty=True)

    def set_read_only(value: str) -> Callable[[Depository, Place], None]:
        def change(_: Depository, __: Place) -> None:
            engine = create_engine(postgres_server.url("postgres"), isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}"))
                # Sessions take the setting when they begin; the depository's are cut and opened again.
                connection.execute(
                    text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
                )
            engine.dispose()

        return change

    url = postgres_server.url(name)
    broken_at(world, url, tmp_path, set_read_only("on"), set_read_only("off"), ("read-only transaction",), undisturbed)
    postgres_server.drop(name)
    tried("read-only database", "PostgreSQL", "a clear stop, no damage, then the same state")


def test_a_read_only_sqlite(world: World, undisturbed: Played, tmp_path: Path) -> None:
    """A process that may only read the file says so and changes nothing; one that may write goes on."""
    steps = [step for step in SMALL_DAY if step.at <= f"{DAY}T10:00"]
    database = tmp_path / "csd.db"
    (tmp_path / "var").mkdir()
    with world.server(tmp_path / "sftp") as sftp:
        place = world.place(f"sqlite:///{database}", tmp_path / "var", sftp)
        depository = world.forker.depository(place)
        for step in steps:
            drop_files(tmp_path / "sftp", step.drops)
            if step is steps[-1]:
                reader = world.place(f"sqlite:///file:{database}?mode=ro&uri=true", tmp_path / "var", sftp)
                with closing(world.forker.depository(reader)) as other:
                    assert "readonly database" in other.ask(step.command, step.moment(world.zone))
            depository.do(step.command, step.moment(world.zone))
        for step in SMALL_DAY[len(steps) :]:
            drop_files(tmp_path / "sftp", step.drops)
            depository.do(step.command, step.moment(world.zone))
        depository.close()
    engine = open_database(f"sqlite:///{database}")
    assert differences(undisturbed.state, state_of(engine, tmp_path / "var" / "archive", tmp_path / "sftp")) == []
    engine.dispose()
    tried("read-only database", "SQLite", "a clear stop, no damage, then the same state")


def test_no_space_left_on_the_sftp_server(world: World, tmp_path: Path) -> None:
    """Uploads end in an error at their senders, answers wait; with room again each file is taken and answered once."""
    data = (SAMPLE / TODAY / "1005/B02/inbox/IST_B02-IST-0001.xlsx").read_bytes()
    with small_disk(tmp_path / "disk", 16) as disk:
        (disk / "sftp").mkdir()
        (tmp_path / "sftp").symlink_to(disk / "sftp")
        with depository(world, f"sqlite:///{tmp_path / 'csd.db'}", tmp_path) as d:
            server, inbox = d.site.sftp, disk / "sftp" / "B02" / "inbox"

            def upload(name: str) -> None:
                key = world.folder / "keys" / "B02"
                with connect(server.host, server.port, "B02", key, server.host_key) as line:
                    Folders(line).put(f"/inbox/{name}", data)

            upload("form.xlsx")
            fill(disk)
            with pytest.raises(SftpError):
                upload("again.xlsx")
            left = {path.name for path in inbox.iterdir()}
            for look in range(4):
                with contextlib.suppress(SftpError):
                    d.look(d.start + timedelta(seconds=2 * look))
            assert left - {"form.xlsx"} == {path.name for path in inbox.iterdir()}
            # The form that was taken has left a little room, not enough for all.
            answers = disk / "sftp" / "B02" / "outbox"
            assert list(answers.glob("*.answer.xlsx")) == []
            (disk / "ballast").unlink()
            upload("again.xlsx")
            for look in range(4, 8):
                d.look(d.start + timedelta(seconds=2 * look))
            # The same content under another name has a receipt of that name.
            assert d.receipts("B02") == ["again.xlsx accepted", "form.xlsx accepted"]
            assert len(list(answers.glob("*.answer.xlsx"))) == 2
            assert list(inbox.iterdir()) == []
            with d.site.reading(d.start) as work:
                assert [one.repeats for one in work.connection.execute(select(schema.file))] == [1]
                assert verify(work).faults == ()
    tried("disk full (no space left on the device)", "the SFTP server", "uploads refused, answers wait, nothing lost")
