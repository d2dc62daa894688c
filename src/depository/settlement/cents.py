"""To the last cent: whether anything better is left where branch and bound stays a trifle below its bound.

Such a gap is what a payer's balance keeps: there are many ways to fill it nearly, and a search tree goes through them one by one.
Here searches first show that every better set differs from the one at hand in a few units alone; the best of all that differ in
these is then found in integers (`ways`, `fillings`). Beside it, on the other core, one tree looks for anything better at all: where there
are not many ways, it is finished sooner.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from depository.settlement.cuts import tighten
from depository.settlement.fillings import Work, looked_through
from depository.settlement.reduction import Reduced, is_feasible, part_left
from depository.settlement.solver import Ends, Floor, Searched, search, trifle_of
from depository.settlement.units import leg_units
from depository.settlement.watch import Watch
from depository.settlement.ways import filled_in_turn
from depository.settlement.workers import Race

# So often units are added to those in which a better set may differ, each time by a search of no more than CHECKS checkpoints, or of CUT
# where it looks for better sets alone; the sets near the bound among these units alone are looked for by no more than NEAR, the last few
# units searched by no more than LAST.
WIDENED = 12
CHECKS = 5000
CUT = 2500
NEAR = 2500
LAST = 12_000
# Where the gap is no more than this part of a trifle, few units are looked at first, with this part of the work.
LITTLE = 0.15
FIRST = 0.7
# What a checkpoint costs beside its units, in units.
BESIDE = 100
# In a race work counts about as long as it takes: a way to follow as a unit at a checkpoint, SUMS_A_WAY sums together as well, and the tree
# that looks for anything better, cut at its root, passes QUICKER times as many checkpoints as the others.
SUMS_A_WAY = 16
QUICKER = 2
# Rounds of cuts for the prices that tell idle units.
ROUNDS = 6

Set = NDArray[np.bool_]


class _Look:
    """One look for what is better: what is a trifle of the objective, what is the least gain, and the work that is left.

    It races with another, which it is lane 0 of.
    """

    __slots__ = ("margin", "race", "stop", "trifle", "work")

    def __init__(self, trifle: float, margin: float, work: Work, race: Race) -> None:
        self.trifle, self.margin, self.work, self.race = trifle, margin, work, race
        self.stop = Watch(race.lane(0, 0))

    def near(self, core: Reduced, weight: NDArray[np.float64], x: Set) -> Searched:
        """The sets near the bound, from x on."""
        return self._counted(core, weight, x, self._ends(NEAR, self.trifle))

    def whole(self, core: Reduced, weight: NDArray[np.float64], x: Set) -> Searched:
        """The best set, from x on."""
        return self._counted(core, weight, x, self._ends(LAST))

    def elsewhere(self, core: Reduced, weight: NDArray[np.float64], x: Set, loose: Set) -> Searched:
        """The sets near the bound that stand otherwise than x in a unit that is not loose, as long as one may bring more."""
        ends = self._ends(CHECKS, self.trifle, self.more(weight, x))
        return self._counted(core, weight, None, ends, _otherwise(x, loose))

    def better_elsewhere(self, core: Reduced, weight: NDArray[np.float64], x: Set, loose: Set) -> Searched:
        """The sets that bring more than x and stand otherwise in a unit that is not loose."""
        return self._counted(core, weight, None, self._ends(CUT, 0.0, self.more(weight, x)), _otherwise(x, loose))

    def through(self, core: Reduced, weight: NDArray[np.float64], x: Set) -> tuple[Set, bool]:
        """The best set from x on, and whether that is certain: by the units that tie positions together."""
        ways, sums = self.work.ways, self.work.sums
        result = looked_through(core, weight, x, self.margin, self.work, self.stop)
        self.race.lane(0, ways - self.work.ways + (sums - self.work.sums) // SUMS_A_WAY)()
        return result

    def none_better(self, found: Searched, weight: NDArray[np.float64], x: Set) -> bool:
        """Whether a search elsewhere showed that nothing there brings more than x."""
        return found.empty or found.bound <= self.more(weight, x)

    def more(self, weight: NDArray[np.float64], x: Set) -> float:
        """What a better set than x brings more than."""
        return float(weight[x].sum()) + self.margin

    def _ends(self, checks: int, trifle: float = 0.0, enough: float = -np.inf) -> Ends:
        return Ends(checks=checks, gap=trifle / 10, enough=enough, trifle=trifle)

    def _counted(
        self, core: Reduced, weight: NDArray[np.float64], x: Set | None, ends: Ends, floors: Sequence[Floor] = ()
    ) -> Searched:
        size = len(weight) + BESIDE
        ends = replace(ends, checks=min(ends.checks, self.work.searches // size))
        found = search(core, weight, x, ends, self.race.lane(0, size), floors)
        self.work.searches -= found.checks * size
        return found


def _otherwise(x: Set, loose: Set) -> list[Floor]:
    """What sets keep that stand otherwise than x in a unit that is not loose."""
    return [(np.where(loose, 0.0, np.where(x, -1.0, 1.0)), 1.0 - float(x[~loose].sum()))]


# From a set and the units in which sets near the bound differ: the best set, or one as good, and whether that is certain.
Step = Callable[[Reduced, NDArray[np.float64], Set, Set, _Look], tuple[Set, bool]]


def to_the_cent(
    core: Reduced,
    weight: NDArray[np.float64],
    found: Searched,
    trifle: float,
    margin: float,
    work: Work,
    stop: Watch,
) -> Searched:
    """What was found, or a better set; finished where no set brings more than `margin` beyond it.

    `work` is what may be done for it, and becomes less by what is done.
    """
    x, near = found.x, found.near
    if x is None or near is None:
        return found
    if core.change.dtype == object or not is_feasible(core, x):
        return found
    gap = found.bound - float(weight[x].sum())
    race = Race(stop)
    # The tree takes from `better` alone, the units from all others.
    left = replace(work)
    look = _Look(trifle_of(gap, trifle), margin, left, race)

    def by_units() -> tuple[Set, bool]:
        best, finished = _few(core, weight, x, near, look) if gap <= LITTLE * trifle else (x, False)
        return (best, finished) if finished or look.stop() else _best(core, weight, best, near, look)

    by_each = race.between(by_units, lambda: _best_by_tree(core, weight, x, margin, left, race))
    winner = race.winner()
    if winner is None:
        # Only here: what one had spent when the other ended it depends on the clock.
        work.better, work.searches, work.ways, work.sums = left.better, left.searches, left.ways, left.sums
        best = _better(core, weight, *by_each)
    else:
        best = by_each[winner]
    gain = float(weight[best].sum()) - float(weight[x].sum())
    if not is_feasible(core, best) or gain < -margin:
        return found
    # Units without weight may differ all the same, and the last digit of the sum with them.
    best = best if gain > 0.0 else x
    return replace(found, x=best) if winner is None else Searched(best, float(weight[best].sum()), True)


def _best_by_tree(
    core: Reduced, weight: NDArray[np.float64], x: Set, margin: float, work: Work, race: Race
) -> tuple[Set, bool]:
    """The best set that one search for anything better finds, and whether that is certain."""
    size, more = len(weight) + BESIDE, float(weight[x].sum()) + margin
    if work.better < size:
        return x, False
    found = search(core, weight, None, Ends(checks=work.better // size, enough=more), race.lane(1, size // QUICKER))
    work.better -= found.checks * size
    best = x if found.x is None else _better(core, weight, x, found.x)
    return best, found.empty or found.bound <= max(more, float(weight[best].sum()) + margin)


def _few(core: Reduced, weight: NDArray[np.float64], x: Set, near: Set, look: _Look) -> tuple[Set, bool]:
    """The best set and whether that is certain: beside near units those may differ that the prices of the near ones leave idle."""
    loose = near | (weight == 0.0)
    kept = int(look.work.searches * (1 - FIRST))
    look.work.searches -= kept
    result = _around(core, weight, x, near, loose | _idle(core, weight, x, loose, look), look, _fewer)
    look.work.searches += kept
    return result


def _fewer(core: Reduced, weight: NDArray[np.float64], x: Set, near: Set, look: _Look) -> tuple[Set, bool]:
    """The best set among the units that `_few` left free to differ, and whether that is certain: only near units may differ now."""
    return _around(core, weight, x, near, near | (weight == 0.0), look, _fewest)


def _fewest(core: Reduced, weight: NDArray[np.float64], x: Set, _: Set, look: _Look) -> tuple[Set, bool]:
    """The best set among the near units, and whether that is certain: in integers, balance by balance or by the units that tie them."""
    best, certain = filled_in_turn(core, weight, x, look.margin, look.race.lane(0, len(weight) + BESIDE))
    return (best, True) if certain else look.through(core, weight, best)


def _idle(core: Reduced, weight: NDArray[np.float64], x: Set, loose: Set, look: _Look) -> Set:
    """The units that bring no more and no less than they use at the prices of the relaxation over the loose ones."""
    part, _ = part_left(core, x & ~loose, loose)
    tight = tighten(part, weight[part.free], 0, Watch())
    if tight is None:
        return loose
    price = np.zeros(len(core.bind))
    price[part.bind] = tight.price
    uses = np.bincount(leg_units(core.start), price[core.row] * core.change, minlength=len(x))
    result: Set = np.abs(weight + uses) <= look.trifle
    return result


def _best(core: Reduced, weight: NDArray[np.float64], x: Set, near: Set, look: _Look) -> tuple[Set, bool]:
    """The best set and whether that is certain.

    Loose are the units in which sets near the bound differ, and those that the prices leave idle: the best set that differs from x in
    these alone comes first, then a search that shows that nothing better differs elsewhere, or from what it finds the same again.
    """
    tight = tighten(core, weight, ROUNDS, Watch())
    if tight is None:
        return x, False
    loose = near | (weight == 0.0) | (np.abs(tight.profit) <= look.trifle)
    for _ in range(WIDENED):
        part, settled = part_left(core, x & ~loose, loose)
        certain = True
        if len(part.free):
            inner, certain = _inner(part, weight[part.free], x[part.free], near[part.free], look)
            settled[part.free[inner]] = True
        x = _better(core, weight, x, settled)
        if loose.all() or not certain:
            return x, certain
        other = look.better_elsewhere(core, weight, x, loose)
        if not look.none_better(other, weight, x) and (other.x is None or _better(core, weight, x, other.x) is x):
            # Not found and not excluded: those near the bound then tell where else to look.
            other = look.elsewhere(core, weight, x, loose)
        if look.none_better(other, weight, x):
            return x, True
        if other.x is None or other.near is None or look.stop():
            break
        near = near | other.near | (other.x != x)
        loose = loose | near
        x = _better(core, weight, x, other.x)
    return x, False


def _inner(core: Reduced, weight: NDArray[np.float64], x: Set, near: Set, look: _Look) -> tuple[Set, bool]:
    """The best set among the units that `_best` left loose, and whether that is certain: only those noted by searches may differ now."""
    first = look.near(core, weight, x)
    loose = near | (weight == 0.0)
    if first.x is not None and first.near is not None:
        loose = loose | first.near | (first.x != x)
        x = _better(core, weight, x, first.x)
    if first.bound <= look.more(weight, x):
        return x, True
    return _around(core, weight, x, near, loose, look, _innermost)


def _around(
    core: Reduced, weight: NDArray[np.float64], x: Set, near: Set, loose: Set, look: _Look, within: Step
) -> tuple[Set, bool]:
    """The best set and whether that is certain, where none that is better differs from x in other than loose units.

    Searches show that, and where they cannot they add the units in which the sets near the bound differ. `within` finds the best that
    differs in loose units alone.
    """
    for _ in range(WIDENED):
        if loose.all():
            break
        other = look.elsewhere(core, weight, x, loose)
        if look.none_better(other, weight, x):
            break
        if other.x is None or other.near is None or look.stop():
            return x, False
        near = near | other.near | (other.x != x)
        loose = loose | near
        x = _better(core, weight, x, other.x)
    else:
        return x, False
    part, settled = part_left(core, x & ~loose, loose)
    if not len(part.free):
        return _better(core, weight, x, settled), True
    last, certain = within(part, weight[part.free], x[part.free], near[part.free], look)
    settled[part.free[last]] = True
    return _better(core, weight, x, settled), certain


def _innermost(core: Reduced, weight: NDArray[np.float64], x: Set, _: Set, look: _Look) -> tuple[Set, bool]:
    """The best set among the last few units, and whether that is certain: in integers, or by a tree where these are too many ways."""
    x, certain = look.through(core, weight, x)
    if certain or look.stop():
        return x, certain
    tree = look.whole(core, weight, x)
    better = x if tree.x is None else _better(core, weight, x, tree.x)
    if tree.bound <= look.more(weight, better):
        return better, True
    if better is x:
        return x, False
    # From a better set fewer ways come within the gap.
    return look.through(core, weight, better)


def _better(core: Reduced, weight: NDArray[np.float64], x: Set, other: Set) -> Set:
    """The other set if it brings more and no balance goes below nought, decided in integers."""
    if float(weight[other].sum()) <= float(weight[x].sum()):
        return x
    return other if is_feasible(core, other) else x
