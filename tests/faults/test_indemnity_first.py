"""A SIN and the indemnity that it needs, dropped together: whoever takes which first, the indemnity counts first, and nothing waits on."""

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from depository.store import schema
from depository.store.database import open_database
from flows.steps.intake import take_files
from flows.steps.replay import replay
from tests.faults.kill_points import DAY, Drop, World, drop_files
from tests.faults.watch import Watch, depository
from tests.support.fault_results import tried

IND = Drop("B05", "inbox", f"{DAY}/1030/B05/inbox/IND_B05-IND-0001.xlsx", "b.xlsx")
SIN = Drop("B05", "inbox", f"{DAY}/1032/B05/inbox/SIN_B05-SIN-0001.xlsx", "a.xlsx")
"""By their names the SIN comes first."""
OTHERS = tuple(
    Drop("B02", "inbox", f"{DAY}/1005/B02/inbox/IST_B02-IST-0001.xlsx", f"{n:02d}.xlsx", salt=str(n)) for n in range(20)
)


@pytest.fixture
def watch(world: World, tmp_path: Path) -> Iterator[Watch]:
    with depository(world, f"sqlite:///{tmp_path / 'csd.db'}", tmp_path) as made:
        yield made


def claimed_elsewhere(watch: Watch, drop: Drop) -> None:
    """Another worker has claimed a file, and not recorded it."""
    inbox, claimed = watch.root / drop.party / "inbox", watch.root / "csd" / "claimed" / drop.party
    name = f"inbox~{DAY:%Y%m%d}T050000000000~{drop.name}"
    (inbox / f"{drop.name}.p7s").rename(claimed / f"{name}.p7s~")
    (inbox / drop.name).rename(claimed / name)
    (inbox / f"{drop.name}.done").unlink()


def resident_look(watch: Watch, seconds: float, leftovers: bool = False) -> list[str]:
    """As the resident intake looks: only now and then at what lies claimed."""
    with watch.site.folders() as folders:
        receipts = take_files(watch.site, folders, watch.start + timedelta(seconds=seconds), leftovers=leftovers)
    return [f"{one.file_name} {one.verdict.value}" for one in receipts]


@pytest.mark.rule("CSD-4.3-1-a")
def test_of_two_that_come_together_the_indemnity_is_recorded_first(watch: Watch, tmp_path: Path) -> None:
    drop_files(watch.root, (SIN, IND))
    assert resident_look(watch, 0) == ["b.xlsx accepted", "a.xlsx accepted"]
    assert replay(watch.site, DAY, tmp_path / "replay", watch.start).differences == ()


@pytest.mark.rule("CSD-4.3-1-a")
def test_so_it_is_when_so_many_files_lie_between_them_that_they_are_read_apart(watch: Watch) -> None:
    late = Drop(IND.party, IND.folder, IND.source, "z.xlsx")
    drop_files(watch.root, (SIN, *(Drop("B05", "inbox", d.source, d.name, salt=d.salt) for d in OTHERS), late))
    taken = resident_look(watch, 0)
    assert [one for one in taken if one.startswith(("a", "z"))] == ["z.xlsx accepted", "a.xlsx accepted"]
    assert len(taken) == len(OTHERS) + 2


def test_while_another_worker_has_the_indemnity_the_sin_waits_and_is_taken_when_it_is_recorded(watch: Watch) -> None:
    drop_files(watch.root, (SIN, IND))
    claimed_elsewhere(watch, IND)
    assert resident_look(watch, 0) == []
    assert watch.claimed("B05") == 4, "both with their signatures"
    assert resident_look(watch, 15, leftovers=True) == ["b.xlsx accepted", "a.xlsx accepted"]
    assert watch.claimed("B05") == 0


def test_a_sin_waits_a_minute_at_most_and_not_at_all_when_nothing_else_of_its_sender_is_under_way(watch: Watch) -> None:
    drop_files(watch.root, (Drop("B05", "check", SIN.source, "dry.xlsx"),))
    assert resident_look(watch, 0) == ["dry.xlsx refused"]
    drop_files(watch.root, (SIN,))
    assert resident_look(watch, 1) == ["a.xlsx refused"]
    # An upload that is never finished lies there; then the sender makes the form anew, with a fresh signature.
    drop_files(watch.root, (Drop("B05", "inbox", IND.source, "b.xlsx.part", marker=""),))
    again = Drop("B05", "inbox", SIN.source, "again.xlsx", salt="again")
    drop_files(watch.root, (again,))
    assert resident_look(watch, 2) == []
    assert resident_look(watch, 61, leftovers=True) == []
    assert resident_look(watch, 62, leftovers=True) == ["again.xlsx refused"]
    assert watch.claimed("B05") == 0


@pytest.mark.parametrize("first", [IND, SIN], ids=["IND", "SIN"])
def test_of_two_workers_each_takes_one_and_the_sin_is_accepted(world: World, tmp_path: Path, first: Drop) -> None:
    """The one that is first stands still with what it claimed while the other takes the rest."""
    url = f"sqlite:///{tmp_path / 'csd.db'}"
    start = datetime.combine(DAY, datetime.min.time(), world.zone) + timedelta(hours=10)
    with world.server(tmp_path / "sftp") as server:
        place = world.place(url, tmp_path / "var", server)
        slow = world.forker.depository(place, pause=(("take.archived", 1),))
        quick = world.forker.depository(place)
        slow.do("load", start - timedelta(days=3))
        drop_files(tmp_path / "sftp", (first,))
        stands = threading.Thread(target=slow.do, args=("look", start))
        stands.start()
        paused = tmp_path / "var" / "paused"
        wait_for(paused)
        drop_files(tmp_path / "sftp", (SIN if first is IND else IND,))
        quick.do("glance", start + timedelta(seconds=1))
        # Without the indemnity the other worker answers nothing; with it, it does not wait for the form that is no longer there.
        assert len(list((tmp_path / "sftp").rglob("*.receipt.json"))) == (0 if first is IND else 1)
        paused.unlink()
        stands.join()
        for seconds in (15, 30):
            quick.do("look", start + timedelta(seconds=seconds))
        slow.close()
        quick.close()
    engine = open_database(url)
    with engine.connect() as connection:
        verdicts = connection.execute(select(schema.file.c.form, schema.file.c.verdict)).all()
    engine.dispose()
    assert [tuple(row) for row in verdicts] == [("IND", "accepted"), ("SIN", "accepted")]
    assert len(list((tmp_path / "sftp").rglob("*.receipt.json"))) == 2
    tried("a SIN and its indemnity, each taken by a worker of its own", "SQLite", "the indemnity first, both accepted")


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 240
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
