"""The best set of a small core, in integers: each way in which the units that tie positions together can stand, filled up best.

Of a small core most units draw on one position alone and bring as much for each unit of it as the others there: payments of one
payer. Which of them settle does not matter to any other position. So the other units, few enough, are taken in all the ways that can
come within the gap; for each, every balance is then filled as far as the sums of its payments go (Horowitz and Sahni 1974).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depository.settlement.cuts import Tight, tighten
from depository.settlement.fill import sums
from depository.settlement.reduction import Reduced
from depository.settlement.units import balance_after, leg_units
from depository.settlement.watch import Watch
from depository.settlement.ways import Set, best_by_depth

ROUNDS = 20
# Ways of the units that tie positions together that are followed at once.
AT_ONCE = 1 << 19
# All sums of the payments of a position are kept up to so many, of more those of two halves of them.
SHORT = 18
HALF = 18
# The payments that are in neither half stand in so many ways.
STANDING = 6
# With more units without weight there is no looking through.
WEIGHTLESS = 12

Integers = NDArray[np.int64]


@dataclass(slots=True)
class Work:
    """What is left to do: units times checkpoints of searches, ways of tying units to follow, sums of payments or choices to look at."""

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


class _Ties:
    """The units of a core that tie positions together, beside the payments of each position and the units without weight."""

    __slots__ = (
        "_change", "_constant", "_core", "_cuts", "_payments", "_price", "_profit", "_slack", "_tying", "_weight", "_weightless", "_work"
    )  # fmt: skip

    def __init__(self, core: Reduced, weight: NDArray[np.float64], tight: Tight, work: Work) -> None:
        self._core, self._weight, self._work = core, weight, work
        self._change = np.zeros((len(core.free), len(core.bind)), dtype=np.int64)
        self._change[leg_units(core.start), core.row] = core.change
        self._price, self._profit = tight.price, tight.profit
        # The float sums of bound and profits are this exact.
        self._slack = 1e-12 * tight.bound
        self._weightless = np.flatnonzero(weight == 0.0)
        # Those without weight would change the room that is to be filled.
        others = set(np.flatnonzero(np.abs(self._change[self._weightless]).sum(axis=0)).tolist())
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

    def best_within(self, best: Set, gap: float, margin: float) -> tuple[Set, bool]:
        """The best of `best` and of all sets that lose no more than `gap` against the bound; false where not all were looked at."""
        found = self._ways(gap + self._slack)
        if found is None:
            return best, False
        ways, left = found
        brings = np.where(ways, self._weight[self._tying], 0.0).sum(axis=1)
        for p, payments in enumerate(self._payments):
            brings += payments.rate * payments.most(left[:, p])
        above = np.flatnonzero(brings > float(self._weight[best].sum()) + margin)
        beside = self._beside(left[above])
        if beside is None:
            return best, False
        certain = True
        for turn in np.argsort(-brings[above], kind="stable").tolist():
            way, most = above[turn], float(brings[above[turn]])
            if most <= float(self._weight[best].sum()) + margin:
                break
            if beside[turn] < 0:
                continue
            settled = np.zeros(len(best), dtype=np.bool_)
            settled[self._tying[ways[way]]] = True
            settled[self._weightless] = (beside[turn] >> np.arange(len(self._weightless))) & 1
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
            fits = not bool((balance_after(self._core, self._core.balance, settled) < 0).any())
            if fits and float(self._weight[settled].sum()) > float(self._weight[best].sum()):
                best = settled
            # This way may bring more, with payments that were not found.
            certain = certain and most <= float(self._weight[best].sum()) + margin
        return best, certain

    def _beside(self, left: Integers) -> Integers | None:
        """A choice of the units without weight with which no balance goes below nought, as a number of bits; -1 if there is none.

        None where that is too much work.
        """
        rows = np.flatnonzero(self._change[self._weightless].any(axis=0))
        kinds, kind = np.unique(left[:, rows], axis=0, return_inverse=True)
        self._work.sums -= len(kinds) << len(self._weightless)
        if self._work.sums < 0:
            return None
        choices = (
            np.stack([sums(self._change[self._weightless, p]) for p in rows.tolist()], axis=1) if len(rows) else None
        )
        if choices is None:
            return np.zeros(len(left), dtype=np.int64)
        of_kind = np.full(len(kinds), -1, dtype=np.int64)
        for k, balance in enumerate(kinds):
            possible = np.flatnonzero((balance + choices >= 0).all(axis=1))
            of_kind[k] = possible[0] if len(possible) else -1
        result: Integers = of_kind[kind.reshape(-1)]
        return result

    def _ways(self, gap: float) -> tuple[NDArray[np.bool_], Integers] | None:
        """Each way of the tying units with which a set may come within `gap` of the bound, and what it leaves on each position.

        At the prices of the relaxation a set loses |profit| of each unit that stands against its sign, and price * what is left on each
        position and in each cut once payments have taken what they can. None if there are too many.
        """
        change, price = self._change[self._tying], self._price
        cost, signs = np.abs(self._profit[self._tying]), self._profit[self._tying] > 0.0
        total = np.array([payments.total for payments in self._payments], dtype=np.int64)
        weightless = self._change[self._weightless]
        more, less = np.maximum(weightless, 0).sum(axis=0), np.minimum(weightless, 0).sum(axis=0)
        open_units = np.arange(len(change))
        ways = np.zeros((1, len(change)), dtype=np.bool_)
        left = self._core.balance.astype(np.int64)[None, :]
        loss = np.zeros(1)
        beside: Set = np.abs(weightless).sum(axis=0) > 0
        ended, unchecked = beside.copy(), True
        while True:
            high = left + np.maximum(change[open_units], 0).sum(axis=0) + more
            keep = (high >= 0).all(axis=1)
            ways, left, loss = ways[keep], left[keep], loss[keep]
            opens = (change[open_units] != 0).sum(axis=0)
            for p in np.flatnonzero((opens == 0) & ~ended).tolist():
                # Nothing but its payments can change it any more.
                ended[p] = True
                loss = loss + self._lost(p, ways, left[:, p])
            low = left + np.minimum(change[open_units], 0).sum(axis=0) + less - total
            over = np.where(ended & ~beside, 0, np.maximum(low, 0))
            keep = loss + (over * price).sum(axis=1) <= gap
            ways, left, loss = ways[keep], left[keep], loss[keep]
            if unchecked and not opens[beside].any():
                unchecked = False
                possible = self._beside(left)
                if possible is None:
                    return None
                ways, left, loss = ways[possible >= 0], left[possible >= 0], loss[possible >= 0]
            if not len(open_units):
                return ways, left
            self._work.ways -= 2 * len(ways)
            if self._work.ways < 0 or 2 * len(ways) > AT_ONCE:
                return None
            # Next a unit of the position that is decided soonest: its payments then tell what it loses.
            row = int(np.where(opens > 0, opens, len(change) + 1).argmin())
            unit = int(open_units[np.abs(change[open_units, row]).argmax()])
            open_units = open_units[open_units != unit]
            stands = np.repeat([False, True], len(ways))
            ways, left = np.concatenate((ways, ways)), np.concatenate((left, left + change[unit]))
            ways[:, unit] = stands
            loss = np.concatenate((loss, loss)) + np.where(stands != signs[unit], cost[unit], 0.0)

    def _lost(self, position: int, ways: NDArray[np.bool_], left: Integers) -> NDArray[np.float64]:
        """The least that each of these ways loses on a position, its cuts and payments, when only payments are open on it."""
        payments, in_cuts = self._payments[position], self._cuts[position]
        lost = self._constant[position] + self._price[position] * left - payments.rate * payments.most(left)
        # No `@`: it would be split by the number of cores, and its last digits with it.
        for unit in np.flatnonzero(in_cuts).tolist():
            lost -= in_cuts[unit] * ways[:, unit]
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


def _ascending(amounts: Integers) -> tuple[Integers, Integers]:
    """The amounts in ascending order, and the number of each."""
    order = np.argsort(amounts, kind="stable")
    return amounts[order], order


def _chosen(number: int, count: int) -> NDArray[np.bool_]:
    """The bits of a choice, for so many payments."""
    result: NDArray[np.bool_] = (number >> np.arange(count)) & 1 == 1
    return result
