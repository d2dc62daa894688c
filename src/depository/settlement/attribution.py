"""Who failed, and why each unsettled instruction stayed behind (CSD-A2-3.2)."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depository.settlement.outcome import CHOICE, INDIVISIBLE, ROOTED, Failing, Unsettled
from depository.settlement.problem import Problem
from depository.settlement.units import Units, by_position, leg_units

# So many instructions are taken out at most to show that one of them could have settled instead.
MOST_OUT = 30
MOST_LOOKS = 200
# What of the settled that give from a short position is taken out: the smallest that is enough, the largest, the smallest.
_LEAST_ENOUGH, _LARGEST, _SMALLEST = range(3)


def failing(problem: Problem) -> list[Failing]:
    """Everyone short even if all others delivered: available + all due in - all due out < 0, position by position."""
    left = everything_settled(problem)
    return [
        Failing((at := problem.positions[p]).participant, at.asset, at.holder, -int(left[p]))
        for p in np.flatnonzero(left < 0)
    ]


def everything_settled(problem: Problem) -> NDArray[Any]:
    """Each position's balance if every due instruction settled."""
    left = problem.opening.copy()
    for side, amount, sign in (
        (problem.deliver, problem.quantity, -1),
        (problem.receive, problem.quantity, 1),
        (problem.payer, problem.amount, -1),
        (problem.payee, problem.amount, 1),
    ):
        there = side >= 0
        np.add.at(left, side[there], amount[there] * sign)
    return left


def unsettled(problem: Problem, units: Units, settled: NDArray[np.bool_]) -> list[Unsettled]:
    """The short assets of each unsettled instruction, the failing participants upstream and a label, in order of rank.

    A position is short for a unit when its balance after the cycle does not cover the unit. From there the path goes upstream
    through the unsettled receipts of that position to their own short positions, and ends where the holder itself fails. Units that
    wait for one another and come to no such end are looked at together: what they are short of at once is where the path goes on.
    """
    unit_settled = np.zeros(len(units), dtype=np.bool_)
    unit_settled[units.member[settled]] = True
    legs = leg_units(units.start)
    balance = problem.opening.copy()
    done = unit_settled[legs]
    np.add.at(balance, units.row[done], units.change[done])
    roots = everything_settled(problem) < 0

    # Legs of unsettled units only, from here on.
    open_leg = np.flatnonzero(~done)
    leg_unit, leg_row, leg_change = legs[open_leg], units.row[open_leg], units.change[open_leg]
    missing = -(balance[leg_row] + leg_change)
    is_short = (leg_change < 0) & (missing > 0)

    names = _names_at_the_root(problem, roots, balance, leg_unit, leg_row, leg_change, is_short)
    priority = np.full(len(units), np.iinfo(np.int64).max)
    np.minimum.at(priority, units.member, problem.priority)
    # Of what a position gave to instructions that do not go first there may be enough: then the engine could have chosen otherwise.
    short_rows = np.zeros(len(problem.positions), dtype=np.bool_)
    short_rows[leg_row[is_short]] = True
    given = _given(units, legs, done & short_rows[units.row], priority)

    short_of: dict[int, list[tuple[int, int]]] = {}
    for u, p, m in zip(
        leg_unit[is_short].tolist(), leg_row[is_short].tolist(), missing[is_short].tolist(), strict=True
    ):
        short_of.setdefault(u, []).append((p, m))
    room, could = _Room(units, unit_settled, balance, priority), dict[int, bool]()
    lines: list[Unsettled] = []
    index = np.argsort(problem.rank)
    for j in index[~settled[index]].tolist():
        u = int(units.member[j])
        short = short_of.get(u, [])
        label = ROOTED
        if u not in names:
            label = INDIVISIBLE
        elif all(sum(c for rank, c in given.get(p, {}).items() if rank >= priority[u]) >= m for p, m in short):
            if u not in could:
                could[u] = room.for_unit(u)
            label = CHOICE if could[u] else ROOTED
        own = {int(problem.deliver[j]), int(problem.payer[j])}
        # A linked instruction that could settle by itself waits for its partner: the partner's shortage is then the reason.
        shown = [line for line in short if line[0] in own] or short
        for p, m in shown:
            at = problem.positions[p]
            lines.append(Unsettled(problem.ids[j], at.kind, at.asset, at.holder, m, names.get(u, ()), label))
    return lines


