"""A small business day, and a process that plays the depository in it and can be killed at a named point.

The test holds the clock, the SFTP server and the parties: it drops files and tells the depository's process, over a socket, what is
due ("look at 10:00", "run what is due at 14:30"). When the process is killed in the middle of a command, another one is started and
gets the same command again, as a resident flow or the reconciler would do it. No operator, no repair.

Processes are forked from one that has everything imported, so that a start costs milliseconds. Run as
`python -m tests.faults.kill_points SOCKET`, it is that process.
"""

import contextlib
import hashlib
import io
import json
import logging
import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from depository.answers import Receipt
from depository.points import watch
from depository.rejects import FileRefused
from depository.sftp.intake import SIGNATURE, Policy
from depository.sftp.keys import DEPOSITORY, create_folders, create_keys
from depository.sftp.server import EmbeddedServer
from depository.signatories import Evidence, Trust
from depository.store import schema
from depository.store.archive import UNDER_WAY, Archive
from depository.store.database import open_database
from depository.store.migrate import upgrade
from flows.steps.batches import run_batch
from flows.steps.deliver import deliver
from flows.steps.intake import take_files
from flows.steps.planning import due, plan
from flows.steps.reference import load_reference
from flows.steps.sites import SftpSettings, Site, load_market
from forms.form import Form
from parsers.cms import check
from parsers.marked_workbook import mark_as_read
from parsers.sandbox import Sandbox
from parsers.workbook_form import read_form
from tests.support.beside import signature_of
from tools import sample_keys

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample_files" / "day"
MARKET = ROOT / "market" / "kazakhstan"
DAY = date(2026, 11, 23)
PARTIES = ("B01", "B02", "B03", "B04", "B05", "B06", "exchange", "bank", "registry")
TEST_HOST = "host"
SENT_AT = 1_795_000_000
"""The time that senders' programs give to files, in seconds since 1970; it proves nothing."""
PATIENCE = 240.0
"""Seconds for a command; what takes longer hangs."""
OUR_FAULT = "our-fault"
"""The reader fails on files whose names begin so."""
TOO_SLOW = "too-slow"
"""The marking of files whose names begin so is stopped as by the limit of time."""


class DirectReader:
    """Reads forms in the process itself: starting the sandbox's child takes a second, and hundreds of processes are started here.

    `test_kill_points` has runs with the sandbox, too.
    """

    def read_form(self, data: bytes, name: str) -> Form:
        """As `Sandbox.read_form`; for a file of a certain name it fails as a fault of ours would."""
        if name.startswith(OUR_FAULT):
            raise RuntimeError("a fault of ours")
        return read_form(data, name)

    def read_feed(self, reader: Callable[..., Any], *arguments: object) -> Any:
        """As `Sandbox.read_feed`."""
        return reader(*arguments)

    def mark(self, original: bytes, receipt: Receipt) -> bytes:
        """As `Sandbox.mark`; for a file of a certain name its time is over."""
        stop_if_slow(receipt)
        return mark_as_read(original, receipt)

    def check_signature(self, signature: bytes, data: bytes, trust: Trust, at: datetime) -> Evidence:
        """As `Sandbox.check_signature`."""
        return check(signature, data, trust, at)

    def close(self) -> None:
        """Nothing to close."""


class RealReader(Sandbox):
    """The sandbox, which fails on the same files."""

    def read_form(self, data: bytes, name: str) -> Form:
        """As `DirectReader.read_form`, in the child."""
        if name.startswith(OUR_FAULT):
            raise RuntimeError("a fault of ours")
        return super().read_form(data, name)

    def mark(self, original: bytes, receipt: Receipt) -> bytes:
        """As `DirectReader.mark`, in the child."""
        stop_if_slow(receipt)
        return super().mark(original, receipt)


