"""Files that count only together: put into a folder so that nobody ever finds half of them."""

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from depository.points import reached
from depository.store import durable

UNDER_WAY = ".under-way."


def put_together(folder: Path, files: Mapping[str, bytes], seal: str, without: Collection[str] = ()) -> None:
    """Puts all of these files into the folder, by name, or leaves what is there as it was.

    They are brought to the disk under another name first, where a full disk or a kill does no harm. A new folder then gets its name
    with all of them in it. In one that is there, the file `seal` goes first and comes last: with it the others are whole and belong to
    it. `without` are names that belong to an earlier set alone. Raises OSError.
    """
    there = folder.is_dir()
    place = folder if there else folder.parent
    place.mkdir(parents=True, exist_ok=True)
    with _under_way(place, f".{folder.name}{UNDER_WAY}") as fresh:
        for name, data in files.items():
            durable.write(fresh / name, data)
        durable.to_disk(fresh)
        reached("whole.written")
        if there:
            (folder / seal).unlink(missing_ok=True)
            durable.to_disk(folder)
            reached("whole.unsealed")
            for name in without:
                (folder / name).unlink(missing_ok=True)
            for name in sorted(files, key=lambda name: name == seal):
                (fresh / name).rename(folder / name)
                reached("whole.replaced")
        else:
            fresh.rename(folder)
        durable.to_disk(place)


@contextmanager
def _under_way(place: Path, prefix: str) -> Iterator[Path]:
    """A new folder that is gone in the end, with what killed processes left of theirs: a living one's is locked."""
    for left in [path for path in place.iterdir() if path.name.startswith(prefix)]:
        with suppress(OSError), _locked(left):
            shutil.rmtree(left)
    fresh = place / f"{prefix}{os.getpid()}"
    fresh.mkdir()
    try:
        with ExitStack() as held:
            # Where folders cannot be locked, none is taken for a dead process's either.
            with suppress(OSError):
                held.enter_context(_locked(fresh))
            yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Raises OSError when it is locked already."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(opened)
