"""Every file that came or went, unchanged, under the SHA-256 of its bytes (KCSD-83)."""

import hashlib
import os
from pathlib import Path

from depository.rejects import Broken


class Archive:
    """A folder of contents by hash; storing the same bytes again changes nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> str:
        """Stores the bytes durably and returns their SHA-256 in hex."""
        digest = hashlib.sha256(data).hexdigest()
        target = self._path(digest)
        if target.exists():
            return digest
        target.parent.mkdir(exist_ok=True)
        temporary = target.with_name(f".{digest}.{os.getpid()}")
        with temporary.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        temporary.rename(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            # Without this the new name may be lost with the power although its bytes are safe.
            os.fsync(folder)
        finally:
            os.close(folder)
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

    def _path(self, digest: str) -> Path:
        return self.root / digest[:2] / digest
