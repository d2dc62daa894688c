"""`python -m benchmarks.settlement.compare 1000 10000 --seeds 3`: the engine against other methods, all in one run.

Prints one Markdown row per day and method: objective, value and number settled, as % of the LP bound, of the best bound proven in
the run, and of what was submitted; seconds by the clock and of the processor.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.settlement import methods
from benchmarks.settlement.instances import PROFILES, day
from depository.settlement import check, settle
from depository.settlement.cuts import tighten
from depository.settlement.objective import objective_of, unit_totals
from depository.settlement.reduction import reduce
from depository.settlement.units import units_of

HEADER = "| day | method | % of LP bound | % of best bound | % of value | % of number | s (clock) | s (processor) |"


def main(words: list[str] | None = None) -> None:
    """Run the comparison; `words` instead of the command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("sizes", type=int, nargs="+")
    arguments.add_argument("--profiles", nargs="+", default=sorted(PROFILES))
    arguments.add_argument("--seeds", type=int, default=1)
    arguments.add_argument("--efforts", nargs="+", default=["quick", "standard", "thorough"])
    arguments.add_argument("--highs-seconds", type=float, default=60.0, help="0: without HiGHS alone")
    given = arguments.parse_args(words)
    # Compile before anything is timed.
    settle(day(5000, "mid", 99).problem(), effort="quick")
    print(HEADER)
    print("|---|---|---|---|---|---|---|---|")
    for size in given.sizes:
        for profile in given.profiles:
            for seed in range(given.seeds):
                for line in rows(size, profile, seed, given.efforts, given.highs_seconds):
                    print(line, flush=True)


def rows(size: int, profile: str, seed: int, efforts: list[str], highs_seconds: float) -> Iterator[str]:
    """The lines of one day."""
    problem = day(size, profile, seed).problem()
    units = units_of(problem)
    goal = objective_of(problem, "mixed")
    value, count = unit_totals(problem, units.member, len(units))
    weight = (value.astype(np.float64) * goal.per_value + count * float(goal.per_instruction)) / goal.denominator

    bounds: list[float] = []
    found: list[tuple[str, methods.Set, float, float]] = []

    def timed(name: str, method: Callable[[], methods.Set]) -> None:
        clock, processor = time.perf_counter(), time.process_time()
        settled = method()
        found.append((name, settled, time.perf_counter() - clock, time.process_time() - processor))

    clock, processor = time.perf_counter(), time.process_time()
    core = reduce(units, problem.opening, np.arange(len(units)))
    relaxed = tighten(core, weight[core.free], 0)
    lp_clock, lp_processor = time.perf_counter() - clock, time.process_time() - processor
    assert relaxed is not None
    lp = relaxed.plain_bound + float(weight[core.surely].sum())
    bounds.append(lp)

    def engine(effort: str) -> methods.Set:
        outcome = settle(problem, effort=effort)
        assert not check(problem, outcome)
        bounds.append(float(outcome.certificate.upper_bound))
        settled = np.zeros(len(units), dtype=np.bool_)
        settled[units.member[outcome.settled]] = True
        proven.append(outcome.certificate.proven_optimal)
        return settled

    def highs() -> methods.Set:
        settled, bound = methods.highs_alone(units, problem, weight, highs_seconds)
        bounds.append(bound)
        return settled

    proven: list[bool] = []
    timed("FIFO once", lambda: methods.fifo(units, problem, 1))
    timed("FIFO repeated", lambda: methods.fifo(units, problem, 1 << 30))
    timed("FIFO and bilateral netting", lambda: methods.bilateral(units, problem))
    timed("netting, remove until feasible", lambda: methods.remove_until_feasible(units, problem, weight))
    for effort in efforts:
        timed(f"engine, {effort}", lambda effort=effort: engine(effort))  # type: ignore[misc]
    if highs_seconds > 0:
        timed(f"HiGHS alone, {highs_seconds:.0f} s", highs)

    name = f"{size} {profile} {seed}"
    best = min(bounds)
    yield f"| {name} | LP bound | 100 | {100 * lp / best:.2f} | | | {lp_clock:.2f} | {lp_processor:.2f} |"
    proofs = dict(zip([f"engine, {effort}" for effort in efforts], proven, strict=True))
    for method, settled, clock, processor in found:
        reached = float(weight[settled].sum())
        mark = " (optimal)" if proofs.get(method) else ""
        yield (
            f"| {name} | {method}{mark} | {100 * reached / lp:.2f} | {100 * reached / best:.3f} | "
            f"{100 * float(value[settled].sum()) / float(value.sum()):.2f} | {100 * float(count[settled].sum()) / size:.2f} | "
            f"{clock:.2f} | {processor:.2f} |"
        )


if __name__ == "__main__":
    main()
