"""The netted class: the best set that can settle all at once (design §5).

Method: exact reduction; linear relaxation with rounding cuts, whose prices tell which units and positions matter; rounding by
these prices; improvement by chains, circles and exchanges; branch and bound on the units the prices leave open. Every step
starts from a feasible set and ends with one, checked in exact integers; without the solver the first and the last still work.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
from numpy.typing import NDArray

from depository.settlement import compiled
from depository.settlement.cents import to_the_cent
from depository.settlement.cuts import HUGE, Tight
from depository.settlement.dive import dive
from depository.settlement.fill import filled
from depository.settlement.fillings import Work
from depository.settlement.reduction import Reduced, part_left, part_of
from depository.settlement.regions import Regions
from depository.settlement.solver import SMALL_SEARCH, search
from depository.settlement.units import balance_after, by_position_and, leg_units
from depository.settlement.watch import Watch
from depository.settlement.workers import side_by_side

ROUNDS_WITHOUT_END = 1 << 30
# An improvement turns at most so many units, looks at LOOK legs of a position for ways to mend it and at FILL of them for what fits
# into the room it made; it is given up once it stands to lose HOPE times the weight of its first unit.
FLIPS = 60
# Components are searched together up to this many units: a call of the solver has its price.
SHARED_UNITS = 300
# More units than TOGETHER are searched in blocks of about BLOCK, two at a time; up to LARGE open units a day is small. Above WIDE
# a plan can have blocks of its own: small ones where the clock counts more than what a search of all together would find, or large ones.
TOGETHER = 12_000
BLOCK = 12_500
LARGE = 16_000
WIDE = 50_000
# A region has about so many units; its search ends after so many checkpoints, or when so small a part of the whole gap is all that is
# left to gain in it. In a region units worth neither more nor less than they use come after those that cost less than IDLE to turn.
REGION = 2000
REGION_CHECKS = 60
REGION_REST = 1e-4
IDLE = 0.1
# With more units in doubt than this the other solutions of the relaxation are left aside: each would take a search too large. On huge
# days there is more time for it.
KIN_DOUBT, HUGE_KIN_DOUBT = 6000, 30_000
# So often balances are filled to the last unit.
TOPPED_UP = 4
# Two sets are crossed in a search of so many checkpoints.
CROSSING_CHECKS = 200
# Where no more units than this are open, the search for the proof comes at once, and AGAIN times in all as long as it does not end,
# each time from the best set so far.
PROVEN_AT_ONCE = 2000
AGAIN = 2
# A gap of so small a part of the weight is a trifle.
TRIFLE = 1e-5
# On small days the search for the proof has FIRST of the work in its first turn and NEXT in the next; what goes on to the cent where the
# first ends has CENTS of it beside.
FIRST, NEXT, CENTS = 0.5, 0.25, 0.4
# Ways and sums that a proof to the cent looks through.
WAYS = 1 << 23
SUMS = 1 << 27
LOOK = 5000
FILL = 100
HOPE = 0.2


@dataclass(frozen=True, slots=True)
class Plan:
    """How much work an effort stands for."""

    rounds: int
    """Rounds of cuts."""
    far: float
    """The part of the bound by which a rounding may end below it before another is tried turn by turn."""
    passes: int
    """Passes of an improvement."""
    looks: int
    """How often an improvement may look at each leg."""
    searches: tuple[tuple[int, int], ...]
    """Searches: units beside those in doubt, checkpoints of the solver."""
    rest: float
    """A search ends when this part of the gap is the most that is left to gain in it."""
    idle: tuple[tuple[int, int], ...]
    """On large days in place of all searches but the first: those in which units worth neither more nor less than they use are in doubt."""
    regions: tuple[int, float]
    """How many regions are searched after each of those, if the gap is more than so large a part of the bound."""
    kin: range
    """Which other solutions of the relaxation give sets of their own on large days. Going on from a lesser effort, they are
    crossed with its set and begin after those that it had."""
    finds: int | None
    """The better set with which a search for `idle` or `kin` ends: what the solver finds next takes long and brings little."""
    whole: int
    """Up to so many open units a search goes for the proof."""
    proof: int
    """That search's units times checkpoints."""
    doubted: int = 1 << 62
    """The number of units in doubt up to which the searches come at all."""
    scan: int = 50
    """How many ways to mend a position an improvement weighs."""
    block: int | None = None
    """About how many units are searched together on days of more than WIDE, if not as on all others."""


