"""SFTP version 3 packets over one SSH channel: requests in flight, file names as bytes, status codes kept.

paramiko's own SFTP layer is not used for three reasons: one name that is not UTF-8 breaks its whole listing, another
request during a listing swallows entries, and it drops the status code. Source: draft-ietf-secsh-filexfer-02, the
version all servers speak.
"""

import struct
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice, repeat
from typing import TypeAlias, TypeVar

import paramiko

INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT = 1, 2, 3, 4, 5, 6, 7
OPENDIR, READDIR, REMOVE, RENAME = 11, 12, 13, 18
STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED = 101, 102, 103, 104, 105, 200

OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE, UNSUPPORTED, EXISTS = 0, 1, 2, 3, 4, 5, 8, 11

FOR_READING, FOR_WRITING, CREATE = 0x01, 0x02, 0x08

POSIX_RENAME = b"posix-rename@openssh.com"
FSYNC = b"fsync@openssh.com"

CHUNK = 32_768
"""Bytes per read or write request: the size that every server must take."""
IN_FLIGHT = 32
"""Requests sent ahead of their answers."""
AT_ONCE = 1 << 18
"""Bytes of requests that are gathered at most before they are sent."""
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


Request: TypeAlias = tuple[int, bytes]
Answer: TypeAlias = tuple[int, Reader]
T = TypeVar("T")
Talk: TypeAlias = Generator[list[Request], list[Answer], T]
"""A conversation with the server about one file: yields requests that may go out together, gets their answers."""


class Session:
    """One SFTP session on a channel that has the subsystem open; for one thread at a time.

    Raises Status for the server's refusals, Nonsense for broken packets, EOFError when the channel ends,
    TimeoutError when the channel's own time limit passes.
    """

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._buffer = bytearray()
        self._unsent = bytearray()
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

    def run(self, talk: Talk[T]) -> T:
        """Carries on one conversation; raises what ends it."""
        found = self.run_all([talk])[0]
        if isinstance(found, Exception):
            raise found
        return found

    def run_all(self, talks: Sequence[Talk[T]]) -> list[T | Exception]:
        """Carries on several conversations side by side, each step of all of them in one go: so many round trips fewer.

        The results are in their order; a conversation that ends in an error of its own has that for its result. What breaks the
        session is raised and ends them all.
        """
        results: dict[int, T | Exception] = {}
        answers: dict[int, list[Answer]] = {}
        while len(results) < len(talks):
            asked: list[tuple[int, list[Request]]] = []
            for at, talk in enumerate(talks):
                if at in results:
                    continue
                try:
                    asked.append((at, talk.send(answers[at]) if answers else next(talk)))
                except StopIteration as end:
                    results[at] = end.value
                except (EOFError, OSError, Nonsense, paramiko.SSHException):
                    raise
                except Exception as error:  # noqa: BLE001 - it is this one's, and the others go on
                    results[at] = error
            with closing(self._pipelined(one for _, requests in asked for one in requests)) as given:
                answers = {at: list(islice(given, len(requests))) for at, requests in asked}
        return [results[at] for at in range(len(talks))]

    def abandon(self, handle: bytes) -> None:
        """Close a handle without waiting for the answer: for the way out of an error."""
        # A broken connection shows at the next request; here it would hide the error that led here.
        with suppress(EOFError, OSError, paramiko.SSHException):
            self._unwanted.add(self._send(CLOSE, text(handle)))
            self._flush()

    def pages(self, folder: bytes) -> Generator[list[tuple[bytes, Attributes]], None, None]:
        """Names and attributes in a folder, page by page as the server sends them, without `.` and `..`."""
        handle = _expect(HANDLE, self._ask(OPENDIR, text(folder))).text()
        try:
            with closing(self._pipelined(repeat((READDIR, text(handle))), ahead=8, slowly=True)) as answers:
                for answer in answers:
                    try:
                        page = _expect(NAME, answer)
                    except Status as status:
                        if status.code != EOF:
                            raise
                        break
                    yield list(_page(page))
        except BaseException:
            self.abandon(handle)
            raise
        _expect_ok(self._ask(CLOSE, text(handle)))

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
        # Small requests that follow each other go out together; nobody waits for an answer that was not asked for.
        self._unsent += struct.pack(">IB", len(body) + 1, kind) + body
        if len(self._unsent) >= AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        out, self._unsent = self._unsent, bytearray()
        if out:
            self._channel.sendall(bytes(out))

    def _receive(self) -> tuple[int, Reader]:
        length = int.from_bytes(self._bytes(4), "big")
        if not 1 <= length <= LARGEST_PACKET:
            raise Nonsense(f"the server announced a packet of {length} bytes")
        packet = self._bytes(length)
        return packet[0], Reader(packet[1:])

    def _bytes(self, count: int) -> bytes:
        self._flush()
        while len(self._buffer) < count:
            piece = self._channel.recv(1 << 16)
            if not piece:
                raise EOFError("the server closed the SFTP session")
            self._buffer += piece
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken


