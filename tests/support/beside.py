"""Files of the sample with the signature that lies beside them."""

from collections.abc import Iterator
from pathlib import Path

from depository.sftp.intake import SIGNATURE


def files_in(folder: Path) -> Iterator[tuple[Path, bytes | None]]:
    """Every file below a folder in order of path, with its signature's bytes (None = unsigned)."""
    for file in sorted(f for f in folder.rglob("*") if f.is_file() and f.suffix != SIGNATURE):
        yield file, signature_of(file)


def signature_of(file: Path) -> bytes | None:
    """The signature beside a file."""
    beside = file.with_name(file.name + SIGNATURE)
    return beside.read_bytes() if beside.exists() else None
