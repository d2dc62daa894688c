"""`python -m benchmarks.settlement.compare 1000 10000 --seeds 3`: the engine against other methods, all in one run.

The set is timed from the problem in memory to the instructions that settle; the proof (certificate, multipliers) and the reasons
(attribution) are timed beside it. Prints one Markdown row per day and method: objective, value and number settled, as % of the LP
bound, of the best bound proven in the run, and of what was submitted; seconds by the clock and of the processor.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.settlement import methods
from benchmarks.settlement.instances import PROFILES, cleared, day
from depository.settlement import Outcome, Problem, check, settle
from depository.settlement import engine as settlement_engine
from depository.settlement.cuts import tighten
from depository.settlement.objective import objective_of, unit_totals
from depository.settlement.reduction import reduce
from depository.settlement.units import units_of
from depository.settlement.watch import Watch

HEADER = (
    "| day | method | % of LP bound | % of best bound | % of value | % of number "
    "| set, s (clock) | set, s (processor) | proof and reasons, s |"
)


def main(words: list[str] | None = None) -> None:
    """Run the comparison; `words` instead of the command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("sizes", type=int, nargs="+")
    arguments.add_argument("--profiles", nargs="+", default=sorted(PROFILES))
    arguments.add_argument("--seeds", type=int, default=1)
    arguments.add_argument("--efforts", nargs="+", default=["quick", "standard", "thorough"])
    arguments.add_argument("--highs-seconds", type=float, default=60.0, help="0: without HiGHS alone")
    arguments.add_argument("--cp-sat-seconds", type=float, default=0.0, help="0: without CP-SAT alone")
    arguments.add_argument("--objective", choices=("mixed", "value"), default="mixed")
    arguments.add_argument("--broad", action="store_true", help="days of the broad family")
    arguments.add_argument(
        "--cleared", type=float, default=0.0, help="share of the trades through a clearing house that has nothing"
    )
    arguments.add_argument(
        "--left", type=float, help="part of the value that the LP leaves; the profile's if not given"
    )
    given = arguments.parse_args(words)
    # Compile before anything is timed.
    small = day(5000, "mid", 99).problem()
    settle(small, effort="quick")
    methods.remove_until_feasible(units_of(small), small, np.ones(len(units_of(small))))
    print(HEADER)
    print("|---|---|---|---|---|---|---|---|---|")
    for size in given.sizes:
        for profile in given.profiles:
            for seed in range(given.seeds):
                for line in rows(size, profile, seed, given):
                    print(line, flush=True)


def rows(size: int, profile: str, seed: int, given: argparse.Namespace) -> Iterator[str]:
    """The lines of one day."""
    efforts, highs_seconds, cp_sat_seconds = given.efforts, given.highs_seconds, given.cp_sat_seconds
    problem = cleared(day(size, profile, seed, broad=given.broad, left=given.left), given.cleared).problem()
    units = units_of(problem)
    goal = objective_of(problem, given.objective)
    value, count = unit_totals(problem, units.member, len(units))
    weight = (value.astype(np.float64) * goal.per_value + count * float(goal.per_instruction)) / goal.denominator

    bounds: list[float] = []
    found: list[tuple[str, methods.Set, float, float, str]] = []

    def timed(name: str, method: Callable[[], methods.Set]) -> None:
        clock, processor = time.perf_counter(), time.process_time()
        settled = method()
        found.append((name, settled, time.perf_counter() - clock, time.process_time() - processor, ""))

    clock, processor = time.perf_counter(), time.process_time()
    core = reduce(units, problem.opening, np.arange(len(units)))
    relaxed = tighten(core, weight[core.free], 0, Watch())
    lp_clock, lp_processor = time.perf_counter() - clock, time.process_time() - processor
    assert relaxed is not None
    lp = relaxed.plain_bound + float(weight[core.surely].sum())
    bounds.append(lp)

    def engine(effort: str) -> None:
        outcome, clock, processor, rest = settle_in_parts(problem, given.objective, effort)
        assert not check(problem, outcome)
        bounds.append(float(outcome.certificate.upper_bound))
        settled = np.zeros(len(units), dtype=np.bool_)
        settled[units.member[outcome.settled]] = True
        mark = " (optimal)" if outcome.certificate.proven_optimal else ""
        found.append((f"engine, {effort}{mark}", settled, clock, processor, f"{rest:.2f}"))

    def highs() -> methods.Set:
        settled, bound = methods.highs_alone(units, problem, weight, highs_seconds)
        bounds.append(bound)
        return settled

    def cp_sat() -> methods.Set:
        settled, bound = methods.cp_sat_alone(units, problem, weight, cp_sat_seconds)
        bounds.append(bound)
        return settled

    timed("FIFO once", lambda: methods.fifo(units, problem, 1))
    timed("FIFO repeated", lambda: methods.fifo(units, problem, 1 << 30))
    timed("FIFO and bilateral netting", lambda: methods.bilateral(units, problem))
    timed("netting, remove until feasible", lambda: methods.remove_until_feasible(units, problem, weight))
    for effort in efforts:
        engine(effort)
    if highs_seconds > 0:
        timed(f"HiGHS alone, {highs_seconds:.0f} s", highs)

    if cp_sat_seconds > 0:
        timed(f"CP-SAT alone, {cp_sat_seconds:.0f} s, other process", cp_sat)

    name = f"{size} {profile} {seed}"
    best = min(bounds)
    yield f"| {name} | LP bound | 100 | {100 * lp / best:.2f} | | | {lp_clock:.2f} | {lp_processor:.2f} | |"
    for method, settled, clock, processor, rest in found:
        reached = float(weight[settled].sum())
        yield (
            f"| {name} | {method} | {100 * reached / lp:.2f} | {100 * reached / best:.3f} | "
            f"{100 * float(value[settled].sum()) / float(value.sum()):.2f} | {100 * float(count[settled].sum()) / size:.2f} | "
            f"{clock:.2f} | {processor:.2f} | {rest} |"
        )


def settle_in_parts(problem: Problem, objective: str, effort: str) -> tuple[Outcome, float, float, float]:
    """Settle, and say how long the set took (by the clock, of the processor) and how long proof and reasons (of the processor)."""
    put_together = settlement_engine._outcome
    found: list[tuple[float, float]] = []

    def noted(*arguments: Any) -> Outcome:
        found.append((time.perf_counter(), time.process_time()))
        return put_together(*arguments)

    settlement_engine._outcome = noted  # type: ignore[assignment]
    try:
        clock, processor = time.perf_counter(), time.process_time()
        outcome = settle(problem, objective, effort)
    finally:
        settlement_engine._outcome = put_together
    at_clock, at_processor = found[0]
    return outcome, at_clock - clock, at_processor - processor, time.process_time() - at_processor


if __name__ == "__main__":
    main()
