"""Gridlock cases published with a central-bank prototype (Project Ubin phase 2, MAS): scenarios 4 to 6 of its Corda workstream, and the
netting test of its Quorum workstream, which tells no number.

Each case: opening balances of banks 1, 2, ..., then obligations (payer, payee, amount) in the order of their queue, then the
number of obligations the published prototype settled, over all of its runs. The engine reaches the optimum in one cycle.
"""

import pytest

from depository.settlement import Due, Problem, check, problem, settle
from tests.unit.settlement.days import best, reached

CASES = {
    "4.1": ((5, 6, 7), [(1, 2, 8), (2, 3, 7), (3, 1, 9), (1, 2, 20)], 3),
    "4.2": ((5, 6, 7), [(1, 2, 8), (2, 3, 7), (3, 1, 9), (1, 2, 20), (2, 1, 7), (1, 2, 40), (2, 3, 80), (3, 2, 10)], 3),
    "4.3": (
        (5, 6, 7),
        [
            (1, 2, 8), (2, 3, 10), (2, 1, 7), (2, 1, 10), (3, 2, 12),
            (1, 2, 9), (2, 1, 30), (3, 2, 50), (2, 1, 10), (1, 2, 80),
        ],
        6,
    ),
    "5.1": ((3, 4, 5, 4, 3), [(1, 2, 5), (2, 3, 6), (3, 4, 7), (4, 5, 8), (5, 1, 7)], 5),
    "5.2": (
        (0, 0, 0, 0, 0),
        [(1, 2, 2), (2, 3, 3), (3, 4, 5), (4, 5, 6), (5, 1, 2), (5, 2, 1), (5, 3, 2), (5, 4, 1)],
        0,
    ),
    "5.3": ((3, 4, 5, 4, 3), [(1, 2, 5), (2, 3, 6), (3, 1, 7), (1, 5, 8), (5, 4, 9), (4, 1, 10)], 6),
    "6.1": ((3, 4, 5, 4, 3), [(3, 2, 30), (4, 3, 20), (1, 2, 5), (2, 3, 6), (3, 4, 8), (4, 5, 7), (5, 1, 5)], 5),
    "6.2": ((3, 4, 5, 4, 3), [(1, 5, 8), (5, 4, 9), (4, 1, 10), (1, 2, 15), (2, 3, 6), (3, 1, 7)], 3),
    "6.3": (
        (3, 4, 5, 4, 3),
        [
            (1, 2, 5), (2, 3, 6), (3, 4, 8), (3, 5, 80), (4, 5, 7),
            (1, 3, 6), (5, 1, 8), (5, 2, 100), (4, 1, 5),
        ],
        5,
    ),
    "quorum": ((1000, 2000, 3000, 4000, 5000, 6000), [(1, 2, 1200), (2, 6, 2200), (3, 4, 3200), (4, 5, 4200), (5, 2, 5200)], 0),
}  # fmt: skip


def posed(case: str) -> Problem:
    balances, obligations, _ = CASES[case]
    cash = [(f"BANK{bank}", "SGD", balance) for bank, balance in enumerate(balances, 1)]
    due = [
        Due(f"O{n:02d}", "", "", "", 0, f"BANK{payer}", f"BANK{payee}", "SGD", amount, 5, "2017-10-01", "net", "")
        for n, (payer, payee, amount) in enumerate(obligations, 1)
    ]
    return problem([], cash, due)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("objective", ["count", "value", "mixed"])
def test_a_published_gridlock_is_resolved_as_well_as_can_be(case: str, objective: str) -> None:
    published = CASES[case][2]
    day = posed(case)
    outcome = settle(day, objective)

    assert check(day, outcome) == []
    assert reached(day, outcome, objective) == best(day, objective)[0]
    if objective == "count":
        assert outcome.certificate.proven_optimal
        assert outcome.certificate.count_settled >= published


@pytest.mark.rule("CSD-A2-3.2")
def test_where_each_of_a_published_queue_waits_for_the_one_before_it_two_banks_are_at_the_root() -> None:
    """Banks 1 and 3 lack 200 each and receive nothing; the others would have more than enough."""
    outcome = settle(posed("quorum"))
    assert [(line.participant, line.short_by) for line in outcome.failing] == [("BANK1", 200), ("BANK3", 200)]
    assert {line.id: line.causes for line in outcome.unsettled} == {
        "O01": ("BANK1",),
        "O02": ("BANK1", "BANK3"),
        "O03": ("BANK3",),
        "O04": ("BANK3",),
        "O05": ("BANK3",),
    }
