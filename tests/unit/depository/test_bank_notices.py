"""What the bank's entries do for participants and how they are told: funding, payments, returns, money that comes late."""

import json
from dataclasses import replace
from datetime import date

import pytest

from depository import bank
from depository.answers import LineOutcome, Verdict
from depository.instructions import Status
from depository.ledger import BANK
from depository.rejects import RejectionReason
from depository.store import payments
from depository.withdrawals import order_payments
from tests.support.books import DAY, SHARE_B, TUESDAY, Desk, advice, entry, trade, withdrawal

HOLIDAY = date(2026, 12, 16)
PAYMENT = "W000000001"


def told(books: Desk, *statements, local: str = "15:00", day: date | None = None) -> list[tuple[str, str, str]]:
    """Addressee, subject and body of the notices that statements of one moment cause."""
    with books.work(local, day) as work:
        notices = [notice for one in statements for notice in bank.record_statement(work, one).notices]
    return [(notice.addressee, notice.subject, notice.body) for notice in notices]


def ordered_payment(books: Desk, amount: str = "40.00") -> None:
    """B01 has 100.00 KZT, of which it withdraws an amount; the order is with the bank."""
    books.fund("B01", "100.00")
    books.withdraw("B01", withdrawal("B01", amount))
    with books.work("12:31") as work:
        order_payments(work, "payout-1231")


def paid_payment(books: Desk, amount: str = "40.00") -> None:
    ordered_payment(books, amount)
    assert books.credit(advice(debit("D-1", amount)))[0].status == "paid"


def debit(reference: str, amount: str, **changes):
    return entry(reference, amount, "", credit=False, end_to_end=PAYMENT, **changes)


def back(reference: str, amount: str = "40.00", **changes):
    """The payment returned, as a credit that carries its end-to-end id."""
    return replace(entry(reference, amount, "", end_to_end=PAYMENT, remittance="ACCOUNT CLOSED"), **changes)


def state(books: Desk) -> str:
    with books.work() as work:
        found = payments.get(work, PAYMENT)
    assert found is not None
    return found.state


def refusal(outcome: LineOutcome) -> tuple[RejectionReason, str]:
    assert outcome.verdict is Verdict.REFUSED
    return outcome.rejects[0].code, outcome.rejects[0].field


# Funding ------------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-3.3.1-a", "CSD-1.5-a")
def test_a_participant_is_told_of_its_funding_with_amount_currency_reference_and_moment(books: Desk):
    (notice,) = told(books, advice(entry("REF-7", "1000.5", "B01")), local="09:05:07")
    assert notice == (
        "B01",
        "Credit of 1000.50 KZT",
        "1000.50 KZT were credited to you at 2026-11-23 09:05:07, bank reference REF-7.",
    )


@pytest.mark.rule("CSD-3.3.1-a", "KCSD-84")
def test_an_entry_that_comes_again_is_told_once_and_nobodys_money_is_told_to_nobody(books: Desk):
    assert len(told(books, advice(entry("A", "1.00", "B01")))) == 1
    again = advice(entry("A", "1.00", "B01"), entry("B", "2.00", "", line=2))
    assert told(books, again) == []


def test_several_entries_of_a_statement_are_one_notice_to_each_participant(books: Desk):
    entries = [entry(f"R-{n}", f"{n}.00", who, line=n) for n, who in enumerate(("B01", "B02", "B01"), 1)]
    with books.work() as work:
        notices = bank.record_statement(work, advice(*entries)).notices
    assert [(one.addressee, one.subject) for one in notices] == [
        ("B01", "2 bookings of your money in KZT"),
        ("B02", "Credit of 2.00 KZT"),
    ]
    assert [label for label, _ in notices[0].facts] == ["R-1", "R-3"]
    assert all(f"{n}.00 KZT were credited" in dict(notices[0].facts)[f"R-{n}"] for n in (1, 3))


def test_the_notice_lies_in_the_participants_outbox(desk: Desk):
    desk.drop_money(advice(entry("REF-7", "1000.00", "B01")), local="09:05")
    names = sorted(name for name in desk.outbox("B01") if "notice" in name)
    assert [name[-5:] for name in names] == [".json", "1.pdf"]
    facts = {fact["label"]: fact["value"] for fact in json.loads(desk.outbox("B01")[names[0]])["facts"]}
    assert "REF-7" in facts["Text"]


# Money after the last moment ----------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-A1")
@pytest.mark.parametrize(("local", "counts"), [("17:29:59", True), ("17:30:00", False), ("18:59:59", False)])
def test_money_after_the_last_moment_is_recorded_and_counts_from_the_next_settlement_day(books: Desk, local, counts):
    ((_, _, body),) = told(books, advice(entry("A", "5.00", "B01")), local=local)
    assert books.amount("B01", "KZT") == 500
    late = "It counts from the next settlement day, 2026-11-24: it came after 17:29:59 (CSD-A1)."
    assert body.endswith(late) is not counts
    assert ("counts" in body) is not counts


@pytest.mark.rule("CSD-A1", "CSD-3.3.1-d")
@pytest.mark.parametrize(("local", "settles"), [("17:29:59", True), ("17:30:00", False)])
def test_a_cycle_that_runs_after_the_last_moment_does_not_use_money_that_came_after_it(books: Desk, local, settles):
    books.trade(trade("T-1", "B02-HO", "B04-HO", 10, "100.00"))
    books.credit(advice(entry("A", "1000.00", "B04")), local)
    books.cycle("late", "17:30:02")
    assert (books.instruction("exchange", "T-1").status is Status.SETTLED) is settles
    assert books.amount("B04-HO", SHARE_B) == (10 if settles else 0)
    books.cycle("main", "11:15", TUESDAY)
    assert books.instruction("exchange", "T-1").status is Status.SETTLED


