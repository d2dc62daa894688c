"""Other ways to settle a day, to compare with: each takes a problem and returns which units settle.

First in first out (once, and repeated), with bilateral netting, removing until feasible, and HiGHS alone on the whole problem.
"""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import highspy
import numba
import numpy as np
from numpy.typing import NDArray

from depository.settlement import compiled
from depository.settlement.problem import Problem
from depository.settlement.units import Units, balance_after, by_position, leg_units

Set = NDArray[np.bool_]


def fifo(units: Units, problem: Problem, rounds: int) -> Set:
    """First in, first out, so many rounds (gross, each against what is there)."""
    settled, balance = np.zeros(len(units), dtype=np.int64), problem.opening.copy()
    order = np.arange(len(units))
    compiled.run("fifo", len(units.row), order, units.start, units.row, units.change, balance, settled, rounds)
    return settled > 0


def bilateral(units: Units, problem: Problem) -> Set:
    """FIFO to its fixpoint, then all that waits between two participants at once where that is feasible, and again."""
    first = np.zeros(len(units), dtype=np.int64)
    first[units.member[::-1]] = np.arange(len(problem.ids))[::-1]
    holder = [position.participant for position in problem.positions]
    pairs = defaultdict(list)
    for u, j in enumerate(first.tolist()):
        sides = (
            (problem.deliver[j], problem.receive[j])
            if problem.deliver[j] >= 0
            else (problem.payer[j], problem.payee[j])
        )
        if sides[0] >= 0:
            pairs[tuple(sorted((holder[sides[0]], holder[sides[1]])))].append(u)
    settled = np.zeros(len(units), dtype=np.int64)
    start, row, change = units.start.tolist(), units.row.tolist(), units.change.tolist()
    while True:
        balance = balance_after(units, problem.opening, settled > 0)
        order = np.arange(len(units))
        compiled.run("fifo", len(row), order, units.start, units.row, units.change, balance, settled, 1 << 30)
        left = balance.tolist()
        moved = False
        for together in pairs.values():
            waiting = [u for u in together if not settled[u]]
            total: dict[int, int] = defaultdict(int)
            for u in waiting:
                for k in range(start[u], start[u + 1]):
                    total[row[k]] += change[k]
            if len(waiting) > 1 and all(left[p] + c >= 0 for p, c in total.items() if c < 0):
                for p, c in total.items():
                    left[p] += c
                settled[waiting] = 1
                moved = True
        if not moved:
            return settled > 0


def remove_until_feasible(units: Units, problem: Problem, weight: NDArray[np.float64]) -> Set:
    """Plain netting: start with all, take out the cheapest per amount it mends until nothing is short, then fill by FIFO."""
    settled = np.ones(len(units), dtype=np.int64)
    balance = balance_after(units, problem.opening, settled > 0)
    head, _ = by_position(units.row, len(balance))
    entry = np.lexsort((weight[leg_units(units.start)] / np.abs(units.change), units.row))
    queue = np.zeros(len(balance) + 1, dtype=np.int64)
    unit = leg_units(units.start)
    _taken_out(units.start, units.row, units.change, unit, head, entry, weight, balance, settled, queue)
    order = np.arange(len(units))
    compiled.run("fifo", len(units.row), order, units.start, units.row, units.change, balance, settled, 1 << 30)
    return settled > 0


@numba.njit(cache=True, nogil=True)
def _taken_out(
    start: Any,
    row: Any,
    change: Any,
    unit: Any,
    head: Any,
    entry: Any,
    weight: Any,
    balance: Any,
    settled: Any,
    queue: Any,
) -> bool:
    """Take settled units out until no balance is negative: on each short position the one that costs least per unit it mends.

    Starts from any `settled` (0/1) with its `balance`; ends feasible, at worst empty, and says so: false only where balances were
    negative before anything settled. `entry` has the legs of a position with the cheapest first; `queue` holds one place per position.
    """
    rows = len(head) - 1
    waiting = [False for _ in range(rows)]
    size = 0
    for p in range(rows):
        if balance[p] < 0:
            queue[size] = p
            size += 1
            waiting[p] = True
    while size > 0:
        size -= 1
        p = queue[size]
        waiting[p] = False
        # On a hub, looking for the cheapest each time would take as long as the square of its legs: take them in their order.
        hub = head[p + 1] - head[p] > 1000
        following = head[p]
        while balance[p] < 0:
            short = -balance[p]
            best = -1
            best_cost = 0.0
            for e in range(following, head[p + 1]):
                k = entry[e]
                u = unit[k]
                if change[k] >= 0 or settled[u] == 0:
                    continue
                if hub:
                    best = u
                    following = e + 1
                    break
                mends = min(short, -change[k])
                cost = weight[u] / mends
                if best < 0 or cost < best_cost:
                    best = u
                    best_cost = cost
            if best < 0:
                # Units settled for good gave more than there is without others: no set of these is feasible.
                return False
            settled[best] = 0
            for k in range(start[best], start[best + 1]):
                q = row[k]
                balance[q] -= change[k]
                if balance[q] < 0 and q != p and not waiting[q]:
                    queue[size] = q
                    size += 1
                    waiting[q] = True
    return True


def highs_alone(units: Units, problem: Problem, weight: NDArray[np.float64], seconds: float) -> tuple[Set, float]:
    """HiGHS on the whole problem as it is, with a limit of seconds: (set, bound)."""
    import scipy.sparse

    scale = np.ones(len(problem.positions))
    np.maximum.at(scale, units.row, np.abs(units.change).astype(np.float64))
    values = -units.change.astype(np.float64) / scale[units.row]
    matrix = scipy.sparse.csc_matrix((values, units.row, units.start), shape=(len(scale), len(units)))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(units), len(scale)
    unit = float(weight.mean())
    model.col_cost_ = -weight / unit
    model.col_lower_, model.col_upper_ = np.zeros(len(units)), np.ones(len(units))
    model.row_lower_ = np.full(len(scale), -highspy.kHighsInf)
    model.row_upper_ = problem.opening.astype(np.float64) / scale
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    model.integrality_ = [highspy.HighsVarType.kInteger] * len(units)
    solver = highspy.Highs()
    for option, value in (("output_flag", False), ("threads", 1), ("time_limit", seconds), ("mip_rel_gap", 0.0)):
        solver.setOptionValue(option, value)
    solver.passModel(model)
    solver.run()
    info = solver.getInfo()
    settled = np.array(solver.getSolution().col_value) > 0.5
    if len(settled) != len(units) or (balance_after(units, problem.opening, settled) < 0).any():
        settled = np.zeros(len(units), dtype=np.bool_)
    return settled, -float(info.mip_dual_bound) * unit


def cp_sat_alone(units: Units, problem: Problem, weight: NDArray[np.float64], seconds: float) -> tuple[Set, float]:
    """CP-SAT on the whole problem, one worker, with a limit of seconds: (set, bound); in a process of its own (see `cp_sat`)."""
    unit = float(weight.sum()) / 1e12
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        np.savez(
            path, start=units.start, row=units.row, change=units.change, opening=problem.opening,
            weight=np.round(weight / unit).astype(np.int64),
        )  # fmt: skip
        command = [sys.executable, "-m", "benchmarks.settlement.cp_sat", str(path), str(seconds)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    settled = np.zeros(len(units), dtype=np.bool_)
    settled[found["settled"]] = True
    if (balance_after(units, problem.opening, settled) < 0).any():
        settled[:] = False
    return settled, float(found["bound"]) * unit
