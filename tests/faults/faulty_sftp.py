"""An SFTP server and a network line that fail on purpose, and the two jobs that must come through: take and deliver.

The faults are set on a running server (`server.faults.stall_after = 3`) and happen `times` times, then the server is
well again, as faults in the field pass when somebody has cleared the disk or mended the line.
"""

import asyncio
import contextlib
import errno
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import asyncssh
from asyncssh import SFTPAttrs, SFTPName

from depository.sftp.client import Timeouts, connect
from depository.sftp.errors import Changed, Lost, Missing, NotStored, Refused, SftpError
from depository.sftp.folders import Folders
from depository.sftp.intake import Policy, Sighting, forget, judge
from depository.sftp.keys import create_folders, create_keys
from depository.sftp.server import ConfinedSftp, EmbeddedServer

PARTY = "BRKA"
PATIENT = Timeouts(connect=20.0, silent=20.0, whole=60.0)
"""For servers that answer, however busy the machine."""
IMPATIENT = Timeouts(connect=20.0, silent=2.0, whole=20.0)
"""For servers that fall silent."""
AT_ONCE = Policy(looks=2, apart=timedelta(0))
LIMIT = 50 << 20


@dataclass
class Faults:
    """What goes wrong; None, 0 or False is well."""

    slow: float = 0.0
    """Seconds before each answer."""
    stall_after: int | None = None
    """Requests answered before the server falls silent with the connection open."""
    reset_after: int | None = None
    """Requests answered before the connection is cut."""
    cut_write_at: int | None = None
    """Byte of an upload at which the connection is cut; what came before stays on the disk."""
    keep_only: int | None = None
    """Bytes of an upload that are kept; the rest is confirmed and thrown away."""
    flip: bool = False
    """One byte of an upload arrives changed."""
    full_at: int | None = None
    """Byte of an upload at which the disk is full."""
    forget_file: bool = False
    """The upload is confirmed, and the file is gone once it is closed."""
    forget_rename: bool = False
    """The rename is confirmed, and the file is gone."""
    ignore_rename: bool = False
    """The rename is confirmed, and nothing happened."""
    no_posix_rename: bool = False
    """The extension is not there."""
    no_overwrite: bool = False
    """The extension is there and refuses an existing target."""
    old_listing: Mapping[str, tuple[int, int]] | None = None
    """Names with size and time that are listed instead of what is there."""
    twice: bool = False
    """Every name is listed twice."""
    clock: int = 0
    """Seconds by which the server's clock is wrong."""
    short_reads: int = 0
    """Bytes that a read gives at most."""
    before_read: Callable[[], None] | None = None
    """What happens before a read is answered."""
    times: int = 1_000_000
    """How often a fault happens before the server is well."""
    happened: int = 0
    requests: int = field(default=0, repr=False)

    def strike(self) -> bool:
        """Count one occurrence; False when the server is well again."""
        if self.happened >= self.times:
            return False
        self.happened += 1
        return True


