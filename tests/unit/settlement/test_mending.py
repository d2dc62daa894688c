"""From a set that overdraws positions to one that does not: by exchanging units for others, and by taking out those that cost least."""

import random

import numpy as np
import pytest

from depository.settlement import Due, Problem, compiled, improvement, problem
from depository.settlement.improvement import Table, feasible
from depository.settlement.objective import unit_totals
from depository.settlement.reduction import Reduced, balance_of, is_feasible, reduce
from depository.settlement.units import units_of
from tests.unit.settlement.days import random_day


def nothing_to_decide(day: Problem) -> bool:
    units = units_of(day)
    return len(reduce(units, day.opening, np.arange(len(units))).free) == 0


def decided(day: Problem) -> tuple[Reduced, Table]:
    """What is left to decide of a day, and what the inner loops need beside it; weights are values."""
    units = units_of(day)
    value, count = unit_totals(day, units.member, len(units))
    core = reduce(units, day.opening, np.arange(len(units)))
    return core, Table(core, (value + count)[core.free].astype(np.float64), None)


def trade(number: str, seller: str, buyer: str, isin: str, amount: int) -> Due:
    return Due(number, f"{seller}-1", f"{buyer}-1", isin, 1, buyer, seller, "KZT", amount, 5, "2026-03-02", "net", "")


def payment(number: str, payer: str, payee: str, amount: int) -> Due:
    return Due(number, "", "", "", 0, payer, payee, "KZT", amount, 5, "2026-03-02", "net", "")


@pytest.mark.parametrize("small", [0, 1 << 30], ids=["compiled", "plain"])
def test_whatever_it_starts_from_no_position_stays_short_and_nothing_that_fits_is_left(
    small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "SMALL", small)
    draw = random.Random(7)
    short = 0
    for seed in range(60):
        day = random_day(seed, most=60, linked=0.05)
        if nothing_to_decide(day):
            continue
        core, table = decided(day)
        start = np.array([draw.random() < 0.8 for _ in core.free], dtype=np.bool_)
        short += not is_feasible(core, start)

        found = feasible(core, table, start)

        assert is_feasible(core, found)
        for one in np.flatnonzero(~found):
            with_it = found.copy()
            with_it[one] = True
            assert not is_feasible(core, with_it)
    assert short > 40


def test_compiled_and_plain_loops_mend_to_the_same_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(improvement, "HUB", 5)
    for seed in range(60):
        day = random_day(seed, most=60)
        if nothing_to_decide(day):
            continue
        core, table = decided(day)
        everything = np.ones(len(core.free), dtype=np.bool_)
        sets = []
        for small in (0, 1 << 30):
            monkeypatch.setattr(compiled, "SMALL", small)
            sets.append(feasible(core, table, everything))
        assert (sets[0] == sets[1]).all()


def test_a_circle_is_closed_by_what_is_missing_in_it_rather_than_broken_up() -> None:
    # Nobody has anything: one by one none of these can settle.
    core, table = decided(
        problem([], [], [payment("I1", "P", "Q", 7), payment("I2", "Q", "R", 7), payment("I3", "R", "P", 7)])
    )
    assert len(core.free) == 3

    assert feasible(core, table, np.array([True, False, True])).all()


@pytest.mark.parametrize("hub", [1, 1000])
def test_of_a_hubs_payments_those_go_whose_securities_it_has_too_many_of(
    hub: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The buyer of A has no money. Of the hub's two purchases that of B is the lighter one, but with it the sale of B would go, too.
    due = [
        trade("I1", "S1", "HUB", "A", 12),
        trade("I2", "HUB", "B1", "A", 12),
        trade("I3", "S2", "HUB", "B", 10),
        trade("I4", "HUB", "B2", "B", 11),
        # So that all of these are left to decide.
        payment("I5", "B1", "S1", 3),
        payment("I6", "B2", "S2", 2),
        payment("I7", "S1", "B1", 1),
        payment("I8", "S2", "B2", 1),
    ]
    day = problem([("S1-1", "A", 1), ("S2-1", "B", 1)], [("B1", "KZT", 11), ("B2", "KZT", 11)], due)
    core, table = decided(day)
    place = {day.ids[int(units_of(day).member.tolist().index(u))]: i for i, u in enumerate(core.free.tolist())}
    assert {"I1", "I2", "I3", "I4"} <= place.keys()
    monkeypatch.setattr(improvement, "HUB", hub)
    monkeypatch.setattr(improvement, "MENDS", 0)
    start = np.zeros(len(core.free), dtype=np.bool_)
    start[[place[number] for number in ("I1", "I3", "I4")]] = True
    assert (balance_of(core, start) < 0).sum() == 1

    found = feasible(core, table, start)

    assert found[place["I3"]]
    assert found[place["I4"]]
    assert not found[place["I1"]]
