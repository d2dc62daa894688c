"""Files brought to the disk so that after a kill or a power cut each is whole under its name, or not there under it."""

import os
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Writes a file and brings its bytes to the disk; its name may still be lost (`put_in_place`). Raises OSError."""
    with path.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())


def put_in_place(temporary: Path, target: Path) -> None:
    """Gives a file whose bytes are on the disk the name by which it counts, durably; what had the name before is gone. Raises OSError."""
    temporary.rename(target)
    to_disk(target.parent)


def to_disk(path: Path) -> None:
    """Brings the names in a folder to the disk, or the bytes of a file that another program has written. Raises OSError.

    Without the first, a new name may be lost with the power although its bytes are safe.
    """
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
