"""Every file that came or went, unchanged, under the SHA-256 of its bytes (KCSD-83)."""

import hashlib
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from depository.points import reached
from depository.rejects import Broken
from depository.store import durable

DAYS, SIGNATURES, PROGRAMS = "days", "signatures", "programs"
"""The folders of names beside the folders of contents: the sealed days, by day our signatures that were given out, and what ran by hash."""
IDENTITY = "site"
"""The file that says to which database the archive belongs, and where it was said: the numbers of the folder and of this file (inodes)."""
UNDER_WAY = ".under-way"
"""The folder of contents that are being written; one file system with the others, as they are renamed."""
SIDE_BY_SIDE = 8
"""Contents that are brought to the disk at once: file systems write several waiting ones in one go."""
DEAD_AFTER = 3600
"""Seconds after which what is being written has no writer any more: writing a content takes seconds."""


class Archive:
    """A folder of contents by hash; storing the same bytes again changes nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._under_way = root / UNDER_WAY
        self._under_way.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        """Stores the bytes durably and returns their SHA-256 in hex."""
        digest = hashlib.sha256(data).hexdigest()
        target = self.path_of(digest)
        if target.exists():
            return digest
        target.parent.mkdir(exist_ok=True)
        self._store(target, data)
        return digest

    def put_all(self, contents: Sequence[bytes]) -> list[str | OSError]:
        """The same for several at once, which the disk takes in much less time; tells of each its hash or why it was not stored."""
        if len(contents) < 2:
            return [self._put_or_tell(data) for data in contents]
        with ThreadPoolExecutor(SIDE_BY_SIDE, "archive") as threads:
            return list(threads.map(self._put_or_tell, contents))

    def _put_or_tell(self, data: bytes) -> str | OSError:
        try:
            return self.put(data)
        except OSError as fault:
            return fault

    def get(self, digest: str) -> bytes:
        """The bytes; raises Broken when they are gone or changed."""
        path = self.path_of(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise Broken(f"archive has no content {digest}: restore {path.name} from backup") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise Broken(f"archived content {digest} was changed: restore {path.name} from backup")
        return data

    def has(self, digest: str) -> bool:
        """Is there a content of this hash, whole or not?"""
        return self.path_of(digest).exists()

    def point(self, name: str, digest: str, pointers: str = DAYS) -> None:
        """Keeps a name for a content, for whoever has the archive alone; the same name again points elsewhere."""
        folder = self.root / pointers
        folder.mkdir(exist_ok=True)
        self._store(folder / name, f"{digest}\n".encode())

    def pointers(self, pointers: str = DAYS) -> dict[str, str]:
        """Every name and its content's hash, in order of name."""
        folder = self.root / pointers
        found = sorted(p for p in folder.iterdir() if not p.name.startswith(".")) if folder.exists() else []
        return {path.name: path.read_text().strip() for path in found}

    def identity(self) -> str:
        """To which database the archive belongs; "" for one that is new."""
        return self._said()[0]

    def is_copy(self) -> bool:
        """Whether the archive was copied, restored or moved to another file system since its identity was written into it.

        A rename keeps the numbers of folder and file, and so does every restart; no copy has both.
        """
        _, written, place = self._said()
        return written not in ("", place)

    def has_place(self) -> bool:
        """Whether it was noted where the identity was written; an older version did not."""
        return self._said()[1] != ""

    def claim_identity(self, new: str) -> str:
        """Gives the archive its identity, unless another process was faster; returns the one it has."""
        mine = self._written_identity(new)
        try:
            os.link(mine, self.root / IDENTITY)
            durable.to_disk(self.root)
        except FileExistsError:
            pass
        finally:
            mine.unlink()
        return self.identity()

    def change_identity(self, new: str) -> None:
        """Gives the archive another identity, or the same at the place where it is now, durably."""
        durable.put_in_place(self._written_identity(new), self.root / IDENTITY)

    def _said(self) -> tuple[str, str, str]:
        """Identity and place as they were written, "" for what was not, and the place where they are."""
        try:
            with (self.root / IDENTITY).open() as said:
                identity, written, *_ = [*said.read().split(), "", ""]
                # Of the file that was read: another process may put another one in its place.
                return identity, written, self._place(os.fstat(said.fileno()))
        except FileNotFoundError:
            return "", "", ""

    def _place(self, file: os.stat_result) -> str:
        return f"{self.root.stat().st_ino}.{file.st_ino}"

    def _written_identity(self, new: str) -> Path:
        """A file that says the identity and its own place, on the disk, to be put in place under its name."""
        mine = self.root / f"{IDENTITY}.{new}.{os.getpid()}.{threading.get_ident()}"
        mine.touch()
        durable.write(mine, f"{new} {self._place(mine.stat())}\n".encode())
        return mine

    def path_of(self, digest: str) -> Path:
        """Where a content lies, or would."""
        return self.root / digest[:2] / digest

    def sweep(self) -> int:
        """Removes what a killed process left half-written; returns how many files. May run while others write.

        The age is told by the clock of the file system itself, so no clock of any machine matters. Should a writer after all
        wake up after so long, its rename fails, and it stores the content again.
        """
        now = self._now()
        swept = 0
        for path in list(self._under_way.iterdir()):
            try:
                if now - path.stat().st_mtime_ns > DEAD_AFTER * 1_000_000_000:
                    path.unlink()
                    swept += 1
            except FileNotFoundError:
                # Renamed by its writer, or swept by another process.
                continue
        return swept

    def _now(self) -> int:
        """The file system's clock, in nanoseconds."""
        probe = self._under_way / f"clock.{os.getpid()}.{threading.get_ident()}"
        probe.touch()
        try:
            return probe.stat().st_mtime_ns
        finally:
            probe.unlink(missing_ok=True)

    def _store(self, target: Path, data: bytes) -> None:
        """Writes durably under a temporary name and renames it; a full disk leaves nothing behind under the final name."""
        # Threads of one process may store the same content at once.
        temporary = self._under_way / f"{target.name}.{os.getpid()}.{threading.get_ident()}"
        try:
            durable.write(temporary, data)
            reached("archive.written")
            durable.put_in_place(temporary, target)
            reached("archive.renamed")
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


class Gathered(Archive):
    """An archive whose new contents wait until `store` brings them to the disk together."""

    def __init__(self, archive: Archive) -> None:
        super().__init__(archive.root)
        self._archive = archive
        self._waiting: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """Keeps the bytes and returns their SHA-256 in hex; they are not durable before `store`."""
        digest = hashlib.sha256(data).hexdigest()
        if not self.path_of(digest).exists():
            self._waiting[digest] = data
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes, also of what waits."""
        return self._waiting[digest] if digest in self._waiting else super().get(digest)

    def store(self) -> None:
        """Stores durably all that waits; raises the first fault, with what was stored before it."""
        for stored in self._archive.put_all(list(self._waiting.values())):
            if isinstance(stored, OSError):
                raise stored
        self._waiting.clear()
