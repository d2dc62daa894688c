"""The emergency stop: wherever the clock runs out, a stop after as many units of work gives the same outcome, byte for byte."""

import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.settlement.instances import day as made_up_day
from depository.settlement import Outcome, Problem, check, problem, settle
from tests.properties.test_settlement_engine import Rows, days
from tests.unit.settlement.days import RATES, fifo, score


def after_looks(number: int) -> Callable[[], bool]:
    """A clock that has run out once it has been looked at so often."""
    looks = iter(range(number))
    return lambda: next(looks, None) is None


def told(outcome: Outcome) -> tuple[object, ...]:
    """Everything of an outcome."""
    return (
        outcome.settled.tolist(), outcome.step.tolist(), outcome.unsettled, outcome.failing, outcome.certificate,
        outcome.multipliers, outcome.priority_multipliers,
    )  # fmt: skip


def looks_at_the_clock(day: Problem, effort: str = "standard") -> int:
    looks = 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        return False

    settle(day, effort=effort, stop=look)
    return looks


def again(day: Problem, outcome: Outcome, effort: str = "standard") -> Outcome:
    """The same stop without the clock."""
    return settle(day, effort=effort, most=outcome.certificate.units)


@settings(max_examples=60, deadline=None)
@given(days(), st.integers(0, 60))
def test_wherever_the_clock_runs_out_as_many_units_give_the_same_outcome(rows: Rows, looks: int) -> None:
    day = problem(*rows, RATES)
    outcome = settle(day, stop=after_looks(looks))

    assert check(day, outcome) == []
    if outcome.certificate.by_clock:
        assert told(again(day, outcome)) == told(outcome)
    else:
        assert told(settle(day)) == told(outcome)


def test_a_day_with_work_side_by_side_stops_at_many_units_each_of_which_can_be_repeated(in_blocks: Problem) -> None:
    all_looks = looks_at_the_clock(in_blocks)
    units = set()
    reached = []
    for part in range(12):
        outcome = settle(in_blocks, stop=after_looks(part * all_looks // 12))
        certificate = outcome.certificate
        assert check(in_blocks, outcome) == []
        assert certificate.by_clock
        assert certificate.stopped_by == f"emergency stop by clock after {certificate.units} units of work"
        assert told(again(in_blocks, outcome)) == told(outcome)
        units.add(certificate.units)
        reached.append(certificate.objective_settled)
    assert min(units) == 0
    assert len(units) >= 4
    assert settle(in_blocks).certificate.objective_settled > reached[-1] >= reached[0]


def test_effort_thorough_stops_and_repeats_too_and_never_below_what_standard_had_found(in_blocks: Problem) -> None:
    all_looks = looks_at_the_clock(in_blocks, "thorough")
    standard = settle(in_blocks).certificate
    for part in range(1, 8):
        outcome = settle(in_blocks, effort="thorough", stop=after_looks(part * all_looks // 8))
        assert check(in_blocks, outcome) == []
        assert told(again(in_blocks, outcome, "thorough")) == told(outcome)
        if outcome.certificate.units > standard.units:
            assert outcome.certificate.objective_settled >= standard.objective_settled


@pytest.mark.parametrize("shape", [{"priorities": 3}, {"gross": 0.2}, {"priorities": 3, "gross": 0.2}])
def test_priorities_and_the_gross_class_stop_and_repeat_too(shape: dict[str, float]) -> None:
    day = made_up_day(400, "tight", 5, **shape).problem()  # type: ignore[arg-type]
    all_looks = looks_at_the_clock(day)
    for part in range(6):
        outcome = settle(day, stop=after_looks(part * all_looks // 6))
        assert check(day, outcome) == []
        assert told(again(day, outcome)) == told(outcome)


@pytest.mark.parametrize("shape", [{"priorities": 3}, {"gross": 0.2}, {"priorities": 3, "gross": 0.2}])
def test_stopped_while_it_searches_a_cycle_with_priorities_or_the_gross_class_has_the_bound_of_one_that_was_not(
    shape: dict[str, float],
) -> None:
    day = made_up_day(400, "tight", 5, **shape).problem()  # type: ignore[arg-type]
    whole = settle(day).certificate
    at_once, stopped = (settle(day, most=units).certificate for units in (0, whole.units // 2))

    assert stopped.by_clock
    assert stopped.bound_from_multipliers == whole.bound_from_multipliers < at_once.bound_from_multipliers
    for line, best in zip(stopped.priorities, whole.priorities, strict=True):
        assert line.objective_settled <= line.upper_bound
        if line.priority == 1:
            assert best.objective_settled <= line.upper_bound


def test_no_time_at_all_still_gives_more_than_first_in_first_out() -> None:
    day = made_up_day(3000, "tight", 1).problem()
    outcome = settle(day, stop=lambda: True)

    assert (outcome.certificate.units, outcome.certificate.by_clock) == (0, True)
    now = score(day, {j for j, s in enumerate(outcome.settled.tolist()) if s}, "mixed")
    least = score(day, fifo(day), "mixed")
    assert now.levels > least.levels
    assert now.value >= least.value
    assert now.number >= least.number


def test_a_clock_that_never_runs_out_changes_nothing() -> None:
    day = made_up_day(400, "tight", 5).problem()
    assert told(settle(day, stop=lambda: False)) == told(settle(day))
    assert told(settle(day, most=sys.maxsize)) == told(settle(day))
