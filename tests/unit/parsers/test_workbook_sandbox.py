"""The sandbox: the same answers as reading at once, and no file that takes the process or the pool down."""

import _testcapi
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import psutil
import pytest

from depository.rejects import FileRefused
from forms import samples
from forms.form import Form
from parsers.blank_workbook import fill
from parsers.marked_workbook import mark
from parsers.sandbox import MEMORY, SECONDS, ReaderUnavailable, Sandbox, _serve
from parsers.workbook_form import read_form
from tests.support.form_cases import CASES, repacked
from tests.unit.parsers.test_workbook_marked import receipt_of

WRN = fill("WRN", samples.header(), samples.wrn_body(), ())


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as one:
        yield one


def _dense(sheet_rows: int, more: bytes = b"") -> bytes:
    """Make an IST whose sheet passes the guard but is large for a parser, with `more` at its end."""
    row = b'<row r="%d"><c r="A%d" t="inlineStr"><is><t>' + b"x" * 120 + b'</t></is></c><c r="BL%d"><v>1</v></c></row>'
    filler = b"".join(row % (n, n, n) for n in range(100, 100 + sheet_rows))
    return repacked(
        fill("IST", samples.header(), {}, [samples.ist_line()]),
        lambda parts: parts.update(
            {
                "xl/worksheets/sheet1.xml": parts["xl/worksheets/sheet1.xml"].replace(
                    b"</sheetData>", filler + b"</sheetData>" + more
                )
            }
        ),
    )


def test_a_form_read_in_the_sandbox_is_the_form_read_at_once(sandbox: Sandbox) -> None:
    for case in CASES[::5]:
        data = case.make()
        try:
            expected: object = read_form(data, "x.xlsx")
        except FileRefused as refused:
            expected = refused.code, refused.message
        try:
            found: object = sandbox.read_form(data, "x.xlsx")
        except FileRefused as refused:
            found = refused.code, refused.message
        assert found == expected


def test_marking_in_the_sandbox_gives_the_same_bytes(sandbox: Sandbox) -> None:
    form = read_form(WRN, "x.xlsx")
    receipt = receipt_of(form)
    assert sandbox.mark(WRN, receipt) == mark(WRN, read_form(WRN, receipt.file_name), receipt)
    assert sandbox.mark(b"no workbook", receipt) == mark(b"no workbook", None, receipt)


ROOM = 100_000_000
"""Bytes of address space that a child of the tests has above what it takes when it has read nothing."""


def _address_space() -> int:
    """Bytes of address space of a fresh child; asked with what Python has, as any other module would take some of its own."""
    with Sandbox() as fresh:
        status = fresh.read_feed(Path.read_text, Path("/proc/self/status"))
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmSize"))


def _starved(data: bytes, allocation: int) -> Form:
    """Read a form while one of Python's allocations gets no memory."""
    _testcapi.set_nomemory(allocation, allocation + 1)
    try:
        return read_form(data, "x.xlsx")
    finally:
        _testcapi.remove_mem_hooks()


def test_a_file_that_takes_too_much_memory_is_refused_and_the_next_one_is_read() -> None:
    # A comment, so that the sheet is read at once: its 150,000 x 64 cells are one block of more bytes than there is room.
    large = _dense(150_000, b"<!-- one piece -->")
    assert ROOM < 150_000 * 64 * 16
    with Sandbox(memory=_address_space() + ROOM) as small:
        for _ in range(2):
            with pytest.raises(FileRefused) as caught:
                small.read_form(large, "x.xlsx")
            assert caught.value.code in ("memory-limit", "reader-stopped")
            assert small.read_form(WRN, "x.xlsx").code == "WRN"
            with pytest.raises(FileRefused) as caught:
                small.read_feed(bytes, ROOM + 1)
            assert caught.value.code == "memory-limit"
            assert small.read_form(WRN, "x.xlsx").code == "WRN"


def test_whatever_runs_out_of_memory_while_a_file_is_read_the_file_is_not_called_damaged(sandbox: Sandbox) -> None:
    """expat, zlib and calamine each say it in their own way; a crash of one of them is a refusal as well."""
    found: Counter[str] = Counter()
    for allocation in range(1, 5_000, 61):
        try:
            assert sandbox.read_feed(_starved, WRN, allocation) == read_form(WRN, "x.xlsx")
            found["read"] += 1
        except FileRefused as refused:
            found[refused.code] += 1
    assert set(found) <= {"read", "memory-limit", "reader-stopped"}
    assert found["memory-limit"] > 20


def _never_ends(data: bytes) -> Form:
    while data:
        time.sleep(1)
    return read_form(data, "x.xlsx")


def test_a_file_that_takes_too_long_is_refused_and_the_next_one_is_read() -> None:
    with Sandbox(seconds=6) as hasty:
        assert hasty.read_form(WRN, "x.xlsx").code == "WRN"
        with pytest.raises(FileRefused) as caught:
            hasty.read_feed(_never_ends, WRN)
        assert caught.value.code == "time-limit"
        assert hasty.read_form(WRN, "x.xlsx").code == "WRN"


def _children(others: set[psutil.Process]) -> set[psutil.Process]:
    """The readers that this process has started since."""
    found = set()
    for child in set(psutil.Process(os.getpid()).children(recursive=True)) - others:
        with suppress(psutil.NoSuchProcess):  # it ended meanwhile
            if "spawn_main" in " ".join(child.cmdline()):
                found.add(child)
    return found


@pytest.fixture
def others() -> set[psutil.Process]:
    return set(psutil.Process(os.getpid()).children(recursive=True))