def _names_at_the_root(
    problem: Problem,
    roots: NDArray[np.bool_],
    balance: NDArray[Any],
    leg_unit: NDArray[np.int64],
    leg_row: NDArray[np.int64],
    leg_change: NDArray[Any],
    is_short: NDArray[np.bool_],
) -> dict[int, tuple[str, ...]]:
    """The failing participants upstream of each unsettled unit, by their names; a unit without any is left out."""
    # Who is at the root may show only where several are looked at together; what is short stays as it is.
    kept_back = is_short.copy()
    while True:
        causes = _causes(problem, roots, leg_unit, leg_row, leg_change, kept_back)
        together = _short_together(causes, balance, leg_unit, leg_row, leg_change, kept_back)
        if not together.any():
            break
        kept_back |= together
    mask_of: dict[int, int] = {}
    for u, p in zip(leg_unit[kept_back].tolist(), leg_row[kept_back].tolist(), strict=True):
        mask_of[u] = mask_of.get(u, 0) | causes.masks[p]
    # Many units have the same causes: each combination is put into words once.
    words = {mask: tuple(causes.names[bit] for bit in _bits(mask)) for mask in set(mask_of.values())}
    return {u: words[mask] for u, mask in mask_of.items() if mask}


def _given(
    units: Units, legs: NDArray[np.int64], some: NDArray[np.bool_], priority: NDArray[np.int64]
) -> dict[int, dict[int, int]]:
    """What each position gave, by priority, in some of the legs."""
    found: dict[int, dict[int, int]] = {}
    paid = np.flatnonzero(some & (units.change < 0))
    for p, u, c in zip(units.row[paid].tolist(), legs[paid].tolist(), units.change[paid].tolist(), strict=True):
        by_priority = found.setdefault(p, {})
        by_priority[int(priority[u])] = by_priority.get(int(priority[u]), 0) - c
    return found


