"""The relaxation made tight: rounding cuts on single positions, found, added and dropped round by round."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depository.settlement import compiled
from depository.settlement.reduction import Reduced, part_of
from depository.settlement.solver import Relaxation
from depository.settlement.units import balance_after, by_position, leg_units
from depository.settlement.watch import Watch
from depository.settlement.workers import side_by_side

# Positions with more legs than this are left without cuts: a leg is too small a part of them.
LONGEST = 2000
TRIES = 16
LEAST_DEPTH = 3e-3
# With cuts, units whose profit is at least this part of their weight stand where they are; after so many rounds it is looked at
# anew which these are, and cuts without a price go.
FAR = 0.3
LOOKED_AT_ANEW = 2
# The objective leans by so much from the first to the last unit.
LEANING = 0.02
# What is behind the point of 0, 1, 2, ... times one of these spreads evenly from 0 to 1, in no order that sizes or places have.
SPREAD = 0.6180339887498949, 0.41421356237309515
# Up to so many units all are solved for in every round.
WHOLE = 20_000
# With more units than this a round that does not look anew brings next to nothing for half of what one costs that does (measured at a
# million).
HUGE = 300_000


class Cut(NamedTuple):
    """One cut of position `row`: divided by `half_divisor` / 2 after counting the units `other` by what is missing, and rounded.

    It reads value @ x[unit] <= side.
    """

    row: int
    half_divisor: int
    other: NDArray[np.int64]
    unit: NDArray[np.int64]
    value: NDArray[np.float64]
    side: float


@dataclass(frozen=True, slots=True, eq=False)
class Tight:
    """The relaxation after its cuts: x and profit per unit, price per position, the cuts that bind with their prices.

    `plain_bound` is the bound without cuts, `bound` the one that follows from the prices, cuts and all; `rounds` says how many rounds
    of cuts were asked for. `part` holds the solver as it ended.
    """

    x: NDArray[np.float64]
    profit: NDArray[np.float64]
    price: NDArray[np.float64]
    cuts: list[Cut]
    cut_price: NDArray[np.float64]
    plain_bound: float
    bound: float
    part: "Part | None"
    rounds: int = 0

    def serves(self, rounds: int) -> bool:
        """Would as many rounds come to the same again, and does the solver still stand where they ended?"""
        return self.rounds == rounds and self.part is not None and not self.part.spent


def tighten(core: Reduced, weight: NDArray[np.float64], rounds: int, stop: Watch) -> Tight | None:
    """Solve the relaxation, then up to `rounds` times add the cuts it violates; None if not even the first solution came.

    These rounds solve only for the units the prices leave near a change, which are few: the others stay as they are, and the bound,
    which counts all units at the last prices, holds whatever became of them.
    """
    nothing = Tight(np.zeros(len(weight)), weight, np.zeros(len(core.bind)), [], np.zeros(0), np.inf, np.inf, None)
    part = Part(core, weight, np.ones(len(weight), dtype=np.bool_), nothing, stop)
    best = part.solved([])
    if best is None or not stop.done():
        return None
    best = replace(best, plain_bound=best.bound)
    separation = _Separation(core)
    near = np.zeros(len(weight), dtype=np.bool_)
    for turn in range(rounds):
        found = separation.violated(best.x)
        if not found:
            break
        if len(weight) > WHOLE and (turn == 0 or turn % LOOKED_AT_ANEW == 1 or len(weight) > HUGE):
            near = near | _near(best, weight)
            part = Part(core, weight, near, best, stop)
        tight = part.solved(found)
        if tight is None or not stop.done():
            break
        best = replace(tight, plain_bound=best.plain_bound)
    return replace(best, rounds=rounds)


def _near(tight: Tight, weight: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The units that the prices leave in doubt, near a change, or on the wrong side."""
    doubt = (tight.x > 1e-9) & (tight.x < 1.0 - 1e-9)
    wrong = ((tight.profit > 0.0) != (tight.x > 0.5)) & (np.abs(tight.profit) > 1e-9 * weight)
    near: NDArray[np.bool_] = doubt | wrong | (np.abs(tight.profit) < FAR * weight)
    return near


