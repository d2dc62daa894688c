"""`python -m benchmarks.settlement.growth docs/reference/settlement-growth.svg`: seconds and memory from 10^3 to 10^6 instructions.

Each size runs in a process of its own, so that its memory is its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

from matplotlib.figure import Figure

from benchmarks.settlement.instances import day
from depository.settlement import check, settle

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)


def main() -> None:
    """Measure every size and draw the plot."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("plot")
    arguments.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    arguments.add_argument("--effort", default="quick")
    arguments.add_argument("--one", type=int, help="measure this size in this process")
    given = arguments.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.effort)))
        return
    results = []
    for size in given.sizes:
        command = [
            sys.executable,
            "-m",
            "benchmarks.settlement.growth",
            given.plot,
            "--one",
            str(size),
            "--effort",
            given.effort,
        ]
        finished = subprocess.run(command, capture_output=True, text=True, check=True)
        results.append(json.loads(finished.stdout))
        row = results[-1]
        print(" | ".join(f"{name} {found}" for name, found in row.items()), flush=True)
    figure = Figure(figsize=(7, 4.5))
    left = figure.subplots()
    sizes = [row["instructions"] for row in results]
    left.loglog(sizes, [row["processor_seconds"] for row in results], "o-", label="settle, processor seconds")
    left.loglog(sizes, [row["check_seconds"] for row in results], "s-", label="check, seconds")
    first = results[-1]["processor_seconds"] / sizes[-1]
    left.loglog(sizes, [first * size for size in sizes], "k:", label="linear")
    left.set_xlabel("instructions")
    left.set_ylabel("seconds")
    right = left.twinx()
    right.loglog(sizes, [row["megabytes"] for row in results], "^--", color="grey", label="memory, MB (right)")
    right.set_ylabel("MB")
    handles = [*left.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]]
    left.legend(handles, [str(handle.get_label()) for handle in handles], loc="upper left")
    left.grid(visible=True, which="major", alpha=0.3)
    figure.tight_layout()
    figure.savefig(given.plot, metadata={"Date": None})


def measure(size: int, effort: str) -> dict[str, float]:
    """Settle one day of that size."""
    problem = day(size, "mid", 0).problem()
    clock, processor = time.perf_counter(), time.process_time()
    outcome = settle(problem, effort=effort)
    settled, used = time.perf_counter(), time.process_time()
    assert not check(problem, outcome)
    certificate = outcome.certificate
    return {
        "instructions": size,
        "seconds": round(settled - clock, 2),
        "processor_seconds": round(used - processor, 2),
        "check_seconds": round(time.perf_counter() - settled, 2),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "percent_of_bound": round(100 * float(certificate.objective_settled / certificate.upper_bound), 3),
    }


if __name__ == "__main__":
    main()
