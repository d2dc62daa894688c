"""The bound: what no set can exceed, recomputed in exact integers from non-negative multipliers (Lagrangian bound)."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depository.settlement.cuts import Tight
from depository.settlement.objective import Objective
from depository.settlement.outcome import Multiplier
from depository.settlement.problem import Problem
from depository.settlement.reduction import Reduced
from depository.settlement.units import Units, by_position, leg_units

# Prices are rounded to this fraction of the objective's own unit: fine enough for prices of a cent among trillions.
FINER = 1 << 80
NOTHING = Fraction(0)


class Kept(NamedTuple):
    """What a set must bring at a higher priority: `weight` per unit and `reached`, in parts of the objective's denominator; its price."""

    priority: int
    price: float
    weight: NDArray[Any]
    reached: int


class _FirstIds:
    """The earliest instruction of each unit stands for the unit."""

    __slots__ = ("_first", "_ids")

    def __init__(self, problem: Problem, units: Units) -> None:
        self._ids = problem.ids
        self._first = np.zeros(len(units), dtype=np.int64)
        latest_first = np.argsort(-problem.rank)
        self._first[units.member[latest_first]] = latest_first

    def __getitem__(self, unit: int) -> str:
        return self._ids[int(self._first[unit])]


def prove(
    problem: Problem,
    units: Units,
    objective: Objective,
    value: NDArray[Any],
    count: NDArray[np.int64],
    core: Reduced,
    tight: Tight | None,
    kept: Sequence[Kept] = (),
) -> tuple[Fraction, list[Multiplier]]:
    """The bound that follows from the prices of the relaxation, and the lines from which anyone can recompute it.

    Sum of price * what is available, plus price * right side of each cut, plus, over the units not ruled out, the positive part
    of weight + sum of price * change - sum of price * coefficient in the cut. What is `kept` at a higher priority counts with its
    price, beyond what had to be reached there. Exact: all in integers over one denominator.
    """
    denominator = objective.denominator * FINER
    first_id = _FirstIds(problem, units)
    lines = [
        Multiplier("never", problem.positions[p].asset, problem.positions[p].holder, first_id[u], NOTHING, "", NOTHING)
        for u, p in zip(core.never.tolist(), core.never_row.tolist(), strict=True)
    ]
    ruled_out = np.zeros(len(units), dtype=np.bool_)
    ruled_out[core.never] = True
    price = np.zeros(len(problem.positions), dtype=object)
    concerned = np.zeros(len(problem.positions), dtype=np.bool_)
    if tight is not None:
        price[core.bind] = [_nearest(one, denominator, 1) for one in tight.price.tolist()]
        concerned[core.bind[[cut.row for cut in tight.cuts]]] = True
    used = np.flatnonzero(price != 0)
    concerned[used] = True
    legs = np.flatnonzero(concerned[units.row])
    unit = leg_units(units.start)[legs]
    touched = np.zeros(len(units), dtype=np.bool_)
    touched[unit] = True
    profit = np.zeros(len(units), dtype=object)
    profit[touched] = (
        value[touched].astype(object) * objective.per_value + count[touched].astype(object) * objective.per_instruction
    ) * FINER
    total = 0
    for one in kept:
        times = _nearest(one.price, FINER, 1)
        if times <= 0:
            continue
        fresh = (one.weight != 0) & ~touched
        profit[fresh] = (
            value[fresh].astype(object) * objective.per_value + count[fresh].astype(object) * objective.per_instruction
        ) * FINER
        touched |= fresh
        profit += one.weight * times
        total -= one.reached * times
        lines.append(Multiplier("priority", "", "", "", Fraction(times, FINER), str(one.priority), NOTHING))
    if len(legs):
        head = np.flatnonzero(np.concatenate(([True], unit[1:] != unit[:-1])))
        profit[unit[head]] += np.add.reduceat(price[units.row[legs]] * units.change[legs].astype(object), head)
    # What no price touches brings its whole weight.
    whole = ~touched & ~ruled_out
    total += (
        int(value[whole].sum()) * objective.per_value + int(count[whole].sum()) * objective.per_instruction
    ) * FINER
    lines += [
        Multiplier("balance", at.asset, at.holder, "", Fraction(price[p], denominator), "", NOTHING)
        for p in used.tolist()
        for at in (problem.positions[p],)
    ]
    total += sum((price[used] * problem.opening[used]).tolist())
    if tight is not None:
        total += _add_cuts(problem, units, core, tight, denominator, ruled_out, profit, first_id, lines)
    total += sum(p for p in profit[touched & ~ruled_out].tolist() if p > 0)
    return Fraction(int(total), denominator), lines


def _nearest(price: float, denominator: int, divisor: int) -> int:
    """The whole number nearest to price * denominator / divisor."""
    numerator, power = price.as_integer_ratio()
    return (2 * numerator * denominator + power * divisor) // (2 * power * divisor)


def _add_cuts(
    problem: Problem,
    units: Units,
    core: Reduced,
    tight: Tight,
    denominator: int,
    ruled_out: NDArray[np.bool_],
    profit: NDArray[Any],
    first_id: _FirstIds,
    lines: list[Multiplier],
) -> int:
    """Charge each unit its coefficient in every cut, append the cuts' lines, and return what the right sides add to the bound."""
    head, entry = by_position(units.row, len(problem.positions))
    unit = leg_units(units.start)
    turned = np.zeros(len(units), dtype=np.bool_)
    sure = np.zeros(len(units), dtype=np.bool_)
    sure[core.surely] = True
    total = 0
    for cut, price in zip(tight.cuts, tight.cut_price.tolist(), strict=True):
        if price <= 0.0:
            continue
        p = int(core.bind[cut.row])
        legs = entry[head[p] : head[p + 1]]
        legs = legs[~ruled_out[unit[legs]]]
        members = unit[legs]
        # What settles in any best set is counted by what is missing, as the relaxation did by leaving it out.
        turned[core.free[cut.other]] = True
        other = (turned[members] | sure[members]).tolist()
        turned[core.free[cut.other]] = False
        needs = [-2 * int(c) for c in units.change[legs].tolist()]
        room = 2 * int(problem.opening[p]) - sum(n for n, o in zip(needs, other, strict=True) if o)
        whole, rest = divmod(room, cut.half_divisor)
        one = cut.half_divisor - rest
        multiplier = _nearest(price, denominator, one)
        if multiplier <= 0:
            continue
        side = whole * one
        for u, need, o in zip(members.tolist(), needs, other, strict=True):
            times, over = divmod(-need if o else need, cut.half_divisor)
            coefficient = times * one + max(0, over - rest)
            if o:
                side -= coefficient
                coefficient = -coefficient
            if coefficient:
                profit[u] -= multiplier * coefficient
        total += multiplier * side
        at = problem.positions[p]
        names = ";".join(first_id[u] for u, o in zip(members.tolist(), other, strict=True) if o)
        divisor = Fraction(cut.half_divisor, 2)
        lines.append(
            Multiplier("cut", at.asset, at.holder, "", Fraction(multiplier * one, denominator), names, divisor)
        )
    return total
