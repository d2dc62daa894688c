"""Files read ahead and recorded together have the effect of files taken one after the other, whatever happens to one of them."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from depository.sftp.errors import Lost
from depository.sftp.folders import Folders
from depository.store import schema
from depository.store.migrate import upgrade
from depository.verify import verify
from flows.steps.deliver import deliver
from flows.steps.intake import take_files
from flows.steps.reading import TOGETHER
from flows.steps.reference import load_reference
from flows.steps.replay import replay
from flows.steps.resident import Resident
from flows.steps.sites import Site
from tests.faults.kill_points import DAY, OUR_FAULT, SAMPLE, Drop, World, drop_files, open_site, state_of
from tests.support.fault_results import tried

FILES = 44
"""Over five parties: several pieces that are read ahead, and several files of each party in each."""
KINDS = (
    ("B02", "inbox", f"{DAY}/1005/B02/inbox/IST_B02-IST-0001.xlsx"),
    ("B03", "inbox", f"{DAY}/1020/B03/inbox/IST_B03-IST-0001.xlsx"),
    ("B05", "inbox", f"{DAY}/0940/B05/inbox/WRN_B05-WRN-0001.xlsx"),
    ("B06", "check", f"{DAY}/1040/B06/check/WRN_B06-WRN-0009.xlsx"),
    ("bank", "inbox", f"{DAY}/0905/bank/inbox/camt053_20261123_0905.xml"),
)
NEXT = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Desk:
    """A depository over its folders at ten in the morning."""

    site: Site
    root: Path
    at: datetime

    def look(self, at: datetime | None = None) -> list[str]:
        """One look and delivery; names of the files taken, in the order in which they were."""
        with self.site.folders() as folders:
            taken = [receipt.file_name for receipt in take_files(self.site, folders, at or self.at)]
            deliver(self.site, folders, at or self.at)
        return taken

    def recorded(self) -> list[str]:
        """Names of the files recorded, in order of their numbers."""
        with self.site.reading(self.at) as work:
            return list(work.connection.execute(select(schema.file.c.name).order_by(schema.file.c.id)).scalars())

    def left(self) -> list[str]:
        """Files on the server that are in nobody's outbox."""
        return sorted(p.name for p in self.root.rglob("*") if p.is_file() and p.parent.name != "outbox")

    def receipts(self) -> Counter[str]:
        """Receipts in the outboxes, by file."""
        return Counter(p.name.split(".R")[0] for p in self.root.rglob("*.receipt.json"))


@contextmanager
def depository(world: World, folder: Path) -> Iterator[Desk]:
    at = datetime.combine(DAY, datetime.min.time(), world.zone) + timedelta(hours=10)
    folder.mkdir(exist_ok=True)
    with world.server(folder / "sftp") as server:
        place = world.place(f"sqlite:///{folder / 'csd.db'}", folder / "var", server)
        with closing(open_site(place)) as site:
            upgrade(site.engine)
            load_reference(site, SAMPLE / "reference", at - timedelta(days=3))
            yield Desk(site, folder / "sftp", at)


def files(count: int = FILES) -> tuple[Drop, ...]:
    """Files with bytes of their own, named in the order in which they are dropped."""
    return tuple(
        Drop(
            party,
            folder,
            source,
            f"{number:03d}-{Path(source).name}",
            (".done", ".sha256")[number % 2],
            f"{number + 1}",
        )
        for number, (party, folder, source) in zip(range(count), itertools.cycle(KINDS), strict=False)
    )


def in_order(drops: tuple[Drop, ...]) -> list[str]:
    """As they arrived: in one look, by party and name."""
    return [drop.name for drop in sorted(drops, key=lambda drop: (drop.party, drop.name))]


def at_point(monkeypatch: pytest.MonkeyPatch, name: str, passing: int, do: Callable[[], None]) -> None:
    """Does something when a point is passed for the nth time."""
    passed: Counter[str] = Counter()

    def told(point: str) -> None:
        passed[point] += 1
        if (point, passed[point]) == (name, passing):
            do()

    monkeypatch.setattr("depository.points._watch", [told])


def sound(desk: Desk) -> bool:
    with desk.site.reading(desk.at) as work:
        return verify(work).faults == ()