def _short_together(
    causes: "_Causes",
    balance: NDArray[Any],
    leg_unit: NDArray[np.int64],
    leg_row: NDArray[np.int64],
    leg_change: NDArray[Any],
    kept_back: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Further legs that keep units back which have no root so far: of positions that could bear each of these, but not all at once.

    Such units wait for one another (a circle), and settle together or not at all. Where even together they leave a position short
    that is short for none of them alone, a receipt of it is missing from outside: its root is theirs, too. Nothing missing from
    outside and nothing short together: they have no root.
    """
    rooted = np.zeros(int(leg_unit.max(initial=-1)) + 1, dtype=np.bool_)
    masks = np.array([mask != 0 for mask in causes.masks], dtype=np.bool_)
    rooted[leg_unit[kept_back & masks[leg_row]]] = True
    without = ~rooted[leg_unit]
    if not without.any():
        return without
    left = balance.copy()
    np.add.at(left, leg_row[without], leg_change[without])
    result: NDArray[np.bool_] = without & (leg_change < 0) & (left[leg_row] < 0) & ~kept_back
    return result


def _bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, from the lowest."""
    text = bin(mask)[:1:-1]
    at = text.find("1")
    while at >= 0:
        yield at
        at = text.find("1", at + 1)


class _Room:
    """Could a unit have settled in place of others that do not go first? Shown by taking these out until nothing is short."""

    __slots__ = ("_balance", "_entry", "_givers", "_head", "_leg_unit", "_legs", "_priority", "_settled", "_units")

    def __init__(
        self, units: Units, settled: NDArray[np.bool_], balance: NDArray[Any], priority: NDArray[np.int64]
    ) -> None:
        self._units, self._settled, self._balance, self._priority = units, settled, balance, priority
        self._head, self._entry = by_position(units.row, len(balance))
        self._leg_unit = leg_units(units.start)
        self._givers: dict[int, list[tuple[int, int]]] = {}
        self._legs: dict[int, list[tuple[int, int]]] = {}

    def for_unit(self, unit: int) -> bool:
        """A set with it, feasible and with all that go before it, was found; false may also mean that none was found."""
        return any(self._without(unit, way) for way in (_LEAST_ENOUGH, _LARGEST, _SMALLEST))

    def _without(self, unit: int, way: int) -> bool:
        moved: dict[int, int] = {}
        out: set[int] = set()
        least = int(self._priority[unit])
        short = self._move(unit, 1, moved)
        while short:
            p = min(short)
            missing = -(int(self._balance[p]) + moved[p])
            chosen = self._chosen(p, missing, way, out, least)
            if chosen is None or len(out) == MOST_OUT:
                return False
            out.add(chosen)
            short |= self._move(chosen, -1, moved)
            short = {q for q in short if int(self._balance[q]) + moved[q] < 0}
        return True

    def _chosen(self, p: int, missing: int, way: int, out: set[int], least: int) -> int | None:
        """Which of those that give from a position is taken out: not one that goes first, nor one looked for in vain."""
        givers = self._givers_of(p)
        places: Iterable[int] = range(len(givers)) if way == _SMALLEST else range(len(givers) - 1, -1, -1)
        if way == _LEAST_ENOUGH:
            places = chain(range(bisect_left(givers, (missing, -1)), len(givers)), places)
        looked_at = (givers[k][1] for k in islice(places, MOST_LOOKS))
        return next((u for u in looked_at if u not in out and self._priority[u] >= least), None)

    def _move(self, unit: int, times: int, moved: dict[int, int]) -> set[int]:
        """Settles a unit or takes it out; the positions that are then short."""
        if unit not in self._legs:
            legs = slice(int(self._units.start[unit]), int(self._units.start[unit + 1]))
            self._legs[unit] = list(zip(self._units.row[legs].tolist(), self._units.change[legs].tolist(), strict=True))
        for p, change in self._legs[unit]:
            moved[p] = moved.get(p, 0) + times * change
        return {p for p, _ in self._legs[unit] if int(self._balance[p]) + moved[p] < 0}

    def _givers_of(self, p: int) -> list[tuple[int, int]]:
        """Amount and number of the settled units that give from a position, the smallest first."""
        if p not in self._givers:
            legs = self._entry[self._head[p] : self._head[p + 1]]
            legs = legs[(self._units.change[legs] < 0) & self._settled[self._leg_unit[legs]]]
            self._givers[p] = sorted(
                zip((-self._units.change[legs]).tolist(), self._leg_unit[legs].tolist(), strict=True)
            )
        return self._givers[p]


class _Causes:
    """For each position the failing participants at the root of its shortage, as bits."""

    __slots__ = ("masks", "names")

    def __init__(self, names: list[str], masks: list[int]) -> None:
        self.names = names
        self.masks = masks


def _causes(
    problem: Problem,
    roots: NDArray[np.bool_],
    leg_unit: NDArray[np.int64],
    leg_row: NDArray[np.int64],
    leg_change: NDArray[Any],
    is_short: NDArray[np.bool_],
) -> _Causes:
    """Walk from every short position upstream; strongly connected positions share their causes."""
    names = sorted({problem.positions[p].participant for p in np.flatnonzero(roots)})
    bit = {name: 1 << k for k, name in enumerate(names)}
    masks = [0] * len(problem.positions)
    for p in np.flatnonzero(roots).tolist():
        masks[p] = bit[problem.positions[p].participant]

    shorts_of: dict[int, list[int]] = {}
    for u, p in zip(leg_unit[is_short].tolist(), leg_row[is_short].tolist(), strict=True):
        shorts_of.setdefault(u, []).append(p)
    upstream: dict[int, list[int]] = {}
    receipts = np.flatnonzero(leg_change > 0)
    for u, p in zip(leg_unit[receipts].tolist(), leg_row[receipts].tolist(), strict=True):
        if not roots[p] and u in shorts_of:
            upstream.setdefault(p, []).append(u)

    # Positions and units alternate: position -> unit that would deliver to it -> positions that unit is short on.
    # Tarjan's strongly connected components, without recursion.
    size = len(problem.positions)
    after: dict[int, list[int]] = {p: [size + u for u in us] for p, us in upstream.items()}
    after.update({size + u: ps for u, ps in shorts_of.items()})
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    found: dict[int, int] = {}
    stack: list[int] = []
    for origin in sorted({p for ps in shorts_of.values() for p in ps}):
        if origin in number:
            continue
        walk = [(origin, iter(after.get(origin, ())))]
        number[origin] = low[origin] = len(number)
        stack.append(origin)
        while walk:
            node, rest = walk[-1]
            for following in rest:
                if following not in number:
                    number[following] = low[following] = len(number)
                    stack.append(following)
                    walk.append((following, iter(after.get(following, ()))))
                    break
                if following not in found:
                    low[node] = min(low[node], number[following])
            else:
                walk.pop()
                if walk:
                    low[walk[-1][0]] = min(low[walk[-1][0]], low[node])
                if low[node] == number[node]:
                    part = []
                    while True:
                        part.append(stack.pop())
                        if part[-1] == node:
                            break
                    mask = 0
                    inside = set(part)
                    for member in part:
                        if member < size:
                            mask |= masks[member]
                        for following in after.get(member, ()):
                            if following not in inside:
                                mask |= found[following]
                    for member in part:
                        found[member] = mask
    for node, mask in found.items():
        if node < size:
            masks[node] = mask
    return _Causes(names, masks)