@pytest.mark.rule("CSD-A1", "CSD-3.3.1-d")
def test_a_returned_payment_after_the_last_moment_pays_for_nothing_today_either(books: Desk):
    paid_payment(books, "100.00")
    books.trade(trade("T-1", "B02-HO", "B01-HO", 1, "100.00"))
    ((_, subject, body),) = told(books, advice(back("RET", "100.00")), local="17:31")
    assert subject == f"{PAYMENT} was returned"
    assert "It counts from the next settlement day, 2026-11-24" in body
    books.cycle("late", "17:32")
    assert books.instruction("exchange", "T-1").status is not Status.SETTLED
    books.cycle("main", "11:15", TUESDAY)
    assert books.instruction("exchange", "T-1").status is Status.SETTLED


@pytest.mark.rule("CSD-A1", "CSD-A2-3.2")
def test_who_brings_the_money_after_the_last_moment_is_the_one_that_failed(desk: Desk):
    desk.drop_trades(trade("T-1", "B02-HO", "B04-HO", 10, "100.00"))
    desk.run_until("17:29:59")
    desk.drop_money(advice(entry("A", "1000.00", "B04")), local="17:30:00")
    results = desk.run_until("17:30:05")
    assert results["settlement-fail"].facts == {"fails": 1, "failing participants": "B04"}
    assert desk.status("exchange", "T-1") is Status.FAILING


# Payments carried out -----------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-3.3.2-b")
def test_a_participant_is_told_that_its_withdrawal_was_paid(books: Desk):
    ordered_payment(books)
    ((addressee, subject, body),) = told(books, advice(debit("D-1", "40.00")))
    assert (addressee, subject) == ("B01", f"{PAYMENT} was paid")
    assert "40.00 KZT to KZ" in body
    assert "bank reference D-1" in body


# Payments that come back --------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-3.3.1-a", "CSD-3.3.2-b")
def test_a_returned_payment_is_the_participants_available_money_again(books: Desk):
    paid_payment(books)
    outcome = books.credit(advice(back("RET")))[0]
    assert (outcome.verdict, outcome.record, outcome.status) == (Verdict.ACCEPTED, PAYMENT, "returned")
    assert (books.amount("B01", "KZT"), books.amount(BANK, "KZT")) == (10_000, -10_000)
    assert state(books) == "returned"
    assert books.proof().faults == ()


def test_a_return_goes_to_whose_payment_it_is_whoever_the_remittance_names(books: Desk):
    paid_payment(books)
    assert books.credit(advice(back("RET", participant="B02")))[0].record == PAYMENT
    assert (books.amount("B01", "KZT"), books.amount("B02", "KZT")) == (10_000, 0)


@pytest.mark.rule("KCSD-84")
def test_the_same_return_twice_has_one_effect(books: Desk):
    paid_payment(books)
    books.credit(advice(back("RET")))
    assert books.credit(advice(back("RET")))[0].status == "booked before"
    assert refusal(books.credit(advice(back("RET-2")))[0]) == (RejectionReason.REFERENCE, "end_to_end")
    assert told(books, advice(back("RET")), advice(back("RET-3"))) == []
    assert books.amount("B01", "KZT") == 10_000


@pytest.mark.parametrize("other", [{"amount": "39.50"}, {"amount": "40.01"}, {"currency": "USD"}])
def test_a_return_of_another_amount_or_currency_is_left_to_operators(books: Desk, other):
    paid_payment(books)
    one = advice(back("RET", other.get("amount", "40.00")), currency=other.get("currency", "KZT"))
    outcome = books.credit(one)[0]
    assert refusal(outcome) == (RejectionReason.MONEY, "amount")
    assert "operators" in outcome.rejects[0].message
    assert (books.amount("B01", "KZT"), books.amount("B01", "USD"), state(books)) == (6_000, 0, "paid")


def test_a_return_before_the_payment_was_confirmed_is_refused_and_taken_with_the_statement_of_both(books: Desk):
    ordered_payment(books)
    assert refusal(books.credit(advice(back("RET")))[0]) == (RejectionReason.REFERENCE, "end_to_end")
    assert state(books) == "ordered"
    both = advice(back("RET"), debit("D-1", "40.00", line=2))
    assert [outcome.status for outcome in books.credit(both)] == ["returned", "paid"]
    assert books.amount("B01", "KZT") == 10_000


def test_payment_and_return_of_one_statement_are_one_notice(books: Desk):
    ordered_payment(books)
    ((addressee, subject, _),) = told(books, advice(back("RET"), debit("D-1", "40.00", line=2)))
    assert (addressee, subject) == ("B01", "2 bookings of your money in KZT")


def test_a_returned_payment_can_be_withdrawn_again(books: Desk):
    paid_payment(books, "100.00")
    books.credit(advice(back("RET", "100.00")), "12:40")
    request = replace(withdrawal("B01", "100.00"), value_date=DAY)
    assert books.withdraw("B01", request, "13:00").verdict is Verdict.ACCEPTED
