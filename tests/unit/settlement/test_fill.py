"""A payer's balance is used to its last unit where a choice of its payments does so."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from benchmarks.settlement.instances import day as made_up_day
from depository.settlement import Due, problem, settle
from depository.settlement.fill import filled
from depository.settlement.reduction import reduce
from depository.settlement.units import balance_after, units_of


def payment(number: int, amount: int, payee: str) -> Due:
    return Due(f"I{number:02d}", "", "", "", 0, "ALFA", payee, "KZT", amount, 5, "2026-03-02", "net", "")


@pytest.mark.parametrize("seed", range(12))
def test_no_choice_of_payments_leaves_less_of_the_balance(seed: int) -> None:
    draw = np.random.default_rng(seed)
    amounts = draw.integers(1000, 100_000, 13).tolist()
    available = sum(amounts) // 2
    day = problem([], [("ALFA", "KZT", available)], [payment(n, a, f"B{n}") for n, a in enumerate(amounts)])
    core = reduce(units_of(day), day.opening, np.arange(13))
    x = draw.random(13) < 0.2

    sets = filled(core, np.ones(len(core.bind)), np.ones(13, dtype=np.bool_), x)

    best = max(sum(c) for n in range(14) for c in combinations(amounts, n) if sum(c) <= available)
    assert [balance_after(core, core.balance, found).tolist() for found in sets] == [[available - best]]


def test_a_choice_that_others_cannot_bear_is_passed_over() -> None:
    # Each deliverer has stock for one of its two.
    due = [
        Due(
            f"I{n}{m}", f"P{n}", "ALFA", "KZ0000000017", 10, "ALFA", f"P{n}", "KZT", 100 + 17 * n + 5 * m, 5,
            "2026-03-02", "net", "",
        )
        for n in range(7)
        for m in range(2)
    ]  # fmt: skip
    day = problem([(f"P{n}", "KZ0000000017", 10) for n in range(7)], [("ALFA", "KZT", 500)], due)
    core = reduce(units_of(day), day.opening, np.arange(14))
    x = np.zeros(14, dtype=np.bool_)
    cash = np.array([float(day.positions[p].kind == "cash") for p in core.bind])

    (found,) = filled(core, cash, np.ones(14, dtype=np.bool_), x)

    left = balance_after(core, core.balance, found)
    assert (left >= 0).all()
    assert found.any()
    assert found.reshape(7, 2).sum(axis=1).max() == 1


def test_a_day_that_leaves_nothing_of_a_balance_is_proven_by_its_multipliers_alone() -> None:
    # To the cent: the prices are fractions, the sums of payments are not.
    certificate = settle(made_up_day(1000, "base", 6, broad=True).problem(), "value").certificate

    assert certificate.proven_optimal
    assert certificate.bound_from_multipliers - certificate.objective_settled < Fraction(1, 100)
    assert certificate.upper_bound == certificate.objective_settled
