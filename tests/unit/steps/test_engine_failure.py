"""When the engine or the solver below it fails, a cycle settles by first in, first out, says so, and replays the same way."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import highspy
import pytest
from hypothesis import given, settings

from depository.cycles import run_cycle
from depository.instructions import Status
from depository.rejects import Broken
from depository.settlement import SIMPLE, Problem, check, fallback, first_in_first_out, settle
from depository.store import schema
from flows.steps.cycle_files import hand_over_cycle
from flows.steps.solve import solve_folder
from tests.support.books import DAY, ROOT, SHARE_A, Desk, advice, at, entry, trade
from tests.unit.settlement.test_apart import aborts
from tests.unit.settlement.test_forecast import days


@pytest.fixture
def due(desk: Desk) -> Desk:
    """One trade that can settle, one whose buyer pays half, one sold short."""
    desk.drop_money(advice(entry("K1", "60000.00", "B04")))
    desk.drop_trades(
        trade("T-FINE", "B01-HO", "B04-HO", 50, "1000.00"),
        trade("T-POOR", "B01-HO", "B04-HO", 20, "1000.00", line=3),
        trade("T-SHORT", "B06-HO", "B05-HO", 5, "1000.00", isin=SHARE_A, line=4),
    )
    return desk


def out_of_memory(*_: Any) -> None:
    """What HiGHS raises through its binding when the system gives it no memory."""
    raise MemoryError


@pytest.mark.rule("CSD-5.2.10-a")
def test_a_solver_without_memory_leaves_a_cycle_that_settles_first_in_first_out(
    due: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(highspy.Highs, "passModel", out_of_memory)
    result = due.run("main-cycle")
    assert result.facts["attention"] == f"the engine failed; this cycle went by {SIMPLE}"
    assert due.status("exchange", "T-FINE") is Status.SETTLED
    assert due.status("exchange", "T-POOR") is Status.MATCHED
    kept = json.loads(due.rows(schema.cycle)[0].certificate)
    assert (kept["effort"], kept["stopped_by"]) == (SIMPLE, "engine failure")
    assert due.proof().faults == ()


def test_a_solver_that_ends_its_process_leaves_such_a_cycle_too_and_it_replays(
    due: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(highspy.Highs, "passModel", aborts)
        result = due.run("main-cycle")
    assert result.facts["attention"] == f"the engine failed; this cycle went by {SIMPLE}"
    assert due.status("exchange", "T-FINE") is Status.SETTLED
    assert due.replay(tmp_path / "replay").differences == ()


def test_its_replay_goes_the_same_way_although_the_engine_works_there(
    due: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(highspy.Highs, "passModel", out_of_memory)
        due.run("main-cycle")
    result = due.replay(tmp_path / "replay")
    assert result.differences == ()


def test_an_operator_can_ask_for_it_when_the_engine_hangs(due: Desk) -> None:
    from flows.steps.batches import run_batch

    result = run_batch(due.site, DAY, "main-cycle", at("11:30"), (SIMPLE,))
    assert result.facts["settled"] == 1
    assert SIMPLE in str(result.facts["attention"])
    event = json.loads(due.rows(schema.event)[-1].data)
    assert (event["slot"], event["marks"]) == ("main-cycle", [SIMPLE])


def test_a_set_that_the_check_refuses_is_never_settled(due: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def everything(problem: Problem, *given: Any, **named: Any) -> Any:
        outcome = settle(problem, *given, **named)
        outcome.settled[:] = True
        outcome.step[:] = 1
        return outcome

    monkeypatch.setattr(fallback, "settle", everything)
    cycle = due.cycle()
    assert [one.reference for one in cycle.settled] == ["T-FINE"]
    assert cycle.certificate is not None
    assert cycle.certificate.effort == SIMPLE


def test_when_the_check_refuses_the_simple_set_too_nothing_is_committed(
    due: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("depository.cycles.check", lambda *_: ["a rule"])
    monkeypatch.setattr(fallback, "check", lambda *_: ["a rule"])
    before = due.balances()
    with pytest.raises(Broken, match="the settlement check refused the cycle: a rule"), due.work("11:15") as work:
        run_cycle(work, "main", "test")
    assert due.balances() == before
    assert due.rows(schema.cycle) == []


def test_forecasts_go_on_without_the_solver(due: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highspy.Highs, "passModel", out_of_memory)
    due.run("funding-0930")
    due.drop_money(advice(entry("K2", "10000.00", "B04")), local="09:50")
    found = [name for name in due.outbox("B04") if name.endswith("_funding.json")]
    assert len(found) == 2


def test_its_bound_can_be_recomputed_too(due: Desk, tmp_path: Path) -> None:
    from flows.steps.batches import run_batch

    run_batch(due.site, DAY, "main-cycle", at("11:30"), (SIMPLE,))
    hand_over_cycle(due.site, DAY, 1, tmp_path / "cycle", at("20:00"))
    command = [sys.executable, "-m", "benchmarks.settlement.verify_bound", str(tmp_path / "cycle")]
    proved = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "The bound holds." in proved.stdout, proved


def test_plain_files_are_settled_first_in_first_out_too_when_the_solver_fails(
    due: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    due.run("main-cycle")
    hand_over_cycle(due.site, DAY, 1, tmp_path / "cycle", at("20:00"))
    monkeypatch.setattr(highspy.Highs, "passModel", out_of_memory)
    assert solve_folder(tmp_path / "cycle", tmp_path / "out") == 0
    assert json.loads((tmp_path / "out" / "certificate.json").read_text())["effort"] == SIMPLE
    outcome = (tmp_path / "out" / "outcome.csv").read_text()
    assert [line.rpartition(",")[2] for line in outcome.splitlines()[1:]] == ["1", "0", "0"]


@settings(max_examples=100, deadline=None)
@given(days(netting=("net", "gross")))
def test_first_in_first_out_keeps_every_rule_and_is_never_better_than_the_engine(day: Problem) -> None:
    outcome = first_in_first_out(day)
    assert check(day, outcome) == []
    certificate = outcome.certificate
    assert (
        certificate.upper_bound
        >= settle(day).certificate.objective_settled
        >= certificate.objective_settled - Fraction(1, 10**9)
    )
