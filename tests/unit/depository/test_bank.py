"""What the bank reports: money counts when it is booked on the nominee account, and once (CSD-3.3.1-a)."""

from dataclasses import replace

import pytest

from depository.answers import Verdict
from depository.bank import check_statement, unidentified
from depository.ledger import BANK, UNIDENTIFIED
from depository.reconciliation import reconcile_cash
from depository.rejects import RejectionReason
from depository.store.bank import closing_balance
from tests.support.books import DAY, NOMINEE, Desk, advice, entry, withdrawal


def fault(outcome):
    assert outcome.verdict is Verdict.REFUSED
    return outcome.rejects[0].code, outcome.rejects[0].field


@pytest.mark.rule("CSD-3.3.1-a")
def test_a_booked_credit_becomes_the_participants_money_in_its_currency(books: Desk):
    outcomes = books.credit(advice(entry("A", "1000.50", "B01"), entry("B", "2.00", "B02", line=2)))
    assert [o.record for o in outcomes] == ["B01", "B02"]
    books.credit(advice(entry("C", "7.00", "B01"), currency="USD"))
    assert (books.amount("B01", "KZT"), books.amount("B02", "KZT"), books.amount("B01", "USD")) == (100_050, 200, 700)
    assert books.amount(BANK, "KZT") == -100_250


@pytest.mark.rule("CSD-3.3.1-a", "KCSD-84")
def test_an_entry_that_advice_and_statement_repeat_is_booked_once(books: Desk):
    books.credit(advice(entry("A", "1000.00", "B01")))
    again = books.credit(advice(entry("A", "1000.00", "B01"), entry("B", "5.00", "B01", line=2), closing="1005.00"))
    assert [o.status for o in again] == ["booked before", "credited to B01"]
    assert books.amount("B01", "KZT") == 100_500
    twice = books.credit(advice(entry("D", "1.00", "B01"), entry("D", "1.00", "B01", line=2)))
    assert [o.status for o in twice] == ["credited to B01", "booked before"]
    assert books.amount("B01", "KZT") == 100_600


@pytest.mark.rule("CSD-3.3.1-a")
@pytest.mark.parametrize(
    "other",
    [
        advice(entry("A", "1000.01", "B01")),
        advice(entry("A", "1000.00", "B01"), currency="USD"),
        advice(entry("A", "1000.00", "B01", credit=False)),
    ],
)
def test_the_same_bank_reference_with_other_content_is_refused(books: Desk, other):
    books.credit(advice(entry("A", "1000.00", "B01")))
    assert fault(books.credit(other)[0]) == (RejectionReason.REFERENCE, "reference")
    assert books.amount("B01", "KZT") == 100_000


@pytest.mark.rule("CSD-3.3.1-a")
@pytest.mark.parametrize("who", ["", "B09", "bank", "B01x"])
def test_money_that_names_no_participant_is_nobodys_and_is_listed(books: Desk, who):
    outcome = books.credit(advice(entry("A", "12.00", who)))[0]
    assert (outcome.verdict, outcome.record) == (Verdict.ACCEPTED, UNIDENTIFIED)
    assert books.amount(UNIDENTIFIED, "KZT") == 1_200
    with books.work() as work:
        assert [(n.reference, n.currency, n.amount) for n in unidentified(work)] == [("A", "KZT", 1_200)]


@pytest.mark.rule("CSD-3.3.1-a")
def test_a_debit_without_an_order_of_ours_is_refused_and_shows_in_reconciliation(books: Desk):
    books.fund("B01", "100.00")
    debit = entry("D", "40.00", "B01", credit=False, end_to_end="W000000001")
    assert fault(books.credit(advice(debit, closing="60.00"), "15:00")[0]) == (RejectionReason.REFERENCE, "end_to_end")
    assert books.amount("B01", "KZT") == 10_000
    with books.work("19:00") as work:
        kzt = next(d for d in reconcile_cash(work) if d.asset == "KZT")
    assert (kzt.agrees, kzt.ours, kzt.theirs) == (False, 10_000, 6_000)


@pytest.mark.rule("CSD-3.3.1-a", "CSD-3.3.2-b")
def test_a_debit_confirms_only_an_ordered_payment_of_that_amount_and_only_once(books: Desk):
    from depository.withdrawals import order_payments

    books.fund("B01", "100.00")
    books.withdraw("B01", withdrawal("B01", "40.00"))
    debit = entry("D-1", "40.00", "", credit=False, end_to_end="W000000001")
    assert fault(books.credit(advice(debit))[0])[1] == "end_to_end"
    with books.work("12:31") as work:
        order_payments(work, "payout-1231")
    assert fault(books.credit(advice(replace(debit, reference="D-2", amount=debit.amount + 1)))[0])[1] == "end_to_end"
    assert books.credit(advice(replace(debit, reference="D-3")))[0].status == "paid"
    assert fault(books.credit(advice(replace(debit, reference="D-4")))[0])[1] == "end_to_end"
    assert books.amount("B01", "KZT") == 6_000


@pytest.mark.rule("CSD-3.3.1-a")
def test_a_reversal_is_left_to_an_operator(books: Desk):
    books.fund("B01", "100.00")
    assert fault(books.credit(advice(entry("R", "100.00", "B01", credit=False, reversal=True)))[0])[1] == "reversal"
    assert books.amount("B01", "KZT") == 10_000


@pytest.mark.parametrize("amount", ["0.001", "1" + "0" * 16 + ".00"])
def test_an_amount_that_the_books_cannot_hold_is_refused(books: Desk, amount):
    assert fault(books.credit(advice(entry("A", amount, "B01")))[0]) == (RejectionReason.MONEY, "amount")


@pytest.mark.rule("CSD-3.3.1-a", "CSD-5.1.5-a")
def test_a_statement_of_another_account_or_currency_is_not_ours(books: Desk):
    with books.work() as work:
        assert check_statement(work, advice()) is None
        strangers = (
            replace(advice(), iban=NOMINEE["USD"]),
            replace(advice(), currency="EUR"),
            replace(advice(), iban="KZ75125KZT2069100100"),
        )
        for other in strangers:
            reject = check_statement(work, other)
            assert reject is not None
            assert reject.code is RejectionReason.CASH_ACCOUNT


@pytest.mark.parametrize("closing", ["100000000000000000.00", "0.001"])
def test_a_closing_balance_that_the_books_cannot_hold_refuses_the_statement(books: Desk, closing):
    with books.work() as work:
        reject = check_statement(work, advice(closing=closing))
    assert reject is not None
    assert (reject.code, reject.field) == (RejectionReason.MONEY, "closing")


def test_a_later_statement_of_the_day_replaces_the_closing_balance(books: Desk):
    books.credit(advice(entry("A", "10.00", "B01"), closing="10.00"))
    books.credit(advice(entry("B", "5.00", "B01"), closing="15.00"), "18:30")
    with books.work() as work:
        assert closing_balance(work, DAY, "KZT") == 1_500
        assert closing_balance(work, DAY, "USD") is None
        assert [d.agrees for d in reconcile_cash(work)] == [True, False]
