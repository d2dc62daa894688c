"""SFTP version 3 packets over one SSH channel: requests in flight, file names as bytes, status codes kept.

paramiko's own SFTP layer is not used for three reasons: one name that is not UTF-8 breaks its whole listing, another
request during a listing swallows entries, and it drops the status code. Source: draft-ietf-secsh-filexfer-02, the
version all servers speak.
"""

import struct
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import repeat

import paramiko

INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT = 1, 2, 3, 4, 5, 6, 7
OPENDIR, READDIR, REMOVE, MKDIR, RENAME = 11, 12, 13, 14, 18
STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED = 101, 102, 103, 104, 105, 200

OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE, UNSUPPORTED, EXISTS = 0, 1, 2, 3, 4, 5, 8, 11

FOR_READING, FOR_WRITING, CREATE = 0x01, 0x02, 0x08

POSIX_RENAME = b"posix-rename@openssh.com"
FSYNC = b"fsync@openssh.com"

CHUNK = 32_768
"""Bytes per read or write request: the size that every server must take."""
IN_FLIGHT = 32
"""Requests sent ahead of their answers."""
LARGEST_PACKET = 1 << 20
"""Bytes; a longer answer is nonsense (servers send at most 256 KiB)."""


class Status(Exception):
    """The server's answer to a request was a status other than OK."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text or f"status {code}")
        self.code = code


class Nonsense(Exception):
    """The server does not keep to the protocol."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the server says of a file; a server may leave any of it out."""

    size: int | None
    """Bytes."""
    mode: int | None
    """Type and permission bits as in stat(2)."""
    mtime: int | None
    """Seconds since 1970 by the server's clock, or whatever the client has set."""


