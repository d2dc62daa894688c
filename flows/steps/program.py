"""The program itself: every event says which one recorded it, and the archive keeps it, so that a day can be replayed by the same one."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import depository
import flows
import forms
import parsers
from depository.store.archive import PROGRAMS, Archive
from depository.store.work import Work

ROOT = Path(flows.__file__).parents[1]
PACKAGES = {"src/depository": depository, "flows": flows, "forms": forms, "parsers": parsers}
BESIDE = ("pyproject.toml", "requirements.lock", "Makefile", "README.md", "LICENSE", "tools")
"""What `make install` needs besides; there where the program runs from a checkout."""


@cache
def this_program() -> str:
    """SHA-256, in hex, over the names and bytes of all files of the running program."""
    total = hashlib.sha256()
    for name, data in _files():
        total.update(f"{name}\0{len(data)}\0".encode() + data)
    return total.hexdigest()


def keep_program(work: Work, archive: Archive) -> None:
    """Puts the running program into the archive, packed as tar.gz, under a name that is its hash; once, and not in a replay."""
    program = this_program()
    if work.program is None and program not in archive.pointers(PROGRAMS):
        archive.point(program, archive.put(_packed()), PROGRAMS)


def unpacking(archive: Archive, program: str) -> str:
    """The commands that bring a kept program back to life; "" when the archive does not have it."""
    digest = archive.pointers(PROGRAMS).get(program)
    if digest is None:
        return ""
    return f"mkdir program && tar -xzf {archive.path_of(digest)} -C program && make -C program install"


def _files() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file, as they lie in a checkout."""
    for name, package in PACKAGES.items():
        yield from _under(name, Path(str(package.__file__)).parent)
    for name in BESIDE:
        yield from _under(name, ROOT / name)


def _under(name: str, path: Path) -> Iterator[tuple[str, bytes]]:
    """A file, or all files of a folder but what Python made of them; nothing where there is none."""
    if path.is_file():
        yield name, path.read_bytes()
    elif path.is_dir():
        for found in sorted(path.iterdir()):
            if found.name != "__pycache__":
                yield from _under(f"{name}/{found.name}", found)


def _packed() -> bytes:
    packed = io.BytesIO()
    # Without moments and owners: the same program gives the same bytes.
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for name, data in _files():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return packed.getvalue()
