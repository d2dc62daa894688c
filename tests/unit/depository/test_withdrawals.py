"""Withdrawals of money: own account, no more than is free, cut-offs, payment orders."""

from dataclasses import replace
from datetime import date

import pytest

from depository.answers import Verdict
from depository.business_days import DayKind
from depository.ledger import BANK
from depository.rejects import RejectionReason
from depository.store import register, schema
from depository.withdrawals import order_payments
from tests.support.books import DAY, FUND, IBAN, TUESDAY, Desk, advice, entry, trade, withdrawal

PART = "WRN/W000000001"


def fault(outcome):
    assert outcome.verdict is Verdict.REFUSED
    return outcome.rejects[0].code, outcome.rejects[0].rule, outcome.rejects[0].field


def order(books: Desk, local: str = "13:01", day: date = DAY):
    with books.work(local, day) as work:
        return order_payments(work, "payout-1301")


@pytest.mark.rule("CSD-3.3.2-b")
def test_money_is_blocked_at_once_ordered_by_the_payout_and_leaves_when_the_bank_confirms(books: Desk):
    books.fund("B01", "5000.00")
    outcome = books.withdraw("B01", withdrawal("B01", "1200.50"))
    assert (outcome.verdict, outcome.record, outcome.status) == (Verdict.ACCEPTED, "W000000001", "queued")
    assert books.amount("B01", "KZT") == 379_950
    assert books.amount("B01", "KZT", PART) == 120_050
    orders = order(books)
    assert [(p.end_to_end, str(p.amount), p.creditor_iban) for p in orders[0].payments] == [
        ("W000000001", "1200.50", IBAN["B01", "KZT"])
    ]
    assert order(books) == []
    assert books.amount("B01", "KZT", PART) == 120_050
    debit = entry("DEB-1", "1200.50", "", credit=False, end_to_end="W000000001")
    assert books.credit(advice(debit), "14:00")[0].status == "paid"
    assert books.amount("B01", "KZT", PART) == 0
    assert books.amount("B01", "KZT") == 379_950
    assert books.amount(BANK, "KZT") == -379_950


@pytest.mark.rule("CSD-3.3.2-b")
def test_no_more_than_what_is_free_of_the_days_unsettled_net_obligations(books: Desk):
    books.trade(
        trade("X-1", "B01-HO", "B02-HO", 10, "1000.00"),
        trade("X-2", "B02-HO", "B01-HO", 4, "1000.00", line=3),
        trade("X-3", "B03-DO", "B02-HO", 1, "500.00", isin=FUND, currency="USD", line=4),
    )
    books.fund("B02", "10000.00")
    refused = books.withdraw("B02", withdrawal("B02", "4000.01"), local="10:00")
    assert fault(refused) == (RejectionReason.MONEY, "CSD-3.3.2-b", "amount")
    assert "4000.00 is free" in refused.rejects[0].message
    assert books.amount("B02", "KZT") == 1_000_000
    assert books.withdraw("B02", withdrawal("B02", "4000.00"), local="10:00").verdict is Verdict.ACCEPTED
    assert fault(books.withdraw("B02", withdrawal("B02", "0.01"), local="10:00"))[2] == "amount"
    books.cycle()
    assert books.amount("B02", "KZT") == 0
    assert books.amount("B01", "KZT") == 600_000


@pytest.mark.rule("CSD-3.3.2-a")
def test_money_from_settlement_can_be_asked_for_after_the_main_cycle(books: Desk):
    books.trade(trade("X-1", "B01-HO", "B02-HO", 10, "1000.00"))
    books.fund("B02", "10000.00")
    assert fault(books.withdraw("B01", withdrawal("B01", "10000.00"), local="10:59"))[2] == "amount"
    books.cycle()
    assert books.withdraw("B01", withdrawal("B01", "10000.00"), local="11:31").verdict is Verdict.ACCEPTED


@pytest.mark.rule("CSD-3.3.2-b")
@pytest.mark.parametrize(("funded", "paid"), [("100.00", 10_000), ("9000.00", 500_000)])
def test_all_available_pays_what_is_free_up_to_the_limit_given(books: Desk, funded, paid):
    books.fund("B01", funded)
    assert books.withdraw("B01", withdrawal("B01", "5000.00", all_available=True)).verdict is Verdict.ACCEPTED
    assert books.amount("B01", "KZT", PART) == paid


@pytest.mark.rule("CSD-3.3.2-b")
def test_all_available_is_refused_when_nothing_is_free(books: Desk):
    assert fault(books.withdraw("B01", withdrawal("B01", "5000.00", all_available=True)))[2] == "amount"
    books.trade(trade("X-1", "B01-HO", "B02-HO", 10, "1000.00"))
    books.fund("B02", "10000.00")
    assert fault(books.withdraw("B02", withdrawal("B02", "5000.00", all_available=True)))[2] == "amount"
    assert books.rows(schema.withdrawal) == []


