"""HiGHS behind two functions: the linear relaxation with its prices, and branch and bound within a budget of nodes.

Its floats only guide: what it returns is checked and mended in exact integers by the caller. One thread and no time limit, so
that load and machine do not change the result (changing `threads` within one process makes later runs return nothing).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
import scipy.sparse
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Relaxed:
    """Solution of the linear relaxation: x per column, price >= 0 per row in units of weight per unit of the row."""

    x: NDArray[np.float64]
    price: NDArray[np.float64]
    iterations: int


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """What branch and bound found: x per column (None if nothing), an upper bound on the weight, and whether it finished."""

    x: NDArray[np.bool_] | None
    bound: float
    finished: bool


def relax(
    start: NDArray[np.int64],
    row: NDArray[np.int64],
    change: NDArray[Any],
    balance: NDArray[Any],
    weight: NDArray[np.float64],
    stop: Callable[[], bool] | None = None,
) -> Relaxed | None:
    """Maximise weight @ x for 0 <= x <= 1 with balance + legs >= 0; None if the solver fails or is stopped."""
    model, scale, unit = _model(start, row, change, balance, weight)
    solver = _solver(stop)
    if solver.passModel(model) == highspy.HighsStatus.kError:
        return None
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    solution = solver.getSolution()
    x = np.clip(np.array(solution.col_value), 0.0, 1.0)
    price = np.maximum(-np.array(solution.row_dual), 0.0) * scale * unit
    return Relaxed(x, price, int(solver.getInfo().simplex_iteration_count))


def search(
    start: NDArray[np.int64],
    row: NDArray[np.int64],
    change: NDArray[Any],
    balance: NDArray[Any],
    weight: NDArray[np.float64],
    incumbent: NDArray[np.bool_] | None,
    nodes: int,
    floors: list[tuple[NDArray[np.float64], float]],
    stop: Callable[[], bool] | None = None,
) -> Searched:
    """Maximise weight @ x over whole units, each floor asking floor[0] @ x >= floor[1], within a number of nodes."""
    model, _, unit = _model(start, row, change, balance, weight)
    model.integrality_ = [highspy.HighsVarType.kInteger] * len(weight)
    solver = _solver(stop)
    solver.setOptionValue("mip_max_nodes", nodes)
    solver.setOptionValue("mip_rel_gap", 0.0)
    solver.setOptionValue("mip_abs_gap", 1e-7)
    solver.setOptionValue("mip_feasibility_tolerance", 1e-7)
    nothing = Searched(None, float("inf"), False)
    if solver.passModel(model) == highspy.HighsStatus.kError:
        return nothing
    for coefficients, least in floors:
        at = np.flatnonzero(coefficients)
        size = float(np.abs(coefficients).max(initial=0.0)) or 1.0
        solver.addRow(least / size, highspy.kHighsInf, len(at), at.astype(np.int32), coefficients[at] / size)
    if incumbent is not None:
        start_from = highspy.HighsSolution()
        start_from.col_value = incumbent.astype(np.float64).tolist()
        start_from.value_valid = True
        solver.setSolution(start_from)
    solver.run()
    status = solver.getModelStatus()
    info = solver.getInfo()
    finished = status == highspy.HighsModelStatus.kOptimal
    if status == highspy.HighsModelStatus.kInfeasible or info.primal_solution_status != 2:
        return nothing
    x = np.array(solver.getSolution().col_value) > 0.5
    return Searched(x, -float(info.mip_dual_bound) * unit, finished)


def _solver(stop: Callable[[], bool] | None) -> Any:
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("parallel", "off")
    solver.setOptionValue("random_seed", 0)
    if stop is not None:
        still = stop

        def ask(event: Any) -> None:
            if still():
                event.interrupt()

        solver.cbSimplexInterrupt.subscribe(ask)
        solver.cbMipInterrupt.subscribe(ask)
    return solver


def _model(
    start: NDArray[np.int64],
    row: NDArray[np.int64],
    change: NDArray[Any],
    balance: NDArray[Any],
    weight: NDArray[np.float64],
) -> tuple[Any, NDArray[np.float64], float]:
    """The model with each row divided by its largest leg and the weights by their mean; (model, row scale, weight unit)."""
    columns, rows = len(start) - 1, len(balance)
    size = np.abs(change.astype(np.float64))
    largest = np.ones(rows)
    np.maximum.at(largest, row, size)
    scale = 1.0 / largest
    unit = float(weight.mean()) if columns and weight.any() else 1.0
    matrix = scipy.sparse.csc_matrix((-change.astype(np.float64) * scale[row], row, start), shape=(rows, columns))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = columns, rows
    model.col_cost_ = -weight / unit
    model.col_lower_, model.col_upper_ = np.zeros(columns), np.ones(columns)
    model.row_lower_ = np.full(rows, -highspy.kHighsInf)
    model.row_upper_ = balance.astype(np.float64) * scale
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    return model, scale, unit