# Conversations: each yields the requests that may go out together and gets their answers in that order.


def open_file(path: bytes, flags: int) -> Talk[bytes]:
    """Open a file; returns its handle."""
    (answer,) = yield [(OPEN, text(path) + number(flags) + NO_ATTRIBUTES)]
    return _expect(HANDLE, answer).text()


def close_file(handle: bytes) -> Talk[None]:
    """Close a file."""
    yield from _order(CLOSE, text(handle))


def abandon(handle: bytes) -> Talk[None]:
    """Close a handle whatever the server says to it: for the way out of an error."""
    yield [(CLOSE, text(handle))]


def read_file(handle: bytes, size: int, start: int = 0) -> Talk[bytes]:
    """`size` bytes of an open file from `start` on, fewer when the file is shorter."""
    parts: list[bytes] = []
    spans = [(start + at, min(CHUNK, size - at)) for at in range(0, size, CHUNK)]
    answers = yield [(READ, _span(handle, at, count)) for at, count in spans]
    for (place, whole), first in zip(spans, answers, strict=True):
        at, count, answer = place, whole, first
        while True:
            try:
                part = _expect(DATA, answer).text()
            except Status as status:
                if status.code != EOF:
                    raise
                return b"".join(parts)
            parts.append(part)
            at, count = at + len(part), count - len(part)
            if count <= 0 or not part:
                break
            # A server may send less than asked; the rest is asked for again, as a hole would spoil the file.
            (answer,) = yield [(READ, _span(handle, at, count))]
    return b"".join(parts)


def write_file(handle: bytes, data: bytes) -> Talk[None]:
    """Write `data` from the start of an open file."""
    starts = range(0, len(data), CHUNK)
    answers = yield [(WRITE, text(handle) + struct.pack(">Q", at) + text(data[at : at + CHUNK])) for at in starts]
    for answer in answers:
        _expect_ok(answer)


def lstat(path: bytes) -> Talk[Attributes]:
    """Attributes of a file, of a link itself and not of what it points to."""
    (answer,) = yield [(LSTAT, text(path))]
    return _expect(ATTRS, answer).attributes()


def remove(path: bytes) -> Talk[None]:
    """Remove a file."""
    yield from _order(REMOVE, text(path))


def rename(source: bytes, target: bytes) -> Talk[None]:
    """Rename; must fail when the target exists (version 3)."""
    yield from _order(RENAME, text(source) + text(target))


def posix_rename(source: bytes, target: bytes) -> Talk[None]:
    """Rename over whatever is at the target, in one step (extension of OpenSSH)."""
    yield from _order(EXTENDED, text(POSIX_RENAME) + text(source) + text(target))


def fsync(handle: bytes) -> Talk[None]:
    """Have the server bring an open file to its disk (extension of OpenSSH)."""
    yield from _order(EXTENDED, text(FSYNC) + text(handle))


def short_listing(folder: bytes) -> Talk[list[tuple[bytes, Attributes]] | None]:
    """Names and attributes in a folder that one page holds; None for a longer one, which `Session.pages` streams."""
    (answer,) = yield [(OPENDIR, text(folder))]
    handle = _expect(HANDLE, answer).text()
    found: list[tuple[bytes, Attributes]] = []
    # OpenSSH gives 100 entries a page, and then the end.
    answers = yield [(READDIR, text(handle)), (READDIR, text(handle))]
    ended = False
    for page in answers:
        try:
            found += _page(_expect(NAME, page))
        except Status as status:
            if status.code != EOF:
                raise
            ended = True
    yield [(CLOSE, text(handle))]
    return found if ended else None


def _order(kind: int, body: bytes) -> Talk[None]:
    (answer,) = yield [(kind, body)]
    _expect_ok(answer)


def _span(handle: bytes, at: int, count: int) -> bytes:
    return text(handle) + struct.pack(">QI", at, count)


def _page(page: Reader) -> Iterator[tuple[bytes, Attributes]]:
    for _ in range(page.number()):
        name = page.text()
        page.text()  # the long name, made for people
        attributes = page.attributes()
        if name not in (b".", b".."):
            yield name, attributes


def _expect(wanted: int, answer: Answer) -> Reader:
    kind, reader = answer
    if kind == wanted:
        return reader
    if kind != STATUS:
        raise Nonsense(f"the server answered with packet {kind} where {wanted} belongs")
    code = reader.number()
    if code == OK:
        raise Nonsense(f"the server answered OK where packet {wanted} belongs")
    raise Status(code, reader.text().decode("utf-8", "replace") if reader.left() else "")


def _expect_ok(answer: Answer) -> None:
    kind, reader = answer
    if kind != STATUS:
        raise Nonsense(f"the server answered with packet {kind} where a status belongs")
    code = reader.number()
    if code != OK:
        raise Status(code, reader.text().decode("utf-8", "replace") if reader.left() else "")
