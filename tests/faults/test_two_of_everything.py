"""Two intake workers, two planners, two cycle runners, two deliverers at once have the effect of one, on SQLite and PostgreSQL."""

import json
import threading
import time
from collections import Counter
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from depository.day import batches_of
from depository.store import schema
from depository.store.database import open_database
from depository.verify import verify
from flows.steps.resident import Resident
from tests.faults.kill_points import DAY, SAMPLE, SMALL_DAY, Died, Drop, Place, World, drop_files, open_site, play
from tests.faults.test_indemnity_first import wait_for
from tests.support.fault_results import tried

Death = tuple[str, int]
"""A point and the passing of it at which a process is killed."""
WORKERS = 2
FILES = 70
"""Dropped at once, over several parties and both folders."""
DISTINCT = 63
"""Files with bytes of their own; the rest repeat the first ones byte for byte."""


class Two:
    """Two depository processes on one place, each told the same at the same moment."""

    def __init__(self, world: World, place: Place, death: Death | None = None) -> None:
        self.world = world
        self.place = place
        self.processes = [world.forker.depository(place, (death,) if death else ()) for _ in range(WORKERS)]
        self.died = 0

    def both(self, command: str, at: datetime) -> None:
        """The same command in both at once; a fault of either fails the test. One that is killed is started again."""
        faults: list[BaseException] = []
        ready = threading.Barrier(WORKERS)

        def one(number: int) -> None:
            try:
                ready.wait()
                try:
                    self.processes[number].do(command, at)
                except Died:
                    self.died += 1
                    self.processes[number].close()
                    self.processes[number] = self.world.forker.depository(self.place)
                    self.processes[number].do(command, at)
            except BaseException as fault:  # noqa: BLE001 - told by the assertion below
                faults.append(fault)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []

    def close(self) -> None:
        for process in self.processes:
            process.close()


def rows(engine: Engine, table: Any, *order: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(table).order_by(*order)))


def many() -> tuple[Drop, ...]:
    """Files of many kinds, each with bytes of its own, some of them twice: contents repeat, so money is booked and accounts
    opened once, and yet every file has a receipt of its own."""
    day = f"{DAY}/"
    kinds = (
        ("B03", "inbox", day + "1000/B03/inbox/BUNA_B03-BUNA-0001.xlsx"),
        ("B02", "inbox", day + "1005/B02/inbox/IST_B02-IST-0001.xlsx"),
        ("B03", "inbox", day + "1020/B03/inbox/IST_B03-IST-0001.xlsx"),
        ("B05", "inbox", day + "0940/B05/inbox/WRN_B05-WRN-0001.xlsx"),
        ("B04", "inbox", day + "1050/B04/inbox/IST_B04-IST-0009.xlsx"),
        ("B06", "check", day + "1040/B06/check/WRN_B06-WRN-0009.xlsx"),
        ("bank", "inbox", day + "0905/bank/inbox/camt053_20261123_0905.xml"),
    )
    return tuple(
        Drop(
            party,
            folder,
            source,
            f"{number:02d}-{Path(source).name}",
            (".done", ".sha256")[number % 2],
            f"{number % DISTINCT + 1}",
        )
        for number in range(FILES)
        for party, folder, source in [kinds[number % len(kinds)]]
    )


def taken_by(world: World, url: str, folder: Path, workers: int, death: Death | None = None) -> Place:
    """The files taken by so many workers at once; which of two comes to the point of death is killed there and started again."""
    zone = world.zone
    with world.server(folder / "sftp") as server:
        place = world.place(url, folder / "var", server)
        alone = world.forker.depository(place)
        alone.do("load", SMALL_DAY[0].moment(zone))
        midnight = datetime.combine(DAY, datetime.min.time(), zone)
        alone.do("plan", midnight + timedelta(hours=8))
        # The money is there before the race: whether a withdrawal finds it must not hang on who takes the bank's file when.
        money = next(drop for drop in many() if drop.party == "bank")
        drop_files(folder / "sftp", (money,))
        alone.do("look", midnight + timedelta(hours=9, minutes=55))
        drop_files(folder / "sftp", tuple(drop for drop in many() if drop != money))
        moments = [midnight + timedelta(hours=10, seconds=3 * number) for number in range(4)]
        if workers == 1:
            for at in moments:
                alone.do("look", at)
        alone.close()
        if workers == WORKERS:
            two = Two(world, place, death)
            for at in moments:
                two.both("look", at)
            two.close()
            assert bool(two.died) == (death is not None)
    return place


