"""Rates of exchange are dated market data: they decide what a cycle prefers, never what can settle or any amount."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from depository.cycles import pose, solve
from depository.instructions import Instruction, InstructionKind, Side, Status
from depository.obligations import due_today
from depository.rates import weigh
from depository.register import ExchangeRate
from depository.store import instructions, register, schema
from depository.store.work import Work
from tests.support.books import DAY, FUND, SHARE_B, TRADE_DAY, TUESDAY, Desk, at, trade


def instruction(number: int, buyer: str, currency: str, amount: int) -> Instruction:
    """B01 delivers 100 pieces against payment; the market of the sample trades each security in one currency only."""
    return Instruction(
        f"I{number:09d}", InstructionKind.EXCHANGE, Side.BOTH, "exchange", f"T-{currency}", "B01", "B01-ST", buyer,
        f"{buyer}-HO", SHARE_B, 100, DAY, at("18:10", TRADE_DAY), currency, amount, TRADE_DAY, netting="net",
        status=Status.MATCHED,
    )  # fmt: skip


@pytest.fixture
def torn(books: Desk) -> Desk:
    """B01 has 100 pieces; one buyer pays 1,000 tenge for them, the other 10 dollars."""
    with books.work() as work:
        work.connection.execute(schema.exchange_rate.delete())
        instructions.add(work, [instruction(1, "B02", "KZT", 100_000), instruction(2, "B03", "USD", 1_000)], "test")
    books.give("B01-ST", SHARE_B, 100)
    books.fund("B02", "1000.00")
    books.fund("B03", "10.00", "USD")
    return books


def rate(books: Desk, text: str, day: date = DAY, currency: str = "USD") -> None:
    with books.work() as work:
        register.add_rates(work, [ExchangeRate(currency, day, Decimal(text), "test")])


def settled(books: Desk) -> list[str]:
    return [one.reference for one in books.cycle().settled]


def test_the_rate_of_the_day_decides_which_of_two_is_worth_more(torn: Desk) -> None:
    rate(torn, "521.35")
    assert settled(torn) == ["T-USD"]


def test_at_another_rate_the_other_one_goes_first(torn: Desk) -> None:
    rate(torn, "99")
    assert settled(torn) == ["T-KZT"]


def test_the_newest_rate_up_to_the_day_is_in_force_and_not_one_of_tomorrow(torn: Desk) -> None:
    rate(torn, "99", date(2026, 11, 20))
    rate(torn, "521.35", date(2026, 11, 19))
    rate(torn, "521.35", TUESDAY)
    with torn.work() as work:
        found = weigh(work, due_today(work))
    assert (found.rates["USD"].rate, found.rates["USD"].valid_from, found.remarks) == (
        Decimal(99),
        date(2026, 11, 20),
        (),
    )
    assert found.reference == "KZT"
    assert settled(torn) == ["T-KZT"]


def test_an_old_rate_is_used_and_the_operators_are_told(torn: Desk) -> None:
    rate(torn, "521.35", date(2026, 11, 10))
    with torn.work() as work:
        found = weigh(work, due_today(work))
    assert found.objective == "mixed"
    assert found.remarks == ("The rate of USD is 13 days old (2026-11-10): load rates.csv.",)


def test_a_currency_without_any_rate_weighs_by_number_alone_and_the_operators_are_told(torn: Desk) -> None:
    with torn.work() as work:
        found = weigh(work, due_today(work))
        solved = solve(work, due_today(work))
    assert (found.objective, found.missing) == ("mixed", ("USD",))
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith(
        "No rate of USD up to 2026-11-23: instructions in it weigh by their number alone"
    )
    # What has no rate is worth nothing known, and never one for one.
    assert solved.outcome.certificate.value_total == 1000
    assert settled(torn) == ["T-KZT"]


def test_where_value_alone_counts_a_currency_without_a_rate_still_settles(torn: Desk) -> None:
    by_value = [
        replace(p, value="value") if p.name == "settlement_objective" else p for p in torn.site.market.parameters
    ]
    torn.site = replace(torn.site, market=replace(torn.site.market, parameters=tuple(by_value)))
    torn.give("B01-ST", SHARE_B, 100)
    assert settled(torn) == ["T-KZT", "T-USD"]


def test_a_day_in_the_reference_currency_alone_needs_no_rate(books: Desk) -> None:
    with books.work() as work:
        work.connection.execute(schema.exchange_rate.delete())
    books.trade(trade("T-1", "B01-HO", "B02-HO", 10))
    with books.work() as work:
        found = weigh(work, due_today(work))
    assert (found.objective, found.rates, found.remarks) == ("mixed", {}, ())


def test_values_are_whole_units_of_the_reference_currency(torn: Desk) -> None:
    rate(torn, "521.35")
    with torn.work() as work:
        posed = pose(work, due_today(work))
    values = [v * posed.problem.value_unit for v in posed.problem.value.tolist()]
    assert values == [Fraction(1000), Fraction("5213.5")]


def test_the_same_currency_and_day_again_replaces_the_rate(torn: Desk) -> None:
    rate(torn, "521.35")
    rate(torn, "522")
    with torn.work() as work:
        found = register.rate(work, "USD", DAY)
    assert found is not None
    assert found.rate == Decimal(522)
    assert len(torn.rows(schema.exchange_rate)) == 1


def test_the_sample_market_brings_its_rates(books: Desk) -> None:
    books.give("B03-DO", FUND, 10)
    books.trade(trade("T-F", "B03-DO", "B06-HO", 10, "100.00", isin=FUND, currency="USD"))

    def rate_of(work: Work) -> Decimal:
        return weigh(work, due_today(work)).rates["USD"].rate

    with books.work() as work:
        assert rate_of(work) == Decimal("521.35")
    with books.work(day=date(2026, 11, 20)) as work:
        assert weigh(work, due_today(work)).rates == {}