PLANS = {
    "quick": Plan(
        2, 0.05, 1, 100, ((500, 60),), 0.02, (), (0, 0.0), range(0), None, 1500, 1_000_000, 8000, scan=10, block=1250
    ),
    "standard": Plan(
        6, 0.005, 3, 200, ((1500, 120),), 0.001, ((6000, 120),), (24, 0.002), range(1), 2, 3000, 12_000_000
    ),
    "thorough": Plan(
        12, 0.005, 5, 500, ((1500, 120), (3000, 150), (6000, 150)), 0.001,
        ((16_000, 120),), (24, 0.0), range(1, 7), 2, 12_000, 8_000_000,
    ),
}  # fmt: skip

# Above HUGE units a round of cuts or a dive takes as long as all searches of the blocks in doubt, which find far more; quick goes without,
# for its second round takes as long as the relaxation. As much improvement comes of fewer ways weighed, in half the time. In
# blocks of 12,500 a search leaves next to nothing: what there is to gain lies between them.
HUGE_PLANS = {
    "quick": replace(PLANS["quick"], rounds=0, rest=0.005, doubted=1 << 62, scan=5, block=None),
    "standard": replace(
        PLANS["standard"], rounds=4, far=1.0, idle=((10_000, 60),), regions=(0, 0.0), scan=10, block=60_000
    ),
    "thorough": replace(
        PLANS["thorough"], rounds=4, far=1.0, idle=((30_000, 60),), regions=(0, 0.0), scan=10, block=80_000
    ),
}  # fmt: skip

