"""Disks that fill up."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of so many megabytes at `folder`; where nobody may mount one the test is left out, and fails with `CI` set."""
    folder.mkdir()
    done = subprocess.run(  # noqa: PLW1510 - it is asked whether it may be done
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        leave_out = pytest.fail if os.environ.get("CI") else pytest.skip
        leave_out("a small file system cannot be mounted here (needs the right to mount)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, leave: int = 0) -> None:
    """Writes until `leave` bytes are left."""
    # Without a buffer, which the end would try to write once more.
    with (disk / "ballast").open("wb", buffering=0) as out:
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        try:
            out.write(b"\0" * max(0, free - leave))
        except OSError:
            pass  # full is what it should be


@contextmanager
def no_file_above(most: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes, which needs no rights; writing more fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
