"""Before the cycle: what would settle now, what is missing, and whose funding would release the most (funding report)."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import NamedTuple

import numpy as np

from depository.settlement.apart import apart
from depository.settlement.attribution import everything_settled
from depository.settlement.fallback import (
    SIMPLE,
    by_engine,
    by_engine_here,
    first_in_first_out,
    until_nothing_more_settles,
)
from depository.settlement.outcome import Outcome
from depository.settlement.problem import Problem
from depository.settlement.units import balance_after, units_of
from depository.settlement.watch import Late

log = logging.getLogger(__name__)

# Shortages times instructions up to which each shortage's release is found by running the cycle again.
RUN_AGAIN = 20_000

LEAST = "least"
NO_LINE_LESS = "no line less"
ENOUGH = "enough"
# Runs of the cycle times instructions up to which funding beyond what is surely needed is made smaller line by line.
RUNS_TO_SHRINK = 20_000
# How often that is begun again where a smaller line lets an earlier one be smaller still.
SHRUNK = 20
# Gross instructions times ways through them up to which the funding of the gross class is looked for.
TRIED = 1_000_000

RUN = "forecast, run "
FAILS, NOT_BEGUN, STOPPED = "failed", "not begun", "stopped by clock after units: "
"""What a mark says: which run of the forecast, and what became of it."""


class Runs:
    """The engine's runs of one forecast, in their order; after the emergency stop none begins.

    `told` has a mark for each run that did not go to its end. Given back as `again`, without a clock, the same runs end in the same way
    once more, as a replay needs it.
    """

    __slots__ = ("_again", "_count", "_here", "_stopped", "stop", "told")

    def __init__(self, stop: Late | None = None, again: Collection[str] = (), here: bool = False) -> None:
        """`here`: all in this process, and what fails ends them all, by an exception; else each in one of its own."""
        self.stop = stop
        self._here = here
        marks = [mark.removeprefix(RUN).partition(": ") for mark in again if mark.startswith(RUN)]
        self._again = {int(run): what for run, _, what in marks}
        self._count = 0
        self._stopped = False
        self.told: list[str] = []

    def here(self) -> "Runs":
        """The same runs from the first on, all in this process."""
        return Runs(self.stop, [f"{RUN}{run}: {what}" for run, what in self._again.items()], here=True)

    def run(self, problem: Problem, objective: str, effort: str) -> Outcome | None:
        """The outcome, of a run that was stopped, too; None where the engine failed or there was no time to begin."""
        if self._stopped:
            return None
        self._count += 1
        what = self._again.get(self._count, "")
        if what == NOT_BEGUN or (self.stop is not None and self.stop()):
            self._stopped = True
            return self._tell(NOT_BEGUN, None)
        if what == FAILS:
            return self._tell(FAILS, None)
        most = int(what.removeprefix(STOPPED)) if what else None
        outcome = (by_engine_here if self._here else by_engine)(problem, objective, effort, self.stop, most)
        if outcome is None:
            return self._tell(FAILS, None)
        if outcome.certificate.by_clock:
            self._stopped = True
            return self._tell(f"{STOPPED}{outcome.certificate.units}", outcome)
        return outcome

    def _tell(self, what: str, outcome: Outcome | None) -> Outcome | None:
        self.told.append(f"{RUN}{self._count}: {what}")
        return outcome


class Missing(NamedTuple):
    """What a position lacks for everything to settle although everyone else delivers; `short_by` in units of the asset."""

    participant: str
    kind: str
    asset: str
    holder: str
    short_by: int


class Release(NamedTuple):
    """What funding this shortage alone would release: value in the reference currency, and number of instructions.

    Found by running the cycle again with it funded; on days too large for that, all unsettled instructions whose root includes
    the participant, which is the most it could be.
    """

    participant: str
    kind: str
    asset: str
    holder: str
    short_by: int
    value: Fraction
    instructions: int


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What would happen if the cycle ran now.

    `funding` is the extra funding with which everything would settle, position by position; `missing` is the same by participant and
    asset: (participant, kind, asset) -> amount. `ranked` is the funding in order of what it would release. `smallest` says what is
    proven of the funding:

    - `least`: on no position is there a smaller one, whatever settles in whatever order (each line is what the position lacks
      after everything has settled). Always so where all is netted, and where the gross class needs no more than that;
    - `no line less`: more is needed to get its order going. With one unit less of any one line the cycle leaves something behind;
      another split among the lines may do with less in all;
    - `enough`: neither is shown; the day is too large to try, or its order too entangled.
    """

    outcome: Outcome
    funding: tuple[Missing, ...]
    missing: dict[tuple[str, str, str], int]
    ranked: tuple[Release, ...]
    smallest: str


def forecast(problem: Problem, objective: str = "mixed", effort: str = "quick", runs: Runs | None = None) -> Forecast:
    """Run the engine on the day as it stands and say who has to bring what.

    `runs` may stop it by a clock: what would settle is then the best set found by then, and less is tried of the funding.
    All runs go in one process apart from this one; should one of them fail, all go once more, each in a process of its own.
    """
    runs = runs or Runs()
    try:
        found, told = apart(partial(_in_one_process, problem, objective, effort, runs.here()), runs.stop)
    except Exception:
        log.exception("the forecast failed: each of its runs goes in a process of its own")
        return _forecast(problem, objective, effort, runs)
    runs.told += told
    return found


def _in_one_process(problem: Problem, objective: str, effort: str, runs: Runs) -> tuple[Forecast, list[str]]:
    return _forecast(problem, objective, effort, runs), runs.told


