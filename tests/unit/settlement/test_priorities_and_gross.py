"""Priorities beside the gross class: each line's bound is what the best of all sets reaches there or more, and can be recomputed."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.settlement import verify_bound
from benchmarks.settlement.instances import day as made_up_day
from depository.settlement import Due, Problem, check, settle
from depository.settlement.objective import objective_of
from flows.steps.solve import solve_folder
from tests.unit.settlement.days import all_sets, random_day


def objectives(day: Problem, settled: set[int], objective: str) -> dict[int, Fraction]:
    """By priority, what a set brings."""
    goal = objective_of(day, objective)
    return {
        level: goal.of(
            sum(int(day.value[j]) for j in settled if day.priority[j] == level),
            sum(1 for j in settled if day.priority[j] == level),
        )
        for level in sorted(set(day.priority.tolist()))
    }


@pytest.mark.parametrize("objective", ["mixed", "value", "count"])
def test_no_set_that_keeps_the_higher_priorities_reaches_more_than_the_line_of_a_priority_says(objective: str) -> None:
    lines_seen = proven = below_everything = 0
    for seed in range(120):
        day = random_day(seed, most=8, priorities=(1, 3, 5), gross=0.5, linked=0.2)
        outcome = settle(day, objective)
        assert check(day, outcome) == [], seed
        lines = outcome.certificate.priorities
        if not day.gross.any() or not lines:
            continue
        reached = objectives(day, {j for j, s in enumerate(outcome.settled.tolist()) if s}, objective)
        every = [objectives(day, one, objective) for one in all_sets(day)]
        whole = objectives(day, set(range(len(day.ids))), objective)
        for n, line in enumerate(lines):
            higher = [one.priority for one in lines[:n]]
            best = max(one[line.priority] for one in every if all(one[k] >= reached[k] for k in higher))
            assert line.objective_settled == reached[line.priority], seed
            assert line.upper_bound >= best, (seed, line)
            assert line.gap == line.upper_bound - line.objective_settled
            if line.proven_optimal:
                assert best == reached[line.priority], (seed, line)
            lines_seen += 1
            proven += line.proven_optimal
            below_everything += line.upper_bound < whole[line.priority]
    # A bound of everything, and a proof of nothing, would hold, too.
    assert lines_seen > 150
    assert proven > lines_seen // 2
    assert below_everything > lines_seen // 5


def write(folder: Path, rows: dict[str, list[tuple[object, ...]]]) -> None:
    for name, lines in rows.items():
        (folder / name).write_text("".join(",".join(map(str, line)) + "\n" for line in lines))


@pytest.mark.parametrize("units", [None, 25])
def test_the_bounds_of_the_priorities_are_recomputed_from_the_files_alone_also_after_an_emergency_stop(
    units: int | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = made_up_day(300, "tight", 4, priorities=3, gross=0.3)
    write(
        tmp_path,
        {
            "securities.csv": [("account", "isin", "available"), *made.securities],
            "cash.csv": [("participant", "currency", "available"), *made.cash],
            "instructions.csv": [Due._fields, *made.due],
        },
    )
    assert solve_folder(tmp_path, tmp_path, units=units) == 0
    stopped_by = json.loads((tmp_path / "certificate.json").read_text())["stopped_by"]
    assert stopped_by.startswith("emergency stop") == (units is not None)
    assert verify_bound.main(tmp_path) == 0
    said = capsys.readouterr().out
    assert "The bound holds." in said
    assert [said.count(f"priority {level}: ") for level in (1, 2, 3)] == [1, 1, 1]

    if units is not None:
        return
    proof = tmp_path / "multipliers_by_priority.csv"
    lines = proof.read_text().splitlines()
    priced = next(n for n, line in enumerate(lines) if ",balance," in line)
    proof.write_text("\n".join([*lines[:priced], *lines[priced + 1 :]]) + "\n")
    assert verify_bound.main(tmp_path) == 1


def test_the_line_of_a_priority_is_far_below_everything_on_a_day_with_priorities_and_gross_instructions() -> None:
    day = made_up_day(600, "tight", 2, priorities=3, gross=0.2).problem()
    outcome = settle(day, effort="quick")
    everything = objectives(day, set(range(len(day.ids))), "mixed")
    first = outcome.certificate.priorities[0]
    assert first.objective_settled <= first.upper_bound < everything[1]
    assert (everything[1] - first.upper_bound) * 4 > first.gap


def test_netted_days_and_days_of_one_priority_have_no_second_proof() -> None:
    assert settle(random_day(3, priorities=(1, 5))).priority_multipliers == []
    assert settle(random_day(3, gross=0.5)).priority_multipliers == []
