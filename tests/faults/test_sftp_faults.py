"""Every fault of server or line ends in the file once and whole on the other side, or in a clear error."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from depository.sftp.client import Timeouts, connect
from depository.sftp.errors import Changed, Lost, NotStored, Refused, SftpError
from tests.faults.faulty_sftp import LIMIT, PARTY, PATIENT, Bench, Line, deliver, faulty, take

FOR_EVER = 120
"""Seconds that a line or a server stays silent."""
IN_TIME = 30
"""Seconds within which that is given up, on any machine: the limits themselves are a second."""
ANSWER = bytes(range(256)) * 400
FORM = bytes(reversed(range(256))) * 300


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with faulty(tmp_path) as bench:
        yield bench


# Giving an answer


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("stall_after", 2, Lost),
        ("cut_write_at", 0, Lost),
        ("cut_write_at", 1, Lost),
        ("cut_write_at", 50_000, Lost),
        ("cut_write_at", len(ANSWER) - 1, Lost),
        ("keep_only", 50_000, NotStored),
        ("keep_only", 0, NotStored),
        ("flip", True, NotStored),
        ("full_at", 50_000, Refused),
        ("forget_file", True, NotStored),
        ("forget_rename", True, NotStored),
        ("ignore_rename", True, NotStored),
    ],
)
def test_an_answer_arrives_whole_and_once_after_a_fault_that_passes(
    bench: Bench, name: str, value: object, told: type[SftpError]
) -> None:
    setattr(bench.faults, name, value)
    bench.faults.times = 1
    delivery = deliver(bench, "receipt.json", ANSWER)
    assert bench.faults.happened == 1
    assert [type(error) for error in delivery.errors] == [told]
    assert bench.outbox() == {"receipt.json": ANSWER}


@pytest.mark.parametrize("answered", range(12))
def test_an_answer_arrives_whole_and_once_when_the_connection_is_cut_after_any_request(
    bench: Bench, answered: int
) -> None:
    bench.faults.reset_after, bench.faults.times = answered, 1
    delivery = deliver(bench, "receipt.json", b"small")
    assert delivery.attempts == 1 + bench.faults.happened
    assert bench.outbox() == {"receipt.json": b"small"}


@pytest.mark.parametrize("name", ["keep_only", "full_at", "flip", "forget_file", "forget_rename"])
def test_a_fault_that_stays_is_told_and_does_not_touch_the_answer_that_was_there(bench: Bench, name: str) -> None:
    deliver(bench, "receipt.json", b"the answer before")
    setattr(bench.faults, name, True if name in ("flip", "forget_file", "forget_rename") else 10)
    with pytest.raises((NotStored, Refused)):
        deliver(bench, "receipt.json", ANSWER, attempts=3)
    assert bench.outbox()["receipt.json"] == b"the answer before"


def test_a_full_disk_is_told_as_what_it_is_and_the_connection_stays_good(bench: Bench) -> None:
    bench.faults.full_at = 0
    with bench.folders() as folders:
        with pytest.raises(Refused, match="No space left"):
            folders.put(f"/{PARTY}/outbox/receipt.json", ANSWER)
        bench.faults.full_at = None
        folders.put(f"/{PARTY}/outbox/receipt.json", ANSWER)
    assert bench.outbox() == {"receipt.json": ANSWER}


@pytest.mark.parametrize("name", ["no_posix_rename", "no_overwrite"])
def test_an_answer_is_replaced_on_a_server_that_cannot_rename_over_a_file(bench: Bench, name: str) -> None:
    setattr(bench.faults, name, True)
    for data in (b"first", b"second", ANSWER):
        assert deliver(bench, "receipt.json", data).attempts == 1
        assert bench.outbox() == {"receipt.json": data}


@pytest.mark.parametrize("answered", range(4, 18))
def test_replacing_in_two_steps_loses_nothing_when_it_is_cut_in_between(bench: Bench, answered: int) -> None:
    bench.faults.no_posix_rename = True
    deliver(bench, "receipt.json", b"first")
    bench.faults.no_posix_rename, bench.faults.no_overwrite = False, True
    bench.faults.requests, bench.faults.happened = 0, 0
    bench.faults.reset_after, bench.faults.times = answered, 1
    deliver(bench, "receipt.json", b"second")
    assert bench.outbox() == {"receipt.json": b"second"}


@pytest.mark.parametrize("upwards", [True, False])
def test_an_answer_arrives_wherever_the_line_is_cut(bench: Bench, upwards: bool) -> None:
    with Line(bench.server.port, 1 << 40, upwards) as line:
        deliver(bench, "whole.json", ANSWER, port=line.port)
        length = line.passed
    assert length > 1000
    for part in range(16):
        name = f"{part}.json"
        with Line(bench.server.port, length * part // 16, upwards) as line:
            delivery = deliver(bench, name, ANSWER, port=line.port)
        assert all(isinstance(error, Lost) for error in delivery.errors)
    assert bench.outbox() == dict.fromkeys(("whole.json", *(f"{part}.json" for part in range(16))), ANSWER)


@pytest.mark.parametrize("upwards", [True, False])
def test_a_line_cut_anywhere_in_the_login_is_a_lost_connection_and_no_refused_login(
    bench: Bench, upwards: bool
) -> None:
    with Line(bench.server.port, 1 << 40, upwards) as line, bench.folders(line.port):
        length = line.passed
    assert length > 1000
    for cut_at in range(0, length - 1, 97):
        with Line(bench.server.port, cut_at, upwards) as line, pytest.raises(Lost), bench.folders(line.port) as folders:
            folders.exists("/csd")


def test_a_line_that_goes_dead_is_given_up_in_time(bench: Bench) -> None:
    for cut_at in (0, 500, 3_100, 40_000):
        with Line(bench.server.port, cut_at, dead=True) as line:
            began = time.monotonic()
            with pytest.raises(Lost), bench.folders(line.port, Timeouts(1.0, 0.5, 1.0)) as folders:
                folders.put(f"/{PARTY}/outbox/receipt.json", ANSWER)
            assert time.monotonic() - began < IN_TIME


def test_a_server_that_drips_is_given_up_after_the_whole_time(bench: Bench) -> None:
    bench.faults.slow = 0.3  # each answer in time, all of them together not
    began = time.monotonic()
    with pytest.raises(Lost, match="more than 1 seconds"), bench.folders(timeouts=Timeouts(5.0, 0.9, 1.0)) as folders:
        folders.put(f"/{PARTY}/outbox/receipt.json", ANSWER)
    assert time.monotonic() - began < IN_TIME


def test_a_slow_server_is_waited_for(bench: Bench) -> None:
    bench.faults.slow = 0.02
    bench.drop("form.xlsx", FORM)
    assert take(bench).files == [("form.xlsx", FORM)]
    assert deliver(bench, "receipt.json", ANSWER).attempts == 1
    assert bench.outbox() == {"receipt.json": ANSWER}


def test_a_connection_that_was_lost_stays_closed(bench: Bench) -> None:
    bench.faults.reset_after, bench.faults.times = 0, 1
    with bench.folders() as folders:
        with pytest.raises(Lost):
            folders.exists("/csd")
        for _ in range(3):
            with pytest.raises(Lost, match="closed"):
                folders.exists("/csd")
            with pytest.raises(Lost, match="closed"):
                list(folders.look("/csd"))


# Not an SSH server at all


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n" + b"\0" * 2000, None])
def test_what_is_no_ssh_server_is_given_up_in_time(bench: Bench, greeting: bytes | None) -> None:
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            near, _ = listener.accept()
            with near:
                if greeting is None:
                    over.wait(FOR_EVER)
                else:
                    near.sendall(greeting)

        threading.Thread(target=answer, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(Lost), bench.folders(listener.getsockname()[1], Timeouts(1.0, 1.0, 1.0)):
            pass
        over.set()
        assert time.monotonic() - began < IN_TIME


def test_nobody_listening_is_told(bench: Bench) -> None:
    with socket.socket() as deaf:
        # Bound, so that nobody else gets the port, and not listening.
        deaf.bind(("127.0.0.1", 0))
        with pytest.raises(Lost, match="cannot reach"):
            connect("127.0.0.1", deaf.getsockname()[1], "csd", bench.keys / "csd", bench.server.host_key, PATIENT)


# Taking a file


@pytest.mark.parametrize("answered", range(18))
def test_a_file_is_taken_whole_when_the_connection_is_cut_after_any_request(bench: Bench, answered: int) -> None:
    bench.drop("form.xlsx", FORM)
    bench.faults.reset_after, bench.faults.times = answered, 1
    taken = take(bench)
    assert bench.faults.happened == 1
    assert taken.files == [("form.xlsx", FORM)]
    assert all(isinstance(error, Lost) for error in taken.errors)
    assert bench.inbox() == []


@pytest.mark.parametrize("answered", [0, 6])
def test_a_file_is_taken_whole_when_the_server_falls_silent(bench: Bench, answered: int) -> None:
    bench.drop("form.xlsx", FORM)
    bench.faults.stall_after, bench.faults.times = answered, 1
    taken = take(bench)
    assert [type(error) for error in taken.errors] == [Lost]
    assert taken.files == [("form.xlsx", FORM)]


@pytest.mark.parametrize("upwards", [True, False])
def test_files_are_taken_wherever_the_line_is_cut(bench: Bench, upwards: bool) -> None:
    with Line(bench.server.port, 1 << 40, upwards) as line:
        bench.drop("form.xlsx", FORM)
        take(bench, port=line.port)
        length = line.passed
    for part in range(12):
        bench.drop(f"{part}.xlsx", FORM + bytes([part]))
        with Line(bench.server.port, length * part // 12, upwards) as line:
            taken = take(bench, port=line.port)
        assert taken.files == [(f"{part}.xlsx", FORM + bytes([part]))]


@pytest.mark.parametrize("shift", [-3600, 3600])
def test_a_wrong_clock_of_the_server_changes_nothing(bench: Bench, shift: int) -> None:
    bench.faults.clock = shift
    bench.drop("form.xlsx", FORM)
    taken = take(bench)
    assert taken.files == [("form.xlsx", FORM)]
    assert (taken.errors, taken.overdue) == ([], [])


def test_an_old_listing_with_ghosts_and_without_the_new_file_delays_and_does_no_harm(bench: Bench) -> None:
    bench.drop("form.xlsx", FORM)
    bench.faults.old_listing = {"ghost.xlsx": (10, 1), "form.xlsx": (7, 1)}
    bench.faults.times = 5
    taken = take(bench)
    assert taken.files == [("form.xlsx", FORM)]
    assert bench.inbox() == []


def test_a_name_listed_twice_is_taken_once(bench: Bench) -> None:
    bench.faults.twice = True
    bench.drop("form.xlsx", FORM)
    taken = take(bench)
    assert taken.files == [("form.xlsx", FORM)]
    assert taken.errors == []


@pytest.mark.parametrize("bytes_", [1, 1000, 32_767])
def test_a_server_that_gives_less_than_asked_is_asked_again(bench: Bench, bytes_: int) -> None:
    form = FORM[:3000] if bytes_ == 1 else FORM
    bench.faults.short_reads = bytes_
    bench.drop("form.xlsx", form)
    assert take(bench).files == [("form.xlsx", form)]


def test_a_claim_that_the_server_confirms_and_does_not_do_is_noticed_and_done_again(bench: Bench) -> None:
    bench.drop("form.xlsx", FORM)
    bench.faults.ignore_rename, bench.faults.times = True, 2
    taken = take(bench)
    assert taken.lost == ["form.xlsx"] * 2
    assert taken.files == [("form.xlsx", FORM)]


def test_a_file_that_the_server_loses_in_the_claim_is_told(bench: Bench) -> None:
    bench.drop("form.xlsx", FORM)
    bench.faults.forget_rename, bench.faults.times = True, 1
    taken = take(bench)
    assert taken.lost == ["form.xlsx"]
    assert taken.files == []


def test_a_file_rewritten_to_the_same_size_while_it_is_fetched_is_told(bench: Bench) -> None:
    bench.drop("form.xlsx", FORM)
    path = bench.root / PARTY / "inbox" / "form.xlsx"
    os.utime(path, (1, 1))
    reads = 0

    def rewrite() -> None:
        nonlocal reads
        reads += 1
        if reads == 2:
            path.write_bytes(FORM[::-1])

    bench.faults.before_read = rewrite
    with bench.folders() as folders, pytest.raises(Changed):
        folders.fetch(f"/{PARTY}/inbox/form.xlsx", LIMIT)
    assert reads >= 2


def test_a_worker_that_starts_on_the_same_answer_does_not_cut_the_file_of_another(bench: Bench) -> None:
    # Another worker has written all of it and is about to rename; this one opens the same file, and its line breaks there.
    target = f"/{PARTY}/outbox/receipt.json"
    mark = hashlib.sha256(target.encode() + b"\0" + ANSWER).hexdigest()[:32]
    others = bench.root / PARTY / "outbox" / f".{mark}.part"
    others.write_bytes(ANSWER)
    bench.faults.cut_write_at, bench.faults.times = 0, 1
    with pytest.raises(Lost), bench.folders() as folders:
        folders.put(target, ANSWER)
    assert bench.faults.happened == 1
    assert others.read_bytes() == ANSWER
