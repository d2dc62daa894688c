"""Where the gap lies, and which units around such a place are worth searching together.

At the prices of the relaxation, what a set falls short of the bound is a sum of parts: |profit| of each unit that stands against the
sign of its profit, price * what is left on each position, price * what is left in each cut. Every part belongs to a position.
"""

import numpy as np
from numpy.typing import NDArray

from depository.settlement.cuts import Tight
from depository.settlement.reduction import Reduced
from depository.settlement.units import balance_after, by_position, leg_units

# A unit that costs more than this to turn stays as it is.
MOST = 0.5
# Of a region the first position brings at most this part, each of the next ones at least so many units.
FIRST = 3
LEAST = 30


class Regions:
    """Finds the places where a set loses most against the bound, and the units around each."""

    __slots__ = ("_core", "_cost", "_cut", "_cut_row", "_cut_side", "_entry", "_head", "_number", "_tight", "_unit")

    def __init__(self, core: Reduced, tight: Tight, cost: NDArray[np.float64]) -> None:
        self._core, self._tight = core, tight
        self._unit = leg_units(core.start)
        self._head, self._entry = by_position(core.row, len(core.bind))
        # What it costs to turn a unit; 0 for those in doubt.
        self._cost = cost
        cuts = tight.cuts
        self._number = np.repeat(np.arange(len(cuts)), np.array([len(cut.unit) for cut in cuts], dtype=np.int64))
        self._cut = (
            np.concatenate([np.zeros(0, dtype=np.int64), *(cut.unit for cut in cuts)]),
            np.concatenate([np.zeros(0), *(cut.value for cut in cuts)]),
        )
        self._cut_row = np.array([cut.row for cut in cuts], dtype=np.int64)
        self._cut_side = np.array([cut.side for cut in cuts], dtype=np.float64)

    def losses(self, x: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Per position, its part of what the set x falls short of the bound; a unit's part counts half on each of its positions."""
        core, tight = self._core, self._tight
        loss = tight.price * balance_after(core, core.balance, x).astype(np.float64)
        unit, value = self._cut
        slack = self._cut_side - np.bincount(self._number, value * x[unit], minlength=len(self._cut_side))
        loss += np.bincount(self._cut_row, tight.cut_price * slack, minlength=len(loss))
        against = np.where(x != (tight.profit > 0.0), np.abs(tight.profit), 0.0)
        result: NDArray[np.float64] = loss + np.bincount(core.row, 0.5 * against[self._unit], minlength=len(loss))
        return result

    def around(
        self, position: int, size: int, x: NDArray[np.bool_], loss: NDArray[np.float64], taken: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """About `size` units that cost little to turn, on this position and on those it is tied to, none of the `taken`.

        Positions are followed where most is lost first.
        """
        core, head, entry, unit = self._core, self._head, self._entry, self._unit
        cost = np.where((x != (self._tight.profit > 0.0)), 0.0, self._cost)
        chosen = np.zeros(len(x), dtype=np.bool_)
        seen = np.zeros(len(loss), dtype=np.bool_)
        seen[position] = True
        frontier, number, quota = np.array([position]), 0, size // FIRST
        while len(frontier) and number < size:
            found = []
            for p in frontier.tolist():
                units = unit[entry[head[p] : head[p + 1]]]
                units = units[~(chosen[units] | taken[units]) & (cost[units] < MOST)]
                if len(units) > quota:
                    units = units[np.argsort(cost[units], kind="stable")[:quota]]
                chosen[units] = True
                found.append(units)
                number += len(units)
                if number >= size:
                    break
            new = np.concatenate(found)
            at = [np.arange(core.start[u], core.start[u + 1]) for u in new.tolist()]
            frontier = np.unique(core.row[np.concatenate([new[:0], *at])])
            frontier = frontier[~seen[frontier]]
            seen[frontier] = True
            frontier = frontier[np.argsort(-loss[frontier], kind="stable")]
            quota = max(LEAST, (size - number) // max(len(frontier), 1))
        return np.flatnonzero(chosen)
