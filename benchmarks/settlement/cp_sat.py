"""`python -m benchmarks.settlement.cp_sat PROBLEM.npz SECONDS`: CP-SAT alone on a whole problem; prints its set and bound as JSON.

A process of its own: the libraries of CP-SAT and HiGHS cannot be loaded in one.
"""

import json
import sys

import numpy as np
from ortools.sat.python import cp_model


def main() -> None:
    """Maximise the integer weights, every position staying at or above zero."""
    given = np.load(sys.argv[1])
    start, row, change = given["start"], given["row"], given["change"]
    model = cp_model.CpModel()
    x = [model.new_bool_var("") for _ in range(len(start) - 1)]
    legs: dict[int, tuple[list[cp_model.IntVar], list[int]]] = {}
    for u in range(len(x)):
        for k in range(int(start[u]), int(start[u + 1])):
            variables, amounts = legs.setdefault(int(row[k]), ([], []))
            variables.append(x[u])
            amounts.append(int(change[k]))
    for p, (variables, amounts) in legs.items():
        model.add(cp_model.LinearExpr.weighted_sum(variables, amounts) + int(given["opening"][p]) >= 0)
    model.maximize(cp_model.LinearExpr.weighted_sum(x, given["weight"].tolist()))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = float(sys.argv[2])
    solver.parameters.num_workers = 1
    status = solver.solve(model)
    has = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    settled = [u for u, variable in enumerate(x) if has and solver.boolean_value(variable)]
    print(json.dumps({"settled": settled, "bound": solver.best_objective_bound}))


if __name__ == "__main__":
    main()
