"""The simple method that stands behind the engine: first in, first out, repeated; plain Python and no solver (design §5).

It takes over when the engine fails, so that a cycle never ends with nothing. What settles is feasible and explained as always; its
bound is the trivial one, everything.
"""

import logging
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from depository.settlement import attribution
from depository.settlement.checker import check
from depository.settlement.engine import settle
from depository.settlement.objective import objective_of
from depository.settlement.outcome import ENGINE_VERSION, Certificate, Outcome
from depository.settlement.problem import Problem
from depository.settlement.units import units_of

log = logging.getLogger(__name__)

SIMPLE = "first in, first out"
"""The effort that a certificate of this method states."""
FAILED = "engine failure"


def by_engine(problem: Problem, objective: str, effort: str, stop: Callable[[], bool] | None = None) -> Outcome | None:
    """The engine's outcome; None, and a line in the log, when it fails or its set does not pass the independent check.

    `stop` is the engine's emergency stop.
    """
    try:
        outcome = settle(problem, objective, effort, stop=stop)
    except Exception:
        # Whatever goes wrong in it or in the solver below it, a cycle must not end with nothing.
        log.exception("the settlement engine failed: %s stands in for it", SIMPLE)
        return None
    faults = check(problem, outcome)
    if faults:
        log.error("the check refused the engine's set: %s stands in for it: %s", SIMPLE, "; ".join(faults[:10]))
        return None
    return outcome


def first_in_first_out(problem: Problem, objective: str = "mixed") -> Outcome:
    """Each unit by priority, date and arrival against what is there at that moment, again and again until nothing more settles."""
    units = units_of(problem)
    start, row, change = units.start.tolist(), units.row.tolist(), units.change.tolist()
    balance = problem.opening.tolist()
    step = np.zeros(len(units), dtype=np.int64)
    waiting, last = list(range(len(units))), 0
    while waiting:
        behind = []
        for u in waiting:
            legs = range(start[u], start[u + 1])
            if any(balance[row[k]] + change[k] < 0 for k in legs):
                behind.append(u)
                continue
            for k in legs:
                balance[row[k]] += change[k]
            last += 1
            step[u] = last
        if len(behind) == len(waiting):
            break
        waiting = behind
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
