"""One settlement cycle: the best set the netted class can settle, then the gross class one by one, with the proof (design §5)."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depository.settlement import attribution, kernels
from depository.settlement.certificate import bound_of, integer_weights, multiplier_lines
from depository.settlement.objective import objective_of, unit_totals
from depository.settlement.outcome import ENGINE_VERSION, Certificate, Outcome, PriorityLine
from depository.settlement.problem import Problem
from depository.settlement.units import Units, by_position, leg_units, units_of

EFFORTS = ("quick", "standard", "thorough")
ROUNDS = 1 << 30


def settle(
    problem: Problem,
    objective: str = "mixed",
    effort: str = "standard",
    seed: int = 0,
    stop: Callable[[], bool] | None = None,
) -> Outcome:
    """Choose what settles, explain what does not, and prove how good the choice is.

    `objective` is mixed, value or count; `effort` (quick, standard, thorough) is counted in work units, never in seconds. `stop` is the
    emergency stop: once it returns true the best feasible set so far is taken. Raises ValueError for an unknown objective or effort.
    """
    if effort not in EFFORTS:
        raise ValueError(f"effort is {effort!r}, not one of {', '.join(EFFORTS)}")
    goal = objective_of(problem, objective)
    units = units_of(problem)
    levels = np.unique(problem.priority).tolist()
    totals = [unit_totals(problem, units.member, len(units), level) for level in levels]

    def score(settled: NDArray[np.bool_]) -> tuple[int, ...]:
        return tuple(
            goal.per_value * int(v[settled].sum()) + goal.per_instruction * int(c[settled].sum()) for v, c in totals
        )

    fifo = _fifo(units, problem.opening, np.arange(len(units)), np.zeros(len(units), dtype=np.int64))
    step = np.zeros(len(units), dtype=np.int64)
    balance = problem.opening.copy()
    net, gross = np.flatnonzero(~units.gross), np.flatnonzero(units.gross)
    while True:
        before = int((step > 0).sum())
        waiting = net[step[net] == 0]
        together = _best_net_set(units, balance, waiting, totals, score)
        if len(together):
            step[together] = step.max(initial=0) + 1
            balance = balance_after(units, problem.opening, step > 0)
        step = _fifo(units, balance, gross, step)
        balance = balance_after(units, problem.opening, step > 0)
        if int((step > 0).sum()) == before:
            break
    if len(levels) == 1 and not _dominates(step > 0, fifo > 0, totals, objective):
        step = fifo
    settled = (step > 0)[units.member]

    value, count = unit_totals(problem, units.member, len(units))
    weight = integer_weights(goal, value, count)
    price = np.zeros(len(problem.positions), dtype=object)
    never = np.zeros(len(units), dtype=np.bool_)
    bound = Fraction(bound_of(units, problem.opening, weight, price, never), goal.denominator)
    reached = goal.of(int(problem.value[settled].sum()), int(settled.sum()))
    certificate = Certificate(
        instructions=len(problem.ids),
        value_total=int(problem.value.sum()) * problem.value_unit,
        value_settled=int(problem.value[settled].sum()) * problem.value_unit,
        count_settled=int(settled.sum()),
        objective=objective,
        objective_settled=reached,
        upper_bound=bound,
        gap=bound - reached,
        proven_optimal=bound == reached,
        bound_from_multipliers=bound,
        effort=effort,
        stopped_by="finished",
        seed=seed,
        engine_version=ENGINE_VERSION,
        input_sha256=problem.sha256,
        priorities=tuple[PriorityLine, ...](),
    )
    return Outcome(
        settled=settled,
        step=step[units.member],
        unsettled=attribution.unsettled(problem, units, settled),
        failing=attribution.failing(problem),
        certificate=certificate,
        multipliers=multiplier_lines(problem, price, goal.denominator),
    )


def balance_after(units: Units, opening: NDArray[Any], settled: NDArray[np.bool_]) -> NDArray[Any]:
    """Every position after these units settled."""
    balance = opening.copy()
    legs = settled[leg_units(units.start)]
    np.add.at(balance, units.row[legs], units.change[legs])
    return balance


def _fifo(units: Units, balance: NDArray[Any], order: NDArray[np.int64], step: NDArray[np.int64]) -> NDArray[np.int64]:
    numbers = step.tolist()
    kernels.fifo(
        order.tolist(),
        units.start.tolist(),
        units.row.tolist(),
        units.change.tolist(),
        balance.tolist(),
        numbers,
        ROUNDS,
    )
    return np.array(numbers, dtype=np.int64)


def _best_net_set(
    units: Units,
    balance: NDArray[Any],
    waiting: NDArray[np.int64],
    totals: list[tuple[NDArray[Any], NDArray[np.int64]]],
    score: Callable[[NDArray[np.bool_]], tuple[int, ...]],
) -> NDArray[np.int64]:
    """The better of first-in-first-out to its fixpoint and of starting from all and removing until feasible."""
    none = np.zeros(len(units), dtype=np.int64)
    one = _fifo(units, balance, waiting, none) > 0
    start, row, change = units.start.tolist(), units.row.tolist(), units.change.tolist()
    head, entry = by_position(units.row, len(balance))
    tried = none.copy()
    tried[waiting] = 1
    numbers = tried.tolist()
    after = balance_after(units, balance, tried > 0).tolist()
    weight = [0.0] * len(units)
    for value, count in totals:
        # A higher priority outweighs all lower ones.
        heaviest = float(value.sum()) or 1.0
        weight = [
            w * 1e6 + float(v) / heaviest + float(c) / len(units) for w, v, c in zip(weight, value, count, strict=True)
        ]
    kernels.remove_until_feasible(
        start,
        row,
        change,
        leg_units(units.start).tolist(),
        head.tolist(),
        entry.tolist(),
        weight,
        after,
        numbers,
        [0] * len(balance),
    )
    kernels.fifo(waiting.tolist(), start, row, change, after, numbers, ROUNDS)
    two = np.array(numbers) > 0
    return np.flatnonzero(two if score(two) > score(one) else one)


def _dominates(
    settled: NDArray[np.bool_],
    fifo: NDArray[np.bool_],
    totals: list[tuple[NDArray[Any], NDArray[np.int64]]],
    objective: str,
) -> bool:
    """Not below FIFO in what the objective weighs: value, count, or each of the two."""
    value, count = totals[0]
    more_value = int(value[settled].sum()) >= int(value[fifo].sum())
    more_count = int(count[settled].sum()) >= int(count[fifo].sum())
    return {"value": more_value, "count": more_count}.get(objective, more_value and more_count)
