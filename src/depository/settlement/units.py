"""Instructions that move together become one unit; units carry merged legs per position, exact integers throughout."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from depository.settlement import compiled
from depository.settlement.problem import Problem
from depository.settlement.workers import side_by_side

# From so many legs on they are sorted in two parts.
MANY = 1_000_000


class Legs(Protocol):
    """Anything whose unit u moves `change[k]` on position `row[k]` for start[u] <= k < start[u+1]."""

    @property
    def start(self) -> NDArray[np.int64]: ...
    @property
    def row(self) -> NDArray[np.int64]: ...
    @property
    def change(self) -> NDArray[Any]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Units in order of their earliest instruction; unit u moves `change[k]` on position `row[k]` for start[u] <= k < start[u+1].

    `member` maps instruction -> unit; `gross[u]` is true where any member is gross. Legs that cancel out within a unit are gone.
    """

    member: NDArray[np.int64]
    gross: NDArray[np.bool_]
    start: NDArray[np.int64]
    row: NDArray[np.int64]
    change: NDArray[Any]

    def __len__(self) -> int:
        return len(self.gross)

    def legs(self) -> list[list[tuple[int, int]]]:
        """(position, change) of every unit, as Python's own exact integers."""
        start = self.start.tolist()
        pairs = list(zip(self.row.tolist(), self.change.tolist(), strict=True))
        return [pairs[a:b] for a, b in pairwise(start)]


def units_of(problem: Problem) -> Units:
    """Merge linked instructions and their legs."""
    count = len(problem.ids)
    # A single instruction is its own group; a linked one stands where the earliest of its group stands.
    group = np.arange(count) + (int(problem.link.max(initial=-1)) + 1)
    linked = problem.link >= 0
    group[linked] = problem.link[linked]
    first = np.full(int(group.max(initial=-1)) + 1, count, dtype=np.int64)
    np.minimum.at(first, group, problem.rank)
    leads = np.zeros(count, dtype=np.bool_)
    leads[first[group]] = True
    member = (np.cumsum(leads) - 1)[first[group]]
    size = int(leads.sum())
    gross = np.zeros(size, dtype=np.bool_)
    gross[member[problem.gross]] = True

    unit_parts, row_parts, change_parts = [], [], []
    for side, amount, sign in (
        (problem.deliver, problem.quantity, -1),
        (problem.receive, problem.quantity, 1),
        (problem.payer, problem.amount, -1),
        (problem.payee, problem.amount, 1),
    ):
        there = side >= 0
        unit_parts.append(member[there])
        row_parts.append(side[there].astype(np.int64))
        change_parts.append(amount[there] * sign)
    unit, row, change = np.concatenate(unit_parts), np.concatenate(row_parts), np.concatenate(change_parts)
    start, row, change = merge_legs(unit, row, change, size, len(problem.positions))
    return Units(member, gross, start, row, change)


def merge_legs(
    unit: NDArray[np.int64], row: NDArray[np.int64], change: NDArray[Any], size: int, rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """Legs sorted by unit and position, added up, zeros dropped: (start per unit, row, change)."""
    if not len(unit):
        return np.zeros(size + 1, dtype=np.int64), row, change
    _, order = by_position(row, rows)
    _, again = by_position(unit[order], size)
    order = order[again]
    unit, row, change = unit[order], row[order], change[order]
    head = np.flatnonzero(np.concatenate(([True], (unit[1:] != unit[:-1]) | (row[1:] != row[:-1]))))
    change = np.add.reduceat(change, head)
    unit, row = unit[head], row[head]
    moves = change != 0
    unit, row, change = unit[moves], row[moves], change[moves]
    start = np.zeros(size + 1, dtype=np.int64)
    np.cumsum(np.bincount(unit, minlength=size), out=start[1:])
    return start, row, change


def by_position(row: NDArray[np.int64], rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same legs by position: (start per position, leg numbers); the unit of leg k is `leg_units(start)[k]`."""
    # Turning a sparse matrix of one row is a counting sort: stable, and in time linear in the legs.
    legs = len(row)
    one_row = scipy.sparse.csr_array((np.arange(legs), row, np.array([0, legs])), shape=(1, rows))
    turned = one_row.tocsc()
    return turned.indptr.astype(np.int64), turned.data


def by_position_and(
    key: NDArray[Any], row: NDArray[np.int64], rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same, the legs of each position with the smallest key first."""
    head, entry = by_position(row, rows)
    other = np.zeros_like(entry)
    # Many legs in two parts side by side, each with about half of them; compiled alone, for the plain form would copy them all.
    middle = int(np.searchsorted(head, len(row) // 2)) if len(row) >= MANY and key.dtype != object else 0
    parts = [head] if not middle else [head[: middle + 1], head[middle:]]
    side_by_side([partial(compiled.run, "sort_within", len(row), part, key, entry, other) for part in parts])
    return head, entry


def balance_after(units: Legs, opening: NDArray[Any], settled: NDArray[np.bool_]) -> NDArray[Any]:
    """Every position after these units settled."""
    after = opening.copy()
    compiled.run("add_legs", len(units.row), units.start, units.row, units.change, settled, after)
    return after


def leg_units(start: NDArray[np.int64]) -> NDArray[np.int64]:
    """The unit of each leg."""
    return np.repeat(np.arange(len(start) - 1), np.diff(start))
