"""The engine in a process of its own: whatever ends it, memory that ends first of all, a feasible set comes out."""

import contextlib
import faulthandler
import json
import os
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from benchmarks.settlement.instances import day as made_up_day
from depository.settlement import Problem, by_engine, check, fallback, first_in_first_out, settle
from depository.settlement import apart as module
from depository.settlement.apart import Died, apart
from tests.unit.settlement.test_emergency_stop import told

ROOT = Path(__file__).parents[3]


def aborts(*_: Any, **__: Any) -> NoReturn:
    """What glibc does to the process when it finds its memory in disorder."""
    faulthandler.disable()
    os.abort()


def raises() -> NoReturn:
    raise MemoryError("no more of it")


def test_an_answer_comes_back_and_what_ends_the_process_is_told() -> None:
    assert apart(lambda: {"found": [1, 2, 3]}) == {"found": [1, 2, 3]}
    assert len(apart(lambda: b"x" * 10_000_000)) == 10_000_000
    with pytest.raises(Died, match="SIGABRT"):
        apart(aborts)
    with pytest.raises(Died, match="MemoryError: no more of it"):
        apart(raises)
    with pytest.raises(Died, match="SystemExit"):
        apart(partial(sys.exit, 3))


def open_pipes() -> list[str]:
    ends = []
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            ends.append(str(one.readlink()))
    return [end for end in ends if end.startswith("pipe:")]


def test_only_the_parent_can_read_the_answer_so_that_none_waits_for_ever_for_a_reader() -> None:
    before = open_pipes()
    its_own = [end for end in apart(open_pipes) if end not in before]
    assert len(its_own) == 1


def test_one_whose_parent_is_gone_before_it_begins_does_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "getppid", lambda: 1)
    with pytest.raises(Died):
        apart((tmp_path / "done").touch)
    assert not (tmp_path / "done").exists()


def test_one_that_hangs_after_the_emergency_stop_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLLOWS", 0.0)
    with pytest.raises(Died, match="no answer after its emergency stop"):
        apart(partial(time.sleep, 600), stop=lambda: True)
    assert apart(lambda: 5, stop=lambda: False) == 5


def test_one_that_hangs_where_nothing_stops_it_is_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 0.0)
    with pytest.raises(Died, match="no answer within 0 seconds"):
        apart(partial(time.sleep, 600))


def test_the_outcome_is_the_same_apart_and_in_place() -> None:
    day = made_up_day(300, "tight", 3, priorities=2, gross=0.1).problem()
    in_place = settle(day, "mixed", "standard")  # The solver has worked in this process before.
    by_itself = by_engine(day, "mixed", "standard")
    assert by_itself is not None
    assert told(by_itself) == told(in_place)


def test_an_engine_whose_process_aborts_gives_nothing_and_the_simple_method_does(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    day = made_up_day(300, "tight", 3).problem()
    monkeypatch.setattr(fallback, "settle", aborts)
    assert by_engine(day, "mixed", "quick") is None
    assert "SIGABRT" in caplog.text
    assert check(day, first_in_first_out(day)) == []


def within(day: Problem, megabytes: int) -> tuple[str, int, int]:
    """A cycle in a process that gets only so much more memory than it has: by which effort, faults of the set, how many settled."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    outcome = by_engine(day, "mixed", "standard") or first_in_first_out(day)
    return outcome.certificate.effort, len(check(day, outcome)), int(outcome.settled.sum())


def test_below_any_limit_of_memory_a_feasible_set_comes_out(tmp_path: Path) -> None:
    """From too little for the solver to plenty, by the system's own limit, in a process that has nothing to spare."""
    # Told in a file: HiGHS prints on its own what it has no memory for.
    program = "from tests.unit.settlement.test_apart import tell_what_comes_out; tell_what_comes_out()"
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    told_in = tmp_path / "outcomes.json"
    subprocess.run([sys.executable, "-c", program, str(told_in)], check=True, env=environment, cwd=ROOT)
    least, *lines = json.loads(told_in.read_text())
    assert all(faults == 0 and settled >= least for _, faults, settled in lines), lines
    efforts = [effort for effort, _, _ in lines]
    assert fallback.SIMPLE in efforts, lines
    assert efforts[-1] == "standard", lines


def tell_what_comes_out() -> None:
    day = made_up_day(2000, "tight", 1).problem()
    least = int(first_in_first_out(day).settled.sum())
    lines = [apart(partial(within, day, more)) for more in (1, 2, 4, 8, 16, 32, 2000)]
    Path(sys.argv[1]).write_text(json.dumps([least, *lines]))


def test_it_ends_with_the_process_that_waits_for_it(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys, time\n"
        "from depository.settlement.apart import apart\n"
        "def work():\n"
        "    pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))\n"
        "    time.sleep(600)\n"
        "apart(work)\n"
    )
    written = tmp_path / "pid"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    parent = subprocess.Popen([sys.executable, "-c", program, str(written)], env=environment)
    while not (written.exists() and written.read_text()):
        assert parent.poll() is None
        time.sleep(0.02)
    child = int(written.read_text())
    assert is_running(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while is_running(child):
        time.sleep(0.02)


def is_running(process: int) -> bool:
    """Is there such a process that has not ended? One that nobody has waited for yet has."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