class Part:
    """The relaxation over some units, the others standing at the whole number they are at, with its cuts.

    The price of a position or a cut stays within the limits at which the first of the units that stand would rather move.
    """

    __slots__ = ("_core", "_cuts", "_last", "_place", "_rows", "_stands", "_weight", "near", "relaxation", "spent")

    def __init__(
        self,
        core: Reduced,
        weight: NDArray[np.float64],
        near: NDArray[np.bool_],
        last: Tight,
        stop: Watch,
    ) -> None:
        self._core, self._weight, self.near, self._last = core, weight, near, last
        self.spent = False
        self._place = np.cumsum(near, dtype=np.int64) - 1
        self._stands = ~near & (last.x > 0.5)
        part, self._rows, limits = core, np.arange(len(core.bind)), None
        if not near.all():
            part, self._rows = part_of(core, np.flatnonzero(near))
            part = replace(part, balance=balance_after(core, core.balance, self._stands)[self._rows])
            low, high = self._limits(core.row, leg_units(core.start), -core.change.astype(np.float64), last.price)
            limits = low[self._rows], high[self._rows]
        self.relaxation = Relaxation(part, weight[near], limits, stop)
        self._cuts: list[Cut] = []
        bind = np.flatnonzero(last.cut_price > 0.0).tolist()
        self._add([last.cuts[c] for c in bind], last.cut_price[bind])

    def solved(self, violated: list[Cut]) -> Tight | None:
        """Add these cuts and solve; None if the solver fails or is stopped."""
        self._add(violated, np.zeros(len(violated)))
        relaxation, core = self.relaxation, self._core
        if not relaxation.solve():
            return None
        x = self._stands.astype(np.float64)
        x[self.near] = relaxation.x
        price = self._last.price.copy()
        price[self._rows] = relaxation.price
        profit, bound = _priced(core, self._weight, price, self._cuts, relaxation.cut_price)
        return Tight(x, profit, price, list(self._cuts), relaxation.cut_price, bound, bound, self)

    def leanings(self, which: range) -> list[NDArray[np.float64]]:
        """Other solutions, each almost as good, of objectives that lean a little to some of the units.

        0 leans to larger units, 1 to smaller, 2 to earlier, 3 to later, 4 to 6 to units spread evenly among all. What was solved last
        stands as it was. Fewer than asked for if the solver fails or is stopped.
        """
        relaxation = self.relaxation
        weight = self._weight[self.near]
        by_place = np.linspace(-0.5, 0.5, len(weight))
        by_size = np.zeros(len(weight))
        by_size[np.argsort(weight, kind="stable")] = by_place
        spread, other = (np.arange(len(weight)) * ratio % 1.0 - 0.5 for ratio in SPREAD)
        found: list[NDArray[np.float64]] = []
        last = relaxation.x, relaxation.price, relaxation.cut_price
        leanings = (by_size, -by_size, -by_place, by_place, spread, other, -spread)
        for leaning in leanings[which.start : which.stop]:
            relaxation.weigh(weight * (1.0 + LEANING * leaning))
            if not relaxation.solve():
                break
            x = self._stands.astype(np.float64)
            x[self.near] = relaxation.x
            found.append(x)
        relaxation.weigh(weight)
        relaxation.x, relaxation.price, relaxation.cut_price = last
        return found

    def soften(self, price: NDArray[np.float64], times: float) -> None:
        """From now on positions can be overdrawn at so many times `price`, and cuts at so many times their last price.

        The solver is of no use to others then.
        """
        relaxation, self.spent = self.relaxation, True
        relaxation.limit(0, np.zeros(len(self._rows)), times * price[self._rows], relaxation.scale)
        cut_price = times * relaxation.cut_price
        relaxation.limit(len(self._rows), np.zeros(len(cut_price)), cut_price, np.ones(len(cut_price)))

    def _add(self, cuts: list[Cut], price: NDArray[np.float64]) -> None:
        if not cuts:
            return
        self._cuts += cuts
        number = np.repeat(np.arange(len(cuts)), [len(cut.unit) for cut in cuts])
        unit, value = np.concatenate([cut.unit for cut in cuts]), np.concatenate([cut.value for cut in cuts])
        side: NDArray[np.float64] = np.array([cut.side for cut in cuts], dtype=np.float64)
        side = side - np.bincount(number, value * self._stands[unit], minlength=len(cuts))
        here = self.near[unit]
        start = np.zeros(len(cuts) + 1, dtype=np.int64)
        np.cumsum(np.bincount(number[here], minlength=len(cuts)), out=start[1:])
        limits = None if here.all() else self._limits(number, unit, value, price)
        self.relaxation.add_cuts(side, start, self._place[unit[here]], value[here], limits)

    def _limits(
        self, row: NDArray[np.int64], unit: NDArray[np.int64], need: NDArray[np.float64], price: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Between which prices of each row none of the units that stand would rather move, all other prices being as they were."""
        far = ~self.near[unit] & (need != 0.0)
        row, unit, need = row[far], unit[far], need[far]
        distance = np.abs(self._last.profit[unit] / need)
        leaves = self._stands[unit] == (need > 0.0)
        low, high = np.zeros(len(price)), np.full(len(price), np.inf)
        np.minimum.at(high, row[leaves], (price[row] + distance)[leaves])
        np.maximum.at(low, row[~leaves], (price[row] - distance)[~leaves])
        return low, high


def _priced(
    core: Reduced,
    weight: NDArray[np.float64],
    price: NDArray[np.float64],
    cuts: list[Cut],
    cut_price: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    """What each unit brings beyond what it uses at these prices, and the bound that follows from them."""
    count = len(weight)
    profit = weight + np.bincount(
        leg_units(core.start), price[core.row] * core.change.astype(np.float64), minlength=count
    )
    # No `@`: a long one is split by the number of cores, and its last digits with it.
    bound = float((price * core.balance.astype(np.float64)).sum())
    if cuts:
        each = np.repeat(cut_price, [len(cut.unit) for cut in cuts])
        unit, value = np.concatenate([cut.unit for cut in cuts]), np.concatenate([cut.value for cut in cuts])
        profit -= np.bincount(unit, each * value, minlength=count)
        bound += float((cut_price * np.array([cut.side for cut in cuts])).sum())
    return profit, bound + float(np.maximum(profit, 0.0).sum())


class _Separation:
    """Finds the cuts that a fractional solution violates; keeps the arrays it needs from round to round."""

    __slots__ = ("_core", "_lists", "_parts")

    def __init__(self, core: Reduced) -> None:
        rows = len(core.bind)
        head, entry = by_position(core.row, rows)
        self._core = core
        self._lists = (head, entry, leg_units(core.start))
        # On large days two parts side by side, each with about half of the legs.
        middle = int(np.searchsorted(head, len(core.row) // 2)) if len(core.free) > WHOLE else 0
        self._parts = [_Positions(head, first, end) for first, end in ((0, middle), (middle, rows)) if first < end]

    def violated(self, x: NDArray[np.float64]) -> list[Cut]:
        """At most one cut per position."""
        core = self._core
        found = side_by_side(
            [partial(part.violated, self._lists, core.change, core.balance, x) for part in self._parts]
        )
        return [cut for cuts in found for cut in cuts]


class _Positions:
    """The positions from `first` on and before `end`, with room for their cuts."""

    __slots__ = ("_out", "_range", "_scratch")

    def __init__(self, head: NDArray[np.int64], first: int, end: int) -> None:
        rows, legs, longest = end - first, int(head[end] - head[first]), int(np.diff(head[first : end + 1]).max())
        self._range = first, end
        self._scratch = np.zeros(longest), np.zeros(longest), np.zeros(longest, dtype=np.int64)
        self._out = (
            np.zeros(rows, dtype=np.int64), np.zeros(rows), np.zeros(rows + 1, dtype=np.int64),
            np.zeros(legs, dtype=np.int64), np.zeros(legs), np.zeros(legs, dtype=np.int64), np.zeros(rows),
        )  # fmt: skip

    def violated(
        self, lists: tuple[NDArray[np.int64], ...], change: NDArray[Any], balance: NDArray[Any], x: NDArray[np.float64]
    ) -> list[Cut]:
        """At most one cut for each of these positions."""
        number = compiled.run(
            "separate", len(change), *lists, change, balance, x, *self._scratch, *self._out, *self._range,
            LONGEST, TRIES, LEAST_DEPTH,
        )  # fmt: skip
        row, divisor, start, unit, value, other, side = self._out
        cuts = []
        ends = start[: number + 1].tolist()
        for c in range(number):
            inside = slice(ends[c], ends[c + 1])
            at, turned = unit[inside].copy(), other[inside] == 1
            cuts.append(
                Cut(int(row[c]), round(2 * float(divisor[c])), at[turned], at, value[inside].copy(), float(side[c]))
            )
        return cuts