@pytest.mark.rule("CSD-3.3.2-a", "CSD-3.3.2-b", "CSD-3.3.2-c", "CSD-5.1.5-a")
@pytest.mark.parametrize(
    ("changes", "code", "rule", "field"),
    [
        ({"iban": IBAN["B02", "KZT"]}, RejectionReason.CASH_ACCOUNT, "CSD-3.3.2-c", "iban"),
        ({"iban": IBAN["B01", "USD"]}, RejectionReason.CASH_ACCOUNT, "CSD-3.3.2-c", "iban"),
        ({"bank_bic": "TESTKZKA"}, RejectionReason.CASH_ACCOUNT, "CSD-3.3.2-c", "bank_bic"),
        ({"currency": "EUR"}, RejectionReason.MONEY, "CSD-5.1.5-a", "currency"),
        ({"value_date": date(2026, 11, 20)}, RejectionReason.DATE, "CSD-3.3.2-a", "value_date"),
        ({"value_date": date(2031, 1, 6)}, RejectionReason.DATE, "CSD-7.6.5-a", "value_date"),
        ({"amount": "0"}, RejectionReason.MONEY, "CSD-3.3.2-b", "amount"),
        ({"amount": "-5.00"}, RejectionReason.MONEY, "CSD-3.3.2-b", "amount"),
        ({"amount": "1.005"}, RejectionReason.MONEY, "CSD-3.3.2-b", "amount"),
        ({"amount": "1" + "0" * 30}, RejectionReason.MONEY, "CSD-3.3.2-b", "amount"),
        ({"amount": "5000.01"}, RejectionReason.MONEY, "CSD-3.3.2-b", "amount"),
        ({"purpose": ""}, RejectionReason.RULE, "CSD-3.3.2-b", "purpose"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_refused_by_its_field_and_blocks_nothing(books: Desk, changes, code, rule, field):
    books.fund("B01", "5000.00")
    other = {name: value for name, value in changes.items() if name != "amount"}
    outcome = books.withdraw("B01", replace(withdrawal("B01", changes.get("amount", "100.00")), **other))
    assert fault(outcome) == (code, rule, field)
    assert books.amount("B01", "KZT") == 500_000
    assert books.rows(schema.withdrawal) == []


def test_a_payment_needs_a_purpose_code_only_in_a_currency_whose_banks_ask_for_it(books: Desk):
    books.fund("B01", "5000.00", "USD")
    outcome = books.withdraw("B01", replace(withdrawal("B01", "100.00", "USD"), purpose=""), local="11:00")
    assert outcome.verdict is Verdict.ACCEPTED


@pytest.mark.rule("CSD-3.3.2-a", "CSD-A1")
@pytest.mark.parametrize(
    ("currency", "local", "paid_on"),
    [
        ("KZT", "14:00:00", DAY),
        ("KZT", "14:00:01", TUESDAY),
        ("USD", "12:00:00", DAY),
        ("USD", "12:00:01", TUESDAY),
    ],
)
def test_a_request_after_its_currencys_cut_off_is_queued_for_the_next_business_day_and_said_so(
    books: Desk, currency, local, paid_on
):
    books.fund("B01", "5000.00", currency)
    outcome = books.withdraw("B01", withdrawal("B01", "100.00", currency), local=local)
    assert str(paid_on) in outcome.note
    assert ("next business day" in outcome.note) == (paid_on == TUESDAY)
    assert bool(order(books, "14:00:07")) == (paid_on == DAY)
    assert bool(order(books, "11:31", TUESDAY)) == (paid_on == TUESDAY)


@pytest.mark.rule("CSD-3.3.2-a")
def test_a_request_in_time_is_paid_by_the_batch_at_the_cut_off_although_it_starts_seconds_late(books: Desk):
    books.fund("B01", "5000.00", "USD")
    books.withdraw("B01", withdrawal("B01", "100.00", "USD"), local="11:45")
    assert len(order(books, "12:00:04")) == 1


@pytest.mark.rule("CSD-3.3.2-a", "CSD-7.6.5-a")
def test_a_payment_day_is_a_day_on_which_payouts_run(books: Desk):
    """The 24th is declared a business day without settlement: what is late on the 23rd is paid on the 25th."""
    with books.work() as work:
        register.add_calendar(work, [(TUESDAY, DayKind.BUSINESS, "Bank closed", "Notice 1")])
    books.fund("B01", "5000.00")
    assert "2026-11-25" in books.withdraw("B01", withdrawal("B01", "1.00"), local="15:00").note
    assert "2026-11-25" in books.withdraw("B01", withdrawal("B01", "1.00", value_date=TUESDAY)).note
    assert "2026-11-30" in books.withdraw("B01", withdrawal("B01", "1.00", value_date=date(2026, 11, 28))).note


@pytest.mark.rule("CSD-3.3.2-b")
def test_money_blocked_for_a_payment_settles_nothing(books: Desk):
    books.fund("B02", "10000.00")
    assert (
        books.withdraw("B02", withdrawal("B02", "1.00"), local="18:00", day=date(2026, 11, 20)).verdict
        is Verdict.ACCEPTED
    )
    books.trade(trade("X-1", "B01-HO", "B02-HO", 10, "1000.00"))
    assert books.cycle().settled == ()
    books.fund("B02", "1.00")
    assert len(books.cycle("late", "11:31").settled) == 1
