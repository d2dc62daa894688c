"""The connection to PostgreSQL is cut in the middle of a COMMIT, so that its outcome is not known here: nothing is lost or doubled."""

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest

from depository.store.database import OUTCOME_UNKNOWN, DatabaseUnavailable, open_database, writing
from depository.verify import verify
from tests.faults.kill_points import SMALL_DAY, World, differences, drop_files, open_site, play, state_of
from tests.support.databases import PostgresServer
from tests.support.fault_results import tried

SOCKET = ".s.PGSQL.5432"
EVERY = 5
"""Of the commits of writers so many go well before one is cut."""
LOCKS = (b"FOR NO KEY UPDATE", b"FOR KEY SHARE", b"FOR UPDATE")
"""What transactions begin with that write the books, beside them, or alone."""
TRIES = 10


class Cutter:
    """Stands between the depository and the server, and cuts connections at the commit of a writer.

    Of those that are cut every second commit reaches the server and is carried out; only the answer is lost.
    """

    def __init__(self, server: Path, folder: Path) -> None:
        self._server = server
        self._commits = 0
        self._lock = threading.Lock()
        self.lost_before = 0
        self.lost_after = 0
        self.every = EVERY
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / SOCKET))
        self._listener.listen(50)
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Ends it with all connections."""
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server / SOCKET))
                self._open += [client, server]
                cut = threading.Event()
                threading.Thread(target=self._talk, args=(client, server, cut), daemon=True).start()
                threading.Thread(target=self._answer, args=(client, server, cut), daemon=True).start()

    def _talk(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        writes = False
        with suppress(OSError):
            while said := client.recv(65536):
                writes = writes or any(lock in said for lock in LOCKS)
                if writes and b"COMMIT" in said:
                    writes = False
                    fate = self._fate()
                    if fate == "before":
                        break
                    if fate == "after":
                        cut.set()
                server.sendall(said)
        _end(server if not cut.is_set() else client, client)

    def _answer(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        with suppress(OSError):
            while said := server.recv(65536):
                if cut.is_set():
                    break
                client.sendall(said)
        _end(client, server)

    def _fate(self) -> str:
        with self._lock:
            self._commits += 1
            if self._commits % self.every:
                return "goes well"
            if self.lost_before <= self.lost_after:
                self.lost_before += 1
                return "before"
            self.lost_after += 1
            return "after"


def _end(*some: socket.socket) -> None:
    for one in some:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting(server: PostgresServer) -> Iterator[tuple[Cutter, Callable[[str], str]]]:
    """A cutter before the server, and what makes the address of a database lead through it."""
    with (
        tempfile.TemporaryDirectory(prefix="csd-cut-") as folder,
        closing(Cutter(server.folder, Path(folder))) as cutter,
    ):
        yield cutter, lambda url: url.replace(str(server.folder), folder)


def test_a_day_in_which_every_fifth_commit_is_cut_ends_the_same(
    world: World, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    (tmp_path / "alone").mkdir()
    undisturbed = play(world, f"sqlite:///{tmp_path / 'alone' / 'csd.db'}", tmp_path / "alone")
    url = postgres_server.url(postgres_server.create(empty=True))
    told: list[str] = []
    with world.server(tmp_path / "sftp") as sftp, cutting(postgres_server) as (cutter, through):
        place = world.place(url, tmp_path / "var", sftp)
        first, *rest = SMALL_DAY
        # The migrations are an operator's, who sees what they say.
        loading = world.forker.depository(place)
        loading.do(first.command, first.moment(world.zone))
        loading.close()
        depository = world.forker.depository(world.place(through(url), tmp_path / "var", sftp))
        for step in rest:
            drop_files(tmp_path / "sftp", step.drops)
            faults = []
            while fault := depository.ask(step.command, step.moment(world.zone)):
                faults.append(fault)
                assert len(faults) < TRIES, f"{step} never succeeded: {faults}"
                told += depository.said
            told += [*faults, *depository.said]
        depository.close()
        assert (cutter.lost_before, cutter.lost_after) >= (5, 5)
        assert any(OUTCOME_UNKNOWN in one for one in told)
    engine = open_database(url)
    found = state_of(engine, tmp_path / "var" / "archive", tmp_path / "sftp")
    engine.dispose()
    assert differences(undisturbed.state, found) == []
    with (
        world.server(tmp_path / "sftp") as sftp,
        closing(open_site(world.place(url, tmp_path / "var", sftp))) as site,
        site.reading(datetime.fromisoformat(SMALL_DAY[-1].at).replace(tzinfo=world.zone)) as work,
    ):
        assert verify(work).faults == ()
    tried(
        f"the connection is cut at the COMMIT, each {EVERY}th of a day, half of them carried out",
        "PostgreSQL",
        "the same state",
    )


def test_who_asked_is_told_that_the_outcome_is_not_known(postgres_server: PostgresServer) -> None:
    url = postgres_server.url(postgres_server.create())
    with cutting(postgres_server) as (cutter, through):
        cutter.every = 1
        engine = open_database(through(url))
        with pytest.raises(DatabaseUnavailable, match=OUTCOME_UNKNOWN), writing(engine):
            pass
        with pytest.raises(DatabaseUnavailable, match="nothing of this was committed"), writing(engine) as connection:
            connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        engine.dispose()
