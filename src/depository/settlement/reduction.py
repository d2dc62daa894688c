"""Exact reduction: what settles in any best set, what can never settle, and the positions that still bind."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depository.settlement import compiled
from depository.settlement.units import Units, balance_after, by_position_and, leg_units


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """The core of a netting problem that is left to decide.

    `free` are unit numbers, `bind` position numbers; `surely` and `never` are decided units. Legs of free units on binding
    positions: start, row (index into bind), change. `balance` is what is left per binding position once `surely` have settled.
    `never_row` is the position that proves it, in the order of proof.
    """

    free: NDArray[np.int64]
    bind: NDArray[np.int64]
    surely: NDArray[np.int64]
    never: NDArray[np.int64]
    never_row: NDArray[np.int64]
    start: NDArray[np.int64]
    row: NDArray[np.int64]
    change: NDArray[Any]
    balance: NDArray[Any]


def reduce(units: Units, balance: NDArray[Any], chosen: NDArray[np.int64]) -> Reduced:
    """Decide what can be decided exactly among the chosen units, weights being >= 0, and repeat until nothing more follows.

    A position that covers all its deliveries without any receipt never binds. A unit that gives only where nothing binds settles.
    A unit that asks more of a position than it could ever hold does not.
    """
    alive = np.zeros(len(units), dtype=np.bool_)
    alive[chosen] = True
    # The chosen units alone, legs and all, under their own numbers, and the positions that they touch alone.
    original, start, row, change = sub_legs(units, alive)
    touched = np.zeros(len(balance), dtype=np.bool_)
    touched[row] = True
    row = (np.cumsum(touched) - 1)[row]
    positions, left = np.flatnonzero(touched), balance[touched]
    rows, place = len(positions), leg_units(start)
    out_total, in_total = np.zeros(rows, dtype=left.dtype), np.zeros(rows, dtype=left.dtype)
    gives = change < 0
    np.add.at(out_total, row[gives], change[gives])
    np.add.at(in_total, row[~gives], change[~gives])
    head, entry = by_position_and(change, row, rows)
    within = np.ones(len(chosen), dtype=np.bool_)
    state, never, never_row = (np.zeros(len(chosen) + 1, dtype=np.int64) for _ in range(3))
    found = compiled.run(
        "decide", len(row), start, row, change, place, head, entry, within, left, out_total, in_total, state, never, never_row,
    )  # fmt: skip
    state = state[:-1]
    binding = left + out_total < 0
    on = (state == 0)[place] & binding[row]
    start = np.zeros(int((state == 0).sum()) + 1, dtype=np.int64)
    np.cumsum(np.bincount(place[on], minlength=len(state))[state == 0], out=start[1:])
    return Reduced(
        free=original[state == 0],
        bind=positions[binding],
        surely=original[state == 1],
        never=original[never[:found]],
        never_row=positions[never_row[:found]],
        start=start,
        row=(np.cumsum(binding) - 1)[row[on]],
        change=change[on],
        balance=left[binding],
    )


def sub_legs(
    units: Units, alive: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """The alive units and their legs, under the numbers 0, 1, ... in their order: (unit of each number, start, row, change)."""
    original = np.flatnonzero(alive)
    first = units.start[original]
    start = np.zeros(len(original) + 1, dtype=np.int64)
    np.cumsum(units.start[original + 1] - first, out=start[1:])
    leg = np.arange(start[-1]) + np.repeat(first - start[:-1], np.diff(start))
    return original, start, units.row[leg], units.change[leg]


def balance_of(core: Reduced, x: NDArray[np.bool_]) -> NDArray[Any]:
    """What is left on each binding position when these units settle."""
    return balance_after(core, core.balance, x)


def is_feasible(core: Reduced, x: NDArray[np.bool_]) -> bool:
    """No binding position goes negative: decided in exact integers."""
    return not bool((balance_of(core, x) < 0).any())


def part_of(core: Reduced, units: NDArray[np.int64]) -> tuple[Reduced, NDArray[np.int64]]:
    """The part of a core that these of its units (numbers into `free`, ascending) make up, and the positions they touch (into `bind`)."""
    chosen = np.zeros(len(core.free), dtype=np.bool_)
    chosen[units] = True
    unit = leg_units(core.start)
    keep = chosen[unit]
    rows, row = np.unique(core.row[keep], return_inverse=True)
    start = np.zeros(len(units) + 1, dtype=np.int64)
    np.cumsum(np.diff(core.start)[units], out=start[1:])
    part = Reduced(
        free=core.free[units],
        bind=core.bind[rows],
        surely=core.surely[:0],
        never=core.never[:0],
        never_row=core.never_row[:0],
        start=start,
        row=row.astype(np.int64),
        change=core.change[keep],
        balance=core.balance[rows],
    )
    return part, rows


def part_left(
    core: Reduced, settled: NDArray[np.bool_], open_units: NDArray[np.bool_]
) -> tuple[Reduced, NDArray[np.bool_]]:
    """What of a core is left to decide of its open units beside the settled ones, and those with the open ones that settle surely.

    The numbers in `free`, `bind` and so on are those within the core.
    """
    whole = Units(
        np.zeros(0, dtype=np.int64), np.zeros(len(settled), dtype=np.bool_), core.start, core.row, core.change
    )
    part = reduce(whole, balance_after(core, core.balance, settled), np.flatnonzero(open_units))
    settled = settled.copy()
    settled[part.surely] = True
    return part, settled
