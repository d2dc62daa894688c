"""How scarce balances must be for a day to be as tight as its profile says: found by the bound of the linear relaxation."""

from collections.abc import Callable

import numpy as np

from depository.settlement.cuts import tighten
from depository.settlement.objective import unit_totals
from depository.settlement.problem import Problem
from depository.settlement.reduction import reduce
from depository.settlement.units import units_of
from depository.settlement.watch import Watch

# Near enough to the share aimed at, and how often another scarcity is tried.
NEAR = 0.0025
TRIES = 12


def share_left(problem: Problem) -> float:
    """The part of the value due that the linear relaxation without cuts leaves unsettled."""
    units = units_of(problem)
    value, _ = unit_totals(problem, units.member, len(units))
    weight = value.astype(np.float64)
    core = reduce(units, problem.opening, np.arange(len(units)))
    relaxed = tighten(core, weight[core.free], 0, Watch())
    if relaxed is None:
        raise RuntimeError("the relaxation was not solved")
    return 1.0 - (relaxed.plain_bound + float(weight[core.surely].sum())) / float(weight.sum())


def scarcity_for(share: float, left_at: Callable[[float], float]) -> float:
    """A scarcity at which `left_at` is within NEAR of `share`, beginning with 1: the one that comes nearest, the first of equals.

    What is left grows about in proportion, so each try scales the last one.
    """
    scarcity, best, least = 1.0, 1.0, float("inf")
    for _ in range(TRIES):
        left = left_at(scarcity)
        if abs(left - share) < least:
            best, least = scarcity, abs(left - share)
        if least <= NEAR or left <= 0.0:
            break
        scarcity *= share / left
    return best
