"""Fill a balance to its last unit: among many payments of one payer there is often a choice that leaves nothing over.

Branch and bound finds such a choice only by going through them one after the other; here two halves of the units are tried in all
ways, and each way of one half is matched with the best of the other (Horowitz and Sahni 1974).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from depository.settlement.reduction import Reduced
from depository.settlement.units import balance_after, by_position, leg_units

# Half of the units that are tried on one position, and how many matches of each way are looked at.
HALF = 18
MATCHES = 4
# A position with fewer such units is left to branch and bound; no more positions than these are filled.
FEW = 12
POSITIONS = 4


def filled(
    core: Reduced, price: NDArray[np.float64], idle: NDArray[np.bool_], x: NDArray[np.bool_]
) -> list[NDArray[np.bool_]]:
    """Feasible sets, each from x by turning `idle` units so that one position keeps less of what x leaves on it.

    One set for each of the positions on which x leaves most at these prices, where there is one. Exact; nothing beyond 64 bits.
    """
    if core.change.dtype == object:
        return []
    left = balance_after(core, core.balance, x)
    loss = price * left.astype(np.float64)
    head, entry = by_position(core.row, len(core.bind))
    unit = leg_units(core.start)
    sets: list[NDArray[np.bool_]] = []
    for p in np.argsort(-loss, kind="stable").tolist():
        if loss[p] <= 0.0 or len(sets) == POSITIONS:
            break
        units = unit[entry[head[p] : head[p + 1]]]
        units = units[idle[units]]
        if len(units) < FEW:
            continue
        found = _turned(core, left, x, units, p)
        if found is not None:
            sets.append(found)
    return sets


def _turned(
    core: Reduced, left: NDArray[Any], x: NDArray[np.bool_], units: NDArray[np.int64], position: int
) -> NDArray[np.bool_] | None:
    """The set with the least left on `position` that turning some of the units gives; None if none leaves less than x does."""
    change = np.zeros((len(units), len(core.bind)), dtype=np.int64)
    for at, u in enumerate(units.tolist()):
        legs = slice(core.start[u], core.start[u + 1])
        change[at, core.row[legs]] = core.change[legs] * (-1 if x[u] else 1)
    # First those that can turn by themselves, the smallest amounts first.
    others = left + change
    others[:, position] = 0
    alone = (others >= 0).all(axis=1)
    order = np.lexsort((np.abs(change[:, position]), ~alone))[: 2 * HALF]
    units, change = units[order], change[order]
    touched = np.flatnonzero(change.any(axis=0))
    use = -change[:, position]
    first, second = use[0::2], use[1::2]
    ways, matches = sums(first), sums(second)
    by_sum = np.argsort(matches, kind="stable")
    room = int(left[position])
    best = np.searchsorted(matches[by_sum], room - ways, side="right") - 1
    way = np.arange(len(ways))
    pairs = [(way[best >= k], by_sum[best[best >= k] - k]) for k in range(MATCHES)]
    one, two = np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])
    used = ways[one] + matches[two]
    better = used > 0
    one, two, used = one[better], two[better], used[better]
    for some in np.array_split(np.argsort(-used, kind="stable"), max(1, len(used) // 20_000)):
        turns = np.zeros((len(some), len(units)), dtype=np.int64)
        turns[:, 0::2] = (one[some, None] >> np.arange(len(first))) & 1
        turns[:, 1::2] = (two[some, None] >> np.arange(len(second))) & 1
        fits = np.flatnonzero((left[touched] + turns @ change[:, touched] >= 0).all(axis=1))
        if len(fits):
            result = x.copy()
            result[units[turns[fits[0]] == 1]] ^= True
            return result
    return None


def sums(amounts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sum of each choice of the amounts; bit k of its number says whether amount k is in it."""
    sums = np.zeros(1, dtype=np.int64)
    for amount in amounts.tolist():
        sums = np.concatenate((sums, sums + amount))
    return sums
