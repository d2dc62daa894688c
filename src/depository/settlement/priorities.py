"""How much each priority could at most have reached beside the gross class, with its own proof (design §5).

What settles one by one leaves no balance below nought in the end, so it could also settle all at once: a bound on all instructions as
if they were netted holds for both classes.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depository.settlement.certificate import Kept, prove
from depository.settlement.cuts import Tight
from depository.settlement.objective import Objective
from depository.settlement.outcome import Multiplier
from depository.settlement.problem import Problem
from depository.settlement.reduction import Reduced
from depository.settlement.solver import Relaxation
from depository.settlement.units import Units
from depository.settlement.watch import Watch


class Level(NamedTuple):
    """One priority: value and number of its instructions in each unit, and what of them settled."""

    priority: int
    value: NDArray[Any]
    number: NDArray[np.int64]
    value_settled: int
    number_settled: int


class Bound(NamedTuple):
    """No set that reaches as much at each higher priority reaches more than `most` at this one; `multipliers` prove it."""

    priority: int
    most: Fraction
    multipliers: tuple[Multiplier, ...]


def bounds(
    problem: Problem,
    units: Units,
    goal: Objective,
    levels: Sequence[Level],
    core: Reduced,
    tight: Tight | None,
    stop: Watch,
) -> list[Bound]:
    """A bound for each priority, highest first: the relaxation once more for it alone, the higher ones kept at what they reached.

    `core` and `tight` are those of all instructions; its cuts hold for every priority. When the solver fails or is stopped, a bound follows
    from the prices of `tight`, or else from the reduction alone.
    """
    if tight is None:
        # The reduction has decided everything, or there was no time for more.
        tight = untightened(core)
    found: list[Bound] = []
    kept: list[Kept] = []
    solving = True
    for level in levels:
        whole = _numerators(goal, level)
        priced = None
        if solving:
            priced = _solved(core, whole[core.free].astype(np.float64), goal.denominator, tight, kept, stop)
            solving = priced is not None and stop.done()
        if priced is not None and solving:
            tight_here, prices = priced
            held = [one._replace(price=price) for one, price in zip(kept, prices, strict=True)]
            most, lines = prove(problem, units, goal, level.value, level.number, core, tight_here, held)
        else:
            # What all priorities together can bring, less what the higher ones have.
            held = [one._replace(price=1.0) for one in kept]
            most, lines = min(
                (
                    prove(problem, units, goal, level.value, level.number, core, tight, held),
                    prove(problem, units, goal, level.value, level.number, core, untightened(core)),
                ),
                key=lambda proof: proof[0],
            )
        # The objective of a set is a whole number of these parts.
        most = Fraction(most * goal.denominator // 1, goal.denominator)
        found.append(Bound(level.priority, most, tuple(lines)))
        reached = goal.per_value * level.value_settled + goal.per_instruction * level.number_settled
        kept.append(Kept(level.priority, 0.0, whole, reached))
    return found


def untightened(core: Reduced) -> Tight:
    """No prices and no cuts."""
    nothing = np.zeros(len(core.free))
    return Tight(nothing, nothing, np.zeros(len(core.bind)), [], np.zeros(0), np.inf, np.inf, None)


def _numerators(goal: Objective, level: Level) -> NDArray[Any]:
    """What each unit brings at this priority, in parts of the objective's denominator."""
    result: NDArray[Any] = (
        level.value.astype(object) * goal.per_value + level.number.astype(object) * goal.per_instruction
    )
    return result


def _solved(
    core: Reduced, weight: NDArray[np.float64], parts: int, tight: Tight, kept: Sequence[Kept], stop: Watch
) -> tuple[Tight, list[float]] | None:
    """The prices of positions and cuts, and those of what the higher priorities keep; `weight` in so many parts of the objective."""
    if not len(core.free) or not weight.any():
        return untightened(core), [0.0] * len(kept)
    # In numbers of a size that the solver likes.
    size = float(weight.max())
    relaxation = Relaxation(core, weight / size, None, stop)
    cuts = [cut for cut, price in zip(tight.cuts, tight.cut_price.tolist(), strict=True) if price > 0.0]
    if cuts:
        relaxation.add_cuts(
            np.array([cut.side for cut in cuts]),
            np.cumsum([0, *(len(cut.unit) for cut in cuts)]),
            np.concatenate([cut.unit for cut in cuts]),
            np.concatenate([cut.value for cut in cuts]),
            None,
        )
    scales = [_keep(relaxation, core, one) for one in kept]
    if not relaxation.solve():
        return None
    cut_price = relaxation.cut_price[: len(cuts)] * (size / parts)
    prices = iter(relaxation.cut_price[len(cuts) :].tolist())
    held = [next(prices) * size / scale if scale else 0.0 for scale in scales]
    return replace(tight, price=relaxation.price * (size / parts), cuts=cuts, cut_price=cut_price), held


def _keep(relaxation: Relaxation, core: Reduced, one: Kept) -> float:
    """Ask of the free units that a higher priority keeps what it reached; returns what its row was divided by, 0 = no row."""
    brings = one.weight[core.free].astype(np.float64)
    unit = np.flatnonzero(brings)
    if not len(unit):
        return 0.0
    scale = float(brings.max())
    least = one.reached - int(one.weight[core.surely].sum())
    relaxation.add_cuts(np.array([-least / scale]), np.array([0, len(unit)]), unit, -brings[unit] / scale, None)
    return scale
