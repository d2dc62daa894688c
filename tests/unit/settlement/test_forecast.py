"""The forecast: who has to bring what so that everything settles, and that it is the least."""

from dataclasses import replace
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from depository.settlement import Due, Problem, forecast, problem, settle
from depository.settlement.problem import CASH

few = settings(max_examples=60, deadline=None)

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


@few
@given(days(netting=("net", "gross", "gross")))
def test_with_instructions_that_go_one_by_one_the_funding_is_enough(day: Problem) -> None:
    assert all_settle(with_funding(day, told(day)))


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