class FaultyServer(EmbeddedServer):
    """The embedded server with faults."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.faults = Faults()

    def sftp(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        if self.user(channel) != "csd":
            return super().sftp(channel)
        return FaultySftp(channel, self.place(channel), self.faults)


class FaultySftp(ConfinedSftp):
    """File operations that fail as told; the depository's session only, the parties' are well."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], root: Path, faults: Faults) -> None:
        super().__init__(channel, root, party=False)
        self._faults = faults
        self._paths: dict[int, bytes] = {}

    async def _step(self, work: Callable[[], Any]) -> Any:
        faults = self._faults
        faults.requests += 1
        if faults.slow:
            await asyncio.sleep(faults.slow)
        if faults.stall_after is not None and faults.requests > faults.stall_after and faults.strike():
            await asyncio.sleep(3600)
        if faults.reset_after is not None and faults.requests > faults.reset_after and faults.strike():
            self._cut()
        return work()

    def _cut(self) -> None:
        self.connection.abort()
        raise asyncssh.SFTPConnectionLost("cut")

    def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> Any:
        def work() -> object:
            handle = ConfinedSftp.open(self, path, pflags, attrs)
            self._paths[id(handle)] = path
            return handle

        return self._step(work)

    def close(self, file_obj: object) -> Any:
        path = self._paths.pop(id(file_obj), b"")
        written = cast(Any, file_obj).writable()
        ConfinedSftp.close(self, file_obj)
        if written and self._faults.forget_file and self._faults.strike():
            ConfinedSftp.remove(self, path)

    def read(self, file_obj: object, offset: int, size: int) -> Any:
        at_most = self._faults.short_reads or size
        if self._faults.before_read is not None and self._faults.strike():
            self._faults.before_read()
        return self._step(lambda: ConfinedSftp.read(self, file_obj, offset, min(size, at_most)))

    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        return self._step(lambda: self._write(file_obj, offset, data))

    def _write(self, file_obj: object, offset: int, data: bytes) -> int:
        faults, end = self._faults, offset + len(data)
        for limit in (faults.cut_write_at, faults.full_at, faults.keep_only):
            if limit is not None and end > limit and faults.strike():
                ConfinedSftp.write(self, file_obj, offset, data[: max(0, limit - offset)])
                if limit == faults.cut_write_at:
                    self._cut()
                if limit == faults.full_at:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return len(data)
        if faults.flip and offset == 0 and faults.strike():
            data = bytes([data[0] ^ 1]) + data[1:]
        return cast(int, ConfinedSftp.write(self, file_obj, offset, data))

    def lstat(self, path: bytes) -> Any:
        def work() -> SFTPAttrs:
            return self._shifted(SFTPAttrs.from_local(ConfinedSftp.lstat(self, path)))

        return self._step(work)

    def _shifted(self, attrs: SFTPAttrs) -> SFTPAttrs:
        attrs.mtime = (attrs.mtime or 0) + self._faults.clock
        return attrs

    def remove(self, path: bytes) -> Any:
        return self._step(lambda: ConfinedSftp.remove(self, path))

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        return self._step(lambda: self._rename(ConfinedSftp.rename, oldpath, newpath))

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        return self._step(lambda: self._rename(ConfinedSftp.posix_rename, oldpath, newpath))

    def _rename(self, how: Callable[[ConfinedSftp, bytes, bytes], None], oldpath: bytes, newpath: bytes) -> None:
        faults = self._faults
        if how is ConfinedSftp.posix_rename:
            if faults.no_posix_rename and faults.strike():
                raise asyncssh.SFTPOpUnsupported("no such extension")
            if faults.no_overwrite:
                with contextlib.suppress(FileNotFoundError):
                    ConfinedSftp.lstat(self, newpath)
                    raise asyncssh.SFTPFailure("the target exists")
        if faults.ignore_rename and faults.strike():
            return
        if faults.forget_rename and faults.strike():
            ConfinedSftp.remove(self, oldpath)
            return
        how(self, oldpath, newpath)

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        await self._step(lambda: None)
        if self._faults.old_listing is not None and path.endswith(b"inbox") and self._faults.strike():
            for name, (size, mtime) in self._faults.old_listing.items():
                attrs = SFTPAttrs(type=1, size=size, permissions=0o100640, atime=mtime, mtime=mtime)
                yield SFTPName(name.encode(), attrs=attrs)
            return
        async for entry in super().scandir(path):
            self._shifted(entry.attrs)
            yield entry
            if self._faults.twice:
                yield entry


@dataclass
class Bench:
    """A faulty server with the folders of one party, and the ways to it."""

    server: FaultyServer
    root: Path
    keys: Path

    @property
    def faults(self) -> Faults:
        return self.server.faults

    @contextlib.contextmanager
    def folders(self, port: int = 0, timeouts: Timeouts | None = None) -> Iterator[Folders]:
        """The depository's folders, by way of another port when it is given; of a server that will fall silent it is not patient."""
        stalls = self.faults.stall_after is not None and self.faults.happened < self.faults.times
        timeouts = timeouts or (IMPATIENT if stalls else PATIENT)
        place = self.server.host, port or self.server.port
        with connect(*place, "csd", self.keys / "csd", self.server.host_key, timeouts) as connection:
            yield Folders(connection)

    def drop(self, name: str, data: bytes) -> None:
        """A file that the party has uploaded."""
        (self.root / PARTY / "inbox" / name).write_bytes(data)

    def outbox(self) -> dict[str, bytes]:
        """What the party finds."""
        return {path.name: path.read_bytes() for path in (self.root / PARTY / "outbox").iterdir()}

    def inbox(self) -> list[str]:
        """What still lies in the inbox."""
        return sorted(path.name for path in (self.root / PARTY / "inbox").iterdir())


