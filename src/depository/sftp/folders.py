"""Look at folders, claim, fetch and put files over one connection; every call may be repeated (design §4)."""

import hashlib
import re
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import TypeVar

from depository.pieces import pieces
from depository.points import reached
from depository.sftp import wire
from depository.sftp.client import Connection, refused
from depository.sftp.entry import Entry, decode_name, encode_name
from depository.sftp.errors import Changed, Missing, NotStored, Refused, SftpError, TargetTaken, TooLarge
from depository.sftp.wire import Attributes, Status, Talk

REPLACE_ANOTHER_WAY = (wire.FAILURE, wire.BAD_MESSAGE, wire.UNSUPPORTED, wire.EXISTS)
"""Status codes by which servers say that they cannot rename over a file in one step."""

LEFT = re.compile(r"\.[0-9a-f]{32}\.part")
"""The names under which `put` writes before it renames."""
SIDE_BY_SIDE = 32
"""Files or folders that are worked on at once over one connection; each has one handle open at the server."""
T = TypeVar("T")


class Folders:
    """The folders of a server by absolute paths (`/P001/inbox/form.xlsx`).

    `root` is put before every path, for a server that does not confine the login to the folders' root. All calls
    raise Lost when the connection breaks, Missing for a missing file or folder, Refused when the server says no.
    """

    def __init__(self, connection: Connection, root: str = "") -> None:
        self._connection = connection
        self._root = root.rstrip("/")
        self._fsync = False
        """Whether the server of the session in use can bring a file to its disk."""

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
                    yield _entry(name, attributes)

    def look_all(self, folders: Iterable[str]) -> Iterator[tuple[str, Iterable[Entry] | SftpError]]:
        """Every folder with its entries, or why it could not be listed; many small folders in one go, a large one streamed."""
        for some in pieces(folders, SIDE_BY_SIDE):
            with self._connection.listing("list folders") as session, self._connection.guarded("list folders"):
                found = session.run_all([wire.short_listing(self._path(folder)) for folder in some])
            for folder, listed in zip(some, found, strict=True):
                if listed is None:
                    yield folder, self.look(folder)
                elif isinstance(listed, Exception):
                    yield folder, _error(f"list {folder}", listed)
                else:
                    yield folder, [_entry(name, attributes) for name, attributes in listed]

    def claim(self, source: str, target: str) -> bool:
        """Take a file by renaming it: True for exactly one worker, False when it is gone; nothing is ever overwritten.

        It gives exclusivity, not completeness: a writer that still holds the file open goes on writing into it.
        Raises TargetTaken when another file has the target's name, Missing when the target's folder is missing.
        """
        return self._one(f"claim {source}", self._claiming(source, target))

    def _claiming(self, source: str, target: str) -> Talk[bool]:
        old, new = self._path(source), self._path(target)
        try:
            yield from wire.rename(old, new)
            return True
        except Status as status:
            if status.code == wire.PERMISSION_DENIED:
                raise
            refusal = status
        # OpenSSH renames by link and unlink, so for a moment a file that another worker takes has both names.
        for pause in (0.0, 0.05, 0.25):
            time.sleep(pause)
            there = yield from _there(old)
            if not there:
                if not (yield from _there(new.rpartition(b"/")[0])):
                    raise Missing(f"claim {source}: the folder of {target} is missing")
                return False
        if (yield from _there(new)):
            raise TargetTaken(f"claim {source}: {target} exists already", refusal.code)
        raise refusal

    def fetch(self, path: str, limit: int) -> bytes:
        """The whole file, at most `limit` bytes; links and folders are refused.

        Raises TooLarge before fetching anything, Changed when size or time moved meanwhile.
        """
        return self._one(f"fetch {path}", self._fetching(path, limit))

    def fetch_all(self, paths: Sequence[str], limit: int) -> list[bytes | SftpError]:
        """The same for several files side by side, in their order; `limit` holds for each."""
        return self._each([(f"fetch {path}", self._fetching(path, limit)) for path in paths])

    def _fetching(self, path: str, limit: int) -> Talk[bytes]:
        where = self._path(path)
        before = yield from wire.lstat(where)
        if not _plain(before):
            raise Refused(f"fetch {path}: not a plain file")
        size = before.size or 0
        if size > limit:
            raise TooLarge(f"fetch {path}: {size} bytes, the limit is {limit}")
        data = yield from _read(where, size + 1)
        after = yield from wire.lstat(where)
        if len(data) != size or (after.size, after.mtime) != (before.size, before.mtime):
            raise Changed(f"fetch {path}: {size} bytes announced, {len(data)} came, now {after.size} bytes")
        return data

    def tails(self, files: Sequence[tuple[str, int, int]]) -> list[bytes | SftpError]:
        """Of several files, each with its size, so many of the last bytes side by side; more or fewer when the size is another by now."""
        return self._each(
            [
                (f"fetch {path}", _read(self._path(path), length + 1, max(0, size - length)))
                for path, size, length in files
            ]
        )

    def put(self, path: str, data: bytes) -> None:
        """Store a file: a reader sees the old one or the whole new one, and what is stored was read back.

        It is written under a temporary dot-name in the same folder, read back and compared, brought to disk where
        the server can, and renamed over the target. Raises NotStored when it is not there afterwards (also when a
        reader was faster and took it away, which over SFTP looks the same: the file is delivered at least once).
        """
        self._one(f"put {path}", self._putting(path, data))

    def put_all(self, contents: Sequence[tuple[str, bytes]]) -> list[SftpError | None]:
        """The same for several files side by side; tells of each why it was not stored, None when it was."""
        return self._each([(f"put {path}", self._putting(path, data)) for path, data in contents])

    def sweep(self, folder: str) -> int:
        """Removes from a folder what a `put` that was cut off has left there, and nobody repeated; returns how many files.

        One that another worker is putting at this moment is told to it as not stored, and it puts it once more.
        """
        left = [f"{folder}/{entry.name}" for entry in self.look(folder) if LEFT.fullmatch(entry.name)]
        return sum(gone is True for gone in self.remove_all(left))

    def _putting(self, path: str, data: bytes) -> Talk[None]:
        target = self._path(path)
        folder = target.rpartition(b"/")[0]
        # The temporary name comes from path and content: a repetition after a crash finds and completes its own
        # leftover, and two workers with the same answer write the same bytes at the same places, so neither can
        # spoil the other's file.
        mark = hashlib.sha256(target + b"\0" + data).hexdigest()[:32].encode()
        temporary = folder + b"/." + mark + b".part"
        yield from self._write(temporary, data)
        reached("put.written")
        try:
            back = yield from _read(temporary, len(data) + 1)
        except Status as status:
            if status.code != wire.NO_SUCH_FILE:
                raise
            # Either another worker with the same answer has renamed it just now, or the server lost it.
            yield from _prove_stored(path, target, data)
            return
        if not _same(back, data):
            yield from wire.remove(temporary)
            raise NotStored(f"put {path}: {len(data)} bytes sent, {len(back)} read back, or other content")
        try:
            yield from _replace(temporary, target)
        except Status as status:
            if status.code != wire.NO_SUCH_FILE:
                raise
            yield from _prove_stored(path, target, data)
            return
        reached("put.renamed")
        try:
            stored = yield from wire.lstat(target)
        except Status as status:
            raise NotStored(f"put {path}: the server confirmed the rename, but the file is not there") from status
        if stored.size != len(data):
            raise NotStored(f"put {path}: {len(data)} bytes sent, {stored.size} there")

    def remove(self, path: str) -> bool:
        """Remove a file; False when it was not there."""
        return self._one(f"remove {path}", _removing(self._path(path)))

    def remove_all(self, paths: Sequence[str]) -> list[bool | SftpError]:
        """The same for several files side by side."""
        return self._each([(f"remove {path}", _removing(self._path(path))) for path in paths])

    def exists(self, path: str) -> bool:
        """Whether there is anything by this name."""
        return self._one(f"look for {path}", _there(self._path(path)))

    def _one(self, what: str, talk: Talk[T]) -> T:
        with self._connection.session(what) as session:
            self._fsync = wire.FSYNC in session.extensions
            return session.run(talk)

    def _each(self, talks: Sequence[tuple[str, Talk[T]]]) -> list[T | SftpError]:
        """Conversations side by side, so many at a time; each ends with its result or its own error."""
        done: list[T | SftpError] = []
        for some in pieces(talks, SIDE_BY_SIDE):
            with self._connection.session(some[0][0]) as session:
                self._fsync = wire.FSYNC in session.extensions
                found = session.run_all([talk for _, talk in some])
            done += [
                _error(what, one) if isinstance(one, Exception) else one
                for (what, _), one in zip(some, found, strict=True)
            ]
        return done

    def _write(self, path: bytes, data: bytes) -> Talk[None]:
        """Write without cutting the file first: see `put` on two workers with the same answer."""
        handle = yield from wire.open_file(path, wire.FOR_WRITING | wire.CREATE)
        try:
            yield from wire.write_file(handle, data)
            if self._fsync:
                yield from wire.fsync(handle)
        except Status:
            yield from wire.abandon(handle)
            raise
        yield from wire.close_file(handle)

    def _path(self, path: str) -> bytes:
        """The path as bytes below the root; raises ValueError for one that could lead elsewhere."""
        parts = path.split("/") if path != "/" else []
        if not path.startswith("/") or any(part in ("", ".", "..") for part in parts[1:]) or "\0" in path:
            raise ValueError(f"not an absolute, plain path: {path!r}")
        return encode_name((self._root + path).rstrip("/") or "/")


