"""The cycle as a whole: classes, efforts, the proof that anyone can recompute, the emergency stop, a solver that fails."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.settlement.instances import day as made_up_day
from benchmarks.settlement.verify_bound import bound
from depository.settlement import (
    Due,
    Problem,
    check,
    compiled,
    forecast,
    netting,
    problem,
    searches,
    settle,
    solver,
    workers,
)
from parsers import solve_files
from tests.unit.settlement.days import fifo, random_rows, score


def payment(number: str, payer: str, payee: str, amount: int, priority: int = 5, netting: str = "net") -> Due:
    return Due(number, "", "", "", 0, payer, payee, "KZT", amount, priority, "2026-03-02", netting, "")


def test_gross_instructions_go_by_priority_then_date_then_arrival() -> None:
    due = [
        payment("I10", "ALFA", "BETA", 6, netting="gross"),
        payment("I9", "ALFA", "BETA", 7, netting="gross"),
        payment("I11", "ALFA", "BETA", 5, priority=6, netting="gross"),
    ]
    outcome = settle(problem([], [("ALFA", "KZT", 12)], due))

    assert outcome.settled.tolist() == [False, True, True]
    assert outcome.step.tolist() == [0, 1, 2]


def test_the_netted_class_goes_before_the_gross_class_and_again_after_it() -> None:
    due = [
        payment("I1", "ALFA", "BETA", 10, netting="gross"),
        payment("I2", "ALFA", "GAMA", 10),
        payment("I3", "BETA", "DELT", 5),
        payment("I4", "GAMA", "ALFA", 10, netting="gross"),
    ]
    outcome = settle(problem([], [("ALFA", "KZT", 10)], due))

    assert outcome.settled.all()
    assert outcome.step.tolist() == [3, 1, 4, 2]


def test_a_higher_priority_goes_first_even_if_more_could_settle_without_it() -> None:
    due = [payment("I1", "ALFA", "BETA", 10, 1), payment("I2", "ALFA", "BETA", 5), payment("I3", "ALFA", "BETA", 5)]
    outcome = settle(problem([], [("ALFA", "KZT", 10)], due))

    assert outcome.settled.tolist() == [True, False, False]
    lines = {line.priority: line for line in outcome.certificate.priorities}
    assert lines[1].gap == 0
    assert lines[5].objective_settled == 0
    assert lines[5].proven_optimal


def test_neither_value_nor_number_falls_below_first_in_first_out_even_where_the_mix_would_gain() -> None:
    # One large payment first; the three small ones would count for more than it is worth.
    due = [payment("I1", "ALFA", "BETA", 90)] + [payment(f"I{n}", "ALFA", "BETA", 28) for n in (2, 3, 4)]
    day = problem([], [("ALFA", "KZT", 90)], due)
    outcome = settle(day)

    assert check(day, outcome) == []
    assert outcome.settled.tolist() == [True, False, False, False]
    assert not outcome.certificate.proven_optimal
    assert outcome.certificate.gap > 0


def test_unknown_objectives_and_efforts_and_wrong_rows_are_refused() -> None:
    day = problem([], [], [])
    with pytest.raises(ValueError, match="not one of"):
        settle(day, objective="most")
    with pytest.raises(ValueError, match="not one of"):
        settle(day, effort="some")
    with pytest.raises(ValueError, match="given twice"):
        problem([], [("ALFA", "KZT", 1), ("ALFA", "KZT", 2)], [payment("I1", "ALFA", "BETA", 1)])
    with pytest.raises(ValueError, match="I1 is given twice"):
        problem([], [], [payment("I1", "ALFA", "BETA", 1), payment("I1", "ALFA", "BETA", 1)])
    with pytest.raises(ValueError, match="not an integer >= 0"):
        problem([], [("ALFA", "KZT", -1)], [])
    with pytest.raises(ValueError, match="not an integer >= 0"):
        problem([], [], [payment("I1", "ALFA", "BETA", 1.5)])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="netting"):
        problem([], [], [payment("I1", "ALFA", "BETA", 1, netting="both")])
    with pytest.raises(ValueError, match="payee"):
        problem([], [], [payment("I1", "ALFA", "", 1)])


@pytest.mark.parametrize("objective", ["mixed", "value", "count"])
def test_what_is_free_of_payment_settles_in_circles_too_although_value_alone_does_not_weigh_it(objective: str) -> None:
    def free(number: str, giver: str, taker: str) -> Due:
        return Due(number, f"{giver}-1", f"{taker}-1", "X", 5, "", "", "", 0, 5, "2026-03-02", "net", "")

    circle = [free("I1", "ALFA", "BETA"), free("I2", "BETA", "GAMA"), free("I3", "GAMA", "ALFA")]
    day = problem([], [("ALFA", "KZT", 10)], [*circle, payment("I4", "ALFA", "BETA", 10)])
    outcome = settle(day, objective)

    assert check(day, outcome) == []
    assert outcome.settled.all()
    assert outcome.certificate.proven_optimal


def medium_day() -> Problem:
    return made_up_day(3000, "tight", 1).problem()


def test_the_bound_can_be_recomputed_from_the_files_alone() -> None:
    for seed in range(60):
        rows = random_rows(seed, most=25, priorities=(1, 5), gross=0.2, linked=0.3)
        day = problem(*rows, {"USD": Fraction(2)})
        outcome = settle(day)
        files = solve_files.write(
            solve_files.SolveInput(day, dict.fromkeys(("KZ0000000017", "KZ0000000025", "KZT", "USD"), 0)), outcome, ""
        )
        assert (
            bound(*rows, {"USD": Fraction(2)}, files["multipliers.csv"]) == outcome.certificate.bound_from_multipliers
        )


def test_a_larger_day_is_close_to_its_bound_and_its_proof_holds() -> None:
    made = made_up_day(3000, "tight", 1)
    day = made.problem()
    outcome = settle(day, effort="quick")

    assert check(day, outcome) == []
    certificate = outcome.certificate
    assert certificate.objective_settled / certificate.upper_bound > Fraction(97, 100)
    settled = {j for j, s in enumerate(outcome.settled.tolist()) if s}
    now, least = score(day, settled, "mixed"), score(day, fifo(day), "mixed")
    assert now.value >= least.value
    assert now.number >= least.number
    decimals = {asset: 2 if len(asset) == 3 else 0 for _, asset, _ in day.positions}
    text = solve_files.write(solve_files.SolveInput(day, decimals), outcome, "")["multipliers.csv"]
    cents = [(p, c, Fraction(a, 100)) for p, c, a in made.cash]
    due = [i._replace(amount=Fraction(i.amount, 100)) for i in made.due]  # type: ignore[arg-type]
    rates = {"USD": Fraction(500), "EUR": Fraction(540)}
    assert bound(made.securities, cents, due, rates, text) == certificate.bound_from_multipliers


@pytest.mark.parametrize("gross", [0.0, 0.2])
def test_a_larger_day_with_priorities_keeps_the_rules(gross: float) -> None:
    day = made_up_day(4000, "mid", 2, priorities=3, gross=gross).problem()
    outcome = settle(day, effort="quick")

    assert check(day, outcome) == []
    lines = outcome.certificate.priorities
    assert [line.priority for line in lines] == [1, 2, 3]
    assert all(line.objective_settled <= line.upper_bound for line in lines)
    if not gross:
        assert lines[0].objective_settled / lines[0].upper_bound > Fraction(97, 100)


def test_without_a_working_solver_a_feasible_set_at_least_as_good_as_first_in_first_out_comes_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(solver.Relaxation, "solve", lambda _: False)
    day = medium_day()
    outcome = settle(day)

    assert check(day, outcome) == []
    now = score(day, {j for j, s in enumerate(outcome.settled.tolist()) if s}, "mixed")
    least = score(day, fifo(day), "mixed")
    assert now.value >= least.value
    assert now.number >= least.number
    assert outcome.certificate.stopped_by == "effort"


def test_the_emergency_stop_ends_with_a_feasible_set_and_is_named() -> None:
    day = medium_day()
    outcome = settle(day, stop=lambda: True)

    assert check(day, outcome) == []
    assert outcome.certificate.by_clock


def test_the_forecast_names_what_is_missing_and_funding_it_settles_everything() -> None:
    for seed in range(40):
        securities, cash, due = random_rows(seed, most=12, gross=0.3 if seed % 2 else 0.0)
        day = problem(securities, cash, due)
        expected = forecast(day)
        stock = {(a, i): b for a, i, b in securities}
        money = {(p, c): b for p, c, b in cash}
        for line in expected.funding:
            table = stock if line.kind == "securities" else money
            table[line.holder, line.asset] = table.get((line.holder, line.asset), 0) + line.short_by
        funded = settle(problem([(*k, b) for k, b in stock.items()], [(*k, b) for k, b in money.items()], due))
        assert funded.settled.all()
        if expected.funding:
            # The smallest: one unit less of any of it and something stays behind.
            line = expected.funding[0]
            table = stock if line.kind == "securities" else money
            table[line.holder, line.asset] -= 1
            less = settle(
                problem([(*k, b) for k, b in stock.items()], [(*k, b) for k, b in money.items()], due), effort="quick"
            )
            assert not less.settled.all()
            assert expected.ranked[0].value >= expected.ranked[-1].value


def test_compiled_and_plain_loops_choose_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    day = made_up_day(700, "tight", 3, priorities=2).problem()
    plain = settle(day, effort="quick")
    monkeypatch.setattr(compiled, "SMALL", 0)
    fast = settle(day, effort="quick")

    assert fast.settled.tolist() == plain.settled.tolist()
    assert fast.certificate == plain.certificate
    assert fast.multipliers == plain.multipliers


def test_one_worker_and_two_choose_the_same(in_blocks: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def noted(pieces: list[Callable[[], object]]) -> list[object]:
        sizes.append(len(pieces))
        return workers.side_by_side(pieces)

    for module in (netting, searches):
        monkeypatch.setattr(module, "side_by_side", noted)
    outcomes = []
    for number in (1, 2):
        monkeypatch.setattr(workers, "WORKERS", number)
        outcomes.append(settle(in_blocks))

    one, two = outcomes
    assert sizes.count(2) > 4
    assert one.settled.tolist() == two.settled.tolist()
    assert one.certificate == two.certificate
    assert one.multipliers == two.multipliers


def test_the_emergency_stop_reaches_what_runs_beside(in_blocks: Problem) -> None:
    pulled = []

    def stop() -> bool:
        if threading.current_thread() is not threading.main_thread():
            pulled.append(threading.current_thread().name)
        return bool(pulled)

    outcome = settle(in_blocks, effort="thorough", stop=stop)

    # Each of the two asked, was told to stop, and asked no further.
    assert 1 <= len(pulled) <= 4
    assert check(in_blocks, outcome) == []
    assert outcome.certificate.by_clock


def test_threads_and_hash_seeds_change_no_byte(tmp_path: Path) -> None:
    made = made_up_day(2000, "mid", 4)
    files: dict[str, list[tuple[object, ...]]] = {
        "securities.csv": [("account", "isin", "available"), *made.securities],
        "cash.csv": [("participant", "currency", "available"), *made.cash],
        "instructions.csv": [Due._fields, *made.due],
    }
    for name, lines in files.items():
        (tmp_path / name).write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    code = "import sys; from flows.steps.solve import solve_folder; sys.exit(solve_folder(*sys.argv[1:]))"
    outcomes = []
    for number, threads in (("0", "1"), ("7", "4")):
        out = tmp_path / f"out{number}"
        environment = {**os.environ, "PYTHONHASHSEED": number, "OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads}
        subprocess.run([sys.executable, "-c", code, str(tmp_path), str(out)], check=True, env=environment)
        outcomes.append({p.name: p.read_bytes() for p in out.iterdir() if p.name != "timing.json"})

    assert outcomes[0] == outcomes[1]


def test_the_ranking_says_what_funding_each_shortage_alone_would_release(monkeypatch: pytest.MonkeyPatch) -> None:
    due = [
        payment("I1", "ALFA", "BETA", 10),
        payment("I2", "BETA", "GAMA", 10),
        payment("I3", "DELT", "GAMA", 15),
        payment("I4", "GAMA", "ZETA", 30),
    ]
    day = problem([], [("GAMA", "KZT", 4)], due)

    assert [(r.holder, r.short_by, r.value, r.instructions) for r in forecast(day).ranked] == [
        ("ALFA", 10, Fraction(20), 2),
        ("DELT", 15, Fraction(15), 1),
        ("GAMA", 1, Fraction(0), 0),
    ]
    # The package exports the function under the name of its module.
    monkeypatch.setattr(sys.modules["depository.settlement.forecast"], "RUN_AGAIN", 0)
    most = {r.holder: (r.value, r.instructions) for r in forecast(day).ranked}
    assert most == {"ALFA": (Fraction(20), 2), "DELT": (Fraction(15), 1), "GAMA": (Fraction(30), 1)}