def stop_if_slow(receipt: Receipt) -> None:
    """Raises FileRefused for a file of a certain name, as when the limit of time has stopped its marking."""
    if receipt.file_name.startswith(TOO_SLOW):
        raise FileRefused("time-limit", "Reading the file took too long.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a depository's process works."""

    url: str
    var: str
    market: str
    host: str
    port: int
    host_key: str
    key_file: str
    sandbox: bool = False


# --- the depository's process ---------------------------------------------------------------------------------------------------


def open_site(place: Place) -> Site:
    """The site of a place."""
    reader: Any = RealReader() if place.sandbox else DirectReader()
    sftp = SftpSettings(place.host, place.port, DEPOSITORY, Path(place.key_file), place.host_key)
    var = Path(place.var)
    return Site(
        open_database(place.url),
        Archive(var / "archive"),
        load_market(Path(place.market)),
        sftp,
        reader,
        Policy(),
        var,
        sample_keys.signer(sample_keys.DEPOSITORY),
    )


def _load(site: Site, at: datetime) -> None:
    upgrade(site.engine)
    load_reference(site, SAMPLE / "reference", at)


def _look(site: Site, at: datetime) -> None:
    with site.folders() as folders:
        take_files(site, folders, at)
        deliver(site, folders, at)


def _glance(site: Site, at: datetime) -> None:
    """A look as the resident intake has it most of the time: without what lies claimed on our side."""
    with site.folders() as folders:
        take_files(site, folders, at, leftovers=False)
        deliver(site, folders, at)


def _plan(site: Site, at: datetime) -> None:
    day = site.market.local(at).date()
    plan(site, day, at, lambda: f"secret of {day}")


def _run(site: Site, at: datetime) -> None:
    """What the reconciler does: every batch that is due, in order; here at its own moment, so that runs can be compared."""
    for batch in due(site, at):
        run_batch(site, batch.business_date, batch.slot, batch.due_at)
    with site.folders() as folders:
        deliver(site, folders, at)


def _fill(site: Site, at: datetime) -> None:
    """From now on no file of this process grows beyond 16 kB, as on a full disk."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, hard))


def _free(site: Site, at: datetime) -> None:
    """There is room again."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


COMMANDS: dict[str, Callable[[Site, datetime], None]] = {
    "load": _load,
    "look": _look,
    "glance": _glance,
    "plan": _plan,
    "run": _run,
    "fill": _fill,
    "free": _free,
}


def serve(socket_path: str) -> None:
    """Forks a depository's process for each connection."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(socket_path)
        listener.listen(16)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                work(connection)
                os._exit(0)
            connection.close()


def work(connection: socket.socket) -> None:
    """One depository's process: its place and the points at which it dies come first, then commands."""
    stream = connection.makefile("rw", encoding="utf-8")
    told = json.loads(stream.readline())
    passed: Counter[str] = Counter()
    deaths = {(name, number) for name, number in told["die"]}
    pauses = {(name, number) for name, number in told["pause"]}

    def at_point(name: str) -> None:
        passed[name] += 1
        if (name, passed[name]) in deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        if (name, passed[name]) in pauses:
            _wait_for_the_test(Path(told["place"]["var"]))

    watch(at_point)
    said = Said()
    logging.getLogger().addHandler(said)
    site = open_site(Place(**told["place"]))
    for line in stream:
        command, at = json.loads(line)
        said.lines = []
        try:
            COMMANDS[command](site, datetime.fromisoformat(at))
            fault = ""
        except Exception as problem:  # noqa: BLE001 - told to the test, which judges it
            fault = f"{type(problem).__name__}: {problem}"
        stream.write(json.dumps({"passed": dict(passed), "fault": fault, "said": said.lines}) + "\n")
        stream.flush()
    site.close()


class Said(logging.Handler):
    """Collects what the depository logs, from warnings on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _wait_for_the_test(var: Path) -> None:
    """Stands still at a point until the test has done something to the world around."""
    (var / "paused").touch()
    deadline = time.monotonic() + PATIENCE
    while (var / "paused").exists() and time.monotonic() < deadline:
        time.sleep(0.02)


# --- the test's side ------------------------------------------------------------------------------------------------------------


class Forker:
    """The process that depository processes are forked from."""

    def __init__(self, folder: Path) -> None:
        self._socket = str(folder / "s")
        # The folder is in the environment of all that comes of this process, so that it can be told from others'.
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "CSD_FORKED_IN": str(folder)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.kill_points", self._socket], cwd=ROOT, env=environment
        )
        deadline = time.monotonic() + PATIENCE
        while not Path(self._socket).exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the forking process did not start")
            time.sleep(0.05)

    def depository(
        self, place: Place, die: tuple[tuple[str, int], ...] = (), pause: tuple[tuple[str, int], ...] = ()
    ) -> "Depository":
        """A fresh process, with the points at which it is killed or stands still until the file `paused` in its folder is gone."""
        return Depository(self._socket, place, die, pause)

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()


class Died(Exception):
    """The depository's process was killed."""


class Depository:
    """A depository's process as the test sees it."""

    def __init__(
        self, socket_path: str, place: Place, die: tuple[tuple[str, int], ...], pause: tuple[tuple[str, int], ...]
    ) -> None:
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.settimeout(PATIENCE)
        for attempt in range(50):
            try:
                self._connection.connect(socket_path)
                break
            except ConnectionRefusedError:
                if attempt == 49:
                    raise
                time.sleep(0.05)
        self._stream = self._connection.makefile("rw", encoding="utf-8")
        self._tell({"place": asdict(place), "die": die, "pause": pause})
        self.passed: dict[str, int] = {}
        self.said: list[str] = []
        """Warnings and errors that it logged in the last command."""

    def _tell(self, what: object) -> None:
        self._stream.write(json.dumps(what) + "\n")
        self._stream.flush()

    def do(self, command: str, at: datetime) -> None:
        """Carries out a command; raises Died when the process is killed on the way, AssertionError when it fails."""
        fault = self.ask(command, at)
        assert not fault, f"{command} at {at}: {fault}"

    def ask(self, command: str, at: datetime) -> str:
        """The same, but a fault is the answer ("" = none)."""
        try:
            self._tell((command, at.isoformat()))
            line = self._stream.readline()
        except (BrokenPipeError, ConnectionResetError):
            line = ""
        if not line:
            raise Died
        answer = json.loads(line)
        self.passed = answer["passed"]
        self.said = answer["said"]
        return str(answer["fault"])

    def close(self) -> None:
        """Ends the process by closing its connection."""
        with contextlib.suppress(OSError):
            self._stream.close()
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Drop:
    """A file put into a party's folder, with the marker that goes with it ("" = it has to stand still)."""

    party: str
    folder: str
    source: str
    name: str = ""
    marker: str = ".done"
    salt: str = ""
    """Makes other bytes of the same content: as the workbook's zip comment, or as blanks at the end of a text."""


@dataclass(frozen=True, slots=True)
class Step:
    """A moment of the day: files come, then the depository does something."""

    command: str
    at: str
    drops: tuple[Drop, ...] = ()

    def moment(self, zone: Any) -> datetime:
        """The moment."""
        return datetime.fromisoformat(self.at).replace(tzinfo=zone)


TODAY = f"{DAY}/"
SMALL_DAY = (
    Step("load", "2026-11-19T08:00"),
    Step(
        "look", "2026-11-19T18:10", (Drop("exchange", "inbox", "2026-11-19/1810/exchange/inbox/trades_20261119.csv"),)
    ),
    Step("plan", f"{DAY}T08:55"),
    Step("run", f"{DAY}T09:00"),
    Step(
        "look",
        f"{DAY}T09:05",
        (Drop("bank", "inbox", TODAY + "0905/bank/inbox/camt053_20261123_0905.xml", marker=".sha256"),),
    ),
    Step("run", f"{DAY}T09:30"),
    Step(
        "look",
        f"{DAY}T10:00",
        (
            Drop("bank", "inbox", TODAY + "1015/bank/inbox/camt054_20261123_1015.xml"),
            Drop("B02", "inbox", TODAY + "1005/B02/inbox/IST_B02-IST-0001.xlsx"),
            Drop("B03", "inbox", TODAY + "1020/B03/inbox/IST_B03-IST-0001.xlsx", marker=".sha256"),
            Drop("B03", "inbox", TODAY + "1000/B03/inbox/BUNA_B03-BUNA-0001.xlsx"),
            Drop("B05", "inbox", TODAY + "1030/B05/inbox/IND_B05-IND-0001.xlsx"),
            Drop("B05", "inbox", TODAY + "1032/B05/inbox/SIN_B05-SIN-0001.xlsx"),
            Drop("B04", "inbox", TODAY + "1050/B04/inbox/IST_B04-IST-0009.xlsx"),
            Drop("B06", "check", TODAY + "1040/B06/check/WRN_B06-WRN-0009.xlsx"),
            Drop("B05", "inbox", TODAY + "0940/B05/inbox/WRN_B05-WRN-0001.xlsx", marker=""),
            # We fail on it, try it again and put it aside.
            Drop("B01", "inbox", TODAY + "1030/B01/inbox/IST_B01-IST-0001.xlsx", name=f"{OUR_FAULT}.xlsx"),
            # Another's form, refused; the marking of the answer is stopped by a limit, which a replay must know.
            Drop("B04", "inbox", TODAY + "1005/B02/inbox/IST_B02-IST-0001.xlsx", name=f"{TOO_SLOW}.xlsx"),
            # Never finished: its sender is told after the deadline.
            Drop("B04", "inbox", TODAY + "1050/B04/inbox/IST_B04-IST-0009.xlsx", name="late.xlsx.part", marker=""),
        ),
    ),
    # The file without a marker stands still.
    Step("look", f"{DAY}T10:00:02"),
    Step("look", f"{DAY}T10:00:04"),
    Step("look", f"{DAY}T10:00:06"),
    Step("look", f"{DAY}T10:00:30"),
    Step("look", f"{DAY}T10:01:00"),
    Step("look", f"{DAY}T10:01:30"),
    Step("run", f"{DAY}T12:05"),
    Step(
        "look",
        f"{DAY}T13:10",
        (
            Drop("bank", "inbox", TODAY + "1310/bank/inbox/camt054_20261123_1310.xml"),
            # The same bytes again under another name: the first answer again.
            Drop("B02", "inbox", TODAY + "1005/B02/inbox/IST_B02-IST-0001.xlsx", name="again.xlsx"),
        ),
    ),
    Step("run", f"{DAY}T14:30"),
    Step("look", f"{DAY}T18:30", (Drop("registry", "inbox", TODAY + "1830/registry/inbox/positions_20261123.csv"),)),
    Step("run", f"{DAY}T19:05"),
    Step("look", f"{DAY}T19:06"),
    Step("look", f"{DAY}T19:06:02"),
    Step("look", f"{DAY}T19:06:04"),
    # In the technology time a file waits; its sender is told.
    Step("look", f"{DAY}T23:10", (Drop("B04", "inbox", TODAY + "1810/B04/inbox/IST_B04-IST-0002.xlsx"),)),
    Step("look", "2026-11-24T01:00"),
    Step("look", "2026-11-24T01:00:02"),
)


class World:
    """A market, an SFTP server and its parties; the depository's processes come and go."""

    def __init__(self, folder: Path, forker: Forker) -> None:
        self.folder = folder
        self.forker = forker
        self.market = folder / "market"
        shutil.copytree(MARKET, self.market)
        timetable = self.market / "timetable.toml"
        text = timetable.read_text()
        # Few batches of each kind: the points are the same.
        for often, rare in (
            ("fop_every = 15", "fop_every = 240"),
            ("late_every = 15", "late_every = 120"),
            ("payout_every = 30", "payout_every = 120"),
        ):
            assert often in text
            text = text.replace(often, rare)
        timetable.write_text(text)
        self.keys = create_keys(folder / "keys", [DEPOSITORY, *PARTIES])
        create_keys(folder / "keys", [TEST_HOST])
        self.zone = load_market(self.market).zone

    @contextmanager
    def server(self, root: Path) -> Iterator[EmbeddedServer]:
        """The parties' SFTP server over a fresh tree of folders."""
        create_folders(root, PARTIES)
        with EmbeddedServer.start(root, self.keys, self.folder / "keys" / TEST_HOST) as server:
            yield server

    def place(self, url: str, var: Path, server: EmbeddedServer, sandbox: bool = False) -> Place:
        """Where the depository's processes of one run work."""
        key = str(self.folder / "keys" / DEPOSITORY)
        return Place(url, str(var), str(self.market), server.host, server.port, server.host_key, key, sandbox)


@dataclass(frozen=True, slots=True)
class Played:
    """A day as it ended."""

    state: dict[str, Any]
    passed: dict[str, int]
    """How often each point was passed, when the process lived to the end."""
    deaths: int
    recoveries: tuple[float, ...]
    """Of each death, the seconds from the restart to the end of the command that the killed process had begun."""
    slowest: float
    """Seconds of the command that took longest."""


def play(
    world: World,
    url: str,
    folder: Path,
    deaths: tuple[tuple[str, int], ...] = (),
    sandbox: bool = False,
    steps: tuple[Step, ...] = SMALL_DAY,
) -> Played:
    """Plays the day; each `(point, passing)` kills one process: the first the first process, the second the one started after it …"""
    root = folder / "sftp"
    with world.server(root) as server:
        place = world.place(url, folder / "var", server, sandbox)
        left = list(deaths)
        died = 0
        slowest = 0.0
        recoveries: list[float] = []

        def start() -> Depository:
            return world.forker.depository(place, (left.pop(0),) if left else ())

        depository = start()
        for step in steps:
            drop_files(root, step.drops)
            began = time.monotonic()
            restarts: list[float] = []
            while True:
                try:
                    depository.do(step.command, step.moment(world.zone))
                    break
                except Died:
                    died += 1
                    assert died <= len(deaths), f"the process died by itself in {step}"
                    began = time.monotonic()
                    restarts.append(began)
                    depository.close()
                    depository = start()
            slowest = max(slowest, time.monotonic() - began)
            recoveries += [time.monotonic() - restart for restart in restarts]
        passed = depository.passed
        depository.close()
    engine = open_database(url)
    try:
        state = state_of(engine, folder / "var" / "archive", root)
    finally:
        engine.dispose()
    return Played(state, passed, died, tuple(recoveries), slowest)


def drop_files(root: Path, drops: tuple[Drop, ...]) -> None:
    """Puts files under their final names, markers last, as senders do."""
    for drop in drops:
        data = _salted((SAMPLE / drop.source).read_bytes(), drop)
        target = root / drop.party / drop.folder / (drop.name or Path(drop.source).name)
        signature = signature_of(SAMPLE / drop.source)
        if signature is not None:
            # Before the form, as senders do.
            target.with_name(target.name + SIGNATURE).write_bytes(signature)
        temporary = target.with_name(f".{target.name}")
        temporary.write_bytes(data)
        # The same in every run: what is seen of a file that stays is compared, too.
        os.utime(temporary, (SENT_AT, SENT_AT))
        temporary.rename(target)
        if drop.marker:
            words = f"{hashlib.sha256(data).hexdigest()}  {target.name}\n" if drop.marker == ".sha256" else ""
            target.with_name(target.name + drop.marker).write_text(words)


def _salted(data: bytes, drop: Drop) -> bytes:
    if not drop.salt:
        return data
    if not drop.source.endswith(".xlsx"):
        return data + b" " * int(drop.salt)
    workbook = io.BytesIO(data)
    with zipfile.ZipFile(workbook, "a") as archive:
        archive.comment = drop.salt.encode()
    return workbook.getvalue()


def state_of(engine: Engine, archive: Path, root: Path) -> dict[str, Any]:
    """Everything that must be the same however often the depository died: every row of every table, every file everywhere."""
    state: dict[str, Any] = {}
    with engine.connect() as connection:
        for table in schema.metadata.sorted_tables:
            if table in (schema.duration, schema.site):
                # By the machine's own clock, and by chance.
                continue
            rows = connection.execute(select(table).order_by(*table.primary_key.columns))
            state[f"table {table.name}"] = [tuple(row) for row in rows]
    state["archive"] = sorted(
        str(path.relative_to(archive)) for path in archive.rglob("*") if path.is_file() and UNDER_WAY not in path.parts
    )
    state["folders"] = {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }
    return state


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What differs, in words."""
    told = []
    for name, was in expected.items():
        now = found[name]
        if was == now:
            continue
        if isinstance(was, dict):
            told += [f"{name}: {key} is missing" for key in was.keys() - now.keys()]
            told += [f"{name}: {key} is too many" for key in now.keys() - was.keys()]
            told += [f"{name}: {key} has other bytes" for key in was.keys() & now.keys() if was[key] != now[key]]
        else:
            told += [f"{name}: missing {row}" for row in was if row not in now][:5]
            told += [f"{name}: too many {row}" for row in now if row not in was][:5]
            told += [] if told else [f"{name}: another order"]
    return told


def sqlite_check(path: Path) -> str:
    """SQLite's own check of a database file: "ok" when it is whole."""
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


if __name__ == "__main__":
    serve(sys.argv[1])
