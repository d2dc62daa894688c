"""A copy made while the day goes on can be restored, proves itself, and the day goes on from it to the same end."""

import shutil
import subprocess
from datetime import date, datetime
from pathlib import Path

import pytest

from depository.store.archive import Archive
from depository.verify import verify
from flows.steps.backup import copy_archive, copy_site, missing_contents
from flows.steps.sites import Site
from tests.support.databases import LIBRARIES, PostgresServer
from tests.support.day_player import SAMPLE, play, site_at
from tests.support.disks import no_file_above
from tests.support.fault_results import tried


def evening(site: Site, day: date) -> datetime:
    return datetime.combine(day, datetime.max.time(), site.market.zone)


def whole(site: Site, day: date) -> bool:
    """The restored site proves itself."""
    with site.reading(evening(site, day), day) as work:
        return verify(work).faults == () and missing_contents(site, evening(site, day)) == []


def days_of(folder: Path, *names: str) -> Path:
    """A sample folder with the reference data and only these days."""
    shutil.copytree(SAMPLE / "reference", folder / "reference")
    for name in names:
        shutil.copytree(SAMPLE / name, folder / name)
    return folder


@pytest.mark.rule("CSD-2.5.1f-a")
def test_a_restored_copy_goes_on_to_the_same_end(tmp_path: Path) -> None:
    first, rest = days_of(tmp_path / "first", "2026-11-06"), days_of(tmp_path / "rest", "2026-11-19")
    (tmp_path / "live").mkdir()
    with site_at(f"sqlite:///{tmp_path / 'live' / 'csd.db'}", tmp_path / "live") as live:
        play(live, first)
        copied = copy_site(live, tmp_path / "copy")
        assert copied > 30
        play(live, rest)
        pointers = live.archive.pointers()
    with site_at(f"sqlite:///{tmp_path / 'copy' / 'csd.db'}", tmp_path / "copy") as restored:
        assert whole(restored, date(2026, 11, 6))
        assert len(restored.archive.pointers()) == 1
        play(restored, rest)
        # The sealed days hold every input, every output's hash and the journal's head after each step.
        assert restored.archive.pointers() == pointers
    tried("restored from a backup", "SQLite", "the day goes on to the same end")


def test_the_documented_way_with_postgresql(postgres_server: PostgresServer, tmp_path: Path) -> None:
    """pg_dump first, the archive second; pg_restore into an empty database."""
    name, other = postgres_server.create(empty=True), postgres_server.create(empty=True)
    first = days_of(tmp_path / "first", "2026-11-06")
    with site_at(postgres_server.url(name), tmp_path / "live") as live:
        play(live, first)
        run(postgres_server, "pg_dump", "-Fc", "-d", name, "-f", str(tmp_path / "csd.dump"))
        copy_archive(live, tmp_path / "restored" / "archive")
        with pytest.raises(ValueError, match="pg_dump"):
            copy_site(live, tmp_path / "copy")
    run(postgres_server, "pg_restore", "-d", other, "--exit-on-error", str(tmp_path / "csd.dump"))
    with site_at(postgres_server.url(other), tmp_path / "restored") as restored:
        assert whole(restored, date(2026, 11, 6))
        victim = next(p for p in sorted(restored.archive.root.glob("??/*")) if p.name in hashes_named(restored))
        victim.write_bytes(b"rotten")
        assert "was changed: restore" in missing_contents(restored, evening(restored, date(2026, 11, 6)))[0]
    for database in (name, other):
        postgres_server.drop(database)
    tried("restored from a backup", "PostgreSQL", "whole, and a rotten content is named")


def hashes_named(site: Site) -> set[str]:
    from depository.store import files

    with site.reading(evening(site, date(2026, 11, 6))) as work:
        return files.hashes(work)


def run(server: PostgresServer, program: str, *arguments: str) -> None:
    path = server.programs / "bin" / program
    where = ["-h", str(server.folder), "-U", "postgres"]
    libraries = {"LD_LIBRARY_PATH": str(LIBRARIES)}
    done = subprocess.run([str(path), *where, *arguments], capture_output=True, text=True, env=libraries, check=False)
    assert done.returncode == 0, done.stderr


def test_a_copy_that_was_cut_off_is_made_up_for_by_the_next(tmp_path: Path) -> None:
    """What the disk did not take whole is not there under its name, where the next copy would leave it as it is."""
    with site_at(f"sqlite:///{tmp_path / 'csd.db'}", tmp_path) as site:
        contents = [bytes([number]) * 20_000 for number in range(3)]
        digests = [site.archive.put(data) for data in contents]
        with no_file_above(10_000), pytest.raises(OSError, match="File too large"):
            copy_archive(site, tmp_path / "copy")
        assert copy_archive(site, tmp_path / "copy") == len(contents)
        assert [Archive(tmp_path / "copy").get(digest) for digest in digests] == contents
    tried("a backup is cut off", "archive", "the next one has everything whole")


def test_a_folder_in_use_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "mine").write_text("mine")
    with (
        site_at(f"sqlite:///{tmp_path / 'csd.db'}", tmp_path) as site,
        pytest.raises(FileExistsError, match="new folder"),
    ):
        copy_site(site, tmp_path / "copy")
