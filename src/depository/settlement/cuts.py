"""The relaxation made tight: rounding cuts on single positions, found, added and dropped round by round."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from depository.settlement import compiled
from depository.settlement.reduction import Reduced
from depository.settlement.solver import Relaxation
from depository.settlement.units import by_position, leg_units

# Positions with more legs than this are left without cuts: a leg is too small a part of them.
LONGEST = 2000
TRIES = 16
LEAST_DEPTH = 3e-3


class Cut(NamedTuple):
    """One cut of position `row`: divided by `half_divisor` / 2 after counting the units `other` by what is missing, and rounded."""

    row: int
    half_divisor: int
    other: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Tight:
    """The relaxation after its cuts: x and profit per unit, price per position, the cuts that bind with their prices."""

    x: NDArray[np.float64]
    profit: NDArray[np.float64]
    price: NDArray[np.float64]
    cuts: list[Cut]
    cut_price: NDArray[np.float64]
    plain_bound: float
    bound: float


def tighten(
    core: Reduced, weight: NDArray[np.float64], rounds: int, stop: Callable[[], bool] | None = None
) -> Tight | None:
    """Solve the relaxation, then up to `rounds` times add the cuts it violates; None if not even the first solution came."""
    relaxation = Relaxation(core, weight, stop)
    if not relaxation.solve():
        return None
    rows, legs = len(core.bind), len(core.row)
    head, entry = by_position(core.row, rows)
    unit = leg_units(core.start)
    longest = int(np.diff(head).max(initial=0))
    space = min(legs * 4, 6_000_000) + 16
    coefficient, part, other = np.zeros(longest), np.zeros(longest), np.zeros(longest, dtype=np.int64)
    out_row, out_divisor, out_side = np.zeros(rows, dtype=np.int64), np.zeros(rows), np.zeros(rows)
    out_start = np.zeros(rows + 1, dtype=np.int64)
    out_unit, out_other = np.zeros(space, dtype=np.int64), np.zeros(space, dtype=np.int64)
    out_value = np.zeros(space)
    cuts: list[Cut] = []
    plain = relaxation.bound
    best = (relaxation.x, relaxation.profit, relaxation.price, cuts, relaxation.cut_price, relaxation.bound)
    for _ in range(rounds):
        found = compiled.run(
            "separate", legs, head, entry, unit, core.change, core.balance, relaxation.x, coefficient, part, other,
            out_row, out_divisor, out_start, out_unit, out_value, out_other, out_side, LONGEST, TRIES, LEAST_DEPTH,
        )  # fmt: skip
        if not found:
            break
        idle = np.flatnonzero(relaxation.cut_price == 0.0)
        relaxation.drop_cuts(idle)
        dead = set(idle.tolist())
        cuts = [cut for number, cut in enumerate(cuts) if number not in dead]
        size = int(out_start[found])
        relaxation.add_cuts(
            out_side[:found].copy(), out_start[: found + 1], out_unit[:size].copy(), out_value[:size].copy()
        )
        for c in range(found):
            inside = slice(int(out_start[c]), int(out_start[c + 1]))
            turned = out_unit[inside][out_other[inside] == 1]
            cuts.append(Cut(int(out_row[c]), round(2 * float(out_divisor[c])), turned))
        if not relaxation.solve():
            break
        best = (relaxation.x, relaxation.profit, relaxation.price, cuts, relaxation.cut_price, relaxation.bound)
    x, profit, price, cuts, cut_price, bound = best
    return Tight(x, profit, price, cuts, cut_price, plain, bound)
