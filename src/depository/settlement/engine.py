"""One settlement cycle: the best set of the netted class, then the gross class one by one, with the proof (design §5)."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depository.settlement import attribution, compiled
from depository.settlement.certificate import prove
from depository.settlement.cuts import HUGE, Tight, tighten
from depository.settlement.improvement import ROUNDS_WITHOUT_END, keeps
from depository.settlement.netting import choose
from depository.settlement.objective import Objective, objective_of, unit_totals
from depository.settlement.outcome import CLOCK, ENGINE_VERSION, Certificate, Outcome, PriorityLine
from depository.settlement.plans import HUGE_PLANS, PLANS, Plan
from depository.settlement.priorities import Bound, Level, bounds
from depository.settlement.problem import Problem
from depository.settlement.reduction import Reduced, reduce
from depository.settlement.solver import Floor
from depository.settlement.units import Units, balance_after, units_of
from depository.settlement.watch import Late, Watch

EFFORTS = tuple(PLANS)
# Effort thorough goes on from what standard found.
WAYS, HUGE_WAYS = (
    {name: (plans["standard"], plan) if name == "thorough" else (plan,) for name, plan in plans.items()}
    for plans in (PLANS, HUGE_PLANS)
)
# Up to this many open units a lower priority may rearrange a higher one's set as long as its objective stays the same.
REARRANGED = 2000


def settle(
    problem: Problem,
    objective: str = "mixed",
    effort: str = "standard",
    seed: int = 0,
    stop: Late | None = None,
    most: int | None = None,
) -> Outcome:
    """Choose what settles, explain what does not, and prove how good the choice is.

    `objective` is mixed, value or count; `effort` (quick, standard, thorough) is counted in work units, never in seconds; `seed`
    is only recorded, for nothing is drawn at random. `stop` is the emergency stop: once it returns true the best feasible set found
    by the last unit of work that had ended is taken; `most` stops after so many units, which a certificate names, and so ends with
    the same set. Raises ValueError for an unknown objective or effort.
    """
    if effort not in PLANS:
        raise ValueError(f"effort is {effort!r}, not one of {', '.join(EFFORTS)}")
    goal = objective_of(problem, objective)
    units = units_of(problem)
    watch = Watch(stop, most)
    fifo = _fifo(units, problem.opening, np.arange(len(units)), np.zeros(len(units), dtype=np.int64))
    plans = (HUGE_WAYS if len(units) > HUGE else WAYS)[effort]
    cycle = _Cycle(problem, units, goal, plans[0], watch)
    # First of all, so that a cycle that is stopped while it searches has a bound.
    relaxed = cycle.relaxed()
    decided = _decided(cycle, fifo, objective, None)
    for plan in plans[1:]:
        if watch() or (decided.kept and decided.run.proven):
            break
        begun = watch.units
        further = _Cycle(problem, units, goal, plan, watch)
        relaxed = further.relaxed() or relaxed
        found = _decided(further, fifo, objective, decided)
        if watch.units > begun:
            # Else the clock ran out within its first unit of work, of which nothing counts.
            cycle, decided = further, found
    return _outcome(cycle, decided, relaxed, objective, effort, seed)


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """One way through the cycle: the step in which each unit settled, and what is known of the netted class's first round."""

    step: NDArray[np.int64]
    bound: float
    proven: bool
    lines: tuple[tuple[int, float, bool], ...]
    core: Reduced
    tight: Tight | None


@dataclass(frozen=True, slots=True, eq=False)
class _Decided:
    """What settles and when (`step`), the run from which the bound follows, and whether `step` is that run's own set."""

    run: _Run
    step: NDArray[np.int64]
    kept: bool


def _decided(cycle: "_Cycle", fifo: NDArray[np.int64], objective: str, before: _Decided | None) -> _Decided:
    """The set of this plan, never below `fifo`; going on from what a lesser effort found `before`, and never below that either."""
    none = np.zeros(len(fifo), dtype=np.int64)
    known, lesser = None, None
    if before is not None:
        known, lesser = before.run.tight, (before.step == 1) & ~cycle.units.gross
    run = cycle.run(none, None, known, lesser)
    step = run.step
    kept = cycle.not_below(step > 0, fifo > 0, objective)
    if not kept:
        # The best by the objective alone gives away value or number against first in, first out: keep both.
        floored = cycle.run(none, fifo > 0, run.tight, lesser) if not cycle.units.gross.any() else run
        step = floored.step
        if not cycle.not_below(step > 0, fifo > 0, objective):
            step = cycle.run(fifo, None).step
    if before is None:
        return _Decided(run, step, kept)
    run = replace(run, bound=min(run.bound, before.run.bound))
    if cycle.reached(before.step > 0) > cycle.reached(step > 0):
        return _Decided(run, before.step, kept and before.kept)
    return _Decided(run, step, kept)


