"""Days of an extreme shape: nothing, one participant in everything, one ISIN, one position of all legs, one long chain, one circle."""

from collections.abc import Callable

import pytest

from depository.settlement import Due, Problem, check, problem, settle

ISIN = "KZ0000000017"
# More legs than the inner loops take uncompiled (`compiled.SMALL`).
MANY = 4000


def delivery(n: int, giver: str, taker: str, quantity: int, isin: str = ISIN) -> Due:
    amount = 7 * quantity
    return Due(
        f"I{n}", f"{giver}-1", f"{taker}-1", isin, quantity, taker, giver, "KZT", amount, 5, "2026-03-02", "net", ""
    )


def name(n: int) -> str:
    return f"P{n:06d}"


def nothing_due(count: int) -> Problem:
    return problem([(f"{name(n)}-1", ISIN, n) for n in range(count)], [], [])


def one_giant(count: int) -> Problem:
    """Everybody trades with one participant, in an ISIN of their own; half of the others have what they owe."""
    due = [delivery(n, name(n), "GIANT", 1 + n % 9, f"KZ{n:010d}") for n in range(count)]
    stock = [(f"{name(n)}-1", f"KZ{n:010d}", 9) for n in range(0, count, 2)]
    return problem(stock, [("GIANT", "KZT", 10 * count)], due)


def one_isin(count: int) -> Problem:
    """All trade one ISIN, each with the next but some, and every third starts with something."""
    people = max(count // 20, 3)
    due = [delivery(n, name(n % people), name((n * 7 + 1) % people), 1 + n % 13) for n in range(count)]
    due = [i for i in due if i.payer != i.payee]
    return problem(
        [(f"{name(n)}-1", ISIN, 40) for n in range(0, people, 3)],
        [(name(n), "KZT", 900) for n in range(0, people, 2)],
        due,
    )


def one_position(count: int) -> Problem:
    """One payer with less than all its payments need."""
    due = [
        Due(f"I{n}", "", "", "", 0, "PAYER", name(n), "KZT", 10 + n % 97, 5, "2026-03-02", "net", "")
        for n in range(count)
    ]
    return problem([], [("PAYER", "KZT", 29 * count)], due)


def chain(count: int) -> Problem:
    """One thing handed on from each to the next, the last link first in the order of arrival."""
    due = [delivery(count - n, name(n), name(n + 1), 5) for n in range(count)]
    return problem([(f"{name(0)}-1", ISIN, 5)], [(name(count), "KZT", 35)], due)


def circle(count: int) -> Problem:
    """Nobody has anything, and all settle."""
    return problem([], [], [delivery(n, name(n), name((n + 1) % count), 5) for n in range(count)])


SHAPES: list[Callable[[int], Problem]] = [nothing_due, one_giant, one_isin, one_position, chain, circle]


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.__name__ for shape in SHAPES])
def test_a_day_of_any_shape_settles_and_keeps_every_rule(shape: Callable[[int], Problem]) -> None:
    day = shape(MANY)
    outcome = settle(day, effort="quick")

    assert check(day, outcome) == []
    if shape in (chain, circle):
        assert outcome.settled.all()
    if shape is one_position:
        # 29 a payment for payments of 10 to 106: the small ones, to the last coin the number allows.
        assert outcome.certificate.gap <= outcome.certificate.upper_bound / 1000
    if shape is one_giant:
        assert 0 < outcome.certificate.value_settled <= 10 * MANY
