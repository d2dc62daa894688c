"""The forecast: who has to bring what so that everything settles, and that it is the least."""

import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.settlement.instances import day as made_up_day
from depository.settlement import (
    ENOUGH,
    LEAST,
    NO_LINE_LESS,
    Due,
    Forecast,
    Problem,
    Runs,
    fallback,
    forecast,
    problem,
    settle,
)
from depository.settlement.engine import settle as by_the_engine
from depository.settlement.problem import CASH
from tests.unit.settlement.days import legs
from tests.unit.settlement.test_apart import aborts

few = settings(max_examples=40, deadline=None)

HOLDERS = ("A", "B", "C")


def one(number: int, giver: str, taker: str, quantity: int, amount: int, netting: str = "net", link: str = "") -> Due:
    return Due(
        f"I{number}", f"{giver}-1", f"{taker}-1", "X", quantity, taker if amount else "", giver if amount else "",
        "KZT" if amount else "", amount, 5, "2026-11-23", netting, link,
    )  # fmt: skip


@st.composite
def days(draw: st.DrawFn, netting: tuple[str, ...] = ("net",)) -> Problem:
    """A few instructions between three participants, with little to settle them with."""
    due = []
    for number in range(draw(st.integers(1, 5))):
        giver, taker = draw(st.permutations(HOLDERS))[:2]
        kind = draw(st.sampled_from(netting))
        link = draw(st.sampled_from(("", "", "L"))) if kind == "net" else ""
        due.append(one(number, giver, taker, draw(st.integers(0, 2)) or 1, draw(st.integers(0, 3)), kind, link))
    securities = [(f"{h}-1", "X", draw(st.integers(0, 2))) for h in HOLDERS]
    cash = [(h, "KZT", draw(st.integers(0, 2))) for h in HOLDERS]
    return problem(securities, cash, due)


def with_funding(day: Problem, funding: dict[int, int]) -> Problem:
    opening = day.opening.copy()
    for position, amount in funding.items():
        opening[position] += amount
    return replace(day, opening=opening)


def all_settle(day: Problem) -> bool:
    return bool(settle(day, effort="thorough").settled.all())


def told(day: Problem) -> dict[int, int]:
    place = {(at.kind, at.asset, at.holder): p for p, at in enumerate(day.positions)}
    return {place[m.kind, m.asset, m.holder]: m.short_by for m in forecast(day).funding}


@few
@given(days())
def test_with_the_funding_it_tells_everything_settles_and_with_one_unit_less_of_any_line_something_stays(
    day: Problem,
) -> None:
    funding = told(day)
    assert all_settle(with_funding(day, funding))
    for position in funding:
        assert not all_settle(with_funding(day, funding | {position: funding[position] - 1}))


@few
@given(days())
def test_no_other_funding_is_smaller_anywhere_as_trying_every_one_shows(day: Problem) -> None:
    """Every way to fund each position with nothing up to what is told: only the one told settles everything."""
    funding = told(day)
    enough = [
        tried
        for tried in product(*(range(amount + 1) for amount in list(funding.values())[:4]))
        if all_settle(with_funding(day, funding | dict(zip(funding, tried, strict=False))))
    ]
    assert enough == [tuple(list(funding.values())[:4])]


MIXED = days(netting=("net", "gross", "gross"))


def lacking(day: Problem) -> dict[int, int]:
    """What each position lacks after everything has settled, in whatever order."""
    left = day.opening.tolist()
    for j in range(len(day.ids)):
        for row, change in legs(day, j):
            left[row] += change
    return {p: -amount for p, amount in enumerate(left) if amount < 0}


ENTANGLED = problem(
    [(f"{h}-1", "X", 0) for h in HOLDERS],
    [(h, "KZT", 0) for h in HOLDERS],
    [
        one(0, "B", "A", 1, 0, "gross"),
        one(1, "B", "A", 2, 0, "gross"),
        one(2, "A", "C", 1, 1),
        one(3, "C", "B", 2, 2, "gross"),
        one(4, "B", "A", 1, 2, "gross"),
    ],
)
"""Less of a later line lets an earlier one be smaller still."""


@few
@example(ENTANGLED)
@given(MIXED)
def test_with_instructions_that_go_one_by_one_the_funding_is_enough_and_no_line_can_be_one_unit_less(
    day: Problem,
) -> None:
    funding, found = told(day), forecast(day)
    assert all_settle(with_funding(day, funding))
    assert found.smallest in (LEAST, NO_LINE_LESS)
    for position, amount in funding.items():
        assert not settle(with_funding(day, funding | {position: amount - 1}), effort="quick").settled.all()


