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
    rows = len(balance)
    count = len(units)
    alive = np.zeros(count, dtype=np.bool_)
    alive[chosen] = True
    unit = leg_units(units.start)
    keep = alive[unit]
    # The chosen units alone, legs and all, under their own numbers.
    start, row, change = sub_legs(units, alive)
    place = np.repeat(np.arange(len(chosen)), np.diff(start))
    left = balance.copy()
    out_total, in_total = np.zeros(rows, dtype=left.dtype), np.zeros(rows, dtype=left.dtype)
    gives = change < 0
    np.add.at(out_total, row[gives], change[gives])
    np.add.at(in_total, row[~gives], change[~gives])
    head, entry = by_position_and(change, row, rows)
    within = np.ones(len(chosen), dtype=np.bool_)
    state, never, never_row = (np.zeros(len(chosen) + 1, dtype=np.int64) for _ in range(3))
    found = compiled.run(
        "decide",
        len(row),
        start,
        row,
        change,
        place,
        head,
        entry,
        within,
        left,
        out_total,
        in_total,
        state,
        never,
        never_row,
    )
    original = np.flatnonzero(alive)
    surely = original[np.flatnonzero(state[:-1] == 1)]
    alive[original[state[:-1] != 0]] = False
    binding = left + out_total < 0
    keep = alive[unit]
    unit, row, change = unit[keep], units.row[keep], units.change[keep]
    on = binding[row]
    unit, row, change = unit[on], row[on], change[on]
    free = np.flatnonzero(alive)
    bind = np.flatnonzero(binding)
    place = np.zeros(rows, dtype=np.int64)
    place[bind] = np.arange(len(bind))
    unit_place = np.zeros(count, dtype=np.int64)
    unit_place[free] = np.arange(len(free))
    start = np.zeros(len(free) + 1, dtype=np.int64)
    np.cumsum(np.bincount(unit_place[unit], minlength=len(free)), out=start[1:])
    return Reduced(
        free=free,
        bind=bind,
        surely=surely,
        never=original[never[:found]],
        never_row=never_row[:found],
        start=start,
        row=place[row],
        change=change,
        balance=left[bind],
    )


def sub_legs(units: Units, alive: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """The legs of the alive units, which take the numbers 0, 1, ... in their order: (start, row, change)."""
    keep = alive[leg_units(units.start)]
    start = np.zeros(int(alive.sum()) + 1, dtype=np.int64)
    np.cumsum(np.diff(units.start)[alive], out=start[1:])
    return start, units.row[keep], units.change[keep]


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
