"""Who failed, and why each unsettled instruction stayed behind (CSD-A2-3.2)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depository.settlement.outcome import CHOICE, INDIVISIBLE, ROOTED, Failing, Unsettled
from depository.settlement.problem import Problem
from depository.settlement.units import Units, leg_units


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
    through the unsettled receipts of that position to their own short positions, and ends where the holder itself fails.
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

    causes = _causes(problem, roots, leg_unit, leg_row, leg_change, is_short)

    # What the position gave to instructions that do not go first: enough of it, and the engine could have chosen otherwise.
    priority = np.full(len(units), np.iinfo(np.int64).max)
    np.minimum.at(priority, units.member, problem.priority)
    given: dict[int, dict[int, int]] = {}
    short_rows = np.zeros(len(problem.positions), dtype=np.bool_)
    short_rows[leg_row[is_short]] = True
    paid = np.flatnonzero(done & (units.change < 0) & short_rows[units.row])
    for p, u, c in zip(units.row[paid].tolist(), legs[paid].tolist(), units.change[paid].tolist(), strict=True):
        by_rank = given.setdefault(p, {})
        by_rank[int(priority[u])] = by_rank.get(int(priority[u]), 0) - c

    short_of: dict[int, list[tuple[int, int]]] = {}
    for u, p, m in zip(
        leg_unit[is_short].tolist(), leg_row[is_short].tolist(), missing[is_short].tolist(), strict=True
    ):
        short_of.setdefault(u, []).append((p, m))
    names: dict[int, tuple[str, ...]] = {}
    lines: list[Unsettled] = []
    index = np.argsort(problem.rank)
    for j in index[~settled[index]].tolist():
        u = int(units.member[j])
        short = short_of.get(u, [])
        mask = 0
        for p, _ in short:
            mask |= causes.masks[p]
        if mask not in names:
            names[mask] = tuple(causes.names[bit] for bit in _bits(mask))
        label = ROOTED
        if not mask:
            label = INDIVISIBLE
        elif all(sum(c for rank, c in given.get(p, {}).items() if rank >= priority[u]) >= m for p, m in short):
            label = CHOICE
        own = {int(problem.deliver[j]), int(problem.payer[j])}
        # A linked instruction that could settle by itself waits for its partner: the partner's shortage is then the reason.
        shown = [line for line in short if line[0] in own] or short
        for p, m in shown:
            at = problem.positions[p]
            lines.append(Unsettled(problem.ids[j], at.kind, at.asset, at.holder, m, names[mask], label))
    return lines


def _bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, from the lowest."""
    text = bin(mask)[:1:-1]
    at = text.find("1")
    while at >= 0:
        yield at
        at = text.find("1", at + 1)


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