@few
@given(MIXED)
def test_it_is_called_the_least_where_no_order_could_do_with_less_and_nowhere_else(day: Problem) -> None:
    funding, surely = told(day), lacking(day)
    assert all(funding.get(p, 0) >= amount for p, amount in surely.items())
    assert (forecast(day).smallest == LEAST) == (funding == surely) == all_settle(with_funding(day, surely))


@few
@given(MIXED)
def test_where_it_is_called_the_least_trying_every_smaller_one_finds_none(day: Problem) -> None:
    funding = told(day)
    tried = product(*(range(amount + 1) for amount in list(funding.values())[:3]))
    enough = [
        one
        for one in tried
        if settle(with_funding(day, funding | dict(zip(funding, one, strict=False))), effort="quick").settled.all()
    ]
    whole = tuple(list(funding.values())[:3])
    assert whole in enough
    if forecast(day).smallest == LEAST:
        assert enough == [whole]
    else:
        # No line alone can be one less; two together may, and then the label says no more than that.
        assert not [one for one in enough if sum(whole) - sum(one) == 1]


def test_funding_from_the_start_changes_the_order_and_is_still_enough() -> None:
    """Funded where it first came to a stop, this day came to a stop elsewhere: each try begins anew."""
    due = [
        one(0, "A", "C", 1, 1, "gross"), one(1, "A", "B", 1, 0, "gross"), one(2, "B", "A", 1, 1, "gross"),
        one(3, "C", "B", 1, 1, "gross"), one(4, "A", "B", 1, 0, "gross"),
    ]  # fmt: skip
    day = problem([("C-1", "X", 1)], [("B", "KZT", 1)], due)
    assert all_settle(with_funding(day, told(day)))


@settings(max_examples=20, deadline=None)
@given(MIXED)
def test_what_bears_all_that_is_given_is_enough_in_any_order(day: Problem) -> None:
    """The last resort, where looking for less takes too long."""
    module = sys.modules["depository.settlement.forecast"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "TRIED", 0)
        patched.setattr(module, "RUNS_TO_SHRINK", 0)
        assert all_settle(with_funding(day, told(day)))


def test_a_circle_that_goes_one_by_one_is_funded_once() -> None:
    """Each pays the next ten and nobody has any: ten anywhere gets it going, so it is not the least of any one of them."""
    due = [
        one(n, giver, taker, 1, 10, "gross") for n, (taker, giver) in enumerate([("A", "B"), ("B", "C"), ("C", "A")])
    ]
    day = problem([(f"{h}-1", "X", 1) for h in "ABC"], [], due)
    found = forecast(day)
    assert ([line.short_by for line in found.funding], found.smallest) == ([10], NO_LINE_LESS)


def test_a_netted_payment_waits_for_the_money_that_the_gross_class_brings() -> None:
    """A pays B in the netted class what C pays A one by one: nobody has to bring anything."""
    due = [one(1, "B", "A", 1, 10), one(2, "A", "C", 1, 10, "gross")]
    day = problem([("B-1", "X", 1), ("A-1", "X", 1)], [("C", "KZT", 10)], due)
    found = forecast(day)
    assert (found.funding, found.smallest) == ((), LEAST)


def test_a_day_too_large_to_try_line_by_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["depository.settlement.forecast"], "RUNS_TO_SHRINK", 0)
    due = [one(n, giver, taker, 1, 10, "gross") for n, (taker, giver) in enumerate([("A", "B"), ("B", "A")])]
    day = problem([(f"{h}-1", "X", 1) for h in "AB"], [], due)
    assert forecast(day).smallest == ENOUGH
    assert all_settle(with_funding(day, told(day)))


def fails_where_is(left: dict[tuple[str, str], int]) -> Callable[..., object]:
    """The engine, out of memory where these participants have so much of these assets."""

    def settled(day: Problem, *given: object, **named: object) -> object:
        there = {(at.holder, at.asset): amount for at, amount in zip(day.positions, day.opening.tolist(), strict=True)}
        if all(there[position] == amount for position, amount in left.items()):
            raise MemoryError
        return by_the_engine(day, *given, **named)  # type: ignore[arg-type]

    return settled