@contextlib.contextmanager
def faulty(folder: Path) -> Iterator[Bench]:
    """A faulty server below `folder`, well until told otherwise."""
    create_folders(folder / "root", (PARTY,))
    public = create_keys(folder / "keys", ("csd", PARTY, "host"))
    with FaultyServer.start(folder / "root", public, folder / "keys" / "host") as server:
        yield Bench(server, folder / "root", folder / "keys")


@dataclass
class Delivery:
    """How a delivery went."""

    attempts: int
    errors: list[SftpError]


def deliver(bench: Bench, name: str, data: bytes, attempts: int = 8, port: int = 0) -> Delivery:
    """The outbox's job: put; after a failure connect again and repeat. Raises the last error when all fail."""
    errors: list[SftpError] = []
    for attempt in range(1, attempts + 1):
        try:
            # The line that is cut serves the first attempt only, as a line in the field comes back.
            with bench.folders(port if attempt == 1 else 0) as folders:
                folders.put(f"/{PARTY}/outbox/{name}", data)
            return Delivery(attempt, errors)
        except (Lost, NotStored, Refused) as error:
            errors.append(error)
    raise errors[-1]


@dataclass
class Taken:
    """What the intake took, in order; and what went wrong on the way."""

    files: list[tuple[str, bytes]] = field(default_factory=list)
    errors: list[SftpError] = field(default_factory=list)
    overdue: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Claimed by the server's word, and then nowhere."""


def take(bench: Bench, rounds: int = 20, port: int = 0) -> Taken:
    """The intake's job: look, judge, claim, fetch all that is claimed (by whomever); again after a failure."""
    taken = Taken()
    sightings: tuple[Sighting, ...] = ()
    at = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
    claimed = f"/csd/claimed/{PARTY}"
    for turn in range(rounds):
        try:
            with bench.folders(port if turn == 0 else 0) as folders:
                for _ in range(4):
                    at += timedelta(seconds=2)
                    judgement = judge(PARTY, sightings, folders.look(f"/{PARTY}/inbox"), at, AT_ONCE)
                    sightings = judgement.sightings
                    taken.overdue += [one.name for one in judgement.overdue]
                    for ready in judgement.ready:
                        if folders.claim(f"/{PARTY}/inbox/{ready.name}", f"{claimed}/{ready.safe_name}"):
                            sightings = forget(sightings, [ready.name])
                            if not folders.exists(f"{claimed}/{ready.safe_name}"):
                                taken.lost.append(ready.name)
                    for name in sorted({entry.name for entry in folders.look(claimed)}):
                        data = folders.fetch(f"{claimed}/{name}", LIMIT)
                        # A file whose removal was cut off comes again; the same bytes have one effect.
                        if (name, data) not in taken.files:
                            taken.files.append((name, data))
                        folders.remove(f"{claimed}/{name}")
                if not bench.inbox() and not list((bench.root / claimed[1:]).iterdir()):
                    return taken
        except (Lost, Changed, Missing, Refused) as error:
            taken.errors.append(error)
    return taken


class Line:
    """A network line to the server that is cut, or goes dead, after `cut_at` bytes from the client (or to it)."""

    def __init__(self, port: int, cut_at: int, upwards: bool = True, dead: bool = False) -> None:
        self._target = port
        self._cut_at = cut_at
        self._upwards = upwards
        self._dead = dead
        self.passed = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = True
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        for one in (self._listener, *self._sockets):
            _hang_up(one)

    def _accept(self) -> None:
        while self._open:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets += [near, far]
            threading.Thread(target=self._carry, args=(near, far, self._upwards), daemon=True).start()
            threading.Thread(target=self._carry, args=(far, near, not self._upwards), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if counted:
                    data = data[: max(0, self._cut_at - self.passed)]
                    self.passed += len(data)
                target.sendall(data)
                if counted and self.passed >= self._cut_at:
                    if self._dead:
                        time.sleep(3600)
                    break
        _hang_up(source)
        _hang_up(target)


def _hang_up(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
