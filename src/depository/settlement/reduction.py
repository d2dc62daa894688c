"""Exact reduction: what settles in any best set, what can never settle, and the positions that still bind."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depository.settlement.units import Units, leg_units


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
    unit, row, change = unit[keep], units.row[keep], units.change[keep]
    left = balance.copy()
    zero = change[:0].sum()
    surely_parts: list[NDArray[np.int64]] = []
    never_parts: list[NDArray[np.int64]] = []
    never_rows: list[NDArray[np.int64]] = []
    binding = np.ones(rows, dtype=np.bool_)
    first = True
    while True:
        gives = change < 0
        out_total, in_total = np.full(rows, zero, dtype=left.dtype), np.full(rows, zero, dtype=left.dtype)
        np.add.at(out_total, row[gives], change[gives])
        np.add.at(in_total, row[~gives], change[~gives])
        binding = left + out_total < 0
        short = gives & (left[row] + in_total[row] + change < 0)
        if short.any():
            where = np.flatnonzero(short)
            units_never, at = np.unique(unit[where], return_index=True)
            never_parts.append(units_never)
            never_rows.append(row[where][at])
            alive[units_never] = False
        else:
            held = np.zeros(count, dtype=np.bool_)
            held[unit[gives & binding[row]]] = True
            free_now = alive & ~held
            settles = np.flatnonzero(free_now)
            if not len(settles) and not first:
                break
            first = False
            surely_parts.append(settles)
            moved = free_now[unit]
            np.add.at(left, row[moved], change[moved])
            alive &= held
        keep = alive[unit]
        unit, row, change = unit[keep], row[keep], change[keep]
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
    empty = np.zeros(0, dtype=np.int64)
    return Reduced(
        free=free,
        bind=bind,
        surely=np.concatenate([empty, *surely_parts]),
        never=np.concatenate([empty, *never_parts]),
        never_row=np.concatenate([empty, *never_rows]),
        start=start,
        row=place[row],
        change=change,
        balance=left[bind],
    )


def part_of(core: Reduced, units: NDArray[np.int64]) -> Reduced:
    """The part of a core that these of its units (numbers into `free`, ascending) make up, with the positions they touch."""
    chosen = np.zeros(len(core.free), dtype=np.bool_)
    chosen[units] = True
    unit = leg_units(core.start)
    keep = chosen[unit]
    rows, row = np.unique(core.row[keep], return_inverse=True)
    start = np.zeros(len(units) + 1, dtype=np.int64)
    np.cumsum(np.diff(core.start)[units], out=start[1:])
    return Reduced(
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