def test_a_child_that_is_killed_while_it_waits_costs_nothing(others: set[psutil.Process]) -> None:
    with Sandbox() as one:
        for _ in range(5):
            assert one.read_form(WRN, "x.xlsx").code == "WRN"
            (child,) = _children(others)
            child.kill()
    assert _children(others) == set()


def _dies(signal_number: int, marker: str, times: int) -> int:
    """Kill the process that runs this, as often as told; give how often it was."""
    with Path(marker).open("ab") as found:
        found.write(b".")
    died = Path(marker).stat().st_size
    if died <= times:
        os.kill(os.getpid(), signal_number)
    return died


def test_a_file_whose_child_is_killed_from_outside_is_read_once_more(sandbox: Sandbox, tmp_path: Path) -> None:
    assert sandbox.read_feed(_dies, signal.SIGKILL, str(tmp_path / "once"), 1) == 2
    with pytest.raises(FileRefused) as caught:
        sandbox.read_feed(_dies, signal.SIGKILL, str(tmp_path / "twice"), 2)
    assert caught.value.code == "reader-stopped"
    assert (tmp_path / "twice").stat().st_size == 2
    assert sandbox.read_form(WRN, "x.xlsx").code == "WRN"


@pytest.mark.parametrize("crash", [signal.SIGABRT, signal.SIGSEGV])
def test_a_file_that_crashes_its_child_is_refused_at_once(sandbox: Sandbox, tmp_path: Path, crash: int) -> None:
    with pytest.raises(FileRefused) as caught:
        sandbox.read_feed(_dies, crash, str(tmp_path / "crash"), 9)
    assert caught.value.code == "reader-stopped"
    assert (tmp_path / "crash").stat().st_size == 1
    assert sandbox.read_form(WRN, "x.xlsx").code == "WRN"


def test_children_killed_again_and_again_while_several_files_are_read_lose_none(others: set[psutil.Process]) -> None:
    """Killed whenever it may be: waiting, receiving, reading, answering."""
    large = fill("BUNA", samples.header(), samples.buna_cover(200), [samples.buna_client(n) for n in range(1, 201)])
    answers: list[str] = []
    pauses = cycle((0.7, 1.1, 0.05, 1.6, 0.9))

    def read(one: Sandbox) -> None:
        for _ in range(20):
            try:
                answers.append(one.read_form(large, "x.xlsx").code)
            except FileRefused as refused:
                answers.append(refused.code)
            except ReaderUnavailable:
                answers.append("killed while it started: no answer, and the file comes again")

    with Sandbox(workers=2) as two:
        readers = [threading.Thread(target=read, args=(two,)) for _ in range(3)]
        for reader in readers:
            reader.start()
        while any(reader.is_alive() for reader in readers):
            time.sleep(next(pauses))
            for child in _children(others):
                with suppress(psutil.NoSuchProcess):
                    child.kill()
                break
        for reader in readers:
            reader.join()
        assert two.read_form(WRN, "x.xlsx").code == "WRN"
    assert len(answers) == 60
    assert set(answers) <= {"BUNA", "reader-stopped", "killed while it started: no answer, and the file comes again"}
    assert answers.count("BUNA") > 5


def test_a_child_that_is_stopped_counts_as_one_that_takes_too_long(others: set[psutil.Process]) -> None:
    with Sandbox(seconds=2) as hasty:
        assert hasty.read_form(WRN, "x.xlsx").code == "WRN"
        (child,) = _children(others)
        child.suspend()
        with pytest.raises(FileRefused) as caught:
            hasty.read_feed(bytes, b"x" * 5_000_000)
        assert caught.value.code == "time-limit"
        assert hasty.read_form(WRN, "x.xlsx").code == "WRN"


def _marks_and_never_ends(marker: str) -> None:
    Path(marker).touch()
    time.sleep(3600)


@pytest.mark.parametrize("when", ["starting", "reading"])
def test_stopping_blames_no_file(others: set[psutil.Process], tmp_path: Path, when: str) -> None:
    one = Sandbox()
    faults: list[type[Exception]] = []

    def read() -> None:
        try:
            one.read_feed(_marks_and_never_ends, str(tmp_path / "reading"))
        except (FileRefused, ReaderUnavailable) as fault:
            faults.append(type(fault))

    reader = threading.Thread(target=read)
    reader.start()
    while not (_children(others) if when == "starting" else (tmp_path / "reading").exists()):
        time.sleep(0.02)
    one.close()
    reader.join()
    assert faults == [ReaderUnavailable]
    with pytest.raises(ReaderUnavailable):
        one.read_form(WRN, "x.xlsx")
    assert _children(others) == set()


def test_a_child_whose_parent_died_before_it_was_ready_ends_without_a_fault() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(theirs, MEMORY, SECONDS))
    ours.close()
    child.start()
    theirs.close()
    child.join(240)
    assert child.exitcode == 0


def test_records_come_back_equal_and_frozen(sandbox: Sandbox) -> None:
    data = fill("BUNA", samples.header(), samples.buna_cover(50), [samples.buna_client(n) for n in range(1, 51)])
    form = sandbox.read_form(data, "x.xlsx")
    assert form == read_form(data, "x.xlsx")
    assert form.lines[0]._replace(number=7).number == 7


def test_a_fault_of_the_reader_itself_refuses_the_file_and_not_the_next_one(sandbox: Sandbox) -> None:
    with pytest.raises(FileRefused) as caught:
        sandbox._run(int, "no number")
    assert caught.value.code == "reader-stopped"
    assert sandbox.read_form(WRN, "x.xlsx").code == "WRN"
