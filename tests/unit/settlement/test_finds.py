"""A search that is to end with a better set of a given number."""

import numpy as np
import pytest

from benchmarks.settlement.instances import day as made_up_day
from depository.settlement import solver
from depository.settlement.objective import unit_totals
from depository.settlement.reduction import Reduced, reduce
from depository.settlement.solver import Ends, search
from depository.settlement.units import balance_after, units_of
from depository.settlement.watch import Watch


@pytest.fixture
def open_day() -> tuple[Reduced, np.ndarray]:
    day = made_up_day(1500, "tight", 8).problem()
    units = units_of(day)
    value, _ = unit_totals(day, units.member, len(units))
    core = reduce(units, day.opening, np.arange(len(units)))
    return core, value[core.free].astype(np.float64)


def test_a_search_ends_with_its_first_better_set_and_later_ones_are_better(
    open_day: tuple[Reduced, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    core, weight = open_day
    monkeypatch.setattr(solver, "EARLY", 0)

    reached = []
    for finds in (1, 2, None):
        outcome = search(core, weight, None, Ends(checks=2000, finds=finds), Watch())
        assert outcome.x is not None
        assert (balance_after(core, core.balance, outcome.x) >= 0).all()
        assert outcome.bound >= weight[outcome.x].sum() * (1 - 1e-9)
        assert outcome.finished == (finds is None)
        reached.append(float(weight[outcome.x].sum()))

    assert reached[0] < reached[1] < reached[2]
