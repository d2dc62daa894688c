"""The bound: what no set can exceed, recomputed in exact integers from non-negative multipliers (Lagrangian bound)."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depository.settlement.objective import Objective
from depository.settlement.outcome import Multiplier
from depository.settlement.problem import Problem
from depository.settlement.units import Units, leg_units


def bound_of(
    units: Units, opening: NDArray[Any], weight: NDArray[Any], price: NDArray[Any], never: NDArray[np.bool_]
) -> int:
    """Sum of price * opening plus, over the units not ruled out, the positive part of weight + sum of price * change.

    `weight` and `price` are Python integers (dtype object) on one common denominator, prices >= 0; so is the result.
    """
    used = np.flatnonzero(price != 0)
    total = int(sum((price[used] * opening[used]).tolist()))
    profit = weight.copy()
    legs = np.flatnonzero((price != 0)[units.row])
    if len(legs):
        np.add.at(profit, leg_units(units.start)[legs], price[units.row[legs]] * units.change[legs].astype(object))
    return total + int(sum(max(p, 0) for p in profit[~never].tolist()))


def multiplier_lines(problem: Problem, price: NDArray[Any], denominator: int) -> list[Multiplier]:
    """The prices that are not zero as lines of the proof."""
    return [
        Multiplier(
            "balance", problem.positions[p].asset, problem.positions[p].holder, "", Fraction(int(price[p]), denominator)
        )
        for p in np.flatnonzero(price != 0).tolist()
    ]


def integer_weights(objective: Objective, value: NDArray[Any], count: NDArray[np.int64]) -> NDArray[Any]:
    """Unit weights as Python integers over `objective.denominator`."""
    weights: NDArray[Any] = (
        value.astype(object) * objective.per_value + count.astype(object) * objective.per_instruction
    )
    return weights
