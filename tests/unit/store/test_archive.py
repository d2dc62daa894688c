"""The archive keeps contents by their hash; what a killed process left half-written is swept, and nothing else."""

import os
from pathlib import Path

from depository.store.archive import DEAD_AFTER, UNDER_WAY, Archive


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
