"""A database belongs to one archive: another site that is pointed at it is refused."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from depository.store import files, migrate
from depository.store.archive import Archive
from depository.store.belonging import NEWEST, AnotherSite, adopt, check
from depository.store.database import open_database, writing
from depository.store.work import Work
from flows.commands.common import MARKET, SAMPLE
from flows.steps.arrivals import Arrival
from flows.steps.backup import copy_archive
from flows.steps.intake import take
from flows.steps.setup import load, make_site
from flows.steps.sites import load_market, read_site
from tests.support.command import forked_csd

AT = datetime(2026, 11, 23, 8, tzinfo=load_market(MARKET).zone)


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[Engine]:
    made = open_database(empty_database_url)
    migrate.upgrade(made)
    yield made
    made.dispose()


def hard_linked(folder: Path, target: Path) -> None:
    """A copy whose files are the same as those of the original, as some backup programs make it."""
    shutil.copytree(folder, target, copy_function=os.link)


def test_the_first_archive_has_the_database_and_any_other_is_refused(engine: Engine, tmp_path: Path) -> None:
    first, second = Archive(tmp_path / "first"), Archive(tmp_path / "second")
    check(engine, first)
    check(engine, first)
    with pytest.raises(AnotherSite, match=r"database of its own.*csd adopt"):
        check(engine, second)
    assert second.identity() == ""


def test_an_archive_that_has_a_database_is_refused_by_another_database_that_has_an_archive(
    engine: Engine, tmp_path: Path
) -> None:
    other = open_database(f"sqlite:///{tmp_path / 'other.sqlite'}")
    migrate.upgrade(other)
    mine, theirs = Archive(tmp_path / "mine"), Archive(tmp_path / "theirs")
    check(engine, mine)
    check(other, theirs)
    with pytest.raises(AnotherSite):
        check(engine, theirs)
    other.dispose()


def test_a_rebuilt_database_of_nobody_goes_to_the_archive_that_was_there_before(engine: Engine, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    kept = archive.claim_identity("kept")
    check(engine, archive)
    assert archive.identity() == kept
    with pytest.raises(AnotherSite):
        check(engine, Archive(tmp_path / "new"))


def test_of_several_processes_of_one_new_site_at_once_none_is_refused(engine: Engine, tmp_path: Path) -> None:
    faults: list[Exception] = []

    def start() -> None:
        try:
            check(engine, Archive(tmp_path / "archive"))
        except Exception as fault:  # noqa: BLE001 - told by the assertion below
            faults.append(fault)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert [path.name for path in (tmp_path / "archive").iterdir() if path.is_file()] == ["site"]


def test_who_adopts_a_database_has_it_and_who_had_it_is_refused(engine: Engine, tmp_path: Path) -> None:
    before, after = Archive(tmp_path / "before"), Archive(tmp_path / "after")
    check(engine, before)
    adopt(engine, after)
    check(engine, after)
    with pytest.raises(AnotherSite):
        check(engine, before)


def test_a_database_without_tables_says_nothing(empty_database_url: str, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    made = open_database(empty_database_url)
    check(made, archive)
    made.dispose()
    assert archive.identity() == ""


def test_a_second_site_on_a_database_is_refused_and_so_is_a_copy_until_it_is_adopted(
    empty_database_url: str, tmp_path: Path
) -> None:
    first, second = (
        make_site(tmp_path / name, MARKET, SAMPLE / "reference", 0, AT, database=empty_database_url).settings
        for name in ("first", "second")
    )
    load(first, SAMPLE / "reference", AT)
    for start in (lambda: read_site(second), lambda: load(second, SAMPLE / "reference", AT)):
        with pytest.raises(AnotherSite):
            start()
    with closing(read_site(first)) as site:
        copy_archive(site, tmp_path / "second" / "archive")
    with pytest.raises(AnotherSite, match=r"is a copy.*csd adopt"):
        read_site(second)
    with closing(read_site(first)):
        pass
    assert forked_csd("adopt", "--site", second).returncode == 0
    with closing(read_site(second)):
        pass
    with pytest.raises(AnotherSite):
        read_site(first)


@pytest.mark.parametrize("copy", [shutil.copytree, hard_linked])
def test_a_copied_archive_is_refused_and_the_original_and_a_renamed_one_are_not(
    engine: Engine, tmp_path: Path, copy: Callable[[Path, Path], object]
) -> None:
    original, renamed, copied = (tmp_path / name for name in ("original", "renamed", "copied"))
    check(engine, Archive(original))
    copy(original, copied)
    with pytest.raises(AnotherSite, match="is a copy"):
        check(engine, Archive(copied))
    check(engine, Archive(original))
    original.rename(renamed)
    check(engine, Archive(renamed))
    # In the place of the original it is a copy all the same.
    copied.rename(original)
    with pytest.raises(AnotherSite, match="is a copy"):
        check(engine, Archive(original))
    adopt(engine, Archive(original))
    check(engine, Archive(original))
    with pytest.raises(AnotherSite):
        check(engine, Archive(renamed))


def queue(engine: Engine, archive: Archive, *contents: bytes) -> None:
    """Files go out."""
    with writing(engine) as connection:
        work = Work(connection, AT.date(), AT, load_market(MARKET))
        for data in contents:
            files.queue(work, "B01", f"{data.decode()}.json", archive.put(data), "test")


def test_a_clone_of_a_whole_disk_is_refused_when_the_original_has_gone_on_since(engine: Engine, tmp_path: Path) -> None:
    """It has the original's numbers too; what it lacks is what the original has given out since."""
    archive = Archive(tmp_path / "archive")
    check(engine, archive)
    queue(engine, archive, b"before")
    check(engine, archive)
    since = [f"since {number}".encode() for number in range(NEWEST)]
    queue(engine, archive, *since)
    check(engine, archive)
    cloned = [archive.root / digest[:2] / digest for digest in map(archive.put, since)]
    kept = {path: path.read_bytes() for path in cloned}
    for path in cloned[:-1]:
        path.unlink()
    # A loss, which `csd verify` tells, and no clone.
    check(engine, archive)
    cloned[-1].unlink()
    with pytest.raises(AnotherSite, match=r"nothing of what went out last.*clone"):
        check(engine, archive)
    for path, data in kept.items():
        path.write_bytes(data)
    check(engine, archive)


