"""The archive keeps contents by their hash; what a killed process left half-written is swept, and nothing else."""

import os
from pathlib import Path

import pytest

from depository.rejects import Broken
from depository.store.archive import DEAD_AFTER, UNDER_WAY, Archive, Gathered


def test_what_has_no_writer_any_more_is_swept_and_what_is_being_written_stays(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    digest = archive.put(b"a content")
    archive.point("2026-11-23", digest)
    dead, alive = tmp_path / UNDER_WAY / "dead.1.1", tmp_path / UNDER_WAY / "alive.2.2"
    for path in (dead, alive):
        path.write_bytes(b"half")
    long_ago = alive.stat().st_mtime - DEAD_AFTER - 1
    os.utime(dead, (long_ago, long_ago))
    os.utime(tmp_path / digest[:2] / digest, (long_ago, long_ago))
    assert archive.sweep() == 1
    assert sorted(path.name for path in (tmp_path / UNDER_WAY).iterdir()) == ["alive.2.2"]
    assert archive.get(digest) == b"a content"
    assert archive.pointers() == {"2026-11-23": digest}
    assert archive.sweep() == 0


@pytest.mark.rule("KCSD-83")
def test_a_content_that_was_changed_or_is_gone_is_never_given_out(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    digest = archive.put(b"a content")
    kept = tmp_path / digest[:2] / digest
    kept.write_bytes(b"a c0ntent")
    with pytest.raises(Broken, match=f"{digest} was changed: restore"):
        archive.get(digest)
    kept.unlink()
    with pytest.raises(Broken, match=f"no content {digest}: restore"):
        archive.get(digest)


def test_contents_stored_together_are_those_stored_one_by_one(tmp_path: Path) -> None:
    contents = [bytes([number]) * 1000 for number in range(30)]
    together, singly = Archive(tmp_path / "together"), Archive(tmp_path / "singly")
    assert together.put_all([*contents, contents[0]]) == [singly.put(data) for data in [*contents, contents[0]]]
    assert [together.get(singly.put(data)) for data in contents] == contents


def test_gathered_contents_are_read_before_and_found_in_the_archive_after_they_are_stored(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    old = archive.put(b"old")
    gathered = Gathered(archive)
    new = [gathered.put(data) for data in (b"one", b"two", b"old")]
    assert new[2] == old
    assert [gathered.get(digest) for digest in new] == [b"one", b"two", b"old"]
    with pytest.raises(Broken):
        archive.get(new[0])
    gathered.store()
    assert [archive.get(digest) for digest in new] == [b"one", b"two", b"old"]


def test_a_gathered_content_that_the_disk_does_not_take_is_told(tmp_path: Path) -> None:
    gathered = Gathered(Archive(tmp_path / "archive"))
    digests = [gathered.put(data) for data in (b"one", b"two")]
    (tmp_path / "archive" / digests[0][:2]).write_bytes(b"a file where a folder belongs")
    with pytest.raises(OSError, match=digests[0][:2]):
        gathered.store()
