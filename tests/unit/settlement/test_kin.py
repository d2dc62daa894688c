"""Several solutions of the relaxation give sets of their own, and of these one is put together."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.settlement.instances import day as made_up_day
from depository.settlement import Problem, engine, netting, searches, settle
from depository.settlement.cuts import tighten
from depository.settlement.improvement import Task
from depository.settlement.objective import objective_of, unit_totals
from depository.settlement.plans import PLANS
from depository.settlement.reduction import reduce
from depository.settlement.units import balance_after, leg_units, units_of
from depository.settlement.watch import Watch


def test_other_solutions_of_the_relaxation_keep_every_position_and_nearly_its_weight() -> None:
    day = made_up_day(600, "tight", 3).problem()
    units = units_of(day)
    value, _ = unit_totals(day, units.member, len(units))
    core = reduce(units, day.opening, np.arange(len(units)))
    weight = value[core.free].astype(np.float64) * float(objective_of(day, "value").of(1, 0))
    tight = tighten(core, weight, 6, Watch())
    assert tight is not None
    assert tight.part is not None
    before = tight.part.relaxation.x.copy()

    others = tight.part.leanings(range(7))

    assert len(others) == 7
    assert (tight.part.relaxation.x == before).all()
    for x in others:
        assert np.abs(x - tight.x).max() > 0.1
        assert tight.x @ weight * (1 - 0.02) <= x @ weight <= tight.bound * (1 + 1e-9)
        moved = np.bincount(core.row, x[leg_units(core.start)] * core.change, minlength=len(core.bind))
        assert (core.balance + moved >= -1e-6 * np.maximum(1, np.abs(core.balance))).all()
        for cut in tight.cuts:
            assert cut.value @ x[cut.unit] <= cut.side + 1e-5


def test_a_set_put_together_of_several_is_below_none_and_stands_where_all_agree(
    in_blocks: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_together = searches.crossed_all
    seen = []

    def noted(task: Task, sets: list[np.ndarray], bound: float) -> np.ndarray:
        result = put_together(task, sets, bound)
        if len(sets) > 1:
            seen.append((task, sets, result))
        return result

    monkeypatch.setattr(netting, "crossed_all", noted)
    # Without searches for the proof: that of the first of its two ways would end the other.
    standard = replace(PLANS["standard"], whole=0)
    monkeypatch.setitem(engine.WAYS, "thorough", (standard, replace(PLANS["thorough"], whole=0, regions=2)))
    settle(in_blocks, "value", "thorough")

    assert [len(sets) for _, sets, _ in seen] == [2, 7]
    for task, sets, result in seen:
        assert (balance_after(task.core, task.core.balance, result) >= 0).all()
        assert all(task.weight_of(result) >= task.weight_of(x) for x in sets)
        agreed = np.logical_and.reduce(sets) | ~np.logical_or.reduce(sets)
        assert (result[agreed] == sets[0][agreed]).all()
