"""Look at folders, claim, fetch and put files over one connection; every call may be repeated (design §4)."""

import hashlib
import stat
import time
from collections.abc import Iterator
from contextlib import closing

from depository.points import reached
from depository.sftp import wire
from depository.sftp.client import Connection
from depository.sftp.entry import Entry, decode_name, encode_name
from depository.sftp.errors import Changed, Missing, NotStored, Refused, TargetTaken, TooLarge
from depository.sftp.wire import Attributes, Session, Status

REPLACE_ANOTHER_WAY = (wire.FAILURE, wire.BAD_MESSAGE, wire.UNSUPPORTED, wire.EXISTS)
"""Status codes by which servers say that they cannot rename over a file in one step."""


class Folders:
    """The folders of a server by absolute paths (`/P001/inbox/form.xlsx`).

    `root` is put before every path, for a server that does not confine the login to the folders' root. All calls
    raise Lost when the connection breaks, Missing for a missing file or folder, Refused when the server says no.
    """

    def __init__(self, connection: Connection, root: str = "") -> None:
        self._connection = connection
        self._root = root.rstrip("/")

    def look(self, folder: str) -> Iterator[Entry]:
        """The entries of a folder in the server's order, streamed; other calls are allowed in between."""
        where = self._path(folder)
        with self._connection.listing(f"list {folder}") as session, closing(session.pages(where)) as pages:
            while True:
                with self._connection.guarded(f"list {folder}"):
                    page = next(pages, None)
                if page is None:
                    return
                for name, attributes in page:
                    yield Entry(
                        name=decode_name(name),
                        size=attributes.size or 0,
                        mtime=attributes.mtime or 0,
                        is_file=_plain(attributes),
                    )

    def claim(self, source: str, target: str) -> bool:
        """Take a file by renaming it: True for exactly one worker, False when it is gone; nothing is ever overwritten.

        It gives exclusivity, not completeness: a writer that still holds the file open goes on writing into it.
        Raises TargetTaken when another file has the target's name, Missing when the target's folder is missing.
        """
        old, new = self._path(source), self._path(target)
        with self._connection.session(f"claim {source}") as session:
            try:
                session.rename(old, new)
                return True
            except Status as status:
                if status.code == wire.PERMISSION_DENIED:
                    raise
                refusal = status
            # OpenSSH renames by link and unlink, so for a moment a file that another worker takes has both names.
            for pause in (0.0, 0.05, 0.25):
                time.sleep(pause)
                if not _there(session, old):
                    if not _there(session, new.rpartition(b"/")[0]):
                        raise Missing(f"claim {source}: the folder of {target} is missing")
                    return False
            if _there(session, new):
                raise TargetTaken(f"claim {source}: {target} exists already", refusal.code)
            raise refusal

    def fetch(self, path: str, limit: int) -> bytes:
        """The whole file, at most `limit` bytes; links and folders are refused.

        Raises TooLarge before fetching anything, Changed when size or time moved meanwhile.
        """
        where = self._path(path)
        with self._connection.session(f"fetch {path}") as session:
            before = session.lstat(where)
            if not _plain(before):
                raise Refused(f"fetch {path}: not a plain file")
            size = before.size or 0
            if size > limit:
                raise TooLarge(f"fetch {path}: {size} bytes, the limit is {limit}")
            data = _read(session, where, size + 1)
            after = session.lstat(where)
            if len(data) != size or (after.size, after.mtime) != (before.size, before.mtime):
                raise Changed(f"fetch {path}: {size} bytes announced, {len(data)} came, now {after.size} bytes")
            return data

    def put(self, path: str, data: bytes) -> None:
        """Store a file: a reader sees the old one or the whole new one, and what is stored was read back.

        It is written under a temporary dot-name in the same folder, read back and compared, brought to disk where
        the server can, and renamed over the target. Raises NotStored when it is not there afterwards (also when a
        reader was faster and took it away, which over SFTP looks the same: the file is delivered at least once).
        """
        target = self._path(path)
        folder = target.rpartition(b"/")[0]
        # The temporary name comes from path and content: a repetition after a crash finds and completes its own
        # leftover, and two workers with the same answer write the same bytes at the same places, so neither can
        # spoil the other's file.
        mark = hashlib.sha256(target + b"\0" + data).hexdigest()[:32].encode()
        temporary = folder + b"/." + mark + b".part"
        with self._connection.session(f"put {path}") as session:
            _write(session, temporary, data)
            reached("put.written")
            try:
                back = _read(session, temporary, len(data) + 1)
            except Status as status:
                if status.code != wire.NO_SUCH_FILE:
                    raise
                # Either another worker with the same answer has renamed it just now, or the server lost it.
                _prove_stored(session, path, target, data)
                return
            if not _same(back, data):
                session.remove(temporary)
                raise NotStored(f"put {path}: {len(data)} bytes sent, {len(back)} read back, or other content")
            try:
                _replace(session, temporary, target)
            except Status as status:
                if status.code != wire.NO_SUCH_FILE:
                    raise
                _prove_stored(session, path, target, data)
                return
            reached("put.renamed")
            try:
                stored = session.lstat(target)
            except Status as status:
                raise NotStored(f"put {path}: the server confirmed the rename, but the file is not there") from status
            if stored.size != len(data):
                raise NotStored(f"put {path}: {len(data)} bytes sent, {stored.size} there")

    def remove(self, path: str) -> bool:
        """Remove a file; False when it was not there."""
        with self._connection.session(f"remove {path}") as session:
            try:
                session.remove(self._path(path))
                return True
            except Status as status:
                if status.code != wire.NO_SUCH_FILE:
                    raise
                return False

    def exists(self, path: str) -> bool:
        """Whether there is anything by this name."""
        with self._connection.session(f"look for {path}") as session:
            return _there(session, self._path(path))

    def mkdirs(self, path: str) -> None:
        """Make a folder and the folders above it, as far as they are missing."""
        where = self._path(path)
        with self._connection.session(f"make {path}") as session:
            if _there(session, where):
                return
            start = len(self._root.encode())
            parts = where[start:].strip(b"/").split(b"/")
            for depth in range(1, len(parts) + 1):
                folder = where[:start] + b"/" + b"/".join(parts[:depth])
                if _there(session, folder):
                    continue
                try:
                    session.mkdir(folder)
                except Status:
                    # Another worker may have made it meanwhile.
                    if not _there(session, folder):
                        raise

    def _path(self, path: str) -> bytes:
        """The path as bytes below the root; raises ValueError for one that could lead elsewhere."""
        parts = path.split("/") if path != "/" else []
        if not path.startswith("/") or any(part in ("", ".", "..") for part in parts[1:]) or "\0" in path:
            raise ValueError(f"not an absolute, plain path: {path!r}")
        return encode_name((self._root + path).rstrip("/") or "/")


