"""Feasible sets of units, and better ones near them: by chains, circles and exchanges, decided in exact integers."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depository.settlement import compiled
from depository.settlement.cuts import Tight
from depository.settlement.plans import Plan
from depository.settlement.reduction import Reduced, balance_of, is_feasible
from depository.settlement.solver import Floor
from depository.settlement.units import by_position_and, leg_units
from depository.settlement.watch import Watch

ROUNDS_WITHOUT_END = 1 << 30
# An improvement turns at most so many units, looks at LOOK legs of a position for ways to mend it and at FILL of them for what fits
# into the room it made; it is given up once it stands to lose HOPE times the weight of its first unit.
FLIPS = 60
LOOK = 5000
FILL = 100
HOPE = 0.2
# Short positions are mended in so many passes, by the first of so many ways, with so many looks at each leg.
MENDS, MEND_SCAN, MEND_LOOKS = 3, 10, 100
# Of a position with many legs so many units are weighed at a time as to which is taken out.
HUB = 1000


class Table:
    """What the inner loops need beside the core: legs by position in the order in which they are worth turning, and prices."""

    __slots__ = ("entry", "head", "price", "profit", "unit", "weight")

    def __init__(self, core: Reduced, weight: NDArray[np.float64], tight: Tight | None) -> None:
        rows = len(core.bind)
        self.weight = weight
        self.unit = leg_units(core.start)
        size = np.abs(core.change.astype(np.float64))
        legs = np.maximum(np.bincount(core.row, minlength=rows), 1)
        # A position without a price still costs something to mend: a small part of what a typical unit weighs per amount.
        typical = float(np.median(weight)) / np.maximum(np.bincount(core.row, size, minlength=rows) / legs, 1.0)
        self.price = 0.05 * typical if tight is not None else typical
        self.profit = weight
        if tight is not None:
            self.price = np.maximum(tight.price, self.price)
            self.profit = tight.profit
        self.head, self.entry = by_position_and(np.abs(self.profit[self.unit]) / size, core.row, rows)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What stays the same while a set is looked for; `weight` is what the objective gives for each unit."""

    core: Reduced
    weight: NDArray[np.float64]
    table: Table
    floors: list[Floor]
    stop: Watch

    def weight_of(self, x: NDArray[np.bool_]) -> float:
        """What a set brings."""
        return float(self.weight[x].sum())


def keeps(x: NDArray[np.bool_], floors: list[Floor]) -> bool:
    """Whether a set brings what every floor asks."""
    return all(float(coefficients[x].sum()) >= least for coefficients, least in floors)


def feasible(core: Reduced, table: Table, start: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Exchange or take out what the positions cannot bear, then put in whatever still fits; empty if there is no way."""
    settled = start.astype(np.int64)
    balance = balance_of(core, start)
    _exchange(core, table, balance, settled)
    # What the prices say a unit is worth, and a little of its own weight where they say nothing.
    cheap = np.maximum(table.profit, 0.0) + 0.01 * table.weight
    compiled.run(
        "remove", len(core.row), core.start, core.row, core.change, table.unit, table.head, table.entry, cheap, table.price,
        balance, settled, np.zeros(len(core.bind) + 1, dtype=np.int64), HUB,
    )  # fmt: skip
    order = np.argsort(-table.profit, kind="stable")
    compiled.run("fifo", len(core.row), order, core.start, core.row, core.change, balance, settled, ROUNDS_WITHOUT_END)
    return settled > 0


def _exchange(core: Reduced, table: Table, balance: NDArray[Any], settled: NDArray[np.int64]) -> None:
    """Mend short positions by chains, circles and exchanges, the least shortages first, in place; some may stay short.

    A unit that is taken out leaves others short, who have nothing to begin with: exchanged for another, it need not.
    """
    for _ in range(MENDS):
        short = np.flatnonzero(balance < 0)
        worth = (table.price * -balance.astype(np.float64))[short]
        order = -1 - short[np.argsort(worth, kind="stable")]
        kept, _ = _improve(core, table, table.weight, order, balance, settled, MEND_SCAN, 0, _looks(core, MEND_LOOKS))
        if not kept:
            break


def _looks(core: Reduced, each: int) -> int:
    """How many legs may be looked at, so many times each; integers beyond 64 bits run uncompiled."""
    return each * len(core.row) // (1 if core.change.dtype != object else 100)


def _improve(
    core: Reduced,
    table: Table,
    weight: NDArray[np.float64],
    order: NDArray[np.int64],
    balance: NDArray[Any],
    settled: NDArray[np.int64],
    scan: int,
    fill: int,
    looks: int,
) -> tuple[int, int]:
    """Run `improve` over this order, in place: the moves kept and the work done."""
    count, legs = len(core.free), len(core.row)
    kept, work = compiled.run(
        "improve", legs, core.start, core.row, core.change, table.unit, table.head, table.entry, weight, table.price,
        order, balance, settled, np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64),
        np.zeros(legs + len(core.bind) + 1, dtype=np.int64), FLIPS, scan, LOOK, fill, HOPE, looks,
    )  # fmt: skip
    return kept, work


def improved(task: Task, start: NDArray[np.bool_], plan: Plan) -> NDArray[np.bool_]:
    """Chains, circles and exchanges around a feasible set until the passes or the work run out; infeasible starts come back as they are."""
    core, table = task.core, task.table
    settled = start.astype(np.int64)
    balance = balance_of(core, start)
    if (balance < 0).any():
        return start
    left = _looks(core, plan.looks)
    for turn in range(plan.passes):
        out_first = turn % 3 == 2
        order = np.argsort(table.profit if out_first else -table.profit, kind="stable")
        order = order[settled[order] == (1 if out_first else 0)]
        # Taking a unit out pays only where the prices leave it in doubt.
        order = order[:10_000] if out_first else order
        kept, work = _improve(core, table, task.weight, order, balance, settled, plan.scan, FILL, left)
        left -= work
        if left <= 0 or task.stop() or (not kept and turn >= 2):
            break
    return settled > 0


def improved_unpriced(task: Task, start: NDArray[np.bool_], plan: Plan) -> NDArray[np.bool_]:
    """The same without prices."""
    return improved(replace(task, table=Table(task.core, task.weight, None)), start, plan)


def better_of(task: Task, x: NDArray[np.bool_], found: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """The found set, mended in exact integers, if it is better and keeps the floors; else the one at hand."""
    if found is None:
        return x
    if not is_feasible(task.core, found):
        found = feasible(task.core, task.table, found)
    better = task.weight_of(found) > task.weight_of(x) and keeps(found, task.floors) and is_feasible(task.core, found)
    return found if better else x