def _plain(attributes: Attributes) -> bool:
    return attributes.mode is not None and stat.S_ISREG(attributes.mode)


def _entry(name: bytes, attributes: Attributes) -> Entry:
    return Entry(
        name=decode_name(name), size=attributes.size or 0, mtime=attributes.mtime or 0, is_file=_plain(attributes)
    )


def _error(what: str, fault: Exception) -> SftpError:
    """A conversation's own error as one of this package's; raises what is none of the server's."""
    if isinstance(fault, SftpError):
        return fault
    if isinstance(fault, Status):
        return refused(what, fault)
    raise fault


def _there(path: bytes) -> Talk[bool]:
    try:
        yield from wire.lstat(path or b"/")
        return True
    except Status as status:
        if status.code != wire.NO_SUCH_FILE:
            raise
        return False


def _removing(path: bytes) -> Talk[bool]:
    try:
        yield from wire.remove(path)
        return True
    except Status as status:
        if status.code != wire.NO_SUCH_FILE:
            raise
        return False


def _same(back: bytes, data: bytes) -> bool:
    return len(back) == len(data) and hashlib.sha256(back).digest() == hashlib.sha256(data).digest()


def _read(path: bytes, size: int, start: int = 0) -> Talk[bytes]:
    handle = yield from wire.open_file(path, wire.FOR_READING)
    try:
        data = yield from wire.read_file(handle, size, start)
    except Status:
        yield from wire.abandon(handle)
        raise
    yield from wire.close_file(handle)
    return data


def _replace(temporary: bytes, target: bytes) -> Talk[None]:
    """Rename over the target, in one step where the server can, else by removing the old file first."""
    try:
        yield from wire.posix_rename(temporary, target)
        return
    except Status as status:
        if status.code not in REPLACE_ANOTHER_WAY:
            raise
    try:
        yield from wire.rename(temporary, target)
        return
    except Status as status:
        there = status.code in REPLACE_ANOTHER_WAY and (yield from _there(target))
        if not there:
            raise
    attributes = yield from wire.lstat(target)
    if not _plain(attributes):
        raise Status(wire.FAILURE, "the target is not a plain file")
    yield from wire.remove(target)
    yield from wire.rename(temporary, target)


def _prove_stored(path: str, target: bytes, data: bytes) -> Talk[None]:
    try:
        back = yield from _read(target, len(data) + 1)
    except Status as status:
        raise NotStored(f"put {path}: neither the temporary file nor the target is there") from status
    if not _same(back, data):
        raise NotStored(f"put {path}: the temporary file is gone and the target has other content")
