"""The best set of a small core, in integers: each way in which the units that tie positions together can stand, filled up best.

Of a small core most units draw on one position alone and bring as much for each unit of it as the others there: payments of one
payer. Which of them settle does not matter to any other position. So the other units, few enough, are taken in all the ways that can
come within the gap; for each, every balance is then filled as far as the sums of its payments go (Horowitz and Sahni 1974).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depository.settlement.cuts import Tight, tighten
from depository.settlement.fill import sums
from depository.settlement.reduction import Reduced, is_feasible
from depository.settlement.units import leg_units
from depository.settlement.watch import Watch
from depository.settlement.ways import Set, best_by_depth

ROUNDS = 20
# Ways of the units that tie positions together that are followed at once, and that are kept to be filled up.
AT_ONCE = 1 << 14
KEPT = 1 << 18
# All sums of the payments of a position are kept up to so many, of more those of two halves of them.
SHORT = 18
HALF = 20
# The payments that are in neither half stand in so many ways.
STANDING = 6
# With more units without weight there is no looking through.
WEIGHTLESS = 14
# So many balances are compared at once; so many choices of units without weight with each other.
COMPARED = 1 << 20
COMPARED_IN_PAIRS = 500

Integers = NDArray[np.int64]


@dataclass(slots=True)
class Work:
    """What is left to do.

    Units times checkpoints of the search for anything better at all, and of the searches beside it; ways of tying units to follow;
    sums of payments or choices to look at.
    """

    better: int
    searches: int
    ways: int
    sums: int


def looked_through(
    core: Reduced, weight: NDArray[np.float64], x: Set, margin: float, work: Work, stop: Watch
) -> tuple[Set, bool]:
    """The best of all sets and true; or the best found from x on and false, where the work does not suffice to look them through.

    Called the best, no set brings more than `margin` beyond it. Nothing beyond 64 bits.
    """
    tight = tighten(core, weight, ROUNDS, Watch())
    if tight is None or int((weight == 0.0).sum()) > WEIGHTLESS:
        return x, False
    ties = _Ties(core, weight, tight, work)
    return best_by_depth(weight, x, tight.bound, margin, stop, ties.best_within)


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """A tying unit is decided; the first step is before any."""

    unit: int | None
    touched: Integers
    """The positions that it changes; at first all."""
    change: Integers
    """What it changes each of them by."""
    more: Integers
    """What may still come to each of them from the units after it."""
    less: Integers
    """What may still go from each position of the core, payments included; negative."""
    ended: tuple[int, ...]
    """The positions that nothing but their payments can change any more."""
    beside_ended: bool
    """On the positions of the units without weight no tying unit is open any more."""


class _Ties:
    """The units of a core that tie positions together, beside the payments of each position and the units without weight."""

    __slots__ = (
        "_brought", "_change", "_constant", "_core", "_cuts", "_numbers", "_payments", "_price", "_profit", "_rows", "_slack",
        "_steps", "_tying", "_weight", "_weightless", "_work",
    )  # fmt: skip

    def __init__(self, core: Reduced, weight: NDArray[np.float64], tight: Tight, work: Work) -> None:
        self._core, self._weight, self._work = core, weight, work
        self._change = np.zeros((len(core.free), len(core.bind)), dtype=np.int64)
        self._change[leg_units(core.start), core.row] = core.change
        self._price, self._profit = tight.price, tight.profit
        # The float sums of bound and profits are this exact.
        self._slack = 1e-12 * tight.bound
        self._weightless = np.flatnonzero(weight == 0.0)
        beside = self._change[self._weightless]
        self._rows = np.flatnonzero(np.abs(beside).sum(axis=0))
        self._numbers, self._brought = _undominated(beside[:, self._rows])
        # Those without weight would change the room that is to be filled.
        others = set(self._rows.tolist())
        self._payments = [_payments(core, weight, p, p in others) for p in range(len(core.bind))]
        tying = weight > 0.0
        for payments in self._payments:
            tying[payments.units] = False
        self._tying = np.flatnonzero(tying)
        # Per position what a set loses there at most, and how much less by each tying unit that is in a cut of it.
        self._constant = np.zeros(len(core.bind))
        self._cuts = np.zeros((len(core.bind), len(core.free)))
        for cut, worth in zip(tight.cuts, tight.cut_price.tolist(), strict=True):
            self._constant[cut.row] += worth * cut.side
            self._cuts[cut.row, cut.unit] += worth * cut.value
        for p, payments in enumerate(self._payments):
            self._constant[p] += float(np.maximum(self._profit[payments.units], 0.0).sum())
        self._cuts = self._cuts[:, self._tying]
        self._steps = tuple(self._in_turn())

    def best_within(self, best: Set, gap: float, margin: float) -> tuple[Set, bool]:
        """The best of `best` and of all sets that lose no more than `gap` against the bound; false where not all were looked at."""
        found = self._ways(gap + self._slack, float(self._weight[best].sum()) + margin)
        if found is None:
            return best, False
        ways, left, brings = found
        beside = self._beside(left)
        if beside is None:
            return best, False
        certain = True
        for way in np.argsort(-brings, kind="stable").tolist():
            most = float(brings[way])
            if most <= float(self._weight[best].sum()) + margin:
                break
            if beside[way] < 0:
                continue
            settled = np.zeros(len(best), dtype=np.bool_)
            settled[self._tying[ways[way]]] = True
            settled[self._weightless] = (beside[way] >> np.arange(len(self._weightless))) & 1
            for payments, room in zip(self._payments, left[way].tolist(), strict=True):
                if not len(payments.units):
                    continue
                self._work.sums -= payments.size
                if self._work.sums < 0:
                    return best, False
                units, known = payments.filling(room)
                settled[units] = True
                if known:
                    most -= payments.rate * int(payments.most(np.array([room]))[0] - payments.taken(units))
            fits = is_feasible(self._core, settled)
            if fits and float(self._weight[settled].sum()) > float(self._weight[best].sum()):
                best = settled
            # This way may bring more, with payments that were not found.
            certain = certain and most <= float(self._weight[best].sum()) + margin
        return best, certain

    def _beside(self, left: Integers) -> Integers | None:
        """A choice of the units without weight with which no balance goes below nought, as a number of bits; -1 if there is none.

        None where that is too much work.
        """
        self._work.sums -= len(left) * len(self._numbers)
        if self._work.sums < 0:
            return None
        result = np.empty(len(left), dtype=np.int64)
        step = 1 + COMPARED // (self._brought.size + 1)
        for at in range(0, len(left), step):
            fits = np.greater_equal(left[at : at + step, None, self._rows] + self._brought, 0).all(axis=2)
            result[at : at + step] = np.where(fits.any(axis=1), self._numbers[fits.argmax(axis=1)], -1)
        return result

    def _ways(self, gap: float, least: float) -> tuple[NDArray[np.bool_], Integers, NDArray[np.float64]] | None:
        """Each way of the tying units with which a set may come within `gap` of the bound and bring more than `least`.

        With what it leaves on each position, and what it brings at most; None if there are too many. At the prices of the relaxation a
        set loses |profit| of each unit that stands against its sign, and price * what is left on each position and in each cut once
        payments have taken what they can.
        """
        cost, signs = np.abs(self._profit[self._tying]), self._profit[self._tying] > 0.0
        # By unit or position, then by way. What is lost by units and on positions that have ended; on the others at least.
        left = self._core.balance.astype(np.int64)[:, None]
        pending = [(0, np.zeros((len(cost), 1), dtype=np.bool_), left, np.zeros(1), np.zeros(1))]
        found, kept = [(pending[0][1][:, :0], left[:, :0], np.zeros(0))], 0
        while pending:
            at, ways, left, loss, at_least = pending.pop()
            step = self._steps[at]
            if step.unit is not None:
                self._work.ways -= 2 * len(loss)
                if self._work.ways < 0:
                    return None
                # First those in which it stays out, then those in which it settles.
                half = len(loss)
                at_least = np.tile(at_least - self._over(left, self._steps[at - 1].less, step.touched), 2)
                ways, left, loss = np.tile(ways, 2), np.tile(left, 2), np.tile(loss, 2)
                ways[step.unit, half:] = True
                left[step.touched, half:] += step.change[:, None]
                (loss[:half] if signs[step.unit] else loss[half:])[:] += cost[step.unit]
            at_least = at_least + self._over(left, step.less, step.touched)
            may = (left[step.touched] + step.more[:, None] >= 0).all(axis=0) & (loss + at_least <= gap)
            for p in step.ended:
                ways, left, loss, at_least = ways[:, may], left[:, may], loss[may], at_least[may]
                at_least = at_least - self._over(left, step.less, np.array([p]))
                loss = loss + self._lost(p, ways, left[p])
                may = loss + at_least <= gap
            if step.beside_ended:
                ways, left, loss, at_least = ways[:, may], left[:, may], loss[may], at_least[may]
                possible = self._beside(left.T)
                if possible is None:
                    return None
                may = possible >= 0
            ways, left, loss, at_least = ways[:, may], left[:, may], loss[may], at_least[may]
            if at + 1 == len(self._steps):
                brings = self._brought_at_most(ways, left)
                more = brings > least
                found.append((ways[:, more], left[:, more], brings[more]))
                kept += int(more.sum())
                if kept > KEPT:
                    return None
                continue
            for i in range(0, len(loss), AT_ONCE):
                some = slice(i, i + AT_ONCE)
                pending.append((at + 1, ways[:, some], left[:, some], loss[some], at_least[some]))
        ways, left, brings = (np.concatenate(parts, axis=-1) for parts in zip(*found, strict=True))
        return ways.T, left.T, brings

    def _brought_at_most(self, ways: NDArray[np.bool_], left: Integers) -> NDArray[np.float64]:
        """What each way brings if payments fill the balances as far as their sums go."""
        result: NDArray[np.float64] = np.where(ways, self._weight[self._tying, None], 0.0).sum(axis=0)
        for p, payments in enumerate(self._payments):
            result += payments.rate * payments.most(left[p])
        return result

    def _in_turn(self) -> Iterator[_Step]:
        """The tying units in the order in which they are decided, and before the first what is known without any."""
        change, weightless = self._change[self._tying], self._change[self._weightless]
        beside = np.zeros(len(self._price), dtype=np.bool_)
        beside[self._rows] = True
        total = np.array([payments.total for payments in self._payments], dtype=np.int64)
        more = np.maximum(weightless, 0).sum(axis=0) + np.maximum(change, 0).sum(axis=0)
        less = np.minimum(weightless, 0).sum(axis=0) + np.minimum(change, 0).sum(axis=0) - total
        opens = (change != 0).sum(axis=0)
        unit, touched, open_units = None, np.arange(len(opens)), np.arange(len(change))
        unseen = True
        while True:
            ended = touched[(opens[touched] == 0) & ~beside[touched]].tolist()
            beside_ended = unseen and not opens[beside].any()
            unseen = unseen and not beside_ended
            changes = change[unit, touched] if unit is not None else np.zeros(0, dtype=np.int64)
            yield _Step(unit, touched, changes, more[touched], less.copy(), tuple(ended), beside_ended)
            if not len(open_units):
                return
            # Next a unit of the position that is decided soonest: its payments then tell what it loses.
            row = int(np.where(opens > 0, opens, len(change) + 1).argmin())
            unit = int(open_units[np.abs(change[open_units, row]).argmax()])
            open_units = open_units[open_units != unit]
            touched = np.flatnonzero(change[unit])
            opens[touched] -= 1
            more -= np.maximum(change[unit], 0)
            less -= np.minimum(change[unit], 0)

    def _over(self, left: Integers, less: Integers, positions: Integers) -> NDArray[np.float64]:
        """What each way loses at least on these positions: nothing can take what is over there when all has gone that may."""
        result = np.zeros(left.shape[1])
        for p in positions.tolist():
            result += self._price[p] * np.maximum(left[p] + less[p], 0)
        return result

    def _lost(self, position: int, ways: NDArray[np.bool_], left: Integers) -> NDArray[np.float64]:
        """The least that each of these ways loses on a position, its cuts and payments, when only payments are open on it."""
        payments, in_cuts = self._payments[position], self._cuts[position]
        lost = self._constant[position] + self._price[position] * left - payments.rate * payments.most(left)
        # No `@`: it would be split by the number of cores, and its last digits with it.
        for unit in np.flatnonzero(in_cuts).tolist():
            lost -= in_cuts[unit] * ways[unit]
        result: NDArray[np.float64] = np.maximum(lost, 0.0)
        return result


@dataclass(frozen=True, slots=True, eq=False)
class _Payments:
    """The payments of one position, the smallest first: units, what each takes of it, what they bring for each unit of it.

    `one` and `two` are the sums of two halves of them, ascending, with the number of each; where they are few, `one` has all.
    """

    units: Integers
    needs: Integers
    rate: float
    total: int
    one: tuple[Integers, Integers]
    two: tuple[Integers, Integers]

    @property
    def few(self) -> bool:
        """Are all sums at hand?"""
        return len(self.units) <= SHORT

    @property
    def size(self) -> int:
        """How many sums a filling looks at."""
        return 1 if self.few else len(self.one[0])

    def most(self, room: Integers) -> Integers:
        """The most that payments take of each room; where their sums are not at hand, no less than that."""
        if not self.few:
            return np.minimum(room, self.total)
        result: Integers = self.one[0][np.searchsorted(self.one[0], room, side="right") - 1]
        return result

    def taken(self, units: Integers) -> int:
        """What these of them take."""
        return int(self.needs[np.isin(self.units, units)].sum())

    def filling(self, room: int) -> tuple[Integers, bool]:
        """Payments that take as much of the room as was found, and whether no others take more."""
        if room >= self.total:
            return self.units, True
        (one, by_one), (two, by_two) = self.one, self.two
        if self.few:
            return self.units[_chosen(int(by_one[np.searchsorted(one, room, side="right") - 1]), len(self.units))], True
        # The small ones fill what the large ones, in a few of their ways, leave over.
        halves = min(2 * HALF, len(self.units))
        outer = np.arange(halves, len(self.units))[::-1]
        most, best = -1, self.units[:0]
        for skipped in range(STANDING if len(outer) else 1):
            standing = np.zeros(len(self.units), dtype=np.bool_)
            left = room
            for k in outer[skipped:].tolist():
                if left - int(self.needs[k]) >= int(one[-1] + two[-1]) // 3:
                    standing[k] = True
                    left -= int(self.needs[k])
            match = np.searchsorted(two, left - one, side="right") - 1
            used = np.where(match >= 0, one + two[match], -1)
            at = int(used.argmax())
            if room - left + int(used[at]) > most:
                most = room - left + int(used[at])
                standing[0:halves:2] = _chosen(int(by_one[at]), len(standing[0:halves:2]))
                standing[1:halves:2] = _chosen(int(by_two[match[at]]), len(standing[1:halves:2]))
                best = self.units[standing]
            if most == room:
                break
        return best, most == room or not len(outer)


def _payments(core: Reduced, weight: NDArray[np.float64], position: int, none: bool) -> _Payments:
    """The units that draw on this position alone, as many as bring the same for each unit of it; `none` if none shall count as such."""
    alone = np.flatnonzero((np.diff(core.start) == 1) & (weight > 0.0) & (not none))
    alone = alone[core.row[core.start[alone]] == position]
    needs = -core.change[core.start[alone]].astype(np.int64)
    alone, needs = alone[needs > 0], needs[needs > 0]
    rate = 0.0
    if len(alone):
        _, first, number = np.unique(np.round(weight[alone] / needs, 9), return_index=True, return_counts=True)
        like = first[number.argmax()]
        rate = float(weight[alone[like]] / needs[like])
        same = np.abs(weight[alone] - rate * needs) <= 1e-12 * weight[alone]
        alone, needs = alone[same], needs[same]
    order = np.argsort(needs, kind="stable")
    alone, needs = alone[order], needs[order]
    inner = needs[: 2 * HALF]
    one, two = (inner, inner[:0]) if len(inner) <= SHORT else (inner[0::2], inner[1::2])
    return _Payments(alone, needs, rate, int(needs.sum()), _ascending(sums(one)), _ascending(sums(two)))


def _undominated(change: Integers) -> tuple[Integers, Integers]:
    """Choices of units, by a number of bits, and what each brings to the positions; not those of which another brings no less anywhere.

    Where many are left, some may be among them that need not be.
    """
    numbers, brought = np.zeros(1, dtype=np.int64), np.zeros((1, change.shape[1]), dtype=np.int64)
    for bit, one in enumerate(change):
        numbers, brought = np.concatenate((numbers, numbers | 1 << bit)), np.concatenate((brought, brought + one))
        if len(numbers) > COMPARED_IN_PAIRS:
            continue
        no_less = (brought >= brought[:, None]).all(axis=2)
        # Of equals the first stays.
        kept = ~(no_less & (~no_less.T | np.tri(len(numbers), k=-1, dtype=np.bool_))).any(axis=1)
        numbers, brought = numbers[kept], brought[kept]
    return numbers, brought


def _ascending(amounts: Integers) -> tuple[Integers, Integers]:
    """The amounts in ascending order, and the number of each."""
    order = np.argsort(amounts, kind="stable")
    return amounts[order], order


def _chosen(number: int, count: int) -> NDArray[np.bool_]:
    """The bits of a choice, for so many payments."""
    result: NDArray[np.bool_] = (number >> np.arange(count)) & 1 == 1
    return result
