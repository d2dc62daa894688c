"""The simple method that stands behind the engine: first in, first out, repeated; plain Python and no solver (design §5).

It takes over when the engine fails, so that a cycle never ends with nothing. What settles is feasible and explained as always; its
bound is the trivial one, everything.
"""

import logging
from collections.abc import Sequence
from fractions import Fraction
from functools import partial

import numpy as np

from depository.settlement import attribution
from depository.settlement.apart import apart
from depository.settlement.checker import check
from depository.settlement.engine import settle
from depository.settlement.objective import objective_of
from depository.settlement.outcome import ENGINE_VERSION, Certificate, Outcome
from depository.settlement.problem import Problem
from depository.settlement.units import units_of
from depository.settlement.watch import Late

log = logging.getLogger(__name__)

SIMPLE = "first in, first out"
"""The effort that a certificate of this method states."""
FAILED = "engine failure"


class Refused(RuntimeError):
    """The independent check does not let the engine's set pass: names the broken rules."""


def by_engine(
    problem: Problem, objective: str, effort: str, stop: Late | None = None, most: int | None = None
) -> Outcome | None:
    """The engine's outcome; None, and a line in the log, when it fails or its set does not pass the independent check.

    `stop` and `most` are the engine's emergency stop. A solver may even end its process (glibc aborts where memory ends at a bad
    moment) or hang: the engine works in one of its own.
    """
    try:
        outcome = apart(partial(settle, problem, objective, effort, stop=stop, most=most), stop)
    except Exception:
        # Whatever goes wrong in it or in the solver below it, a cycle must not end with nothing.
        log.exception("the settlement engine failed: %s stands in for it", SIMPLE)
        return None
    faults = check(problem, outcome)
    if faults:
        log.error("the check refused the engine's set: %s stands in for it: %s", SIMPLE, "; ".join(faults[:10]))
        return None
    return outcome


def by_engine_here(
    problem: Problem, objective: str, effort: str, stop: Late | None = None, most: int | None = None
) -> Outcome:
    """The same in this process. Raises Refused, or whatever the engine raises."""
    outcome = settle(problem, objective, effort, stop=stop, most=most)
    faults = check(problem, outcome)
    if faults:
        raise Refused("; ".join(faults[:10]))
    return outcome


def until_nothing_more_settles(
    legs: Sequence[Sequence[tuple[int, int]]], waiting: Sequence[int], balance: list[int]
) -> tuple[list[int], Sequence[int]]:
    """Try units in the order of `waiting`, again and again; those that settled, in that order, and those that still wait.

    `legs` are (position, change) of each unit; `balance`, by position, moves with those that settle.
    """
    settling: list[int] = []
    while waiting:
        behind = []
        for u in waiting:
            if any(balance[p] + change < 0 for p, change in legs[u]):
                behind.append(u)
                continue
            for p, change in legs[u]:
                balance[p] += change
            settling.append(u)
        if len(behind) == len(waiting):
            break
        waiting = behind
    return settling, waiting


def first_in_first_out(problem: Problem, objective: str = "mixed") -> Outcome:
    """Each unit by priority, date and arrival against what is there at that moment, again and again until nothing more settles."""
    units = units_of(problem)
    balance = problem.opening.tolist()
    step = np.zeros(len(units), dtype=np.int64)
    settling, _ = until_nothing_more_settles(units.legs(), range(len(units)), balance)
    step[settling] = np.arange(1, len(settling) + 1)
    settled = (step > 0)[units.member]
    goal = objective_of(problem, objective)
    value = int(problem.value[settled].sum())
    everything = int(problem.value.sum())
    reached = goal.of(value, int(settled.sum()))
    bound = goal.of(everything, len(problem.ids))
    certificate = Certificate(
        instructions=len(problem.ids),
        value_total=everything * problem.value_unit,
        value_settled=value * problem.value_unit,
        count_settled=int(settled.sum()),
        objective=objective,
        objective_settled=reached,
        upper_bound=bound,
        gap=bound - reached,
        proven_optimal=bound == reached,
        bound_from_multipliers=Fraction(bound),
        effort=SIMPLE,
        stopped_by=FAILED,
        units=0,
        by_clock=False,
        seed=0,
        engine_version=ENGINE_VERSION,
        input_sha256=problem.sha256,
        priorities=(),
    )
    return Outcome(
        settled=settled,
        step=step[units.member],
        unsettled=attribution.unsettled(problem, units, settled),
        failing=attribution.failing(problem),
        certificate=certificate,
        multipliers=[],
    )
