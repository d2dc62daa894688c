"""HiGHS behind two doors: the linear relaxation with its prices, and branch and bound within a budget of nodes.

Its floats only guide: what it returns is checked and mended in exact integers by the caller. One thread and no time limit, so
that load and machine do not change the result (changing `threads` within one process makes later runs return nothing).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from depository.settlement.reduction import Reduced
from depository.settlement.watch import Late, Watch

# Lowest and highest price of each row.
Limits = tuple[NDArray[np.float64], NDArray[np.float64]]
# Coefficients of the units, and the least that they must bring together.
Floor = tuple[NDArray[np.float64], float]

# Up to this many units the solver is asked for its finest tolerance.
SMALL_SEARCH = 2000
# A search for trifles ends so many checkpoints after all that is left is one; sets that lose up to so many of them are noted.
LINGERS = 500
NEAR = 20
# Sets found within so many checkpoints come before the cuts at the root of the tree, and are none to judge a search by.
EARLY = 10


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """What branch and bound found: x per column (None if nothing), an upper bound on the weight, and whether it finished.

    `empty` says that no set at all is allowed; `near` are the columns in which the sets noted near the bound differ;
    `checks` is how many checkpoints of the solver it took.
    """

    x: NDArray[np.bool_] | None
    bound: float
    finished: bool
    empty: bool = False
    near: NDArray[np.bool_] | None = None
    checks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """When a search ends: after so many checkpoints of the solver, a count on which the machine has no influence, or before."""

    checks: int
    gap: float = 0.0
    """When so much weight is the most that is left to gain."""
    enough: float = -np.inf
    """When nothing above this weight is left."""
    trifle: float = 0.0
    """Soon after that is no more than so much weight is left to gain."""
    finds: int | None = None
    """With the better set of this number, the early ones not counted."""


class Relaxation:
    """The linear relaxation, solved again and again as cuts are added to it.

    After `solve` returned true: `x` per column, `price` >= 0 per row and `cut_price` >= 0 per cut (in weight per unit of the row
    or of the cut's right side).
    """

    __slots__ = ("_columns", "_rows", "_solver", "_unit", "cut_price", "price", "scale", "x")

    def __init__(
        self,
        core: Reduced,
        weight: NDArray[np.float64],
        limits: Limits | None,
        stop: Watch,
    ) -> None:
        model, self.scale, self._unit = _model(core.start, core.row, core.change, core.balance, weight)
        self._rows, self._columns = len(core.balance), len(weight)
        self._solver = _solver(stop, "off")
        self._solver.passModel(model)
        if limits is not None:
            self.limit(0, *limits, self.scale)
        self.x = self.price = self.cut_price = np.zeros(0)

    def solve(self) -> bool:
        """Maximise; false if the solver fails or is stopped."""
        self._solver.run()
        if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return False
        solution = self._solver.getSolution()
        dual = np.maximum(-np.array(solution.row_dual), 0.0) * self._unit
        self.x = np.clip(np.array(solution.col_value[: self._columns]), 0.0, 1.0)
        self.price = dual[: self._rows] * self.scale
        self.cut_price = dual[self._rows :]
        return True

    def weigh(self, weight: NDArray[np.float64]) -> None:
        """From now on the units bring these weights."""
        columns = np.arange(len(weight), dtype=np.int32)
        self._solver.changeColsCost(len(weight), columns, -weight / self._unit)

    def fix(self, columns: NDArray[np.int64], at: NDArray[np.float64]) -> None:
        """From now on these columns have these values."""
        self._solver.changeColsBounds(len(columns), columns.astype(np.int32), at, at)

    def add_cuts(
        self,
        side: NDArray[np.float64],
        start: NDArray[np.int64],
        unit: NDArray[np.int64],
        value: NDArray[np.float64],
        limits: Limits | None,
    ) -> None:
        """Add rows value @ x <= side, with limits to their prices or none."""
        count, first = len(side), self._solver.getNumRow()
        low = np.full(count, -highspy.kHighsInf)
        self._solver.addRows(count, low, side, len(unit), start[:-1].astype(np.int32), unit.astype(np.int32), value)
        if limits is not None:
            self.limit(first, *limits, np.ones(count))

    def limit(
        self, first: int, lowest: NDArray[np.float64], highest: NDArray[np.float64], scale: NDArray[np.float64]
    ) -> None:
        """Let the rows from `first` on be widened at their highest price, and narrowed for their lowest."""
        for price, sign in ((lowest, -1.0), (highest, 1.0)):
            rows = np.flatnonzero(price > 0.0 if sign < 0 else np.isfinite(price))
            count = len(rows)
            self._solver.addCols(
                count, sign * price[rows] / scale[rows] / self._unit, np.zeros(count), np.full(count, highspy.kHighsInf),
                count, np.arange(count, dtype=np.int32), (rows + first).astype(np.int32), np.full(count, -sign),
            )  # fmt: skip


def search(
    core: Reduced,
    weight: NDArray[np.float64],
    incumbent: NDArray[np.bool_] | None,
    ends: Ends,
    stop: Late,
    floors: Sequence[Floor] = (),
    another: bool = False,
) -> Searched:
    """Maximise weight @ x over whole units by branch and bound, each floor asking floor[0] @ x >= floor[1].

    With a trifle the sets near the bound are noted; without one the tree is cut where nothing above `ends.enough` is left. How long
    a tree takes is much a matter of chance: `another` gives another tree of the same.
    """
    checks, trifle, enough = ends.checks, ends.trifle, ends.enough
    model, _, unit = _model(core.start, core.row, core.change, core.balance, weight)
    model.integrality_ = [highspy.HighsVarType.kInteger] * len(weight)
    solver = _solver(None, "on")
    passed = found = 0
    least = float("inf")
    near: list[tuple[float, NDArray[np.bool_]]] = []

    def ask(event: Any) -> None:
        nonlocal passed, checks, found, least
        passed += 1
        if event.data_out.mip_primal_bound < least:
            least = event.data_out.mip_primal_bound
            found += passed > EARLY
        bound = -event.data_out.mip_dual_bound
        if trifle > 0.0 and (bound + event.data_out.mip_primal_bound) * unit <= trifle:
            checks = min(checks, passed + LINGERS)
        if passed > checks or found == ends.finds or bound * unit < enough or stop():
            event.interrupt()

    def note(event: Any) -> None:
        worth = -event.data_out.objective_function_value
        if worth * unit >= -event.data_out.mip_primal_bound * unit - NEAR * trifle:
            near.append((worth, np.array(event.data_out.mip_solution) > 0.5))

    solver.cbMipInterrupt.subscribe(ask)
    if trifle > 0.0:
        solver.cbMipSolution.subscribe(note)
    solver.setOptionValue("mip_rel_gap", 0.0)
    # Starting the tree anew serves the proof, not the next better set.
    anew = ends.gap == 0.0 or enough > -np.inf
    solver.setOptionValue("mip_allow_restart", anew)
    # What the solver reduces when it starts a tree anew is not always so: a proof once went wrong by six parts in a hundred million.
    solver.setOptionValue("mip_root_presolve_only", anew)
    if trifle == 0.0 and enough > -np.inf:
        # Branch and bound takes it as its cutoff: much faster than a row that asks for as much. Ignored, it would only take longer.
        solver.setOptionValue("objective_bound", -enough / unit)
        solver.setOptionValue("mip_heuristic_effort", 0.0)
    if another:
        solver.setOptionValue("random_seed", 1)
        solver.setOptionValue("mip_lp_age_limit", 5)
    solver.setOptionValue("mip_abs_gap", max(ends.gap / unit, 1e-9))
    solver.setOptionValue("mip_feasibility_tolerance", 1e-9 if len(weight) < SMALL_SEARCH else 1e-7)
    nothing = Searched(None, float("inf"), False)
    if solver.passModel(model) == highspy.HighsStatus.kError:
        return nothing
    for coefficients, lowest in floors:
        at = np.flatnonzero(coefficients)
        size = float(np.abs(coefficients).max(initial=0.0)) or 1.0
        solver.addRow(lowest / size, highspy.kHighsInf, len(at), at.astype(np.int32), coefficients[at] / size)
    if incumbent is not None:
        start_from = highspy.HighsSolution()
        start_from.col_value = incumbent.astype(np.float64).tolist()
        start_from.value_valid = True
        solver.setSolution(start_from)
    solver.run()
    info = solver.getInfo()
    status = solver.getModelStatus()
    bound = -float(info.mip_dual_bound) * unit
    if trifle == 0.0:
        # The tree says nothing of what was cut.
        bound = max(bound, enough)
    if status == highspy.HighsModelStatus.kInfeasible:
        return replace(nothing, empty=True, checks=passed)
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        interrupted = status == highspy.HighsModelStatus.kInterrupt
        return replace(nothing, bound=bound if interrupted else nothing.bound, checks=passed)
    x = np.array(solver.getSolution().col_value) > 0.5
    differ = np.zeros(len(weight), dtype=np.bool_)
    distance = NEAR * trifle_of(bound - float(weight[x].sum()), trifle)
    for worth, other in near:
        if worth * unit >= bound - distance:
            differ |= other != x
    return Searched(x, bound, status == highspy.HighsModelStatus.kOptimal, near=differ, checks=passed)


def trifle_of(gap: float, most: float) -> float:
    """The trifle that suits a gap: no more than the `most`, no less than a tenth of it."""
    return min(most, max(most / 10, gap))


def _solver(stop: Watch | None, presolve: str) -> Any:
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("parallel", "off")
    solver.setOptionValue("random_seed", 0)
    # The exact reduction has done what a presolve would: another one costs more than it saves.
    solver.setOptionValue("presolve", presolve)
    if presolve == "off":
        # The rows come scaled.
        solver.setOptionValue("simplex_scale_strategy", 0)
    if stop is not None and stop.armed:
        still = stop

        def ask(event: Any) -> None:
            if still():
                event.interrupt()

        solver.cbSimplexInterrupt.subscribe(ask)
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