_Relaxed = tuple[Reduced, Tight | None]
"""All instructions as if they were netted, what is left of them to decide, and its relaxation where anything is."""


class _Cycle:
    """What stays the same while a cycle looks for its set."""

    __slots__ = ("goal", "levels", "plan", "problem", "stop", "totals", "units")

    def __init__(self, problem: Problem, units: Units, goal: Objective, plan: Plan, stop: Watch) -> None:
        self.problem = problem
        self.units = units
        self.goal = goal
        self.plan = plan
        self.stop = stop
        self.levels: list[int] = np.unique(problem.priority).tolist()
        self.totals = [unit_totals(problem, units.member, len(units), level) for level in self.levels]

    def relaxed(self) -> "_Relaxed | None":
        """What bounds all instructions together, where that of the netted class's one priority is not enough; None if stopped."""
        if len(self.levels) == 1 and not self.units.gross.any():
            return None
        core = reduce(self.units, self.problem.opening, np.arange(len(self.units)))
        if not len(core.free):
            return core, None
        value, count = (np.add.reduce([of[k] for of in self.totals]) for k in (0, 1))
        tight = tighten(core, self.weight(value, count)[core.free], self.plan.rounds, self.stop)
        return None if tight is None else (core, tight)

    def run(
        self,
        step: NDArray[np.int64],
        floor: NDArray[np.bool_] | None,
        known: Tight | None = None,
        lesser: NDArray[np.bool_] | None = None,
    ) -> _Run:
        """Netted class at once, gross class one by one, and again as long as something settles, starting from `step`.

        `floor` is a set whose value and number the highest priority must reach, `lesser` one that a lesser effort found and that can
        settle first. `known` is the relaxation of another way through the same cycle: it serves this one where as many rounds are
        asked for, or where there is no time for another.
        """
        units = self.units
        net, gross = np.flatnonzero(~units.gross), np.flatnonzero(units.gross)
        step = step.copy()
        first: _Run | None = None
        while True:
            before = int((step > 0).sum())
            balance = balance_after(units, self.problem.opening, step > 0)
            waiting = net[step[net] == 0]
            found = self._net(balance, waiting, floor, known, lesser) if first is None else self._net(balance, waiting)
            together = found.step
            if len(together):
                step[together] = step.max(initial=0) + 1
                balance = balance_after(units, self.problem.opening, step > 0)
            first = first or found
            if len(gross):
                step = _fifo(units, balance, gross, step)
            if int((step > 0).sum()) == before:
                return replace(first, step=step)
            if not len(gross):
                # Nothing came in between, so the netted class has nothing new to go on.
                return replace(first, step=step)

    def _net(
        self,
        balance: NDArray[Any],
        waiting: NDArray[np.int64],
        floor: NDArray[np.bool_] | None = None,
        known: Tight | None = None,
        lesser: NDArray[np.bool_] | None = None,
    ) -> _Run:
        """The netted units that settle together (as `step`), priority by priority."""
        units = self.units
        core = reduce(units, balance, waiting)
        fifo = _fifo(units, balance, waiting, np.zeros(len(units), dtype=np.int64)) > 0
        floors: list[Floor] = []
        if floor is not None:
            floors = [_floor(amount, core, floor) for amount in self.totals[0]]
        if lesser is not None and not keeps(lesser[core.free], floors):
            lesser = None
        chosen = fifo.copy() if lesser is None else lesser.copy()
        chosen[core.surely] = True
        lines: list[tuple[int, float, bool]] = []
        tight: Tight | None = None
        bound, proven = 0.0, True
        now = core
        several = sum(1 for v, c in self.totals if self.weight(v, c)[core.free].any()) > 1
        exact = len(core.free) <= min(REARRANGED, self.plan.whole)
        for level, (value, count) in zip(self.levels, self.totals, strict=True):
            whole = self.weight(value, count)
            weight = whole[now.free]
            fixed = float(whole[chosen].sum()) - float(weight[chosen[now.free]].sum())
            if not weight.any():
                lines.append((level, fixed, True))
                continue
            serves = known is not None and known.serves(self.plan.rounds)
            tight = known if serves else tighten(now, weight, self.plan.rounds, self.stop) or known
            incumbent, step = chosen[now.free], float(self.goal.step)
            found = choose(now, weight, incumbent, self.plan, floors, tight, self.stop, lesser is not None, step)
            chosen[now.free] = found.x
            lines.append((level, fixed + found.bound, found.proven))
            bound = fixed + found.bound
            proven = proven and found.proven and (exact or not several)
            if several and exact:
                floors = [*floors, (weight, float(weight[found.x].sum()) * (1 - 1e-12))]
            elif several:
                now = self._without(now, balance, waiting, chosen, whole)
                chosen[now.surely] = True
                floors = []
        left = balance_after(units, balance, chosen)
        if (left < 0).any():
            # Nothing above is allowed to end here; if it did, first in, first out stands.
            chosen, proven = fifo.copy(), False
            left = balance_after(units, balance, chosen)
        chosen = self._with_weightless(balance, waiting, chosen)
        left = balance_after(units, balance, chosen)
        settled = np.zeros(len(units), dtype=np.int64)
        settled[chosen] = 1
        settled = _fifo(units, left, waiting, settled)
        return _Run(np.flatnonzero(settled), bound, proven, tuple(lines), core, None if several else tight)

    def _with_weightless(
        self, balance: NDArray[Any], waiting: NDArray[np.int64], chosen: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """With as many as can settle beside the chosen ones of those that the objective does not weigh: free of payment, by value."""
        units, goal = self.units, self.goal
        if goal.per_instruction:
            return chosen
        weightless = np.add.reduce([value for value, _ in self.totals]) == 0
        rest = waiting[weightless[waiting] & ~chosen[waiting]]
        if not len(rest):
            return chosen
        core = reduce(units, balance_after(units, balance, chosen), rest)
        together = chosen.copy()
        together[core.surely] = True
        weight = np.bincount(units.member, minlength=len(units)).astype(np.float64)[core.free]
        if len(core.free):
            nothing = np.zeros(len(core.free), dtype=np.bool_)
            tight = tighten(core, weight, self.plan.rounds, self.stop)
            together[core.free] = choose(core, weight, nothing, self.plan, [], tight, self.stop).x
        return chosen if (balance_after(units, balance, together) < 0).any() else together

    def weight(self, value: NDArray[Any], count: NDArray[np.int64]) -> NDArray[np.float64]:
        """The objective per unit, as floats for guidance."""
        goal = self.goal
        result: NDArray[np.float64] = value.astype(np.float64) * (goal.per_value / goal.denominator) + count * (
            goal.per_instruction / goal.denominator
        )
        return result

    def _without(
        self,
        core: Reduced,
        balance: NDArray[Any],
        waiting: NDArray[np.int64],
        chosen: NDArray[np.bool_],
        decided: NDArray[np.float64],
    ) -> Reduced:
        """The core that is left for the lower priorities once the units of this one stand as chosen."""
        open_now = np.zeros(len(self.units), dtype=np.bool_)
        open_now[core.free] = True
        open_now[decided > 0] = False
        fixed = chosen & ~open_now
        return reduce(self.units, balance_after(self.units, balance, fixed), waiting[open_now[waiting]])

    def reached(self, settled: NDArray[np.bool_]) -> list[Fraction]:
        """The objective of a set, the highest priority first."""
        return [self.goal.of(int(value[settled].sum()), int(count[settled].sum())) for value, count in self.totals]

    def not_below(self, settled: NDArray[np.bool_], fifo: NDArray[np.bool_], objective: str) -> bool:
        """At the highest priority, not below first in, first out in what the objective weighs: value, number, or each of both."""
        if not self.totals:
            return True
        value, count = self.totals[0]
        more_value = int(value[settled].sum()) >= int(value[fifo].sum())
        more_count = int(count[settled].sum()) >= int(count[fifo].sum())
        return {"value": more_value, "count": more_count}.get(objective, more_value and more_count)


def _floor(amount: NDArray[Any], core: Reduced, floor: NDArray[np.bool_]) -> Floor:
    """The units of the core must bring at least what the floor's units bring beyond those that settle anyway."""
    least = int(amount[floor].sum()) - int(amount[core.surely].sum())
    return amount[core.free].astype(np.float64), float(least)


def _fifo(units: Units, balance: NDArray[Any], order: NDArray[np.int64], step: NDArray[np.int64]) -> NDArray[np.int64]:
    """First in, first out over `order`, repeated until nothing more settles; continues the numbering of `step`."""
    step, balance = step.copy(), balance.copy()
    compiled.run("fifo", len(units.row), order, units.start, units.row, units.change, balance, step, ROUNDS_WITHOUT_END)
    return step


def _outcome(
    cycle: _Cycle, decided: _Decided, relaxed: _Relaxed | None, objective: str, effort: str, seed: int
) -> Outcome:
    """Put together the set, its reasons and its certificate."""
    run, step, kept = decided.run, decided.step, decided.kept
    problem, units, goal = cycle.problem, cycle.units, cycle.goal
    settled = (step > 0)[units.member]
    value, count = unit_totals(problem, units.member, len(units))
    reached = goal.of(int(problem.value[settled].sum()), int(settled.sum()))
    core, tight = relaxed or (run.core, run.tight)
    if tight is None and relaxed is None:
        # The solver failed, or was stopped at its first solution: the reduction alone bounds what can settle.
        core = reduce(units, problem.opening, np.arange(len(units)))
    bound, multipliers = prove(problem, units, goal, value, count, core, tight)
    # The objective of a set is a whole number of steps: between two of them lies none.
    proven = bound - reached < goal.step
    upper = reached if proven else bound
    by_priority = _by_priority(cycle, step, core, tight)
    lines = _priority_lines(cycle, run, step, by_priority) if len(cycle.levels) > 1 else ()
    if units.gross.any() and lines and all(line.proven_optimal for line in lines):
        proven, upper = True, reached
    if not units.gross.any():
        if run.proven and kept:
            proven, upper = True, reached
        elif not proven and len(cycle.levels) == 1 and run.bound < float(bound):
            upper = max(reached, min(bound, Fraction(run.bound) * (1 + Fraction(1, 10**9))))
    certificate = Certificate(
        instructions=len(problem.ids),
        value_total=int(problem.value.sum()) * problem.value_unit,
        value_settled=int(problem.value[settled].sum()) * problem.value_unit,
        count_settled=int(settled.sum()),
        objective=objective,
        objective_settled=reached,
        upper_bound=upper,
        gap=upper - reached,
        proven_optimal=proven,
        bound_from_multipliers=bound,
        effort=effort,
        stopped_by=f"{CLOCK} after {cycle.stop.units} units of work"
        if cycle.stop.stopped
        else "finished"
        if proven
        else "effort",
        units=cycle.stop.units,
        by_clock=cycle.stop.stopped,
        seed=seed,
        engine_version=ENGINE_VERSION,
        input_sha256=problem.sha256,
        priorities=lines,
    )
    return Outcome(
        settled=settled,
        step=step[units.member],
        unsettled=attribution.unsettled(problem, units, settled),
        failing=attribution.failing(problem),
        certificate=certificate,
        multipliers=multipliers,
        # Without the gross class the bounds of most priorities are those of branch and bound.
        priority_multipliers=[(one.priority, line) for one in by_priority for line in one.multipliers]
        if units.gross.any()
        else [],
    )


def _by_priority(cycle: _Cycle, step: NDArray[np.int64], core: Reduced, tight: Tight | None) -> list[Bound]:
    """Where priorities and the gross class come together, or a cycle with priorities was stopped, a bound of its own for each priority."""
    if len(cycle.levels) == 1 or not (cycle.units.gross.any() or cycle.stop.stopped):
        return []
    settled = step > 0
    levels = [
        Level(level, value, count, int(value[settled].sum()), int(count[settled].sum()))
        for level, (value, count) in zip(cycle.levels, cycle.totals, strict=True)
    ]
    return bounds(cycle.problem, cycle.units, cycle.goal, levels, core, tight, cycle.stop)


def _priority_lines(
    cycle: _Cycle, run: _Run, step: NDArray[np.int64], by_priority: list[Bound]
) -> tuple[PriorityLine, ...]:
    """What each priority reached and could at most have reached, given what the higher ones have settled."""
    settled = step > 0
    lines = []
    most_of = {one.priority: one.most for one in by_priority}
    for (level, bound, proven), (value, count) in zip(run.lines, cycle.totals, strict=False):
        reached = cycle.goal.of(int(value[settled].sum()), int(count[settled].sum()))
        most = cycle.goal.of(int(value.sum()), int(count.sum()))
        if cycle.units.gross.any():
            # What the gross class brings is no part of the netted bound.
            upper = most_of.get(level, most)
            sure = upper == reached
        else:
            known = bool(np.isfinite(bound))
            sure = proven and known
            upper = min(most, Fraction(bound) * (1 + Fraction(1, 10**9))) if known else most_of.get(level, most)
            upper = reached if sure else max(reached, upper)
        lines.append(PriorityLine(level, reached, upper, upper - reached, sure))
    return tuple(lines)