@pytest.fixture(scope="module")
def alone(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which one worker took the files: with its database and its SFTP folders."""
    folder = tmp_path_factory.mktemp("alone")
    taken_by(world, database_in(folder), folder, 1)
    return folder


def database_in(folder: Path) -> str:
    """The address of a SQLite database there."""
    return f"sqlite:///{folder / 'csd.db'}"


def books(engine: Engine) -> dict[str, Any]:
    """What must not hang on who took which file first."""
    b, j, o = schema.balance, schema.journal, schema.outgoing
    with engine.connect() as connection:
        return {
            "balances": [tuple(r) for r in connection.execute(select(b).order_by(b.c.holder, b.c.asset, b.c.part))],
            "entries": Counter(tuple(r) for r in connection.execute(select(j.c.kind, j.c.business_date))),
            "files": Counter(
                (f.party, f.folder, f.sha256, f.verdict, f.repeats) for f in connection.execute(select(schema.file))
            ),
            "answers": Counter(connection.execute(select(o.c.party)).scalars()),
        }


def test_two_intake_workers_take_each_file_once(
    world: World, alone: Path, empty_database_url: str, tmp_path: Path
) -> None:
    place = taken_by(world, empty_database_url, tmp_path, WORKERS)
    root = tmp_path / "sftp"
    assert [str(p) for p in root.rglob("*") if p.is_file() and p.parent.name != "outbox"] == []
    engine, other = open_database(empty_database_url), open_database(database_in(alone))
    assert books(engine) == books(other)
    files = rows(engine, schema.file, schema.file.c.id)
    distinct = many()[:DISTINCT]
    assert len(files) == sum(drop.folder == "inbox" for drop in distinct)
    assert [f.id for f in files] == list(range(1, len(files) + 1))
    # One receipt per file, in its sender's outbox, with the hash of what was sent.
    receipts = [json.loads(p.read_text()) for p in root.rglob("*.receipt.json")]
    first = [receipt for receipt in receipts if "The same content came before" not in receipt["message"]]
    assert Counter(r["sha256"] for r in first) == Counter(f.sha256 for f in files)
    checks = sorted(p.name for p in (root / "B06" / "outbox").glob("*.check.json"))
    assert checks == sorted(f"{d.name}.check.json" for d in many() if d.folder == "check")
    events = [row.number for row in rows(engine, schema.event, schema.event.c.number)]
    assert events == list(range(1, len(events) + 1))
    site = open_site(place)
    with site.reading(datetime.combine(DAY, datetime.min.time(), world.zone)) as work:
        assert verify(work).faults == ()
    site.close()
    for one in (engine, other):
        one.dispose()
    kind = "PostgreSQL" if "postgres" in empty_database_url else "SQLite"
    tried(f"two intake workers on {FILES} files at once", kind, "each file taken once, one receipt each")


@pytest.mark.parametrize("death", [("claim.done", 5), ("record.committed", 1)], ids=lambda death: death[0])
def test_of_two_intake_workers_one_or_both_are_killed_and_each_file_is_taken_once(
    world: World, alone: Path, tmp_path: Path, death: Death
) -> None:
    taken_by(world, database_in(tmp_path), tmp_path, WORKERS, death)
    engines = [open_database(database_in(folder)) for folder in (alone, tmp_path)]
    assert books(engines[1]) == books(engines[0])
    for engine in engines:
        engine.dispose()
    sftp = tmp_path / "sftp"
    assert [str(p) for p in sftp.rglob("*") if p.is_file() and p.parent.name != "outbox"] == []
    assert len(list(sftp.rglob("*.receipt.json"))) == len(list((alone / "sftp").rglob("*.receipt.json"))) > 50
    tried(
        f"of two intake workers one or both killed at “{death[0]}”", "SQLite", "each file taken once, one receipt each"
    )


@pytest.fixture(scope="module")
def day_of_one(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which one process had the whole day: with its database and its SFTP folders."""
    folder = tmp_path_factory.mktemp("day-of-one")
    play(world, database_in(folder), folder)
    return folder


def test_what_a_killed_worker_left_of_answers_that_another_had_delivered_is_removed(
    world: World, tmp_path: Path
) -> None:
    """It stands still before it puts them, and is killed when it has begun: nobody puts them once more."""
    start = datetime.combine(DAY, datetime.min.time(), world.zone) + timedelta(hours=10)
    outbox = tmp_path / "sftp" / "B02" / "outbox"
    with world.server(tmp_path / "sftp") as server:
        place = world.place(database_in(tmp_path), tmp_path / "var", server)
        slow = world.forker.depository(place, (("put.written", 1),), pause=(("deliver.before put", 1),))
        quick = world.forker.depository(place)
        slow.do("load", start - timedelta(days=3))
        drop_files(tmp_path / "sftp", (Drop("B02", "inbox", f"{DAY}/1005/B02/inbox/IST_B02-IST-0001.xlsx"),))
        faults: list[BaseException] = []

        def look() -> None:
            try:
                slow.do("look", start)
            except Died as died:
                faults.append(died)

        stands = threading.Thread(target=look)
        stands.start()
        wait_for(tmp_path / "var" / "paused")
        quick.do("look", start + timedelta(seconds=1))
        delivered = sorted(path.name for path in outbox.iterdir())
        (tmp_path / "var" / "paused").unlink()
        stands.join()
        assert len(faults) == 1
        quick.do("look", start + timedelta(seconds=2))
        left = {path.name for path in outbox.iterdir()} - set(delivered)
        assert left
        (outbox / ".of a person.part").touch()
        with closing(open_site(place)) as site, Resident(site) as resident:
            resident.look(start + timedelta(seconds=3))
            deadline = time.monotonic() + 240
            while left & {path.name for path in outbox.iterdir()} and time.monotonic() < deadline:
                time.sleep(0.05)
        assert sorted(path.name for path in outbox.iterdir()) == sorted([*delivered, ".of a person.part"])
        slow.close()
        quick.close()
    tried(
        "a worker is killed while it puts what another has delivered", "SQLite", "each answer once, nothing left beside"
    )


def test_two_planners_and_two_runners_have_the_effect_of_one(
    world: World, day_of_one: Path, empty_database_url: str, tmp_path: Path
) -> None:
    """Everything of the day is told to both at once; each looks, plans and runs as if it were alone."""
    root, other = tmp_path / "sftp", day_of_one / "sftp"
    zone = world.zone
    with world.server(root) as server:
        place = world.place(empty_database_url, tmp_path / "var", server)
        two = Two(world, place)
        for step in SMALL_DAY:
            drop_files(root, step.drops)
            if step.command == "look" and step.drops:
                # Files first by one, as the order of arrival decides numbers; the races of files are above.
                two.processes[0].do("look", step.moment(zone))
            two.both(step.command, step.moment(zone))
        two.close()
    ours, theirs = open_database(empty_database_url), open_database(database_in(day_of_one))
    for table in (
        schema.balance,
        schema.journal,
        schema.batch,
        schema.draw,
        schema.cycle,
        schema.event,
        schema.instruction,
    ):
        key = list(table.primary_key.columns)
        assert rows(ours, table, *key) == rows(theirs, table, *key), table.name
    with ours.connect() as connection:
        assert connection.execute(select(func.count()).select_from(schema.draw)).scalar_one() == 1
    for engine in (ours, theirs):
        engine.dispose()
    out = {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    assert out == {p.relative_to(other): p.read_bytes() for p in other.rglob("*") if p.is_file()}
    site = open_site(place)
    with site.reading(datetime.combine(DAY, datetime.max.time(), zone), date(2026, 11, 23)) as work:
        assert {b.state for b in batches_of(work, DAY)} == {"done"}
    site.close()
    kind = "PostgreSQL" if "postgres" in empty_database_url else "SQLite"
    tried("two planners, two cycle runners, two deliverers all day", kind, "the same books and files as one")


def test_samples_are_there() -> None:
    """A moved sample must not make the drops above empty."""
    assert all((SAMPLE / drop.source).is_file() for drop in many())
