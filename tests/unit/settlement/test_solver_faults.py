"""The solver fails at any of its calls: out of memory, without a word, or with an answer that means nothing. A feasible set comes out."""

from collections.abc import Callable
from typing import Any

import highspy
import pytest

from benchmarks.settlement.instances import day as made_up_day
from depository.settlement import Outcome, Problem, by_engine, check, fallback, first_in_first_out, settle
from tests.unit.settlement.days import fifo, score

Fault = Callable[[Any, Callable[[], Any]], Any]


def out_of_memory(_: Any, __: Callable[[], Any]) -> Any:
    """What comes through the binding when the system gives no memory."""
    raise MemoryError


def says_nothing(solver: Any, _: Callable[[], Any]) -> Any:
    """No solution, and a status that says so."""
    solver.clearSolver()
    return highspy.HighsStatus.kError


class Lying:
    """A solution of numbers that are none, under the status of the best there is."""

    def __init__(self, true: Any) -> None:
        self.col_value = [float("nan")] * len(true.col_value)
        self.row_dual = [float("nan")] * len(true.row_dual)


@pytest.fixture
def tight() -> Problem:
    return made_up_day(300, "tight", 3).problem()


def calls_of(
    day: Problem, monkeypatch: pytest.MonkeyPatch, fault: Fault | None = None, at: int = -1
) -> tuple[int, Outcome]:
    """How often the solver was called, and the outcome (the simple method's where the engine failed) with a fault at one call."""
    real, calls = highspy.Highs.run, 0

    def run(solver: Any) -> Any:
        nonlocal calls
        calls += 1
        if fault is not None and calls - 1 == at:
            return fault(solver, lambda: real(solver))
        return real(solver)

    with monkeypatch.context() as patched:
        patched.setattr(highspy.Highs, "run", run)
        # In this process, so that the calls are counted.
        patched.setattr(fallback, "apart", lambda work, _: work())
        outcome = by_engine(day, "mixed", "standard") or first_in_first_out(day)
    return calls, outcome


@pytest.mark.parametrize("fault", [out_of_memory, says_nothing])
def test_a_fault_at_any_call_of_the_solver_leaves_a_set_at_least_as_good_as_first_in_first_out(
    tight: Problem, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, _ = calls_of(tight, monkeypatch)
    assert calls >= 5
    least = score(tight, fifo(tight), "mixed")
    for at in range(calls):
        _, outcome = calls_of(tight, monkeypatch, fault, at)
        assert check(tight, outcome) == [], at
        now = score(tight, {j for j, s in enumerate(outcome.settled.tolist()) if s}, "mixed")
        assert (now.value >= least.value, now.number >= least.number) == (True, True), at
        assert outcome.certificate.objective_settled <= outcome.certificate.upper_bound


def test_answers_that_are_no_numbers_are_never_settled(tight: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    real = highspy.Highs.getSolution
    monkeypatch.setattr(highspy.Highs, "getSolution", lambda solver: Lying(real(solver)))
    outcome = by_engine(tight, "mixed", "standard") or first_in_first_out(tight)
    assert check(tight, outcome) == []
    now = score(tight, {j for j, s in enumerate(outcome.settled.tolist()) if s}, "mixed")
    assert now.value >= score(tight, fifo(tight), "mixed").value


def test_answers_that_are_infeasible_are_mended_or_left(tight: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    """All instructions settle, says the solver each time: the exact check takes out what cannot be."""

    class Everything:
        def __init__(self, true: Any) -> None:
            self.col_value = [1.0] * len(true.col_value)
            self.row_dual = list(true.row_dual)

    real = highspy.Highs.getSolution
    monkeypatch.setattr(highspy.Highs, "getSolution", lambda solver: Everything(real(solver)))
    outcome = settle(tight)
    assert check(tight, outcome) == []
    assert not outcome.settled.all()
