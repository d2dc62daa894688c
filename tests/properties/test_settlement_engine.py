"""What holds for every settlement day, whatever is due and whatever is there."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depository.settlement import Due, check, problem, settle
from tests.unit.settlement.days import RATES, fifo, random_rows, reached, score

Rows = tuple[list[tuple[str, str, int]], list[tuple[str, str, int]], list[Due]]


@st.composite
def days(draw: Any, gross: bool = True, priorities: bool = True) -> Rows:
    return random_rows(
        draw(st.integers(0, 10**9)),
        most=draw(st.sampled_from([3, 8, 25])),
        priorities=draw(st.sampled_from([(5,), (1, 5), (1, 2, 3)])) if priorities else (5,),
        gross=draw(st.sampled_from([0.0, 0.3, 1.0])) if gross else 0.0,
        linked=draw(st.sampled_from([0.0, 0.2])),
        size=draw(st.sampled_from([1, 1000, 10**18])),
    )


EXAMPLES = settings(max_examples=120, deadline=None)


@pytest.mark.rule("CSD-5.2-dvp")
@EXAMPLES
@given(days(), st.sampled_from(["mixed", "value", "count"]), st.sampled_from(["quick", "standard"]))
def test_the_separate_check_finds_nothing_wrong(rows: Rows, objective: str, effort: str) -> None:
    day = problem(*rows, RATES)

    assert check(day, settle(day, objective, effort)) == []


@EXAMPLES
@given(days(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows: Rows, shuffle: random.Random) -> None:
    securities, cash, due = list(rows[0]), list(rows[1]), list(rows[2])
    first = settle(problem(securities, cash, due, RATES))
    shuffle.shuffle(securities)
    shuffle.shuffle(cash)
    shuffle.shuffle(due)
    second = settle(problem(securities, cash, due, RATES))

    assert second.certificate == first.certificate
    assert second.unsettled == first.unsettled
    assert second.failing == first.failing
    assert second.multipliers == first.multipliers


@EXAMPLES
@given(days())
def test_settling_what_is_left_again_changes_nothing(rows: Rows) -> None:
    securities, cash, due = rows
    day = problem(securities, cash, due, RATES)
    outcome = settle(day)
    stock = Counter[tuple[str, str]]({(a, i): b for a, i, b in securities})
    money = Counter[tuple[str, str]]({(p, c): b for p, c, b in cash})
    left = []
    for instruction, settled in zip(due, outcome.settled.tolist(), strict=True):
        if not settled:
            left.append(instruction)
            continue
        stock[instruction.deliver_account, instruction.isin] -= instruction.quantity
        stock[instruction.receive_account, instruction.isin] += instruction.quantity
        money[instruction.payer, instruction.currency] -= instruction.amount
        money[instruction.payee, instruction.currency] += instruction.amount
    again = settle(problem([(*k, b) for k, b in stock.items()], [(*k, b) for k, b in money.items()], left, RATES))

    assert not again.settled.any()


@EXAMPLES
@given(days(gross=False, priorities=False), st.integers(0, 10), st.integers(1, 30))
def test_more_money_never_lowers_a_proven_objective(rows: Rows, number: int, extra: int) -> None:
    securities, cash, due = rows
    before = settle(problem(securities, cash, due, RATES))
    if cash:
        participant, currency, available = cash[number % len(cash)]
        richer = [
            *cash[: number % len(cash)],
            (participant, currency, available + extra),
            *cash[number % len(cash) + 1 :],
        ]
    else:
        richer = [("ALFA", "KZT", extra)]
    after = settle(problem(securities, richer, due, RATES))

    if before.certificate.proven_optimal and after.certificate.proven_optimal:
        assert after.certificate.objective_settled >= before.certificate.objective_settled


@EXAMPLES
@given(days())
def test_at_the_highest_priority_neither_value_nor_number_is_below_first_in_first_out(rows: Rows) -> None:
    day = problem(*rows, RATES)
    outcome = settle(day)
    now = score(day, {j for j, s in enumerate(outcome.settled.tolist()) if s}, "mixed")
    least = score(day, fifo(day), "mixed")

    assert now.value >= least.value
    assert now.number >= least.number


@EXAMPLES
@given(days())
def test_nothing_reaches_more_than_its_bound_and_the_effort_only_helps_the_proof(rows: Rows) -> None:
    day = problem(*rows, RATES)
    outcomes = [settle(day, "mixed", effort) for effort in ("quick", "thorough")]

    for outcome in outcomes:
        certificate = outcome.certificate
        assert certificate.objective_settled <= certificate.upper_bound <= certificate.bound_from_multipliers
        assert certificate.gap == certificate.upper_bound - certificate.objective_settled
    if len(set(day.priority.tolist())) == 1 and not day.gross.any():
        assert reached(day, outcomes[1], "mixed") >= reached(day, outcomes[0], "mixed")