def _plain(attributes: Attributes) -> bool:
    return attributes.mode is not None and stat.S_ISREG(attributes.mode)


def _there(session: Session, path: bytes) -> bool:
    try:
        session.lstat(path or b"/")
        return True
    except Status as status:
        if status.code != wire.NO_SUCH_FILE:
            raise
        return False


def _same(back: bytes, data: bytes) -> bool:
    return len(back) == len(data) and hashlib.sha256(back).digest() == hashlib.sha256(data).digest()


def _read(session: Session, path: bytes, size: int) -> bytes:
    handle = session.open(path, wire.FOR_READING)
    try:
        data = session.read(handle, size)
    except Status:
        session.abandon(handle)
        raise
    session.close_handle(handle)
    return data


def _write(session: Session, path: bytes, data: bytes) -> None:
    """Write without cutting the file first: see `put` on two workers with the same answer."""
    handle = session.open(path, wire.FOR_WRITING | wire.CREATE)
    try:
        session.write(handle, data)
        if wire.FSYNC in session.extensions:
            session.fsync(handle)
    except Status:
        session.abandon(handle)
        raise
    session.close_handle(handle)


def _replace(session: Session, temporary: bytes, target: bytes) -> None:
    """Rename over the target, in one step where the server can, else by removing the old file first."""
    try:
        session.posix_rename(temporary, target)
        return
    except Status as status:
        if status.code not in REPLACE_ANOTHER_WAY:
            raise
    try:
        session.rename(temporary, target)
        return
    except Status as status:
        if status.code not in REPLACE_ANOTHER_WAY or not _there(session, target):
            raise
    if not _plain(session.lstat(target)):
        raise Status(wire.FAILURE, "the target is not a plain file")
    session.remove(target)
    session.rename(temporary, target)


def _prove_stored(session: Session, path: str, target: bytes, data: bytes) -> None:
    try:
        back = _read(session, target, len(data) + 1)
    except Status as status:
        raise NotStored(f"put {path}: neither the temporary file nor the target is there") from status
    if not _same(back, data):
        raise NotStored(f"put {path}: the temporary file is gone and the target has other content")
