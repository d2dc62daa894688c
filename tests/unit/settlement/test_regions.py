"""Where a set loses against the bound, and the regions around such places."""

import numpy as np
import pytest

from benchmarks.settlement.instances import day as made_up_day
from depository.settlement import Due, Problem, engine, problem, searches, settle
from depository.settlement.cuts import Tight, tighten
from depository.settlement.objective import objective_of, unit_totals
from depository.settlement.plans import PLANS
from depository.settlement.reduction import Reduced, reduce
from depository.settlement.regions import Regions
from depository.settlement.solver import Searched
from depository.settlement.units import leg_units, units_of
from depository.settlement.watch import Watch


def relaxed(day: Problem, rounds: int) -> tuple[Reduced, np.ndarray, Tight]:
    units = units_of(day)
    value, _ = unit_totals(day, units.member, len(units))
    core = reduce(units, day.opening, np.arange(len(units)))
    weight = value[core.free].astype(np.float64) * float(objective_of(day, "value").of(1, 0))
    tight = tighten(core, weight, rounds, Watch())
    assert tight is not None
    return core, weight, tight


def payment(number: str, payer: str, payee: str, amount: int) -> Due:
    return Due(number, "", "", "", 0, payer, payee, "KZT", amount, 5, "2026-03-02", "net", "")


@pytest.mark.parametrize("rounds", [0, 4])
def test_what_a_set_falls_short_of_the_bound_lies_at_its_positions(rounds: int) -> None:
    # Payments alone between those who get and those who give: each has one binding position, so no part is halved away.
    due = [payment(f"I{n}", f"P{n % 3}", "Q", 7 + 5 * n) for n in range(12)]
    day = problem([], [("P0", "KZT", 61), ("P1", "KZT", 64), ("P2", "KZT", 97)], due)
    core, weight, tight = relaxed(day, rounds)
    nothing = np.zeros(len(weight), dtype=np.bool_)
    best = settle(day, "value").settled[core.free]

    for x in (nothing, best):
        loss = Regions(core, tight, np.zeros(len(weight))).losses(x)
        against = np.abs(tight.profit)[x != (tight.profit > 0.0)].sum()
        assert loss.sum() + 0.5 * against == pytest.approx(tight.bound - weight[x].sum())
        assert (loss >= -1e-9).all()


def test_a_region_holds_cheap_units_around_its_position_and_none_that_is_taken() -> None:
    core, weight, tight = relaxed(made_up_day(1500, "tight", 2).problem(), 2)
    cost = np.abs(tight.profit) / np.maximum(weight, 1.0)
    x = tight.profit > 0.0
    regions = Regions(core, tight, cost)
    loss = regions.losses(x)
    position = int(loss.argmax())
    taken = np.zeros(len(weight), dtype=np.bool_)
    first = regions.around(position, 60, x, loss, taken)
    taken[first[::2]] = True
    second = regions.around(position, 60, x, loss, taken)

    unit = leg_units(core.start)
    assert 30 <= len(first) <= 90
    assert position in core.row[np.isin(unit, first)]
    assert cost[first].max() < 0.5
    assert len(second) >= 10
    assert not taken[second].any()


@pytest.mark.parametrize("objective", ["mixed", "value", "count"])
def test_effort_thorough_never_ends_below_standard(objective: str, monkeypatch: pytest.MonkeyPatch) -> None:
    day = made_up_day(900, "tight", 5).problem()
    standard = settle(day, objective, "standard").certificate
    # A search of its own that finds nothing leaves what standard found.
    monkeypatch.setattr(searches, "search", lambda *_, **__: Searched(None, float("inf"), False))
    monkeypatch.setitem(engine.WAYS, "thorough", (PLANS["standard"], PLANS["quick"]))
    lame = settle(day, objective, "thorough").certificate
    alone = settle(day, objective, "standard").certificate
    monkeypatch.undo()
    thorough = settle(day, objective, "thorough").certificate

    assert lame.objective_settled >= alone.objective_settled
    assert thorough.objective_settled >= standard.objective_settled
    assert thorough.upper_bound <= standard.upper_bound
