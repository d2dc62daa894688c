"""The best set of a small core, in integers: one balance after the other is filled, in all ways that come within the gap.

The ways to fill a balance are found from the sums of two halves of its units (Horowitz and Sahni 1974). Where little is left to gain
few ways remain, however the units tie positions together.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from depository.settlement.cuts import Tight, tighten
from depository.settlement.fill import sums
from depository.settlement.reduction import Reduced, is_feasible, part_left
from depository.settlement.solver import Ends, search
from depository.settlement.units import leg_units
from depository.settlement.watch import Late, Watch

# Sets that lose these parts of the gap against the bound are looked for in turn: one that loses little ends it early.
DEEPER = (1 / 4096, 1 / 512, 1 / 64, 1 / 8, 1.0)
ROUNDS = 6
# Of one position the choices of no more units than these are looked at, by no more than so many sums; so many choices of all
# positions are kept, and so many of them completed at last by the units without a price, by so many checkpoints of the solver in all.
MOST_UNITS = 44
MOST_SUMS = 1 << 24
MOST_WAYS = 100_000
MOST_COMPLETED = 50
COMPLETING = 10_000

Set = NDArray[np.bool_]
BestWithin = Callable[[Set, float, float], tuple[Set, bool]]
"""From a set at hand, what sets may lose against the bound, and the margin: the best of them, and whether that is certain."""


def filled_in_turn(core: Reduced, weight: NDArray[np.float64], x: Set, margin: float, stop: Late) -> tuple[Set, bool]:
    """The best of all sets and true; or the best found from x on and false, where there are too many ways to look through.

    Called the best, no set brings more than `margin` beyond it. Nothing beyond 64 bits.
    """
    tight = tighten(core, weight, ROUNDS, Watch())
    if tight is None:
        return x, False
    within = partial(_within, core, weight, tight, stop)
    return best_by_depth(weight, x, tight.bound, margin, stop, within)


def best_by_depth(
    weight: NDArray[np.float64], x: Set, bound: float, margin: float, stop: Late, best_within: BestWithin
) -> tuple[Set, bool]:
    """The best set from x on, and whether that is certain: first of those that lose little against the bound, then of more."""
    best, gap = x, bound - float(weight[x].sum())
    for part in DEEPER:
        if gap <= margin or stop():
            break
        best, certain = best_within(best, gap * part, margin)
        if not certain:
            return best, False
        # What is not looked at loses more.
        if float(weight[best].sum()) >= bound - gap * part:
            return best, True
    return best, gap <= margin


def _within(
    core: Reduced,
    weight: NDArray[np.float64],
    tight: Tight,
    stop: Late,
    at_hand: Set,
    gap: float,
    margin: float,
) -> tuple[Set, bool]:
    """The best of the set at hand and of those that lose no more than `gap` against the bound; false if there are too many."""
    best = at_hand
    # The float sums of bound and profits are this exact.
    found = _ways(core, tight, gap + 1e-12 * tight.bound)
    if found is None:
        return at_hand, False
    ways, still = found
    open_units = np.zeros(len(weight), dtype=np.bool_)
    open_units[still] = True
    most = np.where(ways, weight, 0.0).sum(axis=1) + float(weight[still].sum())
    checks = COMPLETING
    for turn, way in enumerate(np.argsort(-most, kind="stable").tolist()):
        if most[way] <= float(weight[best].sum()) + margin:
            break
        if turn == MOST_COMPLETED:
            return at_hand, False
        end, settled = part_left(core, ways[way], open_units)
        if len(end.free):
            last = search(end, weight[end.free], None, Ends(checks=checks), stop)
            checks -= last.checks
            if last.empty:
                continue
            if last.x is None or not last.finished:
                return at_hand, False
            settled[end.free[last.x]] = True
        fits = is_feasible(core, settled)
        if len(end.free) and not fits:
            # The float search went beyond a balance.
            return at_hand, False
        if fits and float(weight[settled].sum()) > float(weight[best].sum()):
            best = settled
    return best, True


def _ways(core: Reduced, tight: Tight, gap: float) -> tuple[NDArray[np.bool_], NDArray[np.int64]] | None:
    """Each choice of the units that prices hold with which a set may come within `gap` of the bound, and the units still open.

    At the prices of the relaxation a set loses |profit| of each unit that stands against its sign, and price * what is left on each
    position: none of it more than the gap. None if there are too many.
    """
    change = np.zeros((len(core.free), len(core.bind)), dtype=np.int64)
    change[leg_units(core.start), core.row] = core.change
    cost, signs = np.abs(tight.profit), tight.profit > 0.0
    # A price too small to tell does not hold anything.
    held = np.flatnonzero(tight.price * 2.0**62 > gap)
    still = np.flatnonzero(cost <= gap)
    ways = ((cost > gap) & signs)[None, :]
    left = core.balance + ways @ change
    while len(ways):
        # What the units still open bring at most must do, and what cannot change any more must not cost more than the gap.
        decided = np.setdiff1d(np.arange(len(cost)), still)
        ended = (change[still] == 0).all(axis=0)
        # No `@`: it would be split by the number of cores, and its last digits with it.
        loss = np.where(ways != signs, cost, 0.0)[:, decided].sum(axis=1) + (left * tight.price)[:, ended].sum(axis=1)
        may = (left + np.maximum(change[still], 0).sum(axis=0) >= 0).all(axis=1) & (loss <= gap)
        ways, left, loss = ways[may], left[may], loss[may]
        room = gap - float(loss.min(initial=gap))
        open_now = [(row, still[change[still, row] != 0], int(room / tight.price[row])) for row in held.tolist()]
        open_now = [one for one in open_now if len(one[1])]
        if not open_now:
            break
        row, units, most = min(open_now, key=lambda one: _expected(change[one[1], one[0]], one[2]))
        found = _choices(change[units, row], left[:, row], most)
        if found is None:
            return None
        way, chosen = found
        ways = ways[way]
        ways[:, units] = chosen
        left = left[way] + chosen @ change[units]
        still = np.setdiff1d(still, units)
    return ways, still


def _expected(change: NDArray[np.int64], most: int) -> float:
    """The binary logarithm of how many choices fill a position to within `most`, if sums were spread evenly."""
    return len(change) - max(0.0, float(np.log2(np.abs(change.astype(np.float64)).sum()) - np.log2(most + 1.0)))


def _choices(
    change: NDArray[np.int64], room: NDArray[np.int64], most: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]] | None:
    """All choices of units that leave from 0 to `most` of each room: (number of the room, the choice); None if too many."""
    rooms, at = np.unique(room, return_inverse=True)
    if len(change) > MOST_UNITS or len(rooms) << ((len(change) + 1) // 2) > MOST_SUMS:
        return None
    one, two = sums(change[0::2]), sums(change[1::2])
    order = np.argsort(two, kind="stable")
    two = two[order]
    number, found = [np.zeros(0, dtype=np.int64)], [np.zeros((0, len(change)), dtype=np.bool_)]
    kept = 0
    for r, of_room in enumerate(rooms.tolist()):
        first = np.searchsorted(two, -of_room - one, side="left")
        times = np.searchsorted(two, most - of_room - one, side="right") - first
        ways = np.flatnonzero(at == r)
        total = int(times.sum())
        kept += total * len(ways)
        if kept > MOST_WAYS:
            return None
        left = np.repeat(np.arange(len(one)), times)
        right = order[np.repeat(first - np.cumsum(times) + times, times) + np.arange(total)]
        chosen = np.zeros((total, len(change)), dtype=np.bool_)
        chosen[:, 0::2] = (left[:, None] >> np.arange((len(change) + 1) // 2)) & 1
        chosen[:, 1::2] = (right[:, None] >> np.arange(len(change) // 2)) & 1
        number.append(np.repeat(ways, total))
        found.append(np.tile(chosen, (len(ways), 1)))
    return np.concatenate(number), np.concatenate(found)
