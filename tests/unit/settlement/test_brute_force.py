"""The engine against trying every subset."""

import pytest

from depository.settlement import check, settle
from tests.unit.settlement.days import best, random_day, reached


def _agree(seeds: range, objective: str, **shape: object) -> None:
    for seed in seeds:
        day = random_day(seed, **shape)
        outcome = settle(day, objective)
        assert check(day, outcome) == [], seed
        expected, costs = best(day, objective)
        assert reached(day, outcome, objective) == expected, seed
        if not costs:
            assert outcome.certificate.proven_optimal, seed
        else:
            assert not outcome.certificate.proven_optimal, seed


@pytest.mark.parametrize("objective", ["mixed", "value", "count"])
def test_no_subset_of_a_small_day_is_better_than_what_settled(objective: str) -> None:
    _agree(range(400), objective)


def test_no_subset_is_better_where_priorities_go_first() -> None:
    _agree(range(1000, 1400), "mixed", priorities=(1, 3, 5))


def test_no_subset_is_better_where_many_are_linked() -> None:
    _agree(range(2000, 2200), "mixed", linked=0.6)


@pytest.mark.long
@pytest.mark.parametrize("objective", ["mixed", "value", "count"])
def test_no_subset_of_thousands_of_days_of_twelve_instructions_is_better(objective: str) -> None:
    _agree(range(10_000, 11_000), objective, most=12, priorities=(1, 5, 5))