def test_an_archive_of_an_older_version_is_where_it_is_first_looked_at(engine: Engine, tmp_path: Path) -> None:
    check(engine, Archive(tmp_path / "old"))
    (tmp_path / "old" / "site").write_text(Archive(tmp_path / "old").identity() + "\n")
    check(engine, Archive(tmp_path / "old"))
    shutil.copytree(tmp_path / "old", tmp_path / "copied")
    with pytest.raises(AnotherSite, match="is a copy"):
        check(engine, Archive(tmp_path / "copied"))


def test_a_copied_archive_with_a_database_of_nobody_is_at_home_there(engine: Engine, tmp_path: Path) -> None:
    Archive(tmp_path / "original").claim_identity("kept")
    shutil.copytree(tmp_path / "original", tmp_path / "copied")
    for _ in range(2):
        check(engine, Archive(tmp_path / "copied"))


def test_csd_adopt_takes_the_archive_that_holds_what_the_books_refer_to_and_no_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'csd.db'}"
    first, second = (
        make_site(tmp_path / name, MARKET, SAMPLE / "reference", 0, AT, database=url) for name in ("first", "second")
    )
    load(first.settings, SAMPLE / "reference", AT)
    data = (SAMPLE / "2026-11-23/0905/bank/inbox/camt053_20261123_0905.xml").read_bytes()
    with closing(read_site(first.settings)) as site:
        take(site, Arrival("bank", "inbox", "camt.xml", data, AT))
        refused = forked_csd("adopt", "--site", second.settings)
        assert (refused.returncode, "is not its archive" in refused.stdout) == (2, True)
        copy_archive(site, tmp_path / "second" / "archive")
    (tmp_path / "second" / "archive" / "site").unlink()
    assert forked_csd("status", "--site", second.settings).returncode == 2
    assert forked_csd("adopt", "--site", second.settings).returncode == 0
    assert forked_csd("verify", "--site", second.settings).returncode == 0
    with pytest.raises(AnotherSite):
        read_site(first.settings)
