"""Every file that came or went, unchanged, under the SHA-256 of its bytes (KCSD-83)."""

import hashlib
import os
import threading
from pathlib import Path

from depository.points import reached
from depository.rejects import Broken

POINTERS = "days"
"""The folder of names beside the folders of contents."""
UNDER_WAY = ".under-way"
"""The folder of contents that are being written; one file system with the others, as they are renamed."""
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
        target = self._path(digest)
        if target.exists():
            return digest
        target.parent.mkdir(exist_ok=True)
        self._store(target, data)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes; raises Broken when they are gone or changed."""
        path = self._path(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise Broken(f"archive has no content {digest}: restore {path.name} from backup") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise Broken(f"archived content {digest} was changed: restore {path.name} from backup")
        return data

    def point(self, name: str, digest: str) -> None:
        """Keeps a name for a content, for whoever has the archive alone; the same name again points elsewhere."""
        folder = self.root / POINTERS
        folder.mkdir(exist_ok=True)
        self._store(folder / name, f"{digest}\n".encode())

    def pointers(self) -> dict[str, str]:
        """Every name and its content's hash, in order of name."""
        folder = self.root / POINTERS
        found = sorted(p for p in folder.iterdir() if not p.name.startswith(".")) if folder.exists() else []
        return {path.name: path.read_text().strip() for path in found}

    def _path(self, digest: str) -> Path:
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
            with temporary.open("wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            reached("archive.written")
            temporary.rename(target)
            reached("archive.renamed")
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            # Without this the new name may be lost with the power although its bytes are safe.
            os.fsync(folder)
        finally:
            os.close(folder)