@pytest.mark.parametrize(
    "fails_at", [{}, {("A", "KZT"): 0, ("C", "KZT"): 0}, {("A", "KZT"): 500}, {("C", "KZT"): 30}, {("A", "KZT"): 1}]
)
def test_a_solver_that_fails_while_the_ranking_is_made_leaves_the_forecast(
    fails_at: dict[tuple[str, str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of memory in one of the engine's runs, or all: the line then says the most that its funding could release."""
    due = [one(1, "B", "A", 5, 500), one(2, "D", "B", 5, 490), one(3, "E", "D", 5, 480), one(4, "E", "C", 1, 30)]
    day = problem([("E-1", "X", 6)], [], due)
    monkeypatch.setattr(fallback, "settle", fails_where_is(fails_at))
    ranked = forecast(day).ranked
    assert {(r.participant, r.short_by) for r in ranked} == {("A", 500), ("C", 30)}


def test_a_solver_that_ends_its_process_costs_one_run_of_the_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    day = problem([("E-1", "X", 6)], [], [one(1, "B", "A", 5, 500), one(4, "E", "C", 1, 30)])

    def settled(day: Problem, *given: object, **named: object) -> object:
        return aborts() if 30 in day.opening.tolist() else by_the_engine(day, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(fallback, "settle", settled)
    runs = Runs()
    found = forecast(day, runs=runs)
    assert [(line.participant, line.short_by) for line in found.funding] == [("A", 500), ("C", 30), ("B", 5)]
    assert runs.told == ["forecast, run 3: failed"]


def said(found: Forecast) -> tuple[object, ...]:
    """Everything of a forecast."""
    outcome = found.outcome
    return (
        outcome.settled.tolist(), outcome.unsettled, outcome.certificate, found.funding, found.missing, found.ranked, found.smallest,
    )  # fmt: skip


@few
@given(days(netting=("net", "gross")), st.integers(0, 400))
def test_wherever_the_clock_stops_it_the_same_stop_gives_the_same_forecast_which_is_enough_and_claims_no_more(
    day: Problem, looks: int
) -> None:
    clock = iter(range(looks))
    stopped = Runs(stop=lambda: next(clock, None) is None)
    found = forecast(day, runs=stopped)

    again = Runs(again=stopped.told)
    assert said(forecast(day, runs=again)) == said(found)
    assert again.told == stopped.told
    assert all_settle(
        with_funding(day, {day.positions.index((m.kind, m.asset, m.holder)): m.short_by for m in found.funding})
    )
    if not stopped.told:
        assert said(found) == said(forecast(day))
    if found.smallest == NO_LINE_LESS:
        # The clock ran out later, over the ranking.
        assert found.funding == forecast(day).funding


def test_a_run_that_is_cut_short_counts_as_far_as_it_came_and_comes_as_far_again() -> None:
    day = made_up_day(60, "tight", 3).problem()
    kinds = set()
    for looks in (2, 3, 5, 8, 30, 90):
        clock = iter(range(looks))
        stopped = Runs(stop=lambda clock=clock: next(clock, None) is None)  # type: ignore[misc]
        found = forecast(day, runs=stopped)
        assert said(forecast(day, runs=Runs(again=stopped.told))) == said(found)
        kinds |= {mark.partition(": ")[2].rstrip("0123456789") for mark in stopped.told}
    assert "stopped by clock after units: " in kinds


def test_what_the_engine_failed_at_is_told_and_fails_again(monkeypatch: pytest.MonkeyPatch) -> None:
    day = problem([("E-1", "X", 6)], [], [one(1, "B", "A", 5, 500), one(4, "E", "C", 1, 30)])
    failing = Runs()
    with monkeypatch.context() as broken:
        broken.setattr(fallback, "settle", fails_where_is({("A", "KZT"): 500}))
        found = forecast(day, runs=failing)
    assert failing.told == ["forecast, run 2: failed"]
    assert said(forecast(day, runs=Runs(again=failing.told))) == said(found)
    assert said(forecast(day)) != said(found)


@few
@given(days())
def test_missing_is_the_funding_by_participant_and_asset(day: Problem) -> None:
    found = forecast(day)
    sums: dict[tuple[str, str, str], int] = {}
    for line in found.funding:
        key = (line.participant, line.kind, line.asset)
        sums[key] = sums.get(key, 0) + line.short_by
    assert found.missing == sums


def test_one_by_one_a_payment_waits_for_the_money_that_a_later_one_brings() -> None:
    """A pays B ten out of the ten that C pays it afterwards: tried again, it needs nothing more."""
    due = [one(1, "B", "A", 1, 10, "gross"), one(2, "A", "C", 1, 10, "gross")]
    day = problem([("B-1", "X", 1), ("A-1", "X", 1)], [("C", "KZT", 10)], due)
    assert forecast(day).funding == ()
    assert all_settle(day)


def test_the_ranked_list_tells_whose_funding_releases_the_most_value() -> None:
    """A holds up a chain of three, C only one small trade."""
    due = [one(1, "B", "A", 5, 500), one(2, "D", "B", 5, 490), one(3, "E", "D", 5, 480), one(4, "E", "C", 1, 30)]
    day = problem([("E-1", "X", 6)], [], due)
    ranked = forecast(day).ranked
    assert [(r.participant, r.kind, r.short_by, int(r.value), r.instructions) for r in ranked] == [
        ("A", CASH, 500, 1470, 3),
        ("C", CASH, 30, 30, 1),
    ]
