"""A cycle whose time is over settles the best set found by then, says so, and replays to the same bytes; killed, it begins anew."""

import json
import mmap
import os
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from depository.cycles import _late, solve
from depository.obligations import due_today
from depository.points import watch
from depository.settlement import Outcome
from depository.store import schema
from flows.office import page_of
from flows.steps.batches import BatchResult, run_batch
from flows.steps.cycle_files import hand_over_cycle
from flows.steps.solve import solve_folder
from tests.support.books import DAY, Desk, advice, at, entry, trade
from tests.support.clocks import assert_ends_after, running_out


@pytest.fixture
def torn(lite: Desk) -> Desk:
    """Forty trades in one share between participants who have little of it and little money: no set is plainly the best."""
    lite.plan()
    draw = random.Random(7)
    codes = ["B01", "B02", "B04", "B05", "B06"]
    trades = []
    for line in range(2, 42):
        seller, buyer = draw.sample(codes, 2)
        price, quantity = f"{draw.randint(500, 4000)}.00", draw.randint(3, 60)
        trades.append(trade(f"T{line}", f"{seller}-HO", f"{buyer}-HO", quantity, price, line=line))
    lite.drop_money(advice(*(entry(f"K-{code}", f"{draw.randint(10, 90)}000.00", code) for code in codes)))
    lite.drop_trades(*trades)
    return lite


def solved(desk: Desk, clock: Callable[[], float]) -> Outcome:
    """What a cycle would do, without doing it."""
    with desk.work("11:30") as work:
        return solve(replace(work, clock=clock), due_today(work)).outcome


def looks_of(desk: Desk) -> int:
    """How often a cycle that is not stopped looks at the clock."""
    # The engine looks in a process of its own: the count is in memory that both have.
    with mmap.mmap(-1, 8) as looks:

        def look() -> float:
            looks[:] = (int.from_bytes(looks[:]) + 1).to_bytes(8)
            return 0.0

        solved(desk, look)
        return int.from_bytes(looks[:])


def run(desk: Desk, clock: Callable[[], float]) -> BatchResult:
    return run_batch(replace(desk.site, clock=clock), DAY, "main-cycle", at("11:30"))


def kept_certificate(desk: Desk) -> dict[str, object]:
    kept: dict[str, object] = json.loads(desk.rows(schema.cycle)[0].certificate)
    return kept


def test_stopped_later_it_has_done_more_units_and_settles_no_less(torn: Desk) -> None:
    looks = looks_of(torn)
    outcomes = [solved(torn, running_out(looks * part // 8)) for part in range(8)]
    done = [one.certificate.units for one in outcomes]
    assert all(one.certificate.by_clock for one in outcomes)
    assert (done[0], done == sorted(done), len(set(done)) >= 3) == (0, True, True), done
    assert solved(torn, running_out(looks + 1)).certificate.by_clock is False
    assert outcomes[0].settled.any()


@pytest.mark.rule("CSD-5.2.10-a")
@pytest.mark.parametrize("eighths", [0, 7])
def test_operators_certificate_and_input_log_say_so_and_a_replay_stops_at_the_same_unit(
    torn: Desk, eighths: int, tmp_path: Path
) -> None:
    result = run(torn, running_out(looks_of(torn) * eighths // 8))

    kept = kept_certificate(torn)
    units = kept["units"]
    assert (kept["by_clock"], kept["stopped_by"]) == (True, f"emergency stop by clock after {units} units of work")
    assert str(result.facts["attention"]).startswith(f"stopped by clock after {units} units of work: ")
    assert f"| Stopped by | {kept['stopped_by']} |" in page_of(result)
    event = json.loads(torn.rows(schema.event)[-1].data)
    assert event["marks"] == [f"stopped by clock after units: {units}"]
    assert torn.proof().faults == ()

    assert torn.replay(tmp_path / "replay").differences == ()

    hand_over_cycle(torn.site, DAY, 1, tmp_path / "cycle", at("20:00"))
    assert solve_folder(tmp_path / "cycle", tmp_path / "again", units=int(str(units))) == 0
    for name in ("outcome.csv", "unsettled.csv", "labels.csv", "failing.csv", "multipliers.csv", "certificate.json"):
        assert (tmp_path / "cycle" / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_a_replay_is_stopped_by_no_clock(torn: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """However slow the machine on which it runs: the parameter gives it no second."""
    torn.run("main-cycle")
    assert kept_certificate(torn)["by_clock"] is False
    assert "marks" not in json.loads(torn.rows(schema.event)[-1].data)
    monkeypatch.setattr("depository.cycles.SECONDS", -1)
    monkeypatch.setattr("depository.cycles.LEAST_SECONDS", -1)
    assert torn.replay(tmp_path / "replay").differences == ()


@pytest.mark.parametrize(("begun", "allowed"), [("11:15", 600), ("17:55", 300), ("18:30", 60)])
def test_the_market_says_how_long_it_may_take_and_it_never_goes_on_after_the_close(
    lite: Desk, begun: str, allowed: int
) -> None:
    assert_ends_after(allowed, _late, lite, begun)


def _die_at(desk: Desk, point: str, action: Callable[[], object]) -> int:
    """Carries an action out in a process of its own that is killed at a point; returns the signal that ended it."""
    desk.site.engine.dispose()
    child = os.fork()
    if child == 0:
        watch(lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == point else None)
        action()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.rule("KCSD-84")
def test_killed_after_the_stop_it_begins_anew_and_only_the_stop_that_was_kept_is_in_the_log(
    torn: Desk, tmp_path: Path
) -> None:
    looks = looks_of(torn)
    before = torn.balances()
    for point in ("cycle.solved", "batch.before commit"):
        assert _die_at(torn, point, lambda: run(torn, running_out(0))) == -signal.SIGKILL
        assert torn.balances() == before
        assert torn.rows(schema.cycle) == []
    run(torn, running_out(looks * 7 // 8))
    units = kept_certificate(torn)["units"]
    assert units != 0
    marks = [json.loads(row.data).get("marks") for row in torn.rows(schema.event)]
    assert [m for m in marks if m] == [[f"stopped by clock after units: {units}"]]
    assert torn.replay(tmp_path / "replay").differences == ()
