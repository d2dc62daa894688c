"""A whole business day by the real clock under `csd up`, in which the Prefect server and `csd up` itself are killed.

The timetable of the day lasts a minute and a half. Nobody repairs anything: the server is started again by `csd up`, and `csd up` by the
test, as a service manager does it. The same files and batches in the same order, played in one process without any kill, give the
same books and the same answers, byte for byte. By the depository's own records everything is made up for soon.
"""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select

from depository.store import schema
from depository.store.database import open_database
from depository.verify import verify
from flows.server import free_port
from flows.steps.arrivals import Arrival
from flows.steps.intake import take
from flows.steps.replay import replay
from flows.steps.sites import Site, read_site
from parsers import receipt_json
from parsers.camt import render_statements
from parsers.trades_csv import render_trades
from tests.support.books import MARKET, REFERENCE, advice, entry, form, ist_line, trade, wrn_body
from tests.support.command import ROOT, csd
from tests.support.databases import PostgresServer
from tests.support.fault_results import tried

PATIENCE = 240
"""Seconds; on a busy machine it takes half a minute to start everything."""
TO_START = 20
"""Seconds from the making of the site to the opening of its day."""
MADE_UP_WITHIN = timedelta(minutes=1)
"""Measured: 22 to 26 s by itself on two cores, 40 s with six processes at work on them. How late it was, the results say."""
STARTS = 8
"""On a slower machine, within so many times what `csd up` took there from its first start to the plan: 9 to 12 s on two cores."""
WORKING = ("RUNNING", "PENDING", "CANCELLING")
"""States of Prefect's runs that somebody works on."""

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file of a party."""

    party: str
    name: str
    data: bytes


@dataclass(slots=True)
class Place:
    """A site with a short day, and `csd up` on it."""

    kind: str
    database: str
    folder: Path
    zone: ZoneInfo
    opens: datetime
    port: int
    prefect_port: int
    process: subprocess.Popen[bytes] | None = None
    starts: list[datetime] = field(default_factory=list)
    """The moments at which `csd up` was started."""
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.folder / "up.log"

    @property
    def day(self) -> date:
        return self.opens.date()

    def start(self) -> None:
        """Starts `csd up`."""
        self.starts.append(datetime.now(UTC))
        command = [sys.executable, "-m", "flows.cli", "up", "--site", str(self.folder / "csd.toml"), "--own-sftp"]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.prefect_port)],
                cwd=ROOT,
                stdout=out,
                stderr=out,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )

    def stop(self) -> None:
        """Ends it in order."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def drop(self, *files: Dropped) -> None:
        """Files with their markers."""
        for one in files:
            target = self.folder / "sftp" / one.party / "inbox" / one.name
            target.write_bytes(one.data)
            target.with_name(f"{one.name}.done").touch()

    def children(self, words: str) -> list[int]:
        """Processes below `csd up` whose command holds the words."""
        assert self.process is not None
        parents: dict[int, int] = {}
        commands: dict[int, str] = {}
        for entry_ in Path("/proc").iterdir():
            if entry_.name.isdigit():
                try:
                    parents[int(entry_.name)] = int((entry_ / "stat").read_text().rpartition(")")[2].split()[1])
                    commands[int(entry_.name)] = (entry_ / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                except OSError:
                    continue
        found = []
        for pid, command in commands.items():
            above = pid
            while above in parents and above != self.process.pid:
                above = parents[above]
            if above == self.process.pid and pid != above and words in command:
                found.append(pid)
        return found

    def server(self) -> int:
        """The Prefect server's process, once it is there."""
        self.wait("a Prefect server", lambda: bool(self.children("flows/server.py")))
        return self.children("flows/server.py")[0]

    def states(self) -> dict[str, str]:
        """Each batch's state."""
        with closing_engine(self.database) as engine, engine.connect() as connection:
            rows = connection.execute(select(schema.batch.c.slot, schema.batch.c.state))
            return {row.slot: row.state for row in rows}

    def runs(self, before: datetime) -> list[tuple[str, str]]:
        """Name and state of Prefect's runs that were begun before a moment, from its own store."""
        with closing(sqlite3.connect(self.folder / "prefect" / "prefect.db")) as store:
            rows = store.execute("SELECT name, state_type, start_time FROM flow_run WHERE start_time IS NOT NULL")
            return [
                (name, state)
                for name, state, begun in rows
                if datetime.fromisoformat(begun).replace(tzinfo=UTC) < before
            ]

    def wait(self, what: str, found: Callable[[], bool]) -> float:
        """Waits until it is so; returns the seconds it took. A `csd up` that ends by itself is started again.

        So does a service manager: what was started right after a kill may find the port still taken by the killed one's Prefect server.
        """
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            if found():
                return time.monotonic() - began
            time.sleep(0.3)
            if self.process is not None and self.process.poll() is not None:
                self.start()
        pytest.fail(f"{what} did not come within {PATIENCE} s; batches: {self.states()}\n{self.said()[-4000:]}")


@contextmanager
def closing_engine(url: str) -> Iterator[Engine]:
    engine = open_database(url)
    try:
        yield engine
    finally:
        engine.dispose()


def timetable(opens: datetime) -> str:
    """A day of a minute and a half; the zone is such that it lies in the middle of a date."""

    def at(seconds: int) -> str:
        return f"{opens + timedelta(seconds=seconds):%H:%M:%S}"

    return f"""[[timetable]]
valid_from = 2020-01-01
source = "a short day"
open = {at(0)}
funding_reports = [{at(5)}]
fop_start = {at(10)}
fop_end = {at(70)}
fop_every = 1
funding_deadline = {at(20)}
main_earliest = {at(20)}
main_latest = {at(40)}
late_start = {at(55)}
late_every = 2
last_money = {at(80)}
last_dvp = {at(85)}
payout_start = {at(75)}
payout_every = 2
payout_cut_offs = {{ "*" = {at(75)} }}
close = {at(86)}
end_of_day = {at(88)}
"""


@pytest.fixture(
    params=[
        pytest.param(("SQLite", "sqlite"), id="sqlite", marks=pytest.mark.long),
        pytest.param(("PostgreSQL", "postgresql"), id="postgresql"),
    ]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    now = datetime.now(UTC)
    # Noon there: no date changes during the test.
    zone = ZoneInfo(f"Etc/GMT{now.hour - 12:+d}") if now.hour != 12 else ZoneInfo("Etc/GMT")
    market, reference = tmp_path / "market", tmp_path / "reference"
    shutil.copytree(MARKET, market)
    shutil.copytree(REFERENCE, reference)
    text = (market / "market.toml").read_text().replace('zone = "Asia/Almaty"', f'zone = "{zone.key}"')
    (market / "market.toml").write_text(text)
    opens = (now + timedelta(seconds=TO_START)).astimezone(zone)
    (market / "timetable.toml").write_text(timetable(opens))
    days = [f"{(opens + timedelta(days=n)).date()},settlement,test,test" for n in range(-40, 40)]
    (reference / "calendar.csv").write_text("\n".join(["date,kind,reason,source", *days]) + "\n")
    powers = re.sub(r"\d{4}-\d\d-\d\d,\d{4}-\d\d-\d\d", "2020-01-01,2099-12-31", (reference / "powers.csv").read_text())
    (reference / "powers.csv").write_text(powers)
    site = tmp_path / "site"
    port = free_port()
    database = f"sqlite:///{site / 'csd.db'}"
    if request.param[1] == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        database = server.url(server.create(empty=True))
    made = csd("init", site, "--reference", reference, "--market", market, "--port", port, "--database", database)
    assert made.returncode == 0, made.stdout + made.stderr
    found = Place(request.param[0], database, site, zone, opens, port, free_port())
    try:
        yield found
    finally:
        found.stop()


def files_of(day: date) -> tuple[tuple[Dropped, ...], ...]:
    """What parties drop: before the opening, while the Prefect server is away, and after `csd up` came back."""
    traded = day - timedelta(days=2)
    trades = (
        trade("X-1", "B01-HO", "B02-HO", 10, traded=traded, settles=day),
        trade("X-2", "B02-HO", "B03-HO", 5, "900.00", traded=traded, settles=day, line=3),
    )
    bank = advice(
        entry("A", "20000.00", "B02", value_date=day), entry("B", "9000.00", "B03", value_date=day, line=2),
        business_date=day,
    )  # fmt: skip
    moment = datetime.combine(day, datetime.min.time(), UTC)
    own = form("IST", "B01", "F-1", lines=[ist_line("T-1", "B01-HO", "B01-DO", 100, due=day)], day=day)
    gives = form("IST", "B01", "F-2", lines=[ist_line("T-2", "B01-HO", "B03-DO", 7, due=day)], day=day)
    takes = form("IST", "B03", "F-1", lines=[ist_line("T-3", "B03-DO", "B01-HO", 7, due=day, receive=True)], day=day)
    pays = form("WRN", "B02", "W-1", wrn_body("B02", "100.00", value_date=day), day=day)
    return (
        (
            Dropped("exchange", "trades.csv", render_trades(trades)),
            Dropped("bank", "camt054.xml", render_statements([bank], True, moment)),
        ),
        (Dropped("B01", "own.xlsx", own), Dropped("B01", "gives.xlsx", gives), Dropped("B03", "takes.xlsx", takes)),
        (Dropped("B02", "pays.xlsx", pays), Dropped("B01", "junk.xlsx", b"PK\x03\x04 junk")),
    )


def ended(site: Site, day: date) -> dict[str, Any]:
    """What the day came to."""
    at = datetime.combine(day, datetime.max.time(), site.market.zone)
    with site.reading(at, day) as work:
        connection = work.connection
        files, sent, one = schema.file.c, schema.outgoing.c, schema.instruction.c
        return {
            "files": sorted(tuple(row) for row in connection.execute(select(files.party, files.name, files.repeats))),
            "trades": connection.execute(select(one.status).where(one.sender == "exchange")).scalars().all(),
            "unsent": connection.execute(select(sent.party, sent.name).where(sent.sent == 0)).all(),
            "faults": verify(work).faults,
        }


def delays(place: Place, dropped: dict[str, datetime]) -> dict[str, timedelta]:
    """How long after its moment each batch was finished, or after the start of `csd up` where that was later; each file was answered."""
    found = {}
    with closing_engine(place.database) as engine, engine.connect() as connection:
        for row in connection.execute(select(schema.batch)):
            assert row.finished_at is not None, row.slot
            from_then_on = max(row.due_at, *(start for start in place.starts if start <= row.finished_at))
            found[row.slot] = row.finished_at - from_then_on
    for path in place.folder.glob("sftp/*/outbox/*.receipt.json"):
        name = receipt_json.parse(path.read_bytes()).file_name
        if name in dropped:
            found[name] = datetime.fromtimestamp(path.stat().st_mtime, UTC) - dropped[name]
    return found


def test_the_day_ends_the_same_when_prefect_and_the_serving_process_are_killed(place: Place, tmp_path: Path) -> None:
    early, during, late = drops = files_of(place.day)
    # Trades and money are there before the day, so that they settle however slow the machine is.
    with closing(read_site(place.folder / "csd.toml")) as site:
        for one in early:
            take(site, Arrival(one.party, "inbox", one.name, one.data, place.opens - timedelta(seconds=15)))
    place.start()
    start = timedelta(seconds=place.wait("the plan", lambda: bool(place.states())))
    place.wait("the opening", lambda: place.states()["opening"] == "done")

    # The Prefect server dies; files go on being taken while it is away.
    os.kill(place.server(), signal.SIGKILL)
    place.drop(*during)
    dropped = dict.fromkeys((one.name for one in during), datetime.now(UTC))
    outbox = place.folder / "sftp" / "B03" / "outbox"
    place.wait("the answer without Prefect", lambda: bool(list(outbox.glob("takes.xlsx.*.receipt.json"))))
    back = place.wait("the server", lambda: "the Prefect server is back" in place.said())

    # The process that serves dies, with a batch's run working or about to.
    place.wait("a working run", lambda: bool(place.children("flow_engine")) or place.states()["main-cycle"] == "done")
    assert place.process is not None
    os.kill(place.process.pid, signal.SIGKILL)
    place.process.wait()
    place.start()
    began = time.monotonic()
    place.drop(*late)
    dropped |= dict.fromkeys((one.name for one in late), datetime.now(UTC))
    place.wait("the main cycle", lambda: place.states()["main-cycle"] == "done")
    place.wait(
        "the late form's answer",
        lambda: bool(list((place.folder / "sftp/B02/outbox").glob("pays.xlsx.*.receipt.json"))),
    )
    again = time.monotonic() - began

    # And the server once more, when the rest of the day is due.
    os.kill(place.server(), signal.SIGKILL)
    place.wait("the end of the day", lambda: "planned" not in place.states().values())
    place.stop()

    with closing(read_site(place.folder / "csd.toml")) as site:
        found = ended(site, place.day)
        replayed = replay(site, place.day, tmp_path / "replay", place.opens)
    assert replayed.differences == ()
    assert found == {
        "files": sorted((one.party, one.name, 0) for files in drops for one in files),
        "trades": ["settled", "settled"],
        "unsent": [],
        "faults": (),
    }
    assert all(state in ("done", "skipped") for state in place.states().values())
    # What the reconciler ran, without Prefect, ended without a fault.
    assert "no active flow" not in place.said()
    made_up = delays(place, dropped)
    assert max(made_up.values()) < max(MADE_UP_WITHIN, STARTS * start), made_up
    # Of the runs that the killed process left nobody is said to work on one.
    assert [(name, state) for name, state in place.runs(place.starts[1]) if state in WORKING] == []
    receipts = [receipt_json.parse(p.read_bytes()) for p in place.folder.glob("sftp/*/outbox/*.receipt.json")]
    assert len({(one.sender, one.sha256) for one in receipts}) == len(receipts) == sum(map(len, drops))
    same = "files go on, it is started again; the same books and answers as without a kill"
    tried("Prefect server killed (SIGKILL) twice in a day", f"csd up, {place.kind}", same, back)
    same = "the same books and answers as without a kill"
    tried("csd up killed (SIGKILL) with a batch's run Running, started again", f"csd up, {place.kind}", same, again)
    same = "every batch finished and every file answered at most so long after its moment, or after the restart"
    tried(
        "the day of these kills, by its own records",
        f"csd up, {place.kind}",
        same,
        max(made_up.values()).total_seconds(),
    )
