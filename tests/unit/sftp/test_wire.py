"""The packets: whatever a server sends, the session ends with an answer or an error, never with a wait or a wild exception."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

import paramiko
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depository.sftp import wire
from depository.sftp.wire import Nonsense, Session, Status, number, text

HELLO = struct.pack(">IBI", 5, wire.VERSION, 3)


def packet(kind: int, request: int, body: bytes = b"") -> bytes:
    return struct.pack(">IBI", len(body) + 5, kind, request) + body


def status(request: int, code: int) -> bytes:
    return packet(wire.STATUS, request, number(code) + text(b"said") + text(b""))


@contextmanager
def session(*answers: bytes) -> Iterator[Session]:
    """A session with a server that says these things whatever it is asked, and hangs up."""
    near, far = socket.socketpair()
    near.settimeout(5)

    def speak() -> None:
        try:
            far.sendall(b"".join(answers))
            far.shutdown(socket.SHUT_WR)
            while far.recv(65536):
                pass
        except OSError:
            pass  # the session hung up first

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        # A socket sends and receives as a channel does.
        yield Session(cast(paramiko.Channel, near))
    finally:
        near.close()
        speaker.join(timeout=60)
        far.close()


CALLS: tuple[Callable[[Session], object], ...] = (
    lambda s: s.run(wire.open_file(b"/x", wire.FOR_READING)),
    lambda s: s.run(wire.lstat(b"/x")),
    lambda s: s.run(wire.read_file(b"h", 100_000)),
    lambda s: s.run(wire.write_file(b"h", b"x" * 100_000)),
    lambda s: s.run(wire.rename(b"/x", b"/y")),
    lambda s: s.run(wire.posix_rename(b"/x", b"/y")),
    lambda s: s.run(wire.remove(b"/x")),
    lambda s: s.run(wire.fsync(b"h")),
    lambda s: s.run(wire.close_file(b"h")),
    lambda s: [name for page in s.pages(b"/x") for name in page],
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CALLS), st.binary(max_size=200))
def test_noise_from_the_server_ends_in_an_error(call: Callable[[Session], object], noise: bytes) -> None:
    with session(HELLO, noise) as one, suppress(Status, Nonsense, EOFError):
        call(one)  # any other exception, or a wait of five seconds, fails the test


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(CALLS),
    st.lists(
        st.tuples(st.sampled_from([101, 102, 103, 104, 105, 200, 0, 255]), st.integers(0, 8), st.binary(max_size=60)),
        max_size=8,
    ),
)
def test_well_framed_nonsense_from_the_server_ends_in_an_error(
    call: Callable[[Session], object], packets: list[tuple[int, int, bytes]]
) -> None:
    with session(HELLO, *(packet(*each) for each in packets)) as one, suppress(Status, Nonsense, EOFError):
        call(one)  # any other exception, or a wait of five seconds, fails the test


def test_a_packet_longer_than_any_server_sends_is_nonsense_before_it_is_read() -> None:
    with session(HELLO, b"\xff\xff\xff\xff") as one, pytest.raises(Nonsense, match="4294967295 bytes"):
        one.run(wire.lstat(b"/x"))


def test_a_server_of_another_protocol_is_nonsense() -> None:
    for hello in (struct.pack(">IBI", 5, wire.VERSION, 2), status(1, 0)):
        with pytest.raises(Nonsense), session(hello):
            pass


def test_answers_in_another_order_are_put_together_rightly() -> None:
    second, first = packet(wire.DATA, 2, text(b"b" * 10)), packet(wire.DATA, 1, text(b"a" * wire.CHUNK))
    with session(HELLO, second, first) as one:
        assert one.run(wire.read_file(b"h", wire.CHUNK + 10)) == b"a" * wire.CHUNK + b"b" * 10


def test_the_status_code_of_a_refusal_is_kept() -> None:
    with session(HELLO, status(1, wire.PERMISSION_DENIED)) as one:
        with pytest.raises(Status, match="said") as refusal:
            one.run(wire.remove(b"/x"))
        assert refusal.value.code == wire.PERMISSION_DENIED


def test_extensions_that_the_server_offers_are_known() -> None:
    body = number(3) + text(wire.FSYNC) + text(b"1") + text(b"other") + text(b"")
    with session(struct.pack(">IB", len(body) + 1, wire.VERSION) + body) as one:
        assert one.extensions == {wire.FSYNC: b"1", b"other": b""}
