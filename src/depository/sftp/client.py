"""A connection to an SFTP server: host key pinned, key login only, a time limit on everything."""

import logging
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import paramiko
from paramiko.hostkeys import HostKeyEntry, InvalidHostKey
from paramiko.ssh_exception import IncompatiblePeer

from depository.sftp.errors import HostKeyWrong, LoginRefused, Lost, Missing, Refused, SftpError
from depository.sftp.wire import NO_SUCH_FILE, Nonsense, Session, Status

# Every failure reaches the caller as an error of this package; paramiko would print a traceback of its own beside it.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds; whichever passes first ends the connection with Lost."""

    connect: float = 15.0
    """For the whole of connecting and logging in."""
    silent: float = 30.0
    """Without a single byte from the server in answer to a request."""
    whole: float = 120.0
    """For one operation (a file fetched or put, a page of a listing), however much the server drips."""
    keepalive: int = 15
    """Between signs of life, so that firewalls do not drop a quiet connection."""


class Connection:
    """One SSH connection with SFTP sessions on it: one for requests, another for listings that are read bit by bit.

    Requests from several threads wait for each other; for work side by side open a connection per thread. Once Lost,
    it stays closed.
    """

    def __init__(self, client: paramiko.SSHClient, watch: "_Watch", timeouts: Timeouts) -> None:
        self._client = client
        self._watch = watch
        self._timeouts = timeouts
        self._lock = threading.RLock()
        self._idle: list[Session] = []
        self._session: Session | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close everything; may be called twice."""
        self._watch.stop()
        self._client.close()

    @contextmanager
    def session(self, what: str) -> Iterator[Session]:
        """The session for requests, held by this thread; `what` says in an error what was tried."""
        with self._lock, self.guarded(what):
            if self._session is None:
                self._session = self._open()
            yield self._session

    @contextmanager
    def listing(self, what: str) -> Iterator[Session]:
        """A session of its own for one listing, so that requests during the listing do not mix with it."""
        with self.guarded(what):
            session = self._idle.pop() if self._idle else self._open()
        try:
            yield session
        finally:
            # Good for the next listing even when this one was refused or left half read; worthless when the
            # connection is lost.
            if not self._watch.stopped():
                self._idle.append(session)

    @contextmanager
    def guarded(self, what: str) -> Iterator[None]:
        """Run one exchange with the server under the time limit, its failures turned into this package's errors."""
        if self._watch.stopped():
            raise Lost(f"{what}: the connection is closed")
        try:
            with self._watch.limit(self._timeouts.whole):
                yield
        except Status as status:
            raise refused(what, status) from status
        except (EOFError, OSError, Nonsense, paramiko.SSHException) as error:
            late = self._watch.passed()
            self.close()
            if late:
                raise Lost(f"{what}: the server needed more than {self._timeouts.whole:g} seconds") from error
            raise Lost(f"{what}: {str(error) or type(error).__name__}") from error

    def _open(self) -> Session:
        transport = self._client.get_transport()
        if transport is None:
            raise EOFError("the connection is closed")
        channel = transport.open_session(timeout=self._timeouts.silent)
        channel.settimeout(self._timeouts.silent)
        channel.invoke_subsystem("sftp")
        return Session(channel)


def refused(what: str, status: Status) -> SftpError:
    """The server's refusal as an error of this package."""
    if status.code == NO_SUCH_FILE:
        return Missing(f"{what}: {status}")
    return Refused(f"{what}: {status}", status.code)