class Reader:
    """Takes the fields of one packet from left to right; raises Nonsense when the packet is too short."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > self.left():
            raise Nonsense("a packet from the server ends too early")
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self) -> int:
        """An unsigned 32-bit number."""
        return int.from_bytes(self.take(4), "big")

    def text(self) -> bytes:
        """A string with its length in front."""
        return self.take(self.number())

    def attributes(self) -> Attributes:
        """File attributes (ATTRS of version 3)."""
        flags = self.number()
        size = int.from_bytes(self.take(8), "big") if flags & 0x01 else None
        if flags & 0x02:
            self.take(8)
        mode = self.number() if flags & 0x04 else None
        mtime = None
        if flags & 0x08:
            self.number()
            mtime = self.number()
        if flags & 0x80000000:
            for _ in range(self.number()):
                self.text()
                self.text()
        return Attributes(size, mode, mtime)


def text(value: bytes) -> bytes:
    """A string as the protocol writes it."""
    return struct.pack(">I", len(value)) + value


def number(value: int) -> bytes:
    """An unsigned 32-bit number as the protocol writes it."""
    return struct.pack(">I", value)


NO_ATTRIBUTES = number(0)


class Session:
    """One SFTP session on a channel that has the subsystem open; for one thread at a time.

    Raises Status for the server's refusals, Nonsense for broken packets, EOFError when the channel ends,
    TimeoutError when the channel's own time limit passes.
    """

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._buffer = bytearray()
        self._next = 0
        self._early: dict[int, tuple[int, Reader]] = {}
        self._unwanted: set[int] = set()
        self._packet(INIT, number(3))
        kind, reader = self._receive()
        if kind != VERSION or reader.number() < 3:
            raise Nonsense("the server does not speak SFTP version 3")
        extensions: dict[bytes, bytes] = {}
        while reader.left():
            name = reader.text()
            extensions[name] = reader.text()
        self.extensions = extensions

    def close(self) -> None:
        """Close the channel; the connection stays."""
        self._channel.close()

    def open(self, path: bytes, flags: int) -> bytes:
        """Open a file; returns its handle."""
        return self._expect(HANDLE, self._ask(OPEN, text(path) + number(flags) + NO_ATTRIBUTES)).text()

    def close_handle(self, handle: bytes) -> None:
        """Close a file or folder."""
        self._expect_ok(self._ask(CLOSE, text(handle)))

    def abandon(self, handle: bytes) -> None:
        """Close a handle without waiting for the answer: for the way out of an error."""
        # A broken connection shows at the next request; here it would hide the error that led here.
        with suppress(EOFError, OSError, paramiko.SSHException):
            self._unwanted.add(self._send(CLOSE, text(handle)))

    def read(self, handle: bytes, size: int) -> bytes:
        """The first `size` bytes of an open file, fewer when the file is shorter."""
        parts: list[bytes] = []
        spans = deque((at, min(CHUNK, size - at)) for at in range(0, size, CHUNK))
        requests = ((READ, self._read_request(handle, at, count)) for at, count in tuple(spans))
        with closing(self._pipelined(requests)) as answers:
            for answer in answers:
                at, count = spans.popleft()
                while True:
                    try:
                        part = self._expect(DATA, answer).text()
                    except Status as status:
                        if status.code != EOF:
                            raise
                        return b"".join(parts)
                    parts.append(part)
                    at, count = at + len(part), count - len(part)
                    if count <= 0 or not part:
                        break
                    # A server may send less than asked; the rest is asked for again, as a hole would spoil the file.
                    answer = self._ask(READ, self._read_request(handle, at, count))
        return b"".join(parts)

    def write(self, handle: bytes, data: bytes) -> None:
        """Write `data` from the start of an open file."""
        starts = range(0, len(data), CHUNK)
        requests = ((WRITE, text(handle) + struct.pack(">Q", at) + text(data[at : at + CHUNK])) for at in starts)
        with closing(self._pipelined(requests)) as answers:
            for answer in answers:
                self._expect_ok(answer)

    def pages(self, folder: bytes) -> Generator[list[tuple[bytes, Attributes]], None, None]:
        """Names and attributes in a folder, page by page as the server sends them, without `.` and `..`."""
        handle = self._expect(HANDLE, self._ask(OPENDIR, text(folder))).text()
        try:
            with closing(self._pipelined(repeat((READDIR, text(handle))), ahead=8, slowly=True)) as answers:
                for answer in answers:
                    try:
                        page = self._expect(NAME, answer)
                    except Status as status:
                        if status.code != EOF:
                            raise
                        break
                    yield list(self._page(page))
        except BaseException:
            self.abandon(handle)
            raise
        self.close_handle(handle)

    @staticmethod
    def _page(page: Reader) -> Iterator[tuple[bytes, Attributes]]:
        for _ in range(page.number()):
            name = page.text()
            page.text()  # the long name, made for people
            attributes = page.attributes()
            if name not in (b".", b".."):
                yield name, attributes

    def lstat(self, path: bytes) -> Attributes:
        """Attributes of a file, of a link itself and not of what it points to."""
        return self._expect(ATTRS, self._ask(LSTAT, text(path))).attributes()

    def remove(self, path: bytes) -> None:
        """Remove a file."""
        self._expect_ok(self._ask(REMOVE, text(path)))

    def mkdir(self, path: bytes) -> None:
        """Make a folder."""
        self._expect_ok(self._ask(MKDIR, text(path) + NO_ATTRIBUTES))

    def rename(self, source: bytes, target: bytes) -> None:
        """Rename; must fail when the target exists (version 3)."""
        self._expect_ok(self._ask(RENAME, text(source) + text(target)))

    def posix_rename(self, source: bytes, target: bytes) -> None:
        """Rename over whatever is at the target, in one step (extension of OpenSSH)."""
        self._expect_ok(self._ask(EXTENDED, text(POSIX_RENAME) + text(source) + text(target)))

    def fsync(self, handle: bytes) -> None:
        """Have the server bring an open file to its disk (extension of OpenSSH)."""
        self._expect_ok(self._ask(EXTENDED, text(FSYNC) + text(handle)))

    @staticmethod
    def _read_request(handle: bytes, at: int, count: int) -> bytes:
        return text(handle) + struct.pack(">QI", at, count)

    def _pipelined(
        self, requests: Iterator[tuple[int, bytes]], ahead: int = IN_FLIGHT, slowly: bool = False
    ) -> Generator[tuple[int, Reader], None, None]:
        """Send requests ahead, give the answers in their order; on an early end the rest is dropped on arrival.

        `slowly` starts with one request and doubles, for a series whose end is not known.
        """
        waiting: deque[int] = deque()
        window = 1 if slowly else ahead
        try:
            for kind, body in requests:
                waiting.append(self._send(kind, body))
                if len(waiting) >= window:
                    yield self._answer(waiting.popleft())
                    window = min(2 * window, ahead)
            while waiting:
                yield self._answer(waiting.popleft())
        finally:
            self._unwanted.update(waiting)

    def _ask(self, kind: int, body: bytes) -> tuple[int, Reader]:
        return self._answer(self._send(kind, body))

    def _send(self, kind: int, body: bytes) -> int:
        self._next = (self._next + 1) & 0xFFFFFFFF
        self._packet(kind, number(self._next) + body)
        return self._next

    def _answer(self, wanted: int) -> tuple[int, Reader]:
        while wanted not in self._early:
            kind, reader = self._receive()
            request = reader.number()
            if request in self._unwanted:
                self._unwanted.discard(request)
            else:
                self._early[request] = kind, reader
        return self._early.pop(wanted)

    def _packet(self, kind: int, body: bytes) -> None:
        self._channel.sendall(struct.pack(">IB", len(body) + 1, kind) + body)

    def _receive(self) -> tuple[int, Reader]:
        length = int.from_bytes(self._bytes(4), "big")
        if not 1 <= length <= LARGEST_PACKET:
            raise Nonsense(f"the server announced a packet of {length} bytes")
        packet = self._bytes(length)
        return packet[0], Reader(packet[1:])

    def _bytes(self, count: int) -> bytes:
        while len(self._buffer) < count:
            piece = self._channel.recv(1 << 16)
            if not piece:
                raise EOFError("the server closed the SFTP session")
            self._buffer += piece
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _expect(self, wanted: int, answer: tuple[int, Reader]) -> Reader:
        kind, reader = answer
        if kind == wanted:
            return reader
        if kind != STATUS:
            raise Nonsense(f"the server answered with packet {kind} where {wanted} belongs")
        code = reader.number()
        if code == OK:
            raise Nonsense(f"the server answered OK where packet {wanted} belongs")
        raise Status(code, reader.text().decode("utf-8", "replace") if reader.left() else "")

    def _expect_ok(self, answer: tuple[int, Reader]) -> None:
        kind, reader = answer
        if kind != STATUS:
            raise Nonsense(f"the server answered with packet {kind} where a status belongs")
        code = reader.number()
        if code != OK:
            raise Status(code, reader.text().decode("utf-8", "replace") if reader.left() else "")
