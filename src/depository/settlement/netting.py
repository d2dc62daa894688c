"""The netted class: the best set that can settle all at once (design §5).

Method: exact reduction; linear relaxation with rounding cuts, whose prices tell which units and positions matter; rounding by
these prices; improvement by chains, circles and exchanges; branch and bound on the units the prices leave open. Every step
starts from a feasible set and ends with one, checked in exact integers; without the solver the first and the last still work.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from depository.settlement.cuts import HUGE, Tight
from depository.settlement.dive import dive
from depository.settlement.fill import filled
from depository.settlement.fillings import Work
from depository.settlement.improvement import (
    Table,
    Task,
    better_of,
    feasible,
    improved,
    improved_unpriced,
    keeps,
)
from depository.settlement.plans import Plan
from depository.settlement.reduction import Reduced
from depository.settlement.searches import (
    Cents,
    blocks_of,
    crossed_all,
    searched_among,
    searched_by_regions,
    searched_in_blocks,
)
from depository.settlement.solver import SMALL_SEARCH, Ends, Floor
from depository.settlement.watch import Watch
from depository.settlement.workers import side_by_side

# Up to so many open units a day is small.
LARGE = 16_000
# A set that stays this part of the bound below it is searched more widely as long as it gains, each time among so many times as many
# units beside those in doubt.
FAR_OFF, WIDER = 0.02, 4
# In a region units worth neither more nor less than they use come after those that cost less than IDLE to turn.
IDLE = 0.1
# With more units in doubt than this the other solutions of the relaxation are left aside: each would take a search too large. On huge
# days there is more time for it.
KIN_DOUBT, HUGE_KIN_DOUBT = 6000, 30_000
FAR_FROM_ROUNDED = 5
# So often balances are filled to the last unit.
TOPPED_UP = 4
# Where no more units than this are open, the search for the proof comes at once, and AGAIN times in all as long as it does not end,
# each time from the best set so far.
PROVEN_AT_ONCE = 2000
AGAIN = 2
# On small days the search for the proof has FIRST of the work in its first turn, twice side by side, and NEXT in the next; what goes on
# to the cent where the first ends has CENTS of it beside, and the search for anything better so many units times checkpoints.
FIRST, NEXT, CENTS = 0.3, 0.25, 0.6
BETTER = 16_000_000
# Ways and sums that a proof to the cent looks through.
WAYS = 1 << 23
SUMS = 1 << 27


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
    task = Task(core, weight, Table(core, weight, tight), floors, stop)
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
    if int((priced.rounded != x).sum()) > FAR_FROM_ROUNDED * most:
        # So much stands otherwise than in the relaxation that a search near a solution is one of nearly all.
        kin = []
    if kin and tight.bound - task.weight_of(x) > priced.margin:
        bred = _of_kin(task, priced, plan, x, kin, goes_on)
        # No time: what is at hand so far comes from the prices alone.
        x = better_of(task, x, improved_unpriced(task, incumbent, plan)) if bred is None else bred
    searches = (
        [] if kin else [(priced.doubtful, *one, False) for one in (plan.searches[:1] if large else plan.searches)]
    )
    searches += [(priced.idle, *one, True) for one in plan.idle if large]
    wider = [
        (in_doubt, more * WIDER**turn, checks, regions)
        for turn in range(1, plan.wider + 1)
        for in_doubt, more, checks, regions in searches[-1:]
    ]
    gained = True
    for turn, (in_doubt, more, checks, regions) in enumerate(searches + wider):
        if turn >= len(searches) and not (gained and tight.bound - task.weight_of(x) > FAR_OFF * tight.bound):
            break
        units = _searched_next(task, priced, plan, x, in_doubt, more)
        if not len(units):
            break
        before = x
        rest = (tight.bound - task.weight_of(x)) * plan.rest
        ends = Ends(checks=checks, gap=rest, finds=plan.finds if regions else None)
        x = _widened(task, priced, plan, x, blocks_of(core, units, turn, plan.block), ends, regions)
        gained = x is not before
    if afresh:
        x = crossed_all(task, [x, incumbent], tight.bound)
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


def _without_prices(task: Task, incumbent: NDArray[np.bool_], plan: Plan) -> Chosen:
    """What improvement alone finds, when the solver failed or was stopped."""
    x = improved(task, incumbent, plan)
    if not task.stop.done():
        # No prices and no time: a single pass, whose work is counted.
        x = improved(task, incumbent, plan)
    gained = keeps(x, task.floors) and task.weight_of(x) > task.weight_of(incumbent)
    return Chosen(x if gained else incumbent, np.inf, False, None)


def _from_prices(
    task: Task, priced: _Priced, plan: Plan, incumbent: NDArray[np.bool_], afresh: bool
) -> NDArray[np.bool_]:
    """The best of what rounding and diving give, improved; and of the incumbent, unless the set is to be found afresh."""
    tight, stop = priced.tight, task.stop
    mended = feasible(task.core, task.table, priced.rounded)
    ways = [lambda: improved(task, mended, plan)]
    gap = tight.bound - task.weight_of(mended)
    if gap > plan.far * tight.bound and int((priced.closeness <= gap).sum()) > PROVEN_AT_ONCE:
        ways.append(lambda: improved(task, feasible(task.core, task.table, dive(tight, task.table.price)), plan))
    climbs = side_by_side(ways)
    if not stop.done():
        # No time: a single pass from each, and as without prices.
        climbs = [improved(task, mended, plan), improved(task, incumbent, plan)]
        climbs.append(improved_unpriced(task, incumbent, plan))
    x = mended if afresh else incumbent
    for climb in climbs:
        x = better_of(task, x, climb)
    if x is incumbent and not stop():
        climb = improved(task, incumbent, plan)
        x = better_of(task, x, climb) if stop.done() else x
    return x


def _searched_next(
    task: Task, priced: _Priced, plan: Plan, x: NDArray[np.bool_], in_doubt: NDArray[np.bool_], more: int
) -> NDArray[np.int64]:
    """The units that a search from x looks at: those in doubt and those that x has otherwise than the prices, then the `more` easiest.

    Empty when there is no time, nothing to gain, or so little open that the search for the proof comes at once.
    """
    nothing = np.zeros(0, dtype=np.int64)
    gap = priced.tight.bound - task.weight_of(x)
    if gap <= priced.margin or task.stop():
        return nothing
    if int((priced.closeness <= gap + priced.margin).sum()) <= min(plan.whole, PROVEN_AT_ONCE):
        return nothing
    must = in_doubt | (priced.rounded != x)
    return _with_easiest(priced, must, more)


def _with_easiest(priced: _Priced, must: NDArray[np.bool_], more: int) -> NDArray[np.int64]:
    """These units, then the `more` that cost the least part of their weight to turn."""
    return np.argsort(np.where(must, -1.0, priced.ease), kind="stable")[: int(must.sum()) + more]


def _widened(
    task: Task,
    priced: _Priced,
    plan: Plan,
    x: NDArray[np.bool_],
    blocks: list[NDArray[np.int64]],
    ends: Ends,
    regions: bool,
) -> NDArray[np.bool_]:
    """The best that searches of these blocks find from x, two at a time, then of regions if asked; improved once more."""
    tight, stop = priced.tight, task.stop
    started = x
    for two in (blocks[i : i + 2] for i in range(0, len(blocks), 2)):
        found = searched_in_blocks(task, x, two, ends)
        x = found if stop.done() else x
    if regions and plan.regions and tight.bound - task.weight_of(x) > priced.margin:
        x = searched_by_regions(task, tight, x, priced.cost, plan.regions)
    if x is not started and not stop():
        climb = improved(task, x, plan)
        x = better_of(task, x, climb) if stop.done() else x
    return x


def _proved(task: Task, priced: _Priced, plan: Plan, x: NDArray[np.bool_]) -> Chosen:
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
    cents = Cents(priced.margin, Work(BETTER, int(CENTS * plan.proof), WAYS, SUMS)) if small else None
    better, searched = x, float("inf")
    for turn in range(AGAIN if number <= PROVEN_AT_ONCE else 1):
        part = 1.0 if not small else NEXT if turn else FIRST
        checks = int(part * plan.proof) // max(number, 500)
        searched_x, upper, finished = searched_among(task, better, open_units, Ends(checks=checks), cents)
        better, searched = better_of(task, better, searched_x), min(searched, upper)
        if finished:
            break
        better = _topped_up(task, tight, better_of(task, better, improved(task, better, plan)), priced.idle)
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
    task: Task, priced: _Priced, plan: Plan, x: NDArray[np.bool_], kin: list[NDArray[np.float64]], searched: bool
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
        some[_with_easiest(priced, must, more)] = True
        gap = (tight.bound - task.weight_of(found)) * plan.rest
        ends = Ends(checks=checks, gap=gap, finds=plan.finds)
        return better_of(task, found, searched_among(task, found, some, ends)[0])

    def first_of(fraction: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The set near another solution."""
        return near(fraction, improved(task, feasible(task.core, task.table, fraction > 0.5), plan))

    sets = [x] if searched else []
    looks = [] if searched else [partial(near, tight.x, x)]
    looks += [partial(first_of, fraction) for fraction in kin]
    for two in (looks[i : i + 2] for i in range(0, len(looks), 2)):
        found = [] if stop() else side_by_side(two)
        if not stop.done():
            break
        sets += found
    return crossed_all(task, sets, tight.bound) if sets else None


def _topped_up(task: Task, tight: Tight, x: NDArray[np.bool_], idle: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Balances filled to their last unit, one after the other, as long as it gains."""
    for _ in range(TOPPED_UP):
        before = x
        for found in filled(task.core, tight.price, idle, x):
            x = better_of(task, x, found)
        if x is before:
            break
    return x