@pytest.mark.rule("KCSD-84")
def test_read_ahead_and_recorded_together_the_books_and_answers_are_those_of_one_file_at_a_time(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[dict[str, Any]] = []
    for together in (TOGETHER, 1):
        monkeypatch.setattr("flows.steps.reading.TOGETHER", together)
        with depository(world, tmp_path / str(together)) as desk:
            drop_files(desk.root, files())
            assert desk.look() == in_order(files())
            assert desk.left() == []
            assert desk.look(desk.at + NEXT) == []
            states.append(state_of(desk.site.engine, tmp_path / str(together) / "var" / "archive", desk.root))
    assert FILES > 2 * TOGETHER
    assert states[0] == states[1]
    tried(f"{FILES} files read ahead and recorded together", "SQLite", "the same state as one by one, byte for byte")


def test_what_was_recorded_together_is_replayed_to_the_same_bytes(world: World, tmp_path: Path) -> None:
    with depository(world, tmp_path / "d") as desk:
        drop_files(desk.root, files())
        desk.look()
        found = replay(desk.site, DAY, tmp_path / "replayed", desk.at)
    assert found.differences == ()
    assert found.events > FILES


def test_a_file_that_breaks_the_reader_in_the_middle_delays_no_other(world: World, tmp_path: Path) -> None:
    good = files(20)
    bad = Drop("B03", "inbox", KINDS[1][2], f"{OUR_FAULT}.xlsx", salt="77")
    with depository(world, tmp_path / "d") as desk:
        drop_files(desk.root, (*good, bad))
        assert desk.look() == in_order(good)
        assert desk.left() != []
        assert sound(desk)
    tried("a file on which the reader fails, among others read ahead", "SQLite", "the others are recorded in order")


def test_a_file_that_breaks_its_transaction_is_taken_out_of_it_and_the_others_are_recorded(
    world: World, tmp_path: Path
) -> None:
    """The database refuses every instruction of B02; the transaction with the others' files fails as a whole and is taken apart."""
    drops = files(15)
    with depository(world, tmp_path / "d") as desk:
        when = "BEFORE INSERT ON instruction WHEN NEW.sender = 'B02'"
        with desk.site.engine.begin() as connection:
            connection.execute(text(f"CREATE TRIGGER no_good {when} BEGIN SELECT RAISE(ABORT, 'no good'); END"))
        drop_files(desk.root, drops)
        others = [name for name in in_order(drops) if "B02" not in name]
        assert desk.look() == others
        with desk.site.engine.begin() as connection:
            connection.execute(text("DROP TRIGGER no_good"))
        assert desk.look(desk.at + timedelta(minutes=1)) == [name for name in in_order(drops) if "B02" in name]
        assert desk.left() == []
        assert desk.receipts().total() == sum(drop.folder == "inbox" for drop in drops)
        assert sound(desk)
    tried(
        "a file that breaks the transaction it shares with others",
        "SQLite",
        "the others recorded; it, when it is mended",
    )


@pytest.mark.parametrize("point", ["claim.done", "fetch.done", "record.committed", "claimed.before removal"])
def test_a_connection_lost_in_the_middle_costs_nothing_but_a_second_look(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    with depository(world, tmp_path / "d") as desk:
        drop_files(desk.root, files())
        with desk.site.connect() as line:
            at_point(monkeypatch, point, 2, line.close)
            with pytest.raises(Lost):
                take_files(desk.site, Folders(line), desk.at)
        monkeypatch.undo()
        desk.look(desk.at + NEXT)
        assert desk.recorded() == [
            d.name for d in sorted(files(), key=lambda d: (d.party, d.name)) if d.folder == "inbox"
        ]
        assert desk.left() == []
        assert set(desk.receipts().values()) == {1}
        assert sound(desk)
    tried(f"the connection is lost at “{point}”, with files read ahead", "SQLite", "each file taken once, in order")


def test_two_residents_at_once_take_and_answer_each_file_once(world: World, tmp_path: Path) -> None:
    with depository(world, tmp_path / "d") as desk, Resident(desk.site) as one, Resident(desk.site) as other:
        drops = files()
        faults: list[BaseException] = []

        def work(resident: Resident) -> None:
            try:
                for number in range(4):
                    resident.look(desk.at + number * NEXT)
            except BaseException as fault:  # noqa: BLE001 - told by the assertion below
                faults.append(fault)

        drop_files(desk.root, drops)
        threads = [threading.Thread(target=work, args=(resident,)) for resident in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        assert sorted(desk.recorded()) == sorted(drop.name for drop in drops if drop.folder == "inbox")
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and (desk.receipts().keys() < set(desk.recorded()) or desk.left()):
            # The residents deliver by themselves.
            time.sleep(0.1)
        assert desk.receipts() == Counter(desk.recorded())
        assert desk.left() == []
        assert sound(desk)
    tried("two resident intakes on the same folders", "SQLite", "each file taken and answered once")