Floor = tuple[NDArray[np.float64], float]


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The set per free unit, a float bound on its weight (infinite without solver), and whether nothing better exists."""

    x: NDArray[np.bool_]
    bound: float
    proven: bool
    tight: Tight | None


def choose(
    core: Reduced,
    weight: NDArray[np.float64],
    incumbent: NDArray[np.bool_],
    plan: Plan,
    floors: list[Floor],
    tight: Tight | None,
    stop: Watch,
    lesser: bool = False,
    step: float = 0.0,
) -> Chosen:
    """The best set found from a feasible incumbent; `floors` (coefficients, least) hold for the incumbent and stay kept.

    `lesser` says that the incumbent comes from a lesser effort; `step` is the least difference between two weights, 0 if that is not
    known. Each `stop.done()` ends a unit of work: what was found since the one before counts, or nothing of it.
    """
    if not len(core.free):
        return Chosen(incumbent, 0.0, True, tight)
    task = _Task(core, weight, _Table(core, weight, tight), floors, stop)
    if tight is None:
        return _without_prices(task, incumbent, plan)

    priced = _priced(tight, weight, step)
    large = len(weight) > LARGE
    kin: list[NDArray[np.float64]] = []
    most = KIN_DOUBT if len(weight) <= HUGE else HUGE_KIN_DOUBT
    if large and not floors and tight.part is not None and int(priced.doubtful.sum()) <= most:
        # Before the dive, which leaves nothing of the solver.
        kin = tight.part.leanings(plan.kin)
    # With other solutions, the set that a lesser effort found is one of those that are crossed. Without, it is not the start of this
    # one: what is found afresh is crossed with it in the end.
    goes_on = lesser and bool(kin)
    afresh = lesser and not floors and not kin
    x = incumbent if goes_on else _from_prices(task, priced, plan, incumbent, afresh)
    if kin and tight.bound - task.weight_of(x) > priced.margin:
        bred = _of_kin(task, priced, plan, x, kin, goes_on)
        # No time: what is at hand so far comes from the prices alone.
        x = _better(task, x, _unpriced(task, incumbent, plan)) if bred is None else bred
    searches = (
        [] if kin else [(priced.doubtful, *one, False) for one in (plan.searches[:1] if large else plan.searches)]
    )
    searches += [(priced.idle, *one, True) for one in plan.idle if large]
    for turn, (in_doubt, more, checks, regions) in enumerate(searches):
        units = _searched_next(task, priced, plan, x, in_doubt, more)
        if not len(units):
            break
        rest = (tight.bound - task.weight_of(x)) * plan.rest
        x = _widened(task, priced, plan, x, _blocks(core, units, turn, plan.block), checks, rest, regions)
    if afresh:
        x = _bred(task, [x, incumbent], tight.bound)
    return _proved(task, priced, plan, x)


@dataclass(frozen=True, slots=True, eq=False)
class _Priced:
    """What the prices of the relaxation say of each unit."""

    tight: Tight
    rounded: NDArray[np.bool_]
    """How it stands in the relaxation, rounded."""
    closeness: NDArray[np.float64]
    """What it costs to turn it."""
    doubtful: NDArray[np.bool_]
    """The relaxation takes a part of it only."""
    idle: NDArray[np.bool_]
    """Doubtful, or worth neither more nor less than it uses."""
    ease: NDArray[np.float64]
    """Part of its weight that it costs to turn it."""
    cost: NDArray[np.float64]
    """The same around a place of loss, where what a unit costs to turn counts by itself and as part of its weight; idle ones come late."""
    margin: float
    """Within so much of the bound a set is the best there is."""


def _priced(tight: Tight, weight: NDArray[np.float64], step: float) -> _Priced:
    closeness = np.abs(tight.profit)
    doubtful = _in_doubt(tight.x)
    typical = float(weight.mean())
    idle = doubtful | (closeness <= 1e-9 * typical)
    cost = closeness / np.sqrt(np.maximum(weight, 1e-3 * typical) * typical)
    cost[idle], cost[doubtful] = IDLE, 0.0
    margin = 1e-9 * max(tight.bound, 0.0)
    # Where the weights differ by whole steps that a float tells apart, nothing better is left below one of them.
    margin = min(margin, 0.5 * step) if step > 1e-12 * tight.bound else margin
    ease = closeness / np.maximum(weight, 1e-3 * typical)
    return _Priced(tight, tight.x > 0.5, closeness, doubtful, idle, ease, cost, margin)


def _without_prices(task: "_Task", incumbent: NDArray[np.bool_], plan: Plan) -> Chosen:
    """What improvement alone finds, when the solver failed or was stopped."""
    x = _improved(task, incumbent, plan)
    if not task.stop.done():
        # No prices and no time: a single pass, whose work is counted.
        x = _improved(task, incumbent, plan)
    gained = keeps(x, task.floors) and task.weight_of(x) > task.weight_of(incumbent)
    return Chosen(x if gained else incumbent, np.inf, False, None)


def _from_prices(
    task: "_Task", priced: _Priced, plan: Plan, incumbent: NDArray[np.bool_], afresh: bool
) -> NDArray[np.bool_]:
    """The best of what rounding and diving give, improved; and of the incumbent, unless the set is to be found afresh."""
    tight, stop = priced.tight, task.stop
    mended = _feasible(task.core, task.table, priced.rounded)
    ways = [lambda: _improved(task, mended, plan)]
    gap = tight.bound - task.weight_of(mended)
    if gap > plan.far * tight.bound and int((priced.closeness <= gap).sum()) > PROVEN_AT_ONCE:
        ways.append(lambda: _improved(task, _feasible(task.core, task.table, dive(tight, task.table.price)), plan))
    climbs = side_by_side(ways)
    if not stop.done():
        # No time: a single pass from each, and as without prices.
        climbs = [_improved(task, mended, plan), _improved(task, incumbent, plan)]
        climbs.append(_unpriced(task, incumbent, plan))
    x = mended if afresh else incumbent
    for climb in climbs:
        x = _better(task, x, climb)
    if x is incumbent and not stop():
        climb = _improved(task, incumbent, plan)
        x = _better(task, x, climb) if stop.done() else x
    return x


def _searched_next(
    task: "_Task", priced: _Priced, plan: Plan, x: NDArray[np.bool_], in_doubt: NDArray[np.bool_], more: int
) -> NDArray[np.int64]:
    """The units that a search from x looks at: those in doubt and those that x has otherwise than the prices, then the `more` easiest.

    Empty when there is no time, nothing to gain, too much in doubt, or so little open that the search for the proof comes at once.
    """
    nothing = np.zeros(0, dtype=np.int64)
    gap = priced.tight.bound - task.weight_of(x)
    if gap <= priced.margin or task.stop():
        return nothing
    if int((priced.closeness <= gap + priced.margin).sum()) <= min(plan.whole, PROVEN_AT_ONCE):
        return nothing
    must = in_doubt | (priced.rounded != x)
    if int(must.sum()) > plan.doubted:
        return nothing
    return np.argsort(np.where(must, -1.0, priced.ease), kind="stable")[: int(must.sum()) + more]


def _widened(
    task: "_Task",
    priced: _Priced,
    plan: Plan,
    x: NDArray[np.bool_],
    blocks: list[NDArray[np.int64]],
    checks: int,
    rest: float,
    regions: bool,
) -> NDArray[np.bool_]:
    """The best that searches of these blocks find from x, two at a time, then of regions if asked; improved once more.

    A search ends after so many checkpoints of the solver, or when no more than `rest` is left to gain in it.
    """
    tight, stop = priced.tight, task.stop
    started = x
    for two in (blocks[i : i + 2] for i in range(0, len(blocks), 2)):
        found = _searched_at_once(task, x, two, checks, rest, plan.finds if regions else None)
        x = found if stop.done() else x
    number, least = plan.regions
    if regions and number and tight.bound - task.weight_of(x) > least * tight.bound:
        x = _by_regions(task, tight, x, priced.cost, number)
    if x is not started and not stop():
        climb = _improved(task, x, plan)
        x = _better(task, x, climb) if stop.done() else x
    return x


def _proved(task: "_Task", priced: _Priced, plan: Plan, x: NDArray[np.bool_]) -> Chosen:
    """The set, or a better one, with what is proven of it: few enough units left open are all searched."""
    tight, bound = priced.tight, priced.tight.bound
    gap = bound - task.weight_of(x)
    if gap <= priced.margin or task.stop():
        return Chosen(x, bound, gap <= priced.margin, tight)
    # A unit whose price to turn exceeds the gap stands as the relaxation says in every better set.
    open_units = priced.closeness <= gap + priced.margin
    number = int(open_units.sum())
    if number > plan.whole:
        return Chosen(x, bound, False, tight)
    small = not task.floors and len(x) <= SMALL_SEARCH
    cents = _Cents(priced.margin, Work(int(CENTS * plan.proof), WAYS, SUMS)) if small else None
    better, searched = x, float("inf")
    for turn in range(AGAIN if number <= PROVEN_AT_ONCE else 1):
        part = 1.0 if not small else NEXT if turn else FIRST
        checks = int(part * plan.proof) // max(number, 500)
        searched_x, upper, finished = _searched(task, better, open_units, checks, 0.0, cents)
        better, searched = _better(task, better, searched_x), min(searched, upper)
        if finished:
            break
        better = _topped_up(task, tight, _better(task, better, _improved(task, better, plan)), priced.idle)
        cents = None
    if not task.stop.done():
        return Chosen(x, bound, False, tight)
    bound = min(bound, max(searched, task.weight_of(better)))
    # The float search may have relied on a set the exact check refused: then nothing is proven.
    return Chosen(better, bound, bound - task.weight_of(better) <= priced.margin, tight)


def _in_doubt(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The units of which a solution of the relaxation takes a part only."""
    result: NDArray[np.bool_] = (x > 1e-6) & (x < 1.0 - 1e-6)
    return result


