"""Searches among some of the units, all others staying as they are: together, in blocks, by regions, or where sets differ."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
from numpy.typing import NDArray

from depository.settlement.cents import to_the_cent
from depository.settlement.cuts import Tight
from depository.settlement.fillings import Work
from depository.settlement.improvement import Task, better_of
from depository.settlement.reduction import Reduced, is_feasible, part_left, part_of
from depository.settlement.regions import Regions
from depository.settlement.solver import Ends, Searched, search
from depository.settlement.units import leg_units
from depository.settlement.watch import Watch
from depository.settlement.workers import Race, side_by_side

# Components are searched together up to this many units: a call of the solver has its price.
SHARED_UNITS = 300
# More units than TOGETHER are searched in blocks of about BLOCK, two at a time. Above WIDE a plan can have blocks of its own: small ones
# where the clock counts more than what a search of all together would find, or large ones.
TOGETHER = 12_000
BLOCK = 12_500
WIDE = 50_000
# A region has about so many units; its search ends after so many checkpoints, or when so small a part of the whole gap is all that is
# left to gain in it.
REGION = 2000
REGION_CHECKS = 60
REGION_REST = 1e-4
# Two sets are crossed in a search of so many checkpoints.
CROSSING_CHECKS = 80
# A gap of so small a part of the weight is a trifle.
TRIFLE = 1e-5


@dataclass(frozen=True, slots=True)
class Cents:
    """To the cent: the least gain, and what may be done for it."""

    margin: float
    work: Work


def searched_among(
    task: Task,
    x: NDArray[np.bool_],
    some: NDArray[np.bool_],
    ends: Ends,
    cents: Cents | None = None,
) -> tuple[NDArray[np.bool_] | None, float, bool]:
    """Branch and bound over some units, the others staying as in x: (set or None, bound on the whole weight, finished).

    With `cents`, what the search leaves as a trifle is looked through. Of `ends.gap` each piece has its part.
    """
    core, weight, floors = task.core, task.weight, task.floors
    part, result = part_left(core, x & ~some, some)
    fixed = float(weight[result].sum())
    if not len(part.free):
        return result, fixed, True
    inner = [(c[part.free], least - float(c[result].sum())) for c, least in floors]
    bound, finished, found = fixed, True, False
    for bin_units in _bins(part) if not floors else [np.arange(len(part.free))]:
        piece, _ = part_of(part, bin_units)
        mine = weight[piece.free]
        if cents is None:
            each = replace(ends, gap=ends.gap * len(bin_units) / len(part.free))
            outcome = search(piece, mine, x[piece.free], each, task.stop, inner)
        else:
            trifle = TRIFLE * task.weight_of(x)
            outcome = _two_trees(piece, mine, x[piece.free], replace(ends, trifle=trifle), task.stop)
            if not outcome.finished:
                outcome = to_the_cent(piece, mine, outcome, trifle, cents.margin, cents.work, task.stop)
        result[piece.free] = x[piece.free] if outcome.x is None else outcome.x
        found = found or outcome.x is not None
        bound += outcome.bound
        finished = finished and outcome.finished
    return result if found else None, bound, finished


def _two_trees(core: Reduced, weight: NDArray[np.float64], x: NDArray[np.bool_], ends: Ends, stop: Watch) -> Searched:
    """What the sooner of two different trees finds, by checkpoints; or what both have together where neither is finished."""
    race = Race(stop)

    def tree(lane: int) -> tuple[Searched, bool]:
        found = search(core, weight, x, ends, race.lane(lane), another=lane == 1)
        return found, found.finished

    found = race.between(partial(tree, 0), partial(tree, 1))
    if (winner := race.winner()) is not None:
        return found[winner]
    one, two = sorted(found, key=lambda tree: -np.inf if tree.x is None else float(weight[tree.x].sum()), reverse=True)
    if one.x is None or two.x is None or one.near is None or two.near is None or not is_feasible(core, one.x):
        return found[0]
    near = one.near | two.near | (one.x != two.x)
    return replace(one, bound=min(one.bound, two.bound), near=near)


def _bins(core: Reduced) -> list[NDArray[np.int64]]:
    """Units by connected component; components too small to be worth a search of their own share one."""
    count, rows = len(core.free), len(core.bind)
    links = scipy.sparse.csr_matrix(
        (np.ones(len(core.row), dtype=np.int8), core.row + count, core.start), shape=(count, count + rows)
    )
    links.resize(count + rows, count + rows)
    number, label = scipy.sparse.csgraph.connected_components(links, directed=False)
    label = label[:count]
    size = np.bincount(label, minlength=number)
    bins: list[NDArray[np.int64]] = []
    order = np.argsort(label, kind="stable")
    ends = np.cumsum(size)
    shared: list[NDArray[np.int64]] = []
    together = 0
    for component in np.argsort(size, kind="stable").tolist():
        units = order[ends[component] - size[component] : ends[component]]
        shared.append(units)
        together += len(units)
        if together >= SHARED_UNITS:
            bins.append(np.sort(np.concatenate(shared)))
            shared, together = [], 0
    if shared:
        bins.append(np.sort(np.concatenate(shared)))
    return bins


def blocks_of(core: Reduced, units: NDArray[np.int64], turn: int, block: int | None) -> list[NDArray[np.int64]]:
    """Units to search together: all, or where they are too many, blocks of neighbouring positions, by first and by last in turn."""
    together, size = (block, block) if block and len(core.free) > WIDE else (TOGETHER, BLOCK)
    if len(units) <= together:
        return [units]
    place = np.zeros(len(core.free), dtype=np.int64) if turn % 2 == 0 else np.full(len(core.free), len(core.bind))
    (np.maximum if turn % 2 == 0 else np.minimum).at(place, leg_units(core.start), core.row)
    # An even number, for they are searched two by two.
    return np.array_split(units[np.argsort(place[units], kind="stable")], 2 * -(-len(units) // (2 * size)))


def searched_in_blocks(
    task: Task,
    x: NDArray[np.bool_],
    blocks: list[NDArray[np.int64]],
    ends: Ends,
) -> NDArray[np.bool_]:
    """The best that the searches of these blocks find, side by side and each from x, and of what they turn the best together."""
    some = np.zeros((len(blocks), len(x)), dtype=np.bool_)
    for units, block in zip(some, blocks, strict=True):
        units[block] = True
    searches = [partial(searched_among, task, x, units, ends) for units in some]
    before: NDArray[np.bool_] = x
    turned = np.zeros(len(x), dtype=np.bool_)
    for found, _, _ in side_by_side(searches):
        if found is not None:
            turned |= found != before
            x = better_of(task, x, found)
    if len(blocks) > 1 and x is not before:
        # Blocks have no unit in common, but positions: not all that each found may go together.
        both: NDArray[np.bool_] | None = before ^ turned
        if not is_feasible(task.core, before ^ turned):
            both, _, _ = searched_among(task, x, turned, replace(ends, finds=None))
        x = better_of(task, x, both)
    return x


def searched_by_regions(
    task: Task, tight: Tight, x: NDArray[np.bool_], cost: NDArray[np.float64], number: int
) -> NDArray[np.bool_]:
    """Search so many regions, two at a time, each around the position at which x loses most against the bound."""
    regions = Regions(task.core, tight, cost)
    tried = np.zeros(len(task.core.bind), dtype=np.bool_)
    for _ in range(number // 2):
        if task.stop():
            break
        loss = regions.losses(x)
        two: list[NDArray[np.int64]] = []
        taken = np.zeros(len(x), dtype=np.bool_)
        for _ in range(2):
            at = int(np.where(tried, -1.0, loss).argmax())
            tried[at] = True
            units = regions.around(at, REGION, x, loss, taken)
            taken[units] = True
            two.append(units)
        gap = (tight.bound - task.weight_of(x)) * REGION_REST
        found = searched_in_blocks(task, x, two, Ends(checks=REGION_CHECKS, gap=gap))
        x = found if task.stop.done() else x
    return x


def crossed_pair(task: Task, x: NDArray[np.bool_], other: NDArray[np.bool_], gap: float) -> NDArray[np.bool_]:
    """The best that can be put together of two feasible sets, the units on which they agree staying as they are."""
    best = better_of(task, x, other)
    if task.stop() or (x == other).all():
        return best
    both, _, _ = searched_among(task, best, x != other, Ends(checks=CROSSING_CHECKS, gap=gap))
    return better_of(task, best, both)


def crossed_all(task: Task, sets: list[NDArray[np.bool_]], bound: float) -> NDArray[np.bool_]:
    """One set out of several, crossed two by two, side by side; each turn is a unit of work. With no time for it, the best of them."""
    while len(sets) > 1 and not task.stop():
        gap = (bound - max(task.weight_of(x) for x in sets)) * REGION_REST
        pairs = list(zip(sets[0::2], sets[1::2], strict=False))
        crossed = side_by_side([partial(crossed_pair, task, *pair, gap) for pair in pairs])
        if not task.stop.done():
            break
        sets = [*crossed, *sets[2 * len(pairs) :]]
    best = sets[0]
    for one in sets[1:]:
        best = better_of(task, best, one)
    return best