def _forecast(problem: Problem, objective: str, effort: str, runs: Runs) -> Forecast:
    outcome = runs.run(problem, objective, effort) or first_in_first_out(problem, objective)
    short, smallest = _funding(problem, objective, effort, runs)
    funding = tuple(
        Missing((at := problem.positions[p]).participant, at.kind, at.asset, at.holder, short[p]) for p in sorted(short)
    )
    missing: dict[tuple[str, str, str], int] = {}
    for line in funding:
        key = (line.participant, line.kind, line.asset)
        missing[key] = missing.get(key, 0) + line.short_by
    return Forecast(
        outcome, funding, missing, tuple(_ranked(problem, outcome, short, objective, effort, runs)), smallest
    )


def _funding(problem: Problem, objective: str, effort: str, runs: Runs) -> tuple[dict[int, int], str]:
    """Position -> what has to be added so that all settle, and what is proven of it."""
    surely = {p: -left for p, left in enumerate(everything_settled(problem).tolist()) if left < 0}

    def enough(funding: Mapping[int, int]) -> bool:
        outcome = runs.run(funded(problem, funding), objective, effort)
        return outcome is not None and bool(outcome.settled.all())

    if not problem.gross.any() or enough(surely):
        return surely, LEAST
    needed = _needed(problem)
    if not enough(needed):
        needed = _surely_enough(problem)
    tries = sum(2 + (amount - surely.get(p, 0)).bit_length() for p, amount in needed.items())
    if tries * len(problem.ids) > RUNS_TO_SHRINK:
        return needed, ENOUGH
    for _ in range(SHRUNK):
        needed = _shrunk(needed, surely, enough)
        less = next((p for p in needed if needed[p] > surely.get(p, 0) and enough(needed | {p: needed[p] - 1})), None)
        if less is None:
            # A run that did not go to its end shows nothing.
            return needed, ENOUGH if runs.told else NO_LINE_LESS
        # Less of a later line has changed the order, and of this one less will do now.
        needed[less] -= 1
    return needed, ENOUGH


def _shrunk(
    needed: Mapping[int, int], surely: Mapping[int, int], enough: Callable[[Mapping[int, int]], bool]
) -> dict[int, int]:
    """One line after the other as small as halving finds it, the others as they are by then; no less than what is surely needed."""
    needed = dict(needed)
    for p in sorted(needed, key=lambda p: surely.get(p, 0) - needed[p]):
        # What is tried fails at `low` and is enough at `high`; it may do neither in between, where an order changes.
        low, high = surely.get(p, 0), needed[p]
        if low == high:
            continue
        if enough(needed | {p: low}):
            low, high = low - 1, low
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(needed | {p: middle}) else (middle, high)
        needed[p] = high
    return {p: amount for p, amount in needed.items() if amount}


def funded(problem: Problem, funding: Mapping[int, int]) -> Problem:
    """The day with so much more on these positions."""
    opening = problem.opening.copy()
    for p, amount in funding.items():
        opening[p] += amount
    return replace(problem, opening=opening)


def _needed(problem: Problem) -> dict[int, int]:
    """Position -> an amount with which all settle.

    The netted class settles at once, so each position gets what it goes below nought by. The gross class follows in its order, tried
    again and again; where nothing more settles, the first that waits is funded, and all begins anew: with more there from the
    start the order is another one, and may come to a stop elsewhere.
    """
    units = units_of(problem)
    after_net = balance_after(units, problem.opening, ~units.gross).tolist()
    needed = {p: -left for p, left in enumerate(after_net) if left < 0}
    legs = units.legs()
    gross: list[int] = np.flatnonzero(units.gross).tolist()
    for _ in range(max(1, TRIED // len(gross))):
        balance = [left + needed.get(p, 0) for p, left in enumerate(after_net)]
        _, waiting = until_nothing_more_settles(legs, gross, balance)
        if not waiting:
            return needed
        for p, change in legs[waiting[0]]:
            short = -(balance[p] + change)
            if short > 0:
                needed[p] = needed.get(p, 0) + short
    return _surely_enough(problem)


def _surely_enough(problem: Problem) -> dict[int, int]:
    """With this each position bears all that it gives without anything that it receives: no order can come to a stop."""
    units = units_of(problem)
    left = problem.opening.tolist()
    for row, change in zip(units.row.tolist(), units.change.tolist(), strict=True):
        left[row] += min(change, 0)
    return {p: -amount for p, amount in enumerate(left) if amount < 0}


def _ranked(
    problem: Problem, outcome: Outcome, short: dict[int, int], objective: str, effort: str, runs: Runs
) -> list[Release]:
    value_of = dict(zip(problem.ids, problem.value.tolist(), strict=True))
    held: dict[str, set[str]] = {}
    for line in outcome.unsettled:
        for participant in line.causes:
            held.setdefault(participant, set()).add(line.id)
    again = len(short) * len(problem.ids) <= RUN_AGAIN and outcome.certificate.effort != SIMPLE
    now = outcome.certificate
    lines = []
    for p, missing in short.items():
        at = problem.positions[p]
        then = runs.run(funded(problem, {p: missing}), objective, effort) if again else None
        if then is not None and not then.certificate.by_clock:
            value = max(then.certificate.value_settled - now.value_settled, Fraction(0))
            number = max(then.certificate.count_settled - now.count_settled, 0)
        else:
            behind = held.get(at.participant, set())
            value, number = sum(value_of[i] for i in behind) * problem.value_unit, len(behind)
        lines.append(Release(at.participant, at.kind, at.asset, at.holder, missing, value, number))
    return sorted(lines, key=lambda line: (-line.value, -line.instructions, line.kind, line.asset, line.holder))
