"""A fail that is not put right by 17:30 of the next business day goes to buy-in (securities) or close-out (money)."""

from datetime import date

import pytest

from depository.cycles import run_cycle
from depository.fails import BUY_IN, CLOSE_OUT, record_failed, record_late
from depository.notices import Notice
from depository.store import schema
from tests.support.books import DAY, SHARE_A, SHARE_B, TUESDAY, Desk, trade

WEDNESDAY = date(2026, 11, 25)


def day(books: Desk, on: date = DAY) -> list[Notice]:
    """The main cycle of a day and its 17:30; the notices of buy-ins and close-outs."""
    with books.work("11:15", on) as work:
        cycle = run_cycle(work, "main", "test")
        record_late(work, cycle.unsettled, cycle.shortages)
    with books.work("17:30", on) as work:
        _, notices = record_failed(work, "test")
    return [one for one in notices if one.subject.startswith(("Buy-in", "Close-out"))]


def procedures(books: Desk) -> list[tuple[str, str, str]]:
    """Instruction's trade, procedure and at whose risk."""
    trades = {row.id: row.reference for row in books.rows(schema.instruction)}
    rows = [row for row in books.rows(schema.settlement_fail) if row.stage in (BUY_IN, CLOSE_OUT)]
    return sorted((trades[row.instruction], row.stage, row.causes) for row in rows)


@pytest.mark.rule("CSD-A2-4.1")
def test_securities_missing_to_1730_of_the_next_day_are_bought_in_at_the_sellers_risk_and_both_are_told(
    lite: Desk,
) -> None:
    lite.trade(trade("X-1", "B06-HO", "B02-HO", 5, isin=SHARE_A))
    lite.fund("B02", "5000.00")
    assert day(lite) == []
    assert procedures(lite) == []
    told = day(lite, TUESDAY)
    assert procedures(lite) == [("X-1", BUY_IN, "B06")]
    assert [one.addressee for one in told] == ["B02", "B06"]
    for one in told:
        assert f"a buy-in of 5 {SHARE_A} at the risk and expense of B06" in one.body
    # Once, however long it lasts.
    assert day(lite, WEDNESDAY) == []
    assert len(procedures(lite)) == 1


@pytest.mark.rule("CSD-A2-4.1")
def test_money_missing_is_closed_out_at_the_buyers_risk(lite: Desk) -> None:
    lite.trade(trade("X-1", "B01-HO", "B04-HO", 10))
    lite.fund("B04", "9999.99")
    day(lite)
    day(lite, TUESDAY)
    assert procedures(lite) == [("X-1", CLOSE_OUT, "B04")]


@pytest.mark.rule("CSD-A2-4.1")
def test_what_is_put_right_before_goes_to_neither(lite: Desk) -> None:
    lite.trade(trade("X-1", "B01-HO", "B04-HO", 10))
    day(lite)
    lite.fund("B04", "10000.00", day=TUESDAY)
    assert day(lite, TUESDAY) == []
    assert procedures(lite) == []


@pytest.mark.rule("CSD-A2-4.1", "CSD-A2-3.2")
def test_who_is_stuck_because_of_another_is_neither_bought_in_nor_closed_out(lite: Desk) -> None:
    """B06 cannot deliver to B04, B04 therefore not to B05."""
    lite.trade(
        trade("X-1", "B06-HO", "B04-HO", 10, isin=SHARE_B),
        trade("X-2", "B04-HO", "B05-HO", 10, "1001.00", isin=SHARE_B, line=3),
    )
    for who in ("B04", "B05"):
        lite.fund(who, "20000.00")
    day(lite)
    told = day(lite, TUESDAY)
    assert procedures(lite) == [("X-1", BUY_IN, "B06")]
    assert [one.addressee for one in told] == ["B04", "B06"]


@pytest.mark.rule("CSD-A2-4.1", "CSD-A2-3.2")
def test_a_buyer_who_waits_for_anothers_money_is_not_closed_out(lite: Desk) -> None:
    """B05 does not pay B04, B04 therefore not B01."""
    lite.trade(
        trade("X-1", "B01-HO", "B04-HO", 10),
        trade("X-2", "B04-HO", "B05-HO", 10, "1001.00", line=3),
    )
    day(lite)
    told = day(lite, TUESDAY)
    assert procedures(lite) == [("X-2", CLOSE_OUT, "B05")]
    assert [one.addressee for one in told] == ["B04", "B05"]


@pytest.mark.rule("CSD-A2-4.1")
def test_a_day_off_between_is_not_counted(lite: Desk) -> None:
    """Due on Friday 20 November: the next business day is Monday."""
    friday = date(2026, 11, 20)
    lite.trade(
        trade("X-1", "B06-HO", "B02-HO", 5, isin=SHARE_A, traded=date(2026, 11, 18), settles=friday),
        day=date(2026, 11, 18),
    )
    lite.fund("B02", "5000.00", day=friday)
    assert day(lite, friday) == []
    assert [one.addressee for one in day(lite, DAY)] == ["B02", "B06"]


@pytest.mark.rule("CSD-A2-4.1")
def test_operators_find_what_they_have_to_carry_out_on_the_days_page_and_in_its_report(lite: Desk) -> None:
    lite.drop_trades(trade("X-1", "B06-HO", "B02-HO", 5, isin=SHARE_A))
    lite.fund("B02", "5000.00")
    for on in (DAY, TUESDAY):
        lite.plan(on)
    lite.run("end-of-day")
    done = lite.run("settlement-fail", day=TUESDAY)
    assert done.facts["to buy-in or close-out"] == "I000000001 buy-in"
    lite.run("end-of-day", day=TUESDAY)
    report = lite.report("csd", f"{TUESDAY:%Y%m%d}_end-of-day_day.json")
    started = next(t for t in report.tables if t.name == "Procedures")
    assert [row[:3] for row in started.rows] == [("I000000001", BUY_IN, "B06")]
