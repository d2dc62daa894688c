"""An SFTP server inside this process, for demo and tests: needs no root, keys only, each party in its own folder.

It does what OpenSSH with chroot and internal-sftp does (docs/operating/sftp.md), and is stricter in two points: no
link is ever followed or made, and a party cannot write into its outbox. For production use OpenSSH.
"""

import asyncio
import os
import stat
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import asyncssh
from asyncssh import SFTPAttrs, SFTPName

from depository.sftp.keys import DEPOSITORY, LOGIN

NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC
OUTBOX = b"outbox"


class EmbeddedServer:
    """A running server; `host`, `port` and `host_key` (public key line) are what a client needs to connect."""

    def __init__(self, root: Path, authorised_keys: Mapping[str, str], host_key: Path, port: int = 0) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self._root = root.resolve(strict=True)
        self._authorised_keys = authorised_keys
        self._key = asyncssh.read_private_key(host_key)
        self.host_key = self._key.export_public_key().decode().strip()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sftp-server", daemon=True)
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()

    @classmethod
    def start(cls, root: Path, authorised_keys: Mapping[str, str], host_key: Path, port: int = 0) -> Self:
        """Start serving `root` on the loopback interface; port 0 takes a free one.

        `authorised_keys` gives the public key line of each user and is asked at each login; user `csd` sees the
        whole root, any other user its own folder. `host_key` is a private key file. Raises OSError when the port is
        taken.
        """
        server = cls(root, authorised_keys, host_key, port)
        server._thread.start()
        try:
            server._run(server._listen())
        except BaseException:
            server._end()
            raise
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Cut all connections and stop; may be called twice."""
        if self._loop.is_closed():
            return
        self._run(self._close())
        self._end()

    def sftp(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        """The session of one user; a test kit overrides this to add faults."""
        return ConfinedSftp(channel, self.place(channel), party=self.user(channel) != DEPOSITORY)

    def user(self, channel: asyncssh.SSHServerChannel[bytes]) -> str:
        """Who has logged in."""
        return str(channel.get_extra_info("username"))

    def place(self, channel: asyncssh.SSHServerChannel[bytes]) -> Path:
        """The folder that is `/` for the user."""
        user = self.user(channel)
        return self._root if user == DEPOSITORY else self._root / user

    async def _listen(self) -> None:
        self._acceptor = await asyncssh.create_server(
            lambda: _Login(self._authorised_keys, self._connections),
            self.host,
            self.port,
            server_host_keys=[self._key],
            sftp_factory=self.sftp,
            allow_scp=False,
            agent_forwarding=False,
            x11_forwarding=False,
            line_editor=False,
            keepalive_interval=30,
            # Password and keyboard logins are not offered at all.
            password_auth=False,
            kbdint_auth=False,
            gss_host=None,
        )
        self.port = self._acceptor.get_port()

    async def _close(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
        for connection in tuple(self._connections):
            connection.abort()
        if self._acceptor is not None:
            await self._acceptor.wait_closed()
        # What still runs for connections that are cut now.
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=30)
        self._loop.close()


class _Login(asyncssh.SSHServer):
    """Lets in who has the key registered for the user; shells, commands and forwarding stay refused, as by default."""

    def __init__(self, keys: Mapping[str, str], connections: set[asyncssh.SSHServerConnection]) -> None:
        self._keys = keys
        self._connections = connections
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self._connection is not None:
            self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        line = self._keys.get(username)
        if line is None or not LOGIN.fullmatch(username):
            return False
        return asyncssh.import_public_key(line).public_data == key.public_data


class ConfinedSftp(asyncssh.SFTPServer):
    """File operations below one folder; no link is followed on any step of a path, so nothing outside is reached.

    asyncssh's own confinement follows links that are already there; therefore paths are walked here by folder handles.
    """

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], root: Path, party: bool) -> None:
        super().__init__(channel)
        self._root = root
        self._party = party

    # Paths

    @contextmanager
    def _folder(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        """The open folder above the last name of a path, and that name (`.` for the root)."""
        parts = _parts(path)
        handle = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | NO_LINK)
        try:
            for part in parts[:-1]:
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | NO_LINK, dir_fd=handle)
                os.close(handle)
                handle = inner
            yield handle, parts[-1] if parts else b"."
        except NotADirectoryError:
            raise asyncssh.SFTPNoSuchFile("no such folder") from None
        except OSError as error:
            if isinstance(error, FileNotFoundError | PermissionError | FileExistsError):
                raise
            # Whatever the reason (a link on the way, a name too long, no space): version 3 of the protocol has one
            # code for it.
            raise asyncssh.SFTPFailure(error.strerror or str(error)) from error
        finally:
            os.close(handle)

    def _may_change(self, path: bytes, removing: bool = False) -> None:
        """A party changes what lies in inbox and check, removes in outbox, and leaves the three folders alone."""
        parts = _parts(path)
        if not parts or (self._party and (len(parts) < 2 or (parts[0] == OUTBOX and not removing))):
            raise asyncssh.SFTPPermissionDenied("not allowed here")

    # Files

    def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> object:  # noqa: ARG002
        writing = pflags & (asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC)
        if writing:
            self._may_change(path)
        flags = os.O_RDONLY
        if pflags & asyncssh.FXF_WRITE:
            flags = os.O_RDWR if pflags & asyncssh.FXF_READ else os.O_WRONLY
        for asked, flag in (
            (asyncssh.FXF_APPEND, os.O_APPEND),
            (asyncssh.FXF_CREAT, os.O_CREAT),
            (asyncssh.FXF_TRUNC, os.O_TRUNC),
            (asyncssh.FXF_EXCL, os.O_EXCL),
        ):
            if pflags & asked:
                flags |= flag
        with self._folder(path) as (folder, name):
            # Non-blocking, as opening a pipe that somebody put there would stop the whole server.
            handle = os.open(name, flags | NO_LINK | os.O_NONBLOCK, 0o640, dir_fd=folder)
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                os.close(handle)
                raise asyncssh.SFTPFailure("not a plain file")
            mode = "r+b" if flags & os.O_RDWR else "wb" if flags & os.O_WRONLY else "rb"
            return cast(object, os.fdopen(handle, mode, buffering=0))

    def open56(self, path: bytes, desired_access: int, flags: int, attrs: SFTPAttrs) -> object:  # noqa: ARG002
        raise asyncssh.SFTPOpUnsupported("SFTP version 3 only")

    def lstat(self, path: bytes) -> os.stat_result:
        with self._folder(path) as (folder, name):
            return os.stat(name, dir_fd=folder, follow_symlinks=False)

    # A link is shown as a link, never as what it points to.
    stat = lstat

    def setstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        self._may_change(path)
        with self._folder(path) as (folder, name):
            handle = os.open(name, os.O_WRONLY | NO_LINK | os.O_NONBLOCK, dir_fd=folder)
        try:
            self._set(handle, attrs)
        finally:
            os.close(handle)

    lsetstat = setstat

    def fsetstat(self, file_obj: object, attrs: SFTPAttrs) -> None:
        stream = cast(Any, file_obj)
        if not stream.writable():
            raise asyncssh.SFTPPermissionDenied("open for reading only")
        self._set(stream.fileno(), attrs)

    @staticmethod
    def _set(handle: int, attrs: SFTPAttrs) -> None:
        """Size and times are set as asked; rights and owners stay, as they could lock the depository out."""
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise asyncssh.SFTPFailure("not a plain file")
        if attrs.size is not None:
            os.ftruncate(handle, attrs.size)
        if attrs.mtime is not None:
            os.utime(handle, (attrs.atime if attrs.atime is not None else attrs.mtime, attrs.mtime))

    def remove(self, path: bytes) -> None:
        self._may_change(path, removing=True)
        with self._folder(path) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        def step(old: int, source: bytes, new: int, target: bytes) -> None:
            if stat.S_ISDIR(os.stat(source, dir_fd=old, follow_symlinks=False).st_mode):
                os.mkdir(target, dir_fd=new)
                os.rename(source, target, src_dir_fd=old, dst_dir_fd=new)
                return
            # By link and unlink like OpenSSH: it cannot overwrite, not even what another process puts there this
            # moment.
            os.link(source, target, src_dir_fd=old, dst_dir_fd=new, follow_symlinks=False)
            os.unlink(source, dir_fd=old)

        self._move(oldpath, newpath, step)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        def step(old: int, source: bytes, new: int, target: bytes) -> None:
            os.replace(source, target, src_dir_fd=old, dst_dir_fd=new)

        self._move(oldpath, newpath, step)

    def _move(self, oldpath: bytes, newpath: bytes, step: Callable[[int, bytes, int, bytes], None]) -> None:
        self._may_change(oldpath)
        self._may_change(newpath)
        with self._folder(oldpath) as (old, source), self._folder(newpath) as (new, target):
            try:
                step(old, source, new, target)
            except FileExistsError:
                raise asyncssh.SFTPFailure("the target exists") from None

    # Folders

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        with self._folder(path + b"/.") as (folder, name):
            handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | NO_LINK, dir_fd=folder)
        try:
            with os.scandir(handle) as entries:
                for count, entry in enumerate(entries):
                    if count % 500 == 499:
                        await asyncio.sleep(0)  # other connections go on while a large folder is listed
                    try:
                        found = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    yield SFTPName(os.fsencode(entry.name), attrs=SFTPAttrs.from_local(found))
        finally:
            os.close(handle)

    def mkdir(self, path: bytes, attrs: SFTPAttrs) -> None:  # noqa: ARG002
        self._may_change(path)
        with self._folder(path) as (folder, name):
            os.mkdir(name, 0o750, dir_fd=folder)

    def rmdir(self, path: bytes) -> None:
        self._may_change(path)
        with self._folder(path) as (folder, name):
            os.rmdir(name, dir_fd=folder)

    def realpath(self, path: bytes) -> bytes:
        return b"/" + b"/".join(_parts(path))

    def statvfs(self, path: bytes) -> os.statvfs_result:  # noqa: ARG002
        return os.statvfs(self._root)

    # Links

    def readlink(self, path: bytes) -> bytes:  # noqa: ARG002
        raise asyncssh.SFTPPermissionDenied("links are not allowed")

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:  # noqa: ARG002
        raise asyncssh.SFTPPermissionDenied("links are not allowed")

    def link(self, oldpath: bytes, newpath: bytes) -> None:  # noqa: ARG002
        raise asyncssh.SFTPPermissionDenied("links are not allowed")


def _parts(path: bytes) -> list[bytes]:
    """The names of a path from the root, `.` and `..` resolved without leaving it."""
    parts: list[bytes] = []
    for part in path.split(b"/"):
        if part == b"..":
            del parts[-1:]
        elif part not in (b"", b"."):
            parts.append(part)
    if b"\0" in path:
        raise asyncssh.SFTPNoSuchFile("no such file")
    return parts