def _of_kin(
    task: "_Task", priced: _Priced, plan: Plan, x: NDArray[np.bool_], kin: list[NDArray[np.float64]], searched: bool
) -> NDArray[np.bool_] | None:
    """One set, crossed of those near several solutions of the relaxation; x is that of the first, or was `searched` before.

    What sets from different solutions have in common is mostly right, and where they differ a search finds the best of all. Each
    turn, in which two searches go side by side, is a unit of work; None if there was no time for the first.
    """
    tight, stop = priced.tight, task.stop

    more, checks = plan.searches[0]

    def near(fraction: NDArray[np.float64], found: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """What a set gains by searching the units in doubt, those that stand against the solution, and the next easiest."""
        must = _in_doubt(fraction) | ((fraction > 0.5) != found)
        some = np.zeros(len(x), dtype=np.bool_)
        some[np.argsort(np.where(must, -1.0, priced.ease), kind="stable")[: int(must.sum()) + more]] = True
        gap = (tight.bound - task.weight_of(found)) * plan.rest
        return _better(task, found, _searched(task, found, some, checks, gap, finds=plan.finds)[0])

    def first_of(fraction: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The set near another solution."""
        return near(fraction, _improved(task, _feasible(task.core, task.table, fraction > 0.5), plan))

    sets = [x] if searched else []
    looks = [] if searched else [partial(near, tight.x, x)]
    looks += [partial(first_of, fraction) for fraction in kin]
    for two in (looks[i : i + 2] for i in range(0, len(looks), 2)):
        found = [] if stop() else side_by_side(two)
        if not stop.done():
            break
        sets += found
    return _bred(task, sets, tight.bound) if sets else None


def _bred(task: "_Task", sets: list[NDArray[np.bool_]], bound: float) -> NDArray[np.bool_]:
    """One set out of several, crossed two by two, side by side; each turn is a unit of work. With no time for it, the best of them."""
    while len(sets) > 1 and not task.stop():
        gap = (bound - max(task.weight_of(x) for x in sets)) * REGION_REST
        pairs = list(zip(sets[0::2], sets[1::2], strict=False))
        crossed = side_by_side([partial(_crossed, task, *pair, gap) for pair in pairs])
        if not task.stop.done():
            break
        sets = [*crossed, *sets[2 * len(pairs) :]]
    best = sets[0]
    for one in sets[1:]:
        best = _better(task, best, one)
    return best


def _blocks(core: Reduced, units: NDArray[np.int64], turn: int, block: int | None) -> list[NDArray[np.int64]]:
    """Units to search together: all, or where they are too many, blocks of neighbouring positions, by first and by last in turn."""
    together, size = (block, block) if block and len(core.free) > WIDE else (TOGETHER, BLOCK)
    if len(units) <= together:
        return [units]
    place = np.zeros(len(core.free), dtype=np.int64) if turn % 2 == 0 else np.full(len(core.free), len(core.bind))
    (np.maximum if turn % 2 == 0 else np.minimum).at(place, leg_units(core.start), core.row)
    # An even number, for they are searched two by two.
    return np.array_split(units[np.argsort(place[units], kind="stable")], 2 * -(-len(units) // (2 * size)))


def _topped_up(task: "_Task", tight: Tight, x: NDArray[np.bool_], idle: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Balances filled to their last unit, one after the other, as long as it gains."""
    for _ in range(TOPPED_UP):
        before = x
        for found in filled(task.core, tight.price, idle, x):
            x = _better(task, x, found)
        if x is before:
            break
    return x


def _crossed(task: "_Task", x: NDArray[np.bool_], other: NDArray[np.bool_], gap: float) -> NDArray[np.bool_]:
    """The best that can be put together of two feasible sets, the units on which they agree staying as they are."""
    best = _better(task, x, other)
    if task.stop() or (x == other).all():
        return best
    both, _, _ = _searched(task, best, x != other, CROSSING_CHECKS, gap)
    return _better(task, best, both)


def _by_regions(
    task: "_Task", tight: Tight, x: NDArray[np.bool_], cost: NDArray[np.float64], number: int
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
        found = _searched_at_once(task, x, two, REGION_CHECKS, gap)
        x = found if task.stop.done() else x
    return x


def _searched_at_once(
    task: "_Task",
    x: NDArray[np.bool_],
    blocks: list[NDArray[np.int64]],
    checks: int,
    gap: float,
    finds: int | None = None,
) -> NDArray[np.bool_]:
    """The best that the searches of these blocks find, side by side and each from x, and of what they turn the best together."""
    some = np.zeros((len(blocks), len(x)), dtype=np.bool_)
    for units, block in zip(some, blocks, strict=True):
        units[block] = True
    searches = [partial(_searched, task, x, units, checks, gap, finds=finds) for units in some]
    before: NDArray[np.bool_] = x
    turned = np.zeros(len(x), dtype=np.bool_)
    for found, _, _ in side_by_side(searches):
        if found is not None:
            turned |= found != before
            x = _better(task, x, found)
    if len(blocks) > 1 and x is not before:
        # Blocks have no unit in common, but positions: not all that each found may go together.
        both: NDArray[np.bool_] | None = before ^ turned
        if not is_feasible(task.core, before ^ turned):
            both, _, _ = _searched(task, x, turned, checks, gap)
        x = _better(task, x, both)
    return x


class _Table:
    """What the inner loops need beside the core: legs by position in the order in which they are worth turning, and prices."""

    __slots__ = ("entry", "head", "price", "profit", "unit", "weight")

    def __init__(self, core: Reduced, weight: NDArray[np.float64], tight: Tight | None) -> None:
        rows = len(core.bind)
        self.weight = weight
        self.unit = leg_units(core.start)
        size = np.abs(core.change.astype(np.float64))
        legs = np.maximum(np.bincount(core.row, minlength=rows), 1)
        # A position without a price still costs something to mend: a small part of what a typical unit weighs per amount.
        typical = float(np.median(weight)) / np.maximum(np.bincount(core.row, size, minlength=rows) / legs, 1.0)
        self.price = 0.05 * typical if tight is not None else typical
        self.profit = weight
        if tight is not None:
            self.price = np.maximum(tight.price, self.price)
            self.profit = tight.profit
        self.head, self.entry = by_position_and(np.abs(self.profit[self.unit]) / size, core.row, rows)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What stays the same while a set is looked for; `weight` is what the objective gives for each unit."""

    core: Reduced
    weight: NDArray[np.float64]
    table: _Table
    floors: list[Floor]
    stop: Watch

    def weight_of(self, x: NDArray[np.bool_]) -> float:
        """What a set brings."""
        return float(self.weight[x].sum())


def balance_of(core: Reduced, x: NDArray[np.bool_]) -> NDArray[Any]:
    """What is left on each binding position when these units settle."""
    return balance_after(core, core.balance, x)


def is_feasible(core: Reduced, x: NDArray[np.bool_]) -> bool:
    """No binding position goes negative: decided in exact integers."""
    return not bool((balance_of(core, x) < 0).any())


def keeps(x: NDArray[np.bool_], floors: list[Floor]) -> bool:
    """Whether a set brings what every floor asks."""
    return all(float(coefficients[x].sum()) >= least for coefficients, least in floors)


def _feasible(core: Reduced, table: _Table, start: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Take out what the positions cannot bear, then put in whatever still fits; empty if there is no way."""
    settled = start.astype(np.int64)
    balance = balance_of(core, start)
    # What the prices say a unit is worth, and a little of its own weight where they say nothing.
    cheap = np.maximum(table.profit, 0.0) + 0.01 * table.weight
    compiled.run(
        "remove_until_feasible", len(core.row), core.start, core.row, core.change, table.unit, table.head, table.entry,
        cheap, balance, settled, np.zeros(len(core.bind) + 1, dtype=np.int64),
    )  # fmt: skip
    order = np.argsort(-table.profit, kind="stable")
    compiled.run("fifo", len(core.row), order, core.start, core.row, core.change, balance, settled, ROUNDS_WITHOUT_END)
    return settled > 0


def _improved(task: _Task, start: NDArray[np.bool_], plan: Plan) -> NDArray[np.bool_]:
    """Chains, circles and exchanges around a feasible set until the passes or the work run out; infeasible starts come back as they are."""
    core, table = task.core, task.table
    settled = start.astype(np.int64)
    balance = balance_of(core, start)
    if (balance < 0).any():
        return start
    count, legs = len(core.free), len(core.row)
    # Integers beyond 64 bits run uncompiled.
    left = plan.looks * legs // (1 if core.change.dtype != object else 100)
    fixed = np.zeros(count, dtype=np.int64)
    for turn in range(plan.passes):
        out_first = turn % 3 == 2
        order = np.argsort(table.profit if out_first else -table.profit, kind="stable")
        order = order[settled[order] == (1 if out_first else 0)]
        # Taking a unit out pays only where the prices leave it in doubt.
        order = order[:10_000] if out_first else order
        kept, work = compiled.run(
            "improve", legs, core.start, core.row, core.change, table.unit, table.head, table.entry, task.weight, table.price,
            fixed, order, balance, settled, np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64),
            np.zeros(legs + len(core.bind) + 1, dtype=np.int64), FLIPS, plan.scan, LOOK, FILL, HOPE, left,
        )  # fmt: skip
        left -= work
        if left <= 0 or task.stop() or (not kept and turn >= 2):
            break
    return settled > 0


def _unpriced(task: _Task, start: NDArray[np.bool_], plan: Plan) -> NDArray[np.bool_]:
    """The same without prices."""
    return _improved(replace(task, table=_Table(task.core, task.weight, None)), start, plan)


def _better(task: _Task, x: NDArray[np.bool_], found: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """The found set, mended in exact integers, if it is better and keeps the floors; else the one at hand."""
    if found is None:
        return x
    if not is_feasible(task.core, found):
        found = _feasible(task.core, task.table, found)
    better = task.weight_of(found) > task.weight_of(x) and keeps(found, task.floors) and is_feasible(task.core, found)
    return found if better else x


def _searched(
    task: _Task,
    x: NDArray[np.bool_],
    some: NDArray[np.bool_],
    checks: int,
    gap: float,
    cents: "_Cents | None" = None,
    finds: int | None = None,
) -> tuple[NDArray[np.bool_] | None, float, bool]:
    """Branch and bound over some units, the others staying as in x: (set or None, bound on the whole weight, finished).

    With `cents`, what the search leaves as a trifle is looked through; with `finds` each piece ends with its better set of that
    number.
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
        mine, most = weight[piece.free], gap * len(bin_units) / len(part.free)
        trifle = 0.0 if cents is None else TRIFLE * task.weight_of(x)
        outcome = search(piece, mine, x[piece.free], checks, most, inner, task.stop, trifle=trifle, finds=finds)
        if cents is not None and not outcome.finished:
            outcome = to_the_cent(piece, mine, outcome, trifle, cents.margin, cents.work, task.stop)
        result[piece.free] = x[piece.free] if outcome.x is None else outcome.x
        found = found or outcome.x is not None
        bound += outcome.bound
        finished = finished and outcome.finished
    return result if found else None, bound, finished


@dataclass(frozen=True, slots=True)
class _Cents:
    """To the cent: the least gain, and what may be done for it."""

    margin: float
    work: Work


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