class _Watch:
    """Closes the client when an operation takes too long, as paramiko waits without limit in some places.

    Monotonic time is measured here, no moment of the business day.
    """

    def __init__(self, client: paramiko.SSHClient, tcp: socket.socket) -> None:
        self._client = client
        self._tcp = tcp
        self._ends: dict[object, float] = {}
        self._passed = False
        self._stop = threading.Event()
        threading.Thread(target=self._run, name="sftp-watch", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def stopped(self) -> bool:
        return self._stop.is_set()

    def passed(self) -> bool:
        """Whether a limit has passed."""
        return self._passed

    @contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """Within this block the connection lives at most so long."""
        block = object()
        self._ends[block] = time.monotonic() + seconds
        try:
            yield
        finally:
            del self._ends[block]

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            if any(time.monotonic() > end for end in tuple(self._ends.values())):
                self._passed = True
                # The socket is shut first: closing the transport alone waits for a thread that may be stuck in a write.
                try:
                    self._tcp.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                self._client.close()
                return


def connect(
    host: str, port: int, user: str, key_file: Path, host_key: str, timeouts: Timeouts = Timeouts()
) -> Connection:
    """Log in with a key; `host_key` is the server's public key line (`ssh-ed25519 AAAA…`), and no other is accepted.

    Raises Lost (not reachable, too slow), HostKeyWrong, LoginRefused (also for a key file that others may read).
    """
    pinned = _public_key(host_key)
    own = _private_key(key_file)
    where = f"{user} at {host}:{port}"
    try:
        tcp = socket.create_connection((host, port), timeout=timeouts.connect)
    except OSError as error:
        raise Lost(f"cannot reach {where}: {error}") from error
    # Without it each small request waits for Nagle's algorithm: small files were read 15 times slower.
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    name = host if port == 22 else f"[{host}]:{port}"
    client.get_host_keys().add(name, pinned.get_name(), pinned)
    watch = _Watch(client, tcp)
    try:
        with watch.limit(timeouts.connect):
            client.connect(
                host,
                port=port,
                username=user,
                pkey=own,
                sock=tcp,
                look_for_keys=False,
                allow_agent=False,
                timeout=timeouts.connect,
                banner_timeout=timeouts.connect,
                auth_timeout=timeouts.connect,
                channel_timeout=timeouts.silent,
            )
        transport = client.get_transport()
        if transport is None:
            raise EOFError("the server closed the connection")
        transport.set_keepalive(timeouts.keepalive)
        return Connection(client, watch, timeouts)
    except BaseException as error:
        watch.stop()
        client.close()
        tcp.close()
        reason = _why_not(where, error)
        if reason is None:
            raise
        raise reason from error


def _why_not(where: str, error: BaseException) -> SftpError | None:
    """The reason why a login failed as an error of this package; None for what is no failure of the connection."""
    if isinstance(error, paramiko.BadHostKeyException):
        return HostKeyWrong(f"{where}: the server's host key is not the pinned one: {error}")
    if isinstance(error, IncompatiblePeer) and "host key" in str(error):
        return HostKeyWrong(f"{where}: the server has no host key of the pinned kind: {error}")
    # paramiko calls it a failed authentication too when the line breaks or nothing comes in the middle of it.
    broken = "transport shut down" in str(error) or "timeout" in str(error)
    if isinstance(error, paramiko.AuthenticationException) and not broken:
        return LoginRefused(f"{where}: {error}")
    if isinstance(error, EOFError | OSError | paramiko.SSHException):
        return Lost(f"{where}: {str(error) or type(error).__name__}")
    return None


def _public_key(line: str) -> paramiko.PKey:
    """The key of a public key line; raises HostKeyWrong when it is none."""
    words = line.split()
    try:
        entry = HostKeyEntry.from_line(f"pinned {words[0]} {words[1]}") if len(words) > 1 else None
    except (InvalidHostKey, paramiko.SSHException, ValueError) as error:
        raise HostKeyWrong(f"the pinned host key cannot be read: {error}") from error
    if entry is None or entry.key is None:
        raise HostKeyWrong("the pinned host key must be a line such as 'ssh-ed25519 AAAA...'")
    return entry.key


def _private_key(key_file: Path) -> paramiko.PKey:
    """The private key in a file; raises LoginRefused when it cannot be read or others than its owner may read it."""
    try:
        mode = key_file.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise LoginRefused(f"the key file {key_file.name} may be read by others: chmod 600 it")
        return paramiko.PKey.from_path(key_file)
    except (OSError, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
        raise LoginRefused(f"the key file {key_file.name} cannot be read: {error}") from error
