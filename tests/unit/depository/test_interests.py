"""Security interests: what is locked leaves in no way but discharge or enforcement (CSD-4.3-1)."""

from datetime import date

import pytest

from depository.answers import Verdict
from depository.interests import carry_out_enforcements, interest_report
from depository.rejects import Broken, RejectionReason
from depository.requests import InterestAction
from depository.store import interests as store
from tests.support.books import DAY, FUND, SHARE_B, Desk, interest, trade, transfer

ELEVENTH = date(2026, 12, 8)
"""The 11th business day from Monday 23 November 2026."""
TENTH = date(2026, 12, 7)
LOCK = "SIN/S000001"


def act(action: InterestAction, quantity: int | None = None, **changes):
    return interest(action, quantity, interest="S000001", **changes)


def fault(answer):
    assert answer.outcome.verdict is Verdict.REFUSED
    assert not answer.reports
    assert not answer.notices
    reject = answer.outcome.rejects[0]
    return reject.code, reject.rule, reject.field


@pytest.mark.rule("CSD-4.3-1-a")
def test_a_lock_takes_the_quantity_out_of_what_is_available_and_keeps_the_aggregate(books: Desk):
    answer = books.secure("B01", interest(quantity=1_000))
    assert (answer.outcome.verdict, answer.outcome.record, answer.outcome.status) == (
        Verdict.ACCEPTED,
        "S000001",
        "locked",
    )
    assert books.amount("B01-HO", SHARE_B) == 99_000
    assert books.amount("B01-HO", SHARE_B, LOCK) == 1_000
    assert books.amount("B03-DO", SHARE_B) == 40_000


@pytest.mark.rule("CSD-4.3-1-a")
def test_all_of_a_holding_can_be_locked_and_nothing_when_nothing_is_free(books: Desk):
    books.secure("B01", interest(quantity=None))
    assert books.amount("B01-HO", SHARE_B) == 0
    assert books.amount("B01-HO", SHARE_B, LOCK) == 100_000
    assert fault(books.secure("B01", interest(quantity=None))) == (RejectionReason.QUANTITY, "CSD-4.3-1-a", "quantity")


@pytest.mark.rule("CSD-4.3-1-a")
@pytest.mark.parametrize(
    ("sender", "changes", "field"),
    [
        ("B03", {}, "debtor"),
        ("B01", {"agreement_attached": False}, "agreement_attached"),
        ("B01", {"indemnity_attached": False}, "indemnity_attached"),
        ("B01", {"debtor_account": "B01-FO"}, "debtor_account"),
        ("B01", {"debtor_account": "B02-HO"}, "debtor_account"),
        ("B01", {"secured_account": "B03-MM"}, "secured_account"),
        ("B01", {"secured_party": "B09", "secured_account": "B09-HO"}, "secured_account"),
        ("B01", {"secured_party": "B01", "secured_account": "B01-HO"}, "secured_account"),
        ("B01", {"isin": "KZX000009998"}, "isin"),
        ("B01", {"isin": FUND}, "quantity"),
        ("B01", {"quantity": 100_001}, "quantity"),
        ("B01", {"quantity": 0}, "quantity"),
        ("B01", {"quantity": -1}, "quantity"),
        ("B01", {"quantity": 10**30}, "quantity"),
    ],
)
def test_a_lock_needs_the_debtor_its_papers_two_accounts_and_the_quantity(books: Desk, sender, changes, field):
    assert fault(books.secure(sender, interest(**changes)))[2] == field
    assert books.amount("B01-HO", SHARE_B) == 100_000
    assert books.rows(store.I) == []


@pytest.mark.rule("CSD-4.3-1-a")
def test_a_locked_quantity_leaves_neither_by_transfer_nor_by_settlement_nor_under_a_second_lock(books: Desk):
    books.secure("B01", interest(quantity=99_500))
    books.send("B01", transfer("T-1", "B01-HO", "B01-DO", 501))
    books.send("B01", transfer("D-1", "B01-HO", "B03-DO", 501))
    books.send("B03", transfer("R-1", "B03-DO", "B01-HO", 501, receive=True))
    books.trade(trade("X-1", "B01-HO", "B02-HO", 501, "1.00"))
    books.fund("B02", "1000000.00")
    assert books.cycle().settled == ()
    assert fault(books.secure("B01", interest(quantity=501)))[2] == "quantity"
    assert books.amount("B01-HO", SHARE_B) == 500
    assert books.amount("B01-HO", SHARE_B, LOCK) == 99_500
    assert books.send("B01", transfer("T-2", "B01-HO", "B01-DO", 500)).outcomes[0].status == "settled"


@pytest.mark.rule("CSD-4.3-1-b", "CSD-4.3-1-c", "CSD-4.3-1-d")
def test_both_parties_get_the_report_with_the_additional_information_and_the_debtor_as_holder(books: Desk):
    answer = books.secure("B01", interest(quantity=1_000))
    assert sorted(r.addressee for r in answer.reports) == ["B01", "B03"]
    for report in answer.reports:
        facts = dict(report.facts)
        assert facts["Additional information"] == "Loan 17 of 20 November 2026"
        assert facts["Quantity locked now"] == 1_000
        assert str(facts["Holder for corporate actions"]).startswith("B01")
    with books.work("16:00") as work:
        again = interest_report(work, "B03", "S000001")
        assert dict(again.facts)["State"] == "locked"
        from depository.statements import statement

        for party, role in (("B01", "debtor"), ("B03", "secured party")):
            table = next(t for t in statement(work, party).tables if t.name == "Interests")
            assert table.rows[0][1] == role
            assert table.rows[0][-1] == "Loan 17 of 20 November 2026"
            holdings = next(t for t in statement(work, party).tables if t.name == "Holdings")
            locked = [row for row in holdings.rows if row[5]]
            assert ([row[0] for row in locked] == ["B01-HO"]) == (party == "B01")


@pytest.mark.rule("CSD-4.3-1-e")
def test_the_secured_party_alone_discharges_and_the_whole_lock_is_lifted(books: Desk):
    books.secure("B01", interest(quantity=1_000))
    assert fault(books.secure("B01", act(InterestAction.DISCHARGE)))[0] is RejectionReason.SENDER
    assert fault(books.secure("B02", act(InterestAction.DISCHARGE)))[0] is RejectionReason.REFERENCE
    assert books.amount("B01-HO", SHARE_B, LOCK) == 1_000
    answer = books.secure("B03", act(InterestAction.DISCHARGE))
    assert answer.outcome.status == "discharged"
    assert sorted(r.addressee for r in answer.reports) == ["B01", "B03"]
    assert books.amount("B01-HO", SHARE_B) == 100_000
    assert books.amount("B01-HO", SHARE_B, LOCK) == 0
    assert fault(books.secure("B03", act(InterestAction.DISCHARGE)))[0] is RejectionReason.REFERENCE


@pytest.mark.rule("CSD-4.3-1-e")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"interest": "S000002"}, "interest"),
        ({"isin": FUND}, "isin"),
        ({"debtor": "B02"}, "debtor"),
        ({"debtor_account": "B01-DO"}, "debtor_account"),
        ({"secured_account": "B03-HO"}, "secured_account"),
        ({"quantity": 999}, "quantity"),
    ],
)
def test_a_discharge_that_speaks_of_something_else_than_was_recorded_lifts_nothing(books: Desk, changes, field):
    books.secure("B01", interest(quantity=1_000))
    request = interest(**{"action": InterestAction.DISCHARGE, "quantity": 1_000, "interest": "S000001", **changes})
    assert fault(books.secure("B03", request))[2] == field
    assert books.amount("B01-HO", SHARE_B, LOCK) == 1_000


@pytest.mark.rule("CSD-4.3-1-f")
def test_an_enforcement_tells_the_debtor_at_once_and_moves_on_the_eleventh_business_day(books: Desk):
    books.secure("B01", interest(quantity=1_000))
    answer = books.secure("B03", act(InterestAction.ENFORCE, 400), local="15:00")
    assert answer.outcome.status == f"transfer on {ELEVENTH}"
    assert [(n.addressee, "2026-12-08" in n.body) for n in answer.notices] == [("B01", True)]
    assert dict(answer.notices[0].facts)["Details given by the secured party"] == "Loan 17 of 20 November 2026"
    with books.work("09:00", TENTH) as work:
        assert carry_out_enforcements(work)[0] == []
    assert books.amount("B03-DO", SHARE_B) == 40_000
    with books.work("09:00", ELEVENTH) as work:
        done, notices, reports = carry_out_enforcements(work)
    assert [one.number for one in done] == ["E000001"]
    assert sorted(n.addressee for n in notices) == sorted(r.addressee for r in reports) == ["B01", "B03"]
    assert books.amount("B03-DO", SHARE_B) == 40_400
    assert books.amount("B01-HO", SHARE_B, LOCK) == 600
    with books.work("09:30", ELEVENTH) as work:
        assert carry_out_enforcements(work)[0] == []


@pytest.mark.rule("CSD-4.3-1-f")
@pytest.mark.parametrize(
    ("sender", "changes", "field"),
    [
        ("B01", {}, "interest"),
        ("B03", {"indemnity_attached": False}, "indemnity_attached"),
        ("B03", {"additional_information": "  "}, "additional_information"),
        ("B03", {"quantity": 1_001}, "quantity"),
        ("B03", {"quantity": 0}, "quantity"),
    ],
)
def test_an_enforcement_needs_the_secured_party_its_indemnity_the_details_and_a_quantity(
    books: Desk, sender, changes, field
):
    books.secure("B01", interest(quantity=1_000))
    request = interest(**{"action": InterestAction.ENFORCE, "quantity": 10, "interest": "S000001", **changes})
    assert fault(books.secure(sender, request))[2] == field
    assert books.rows(store.E) == []


@pytest.mark.rule("CSD-4.3-1-f")
def test_two_enforcements_share_the_locked_quantity_and_never_exceed_it(books: Desk):
    books.secure("B01", interest(quantity=1_000))
    assert books.secure("B03", act(InterestAction.ENFORCE, 700)).outcome.verdict is Verdict.ACCEPTED
    assert fault(books.secure("B03", act(InterestAction.ENFORCE, 301)))[2] == "quantity"
    assert books.secure("B03", act(InterestAction.ENFORCE)).outcome.verdict is Verdict.ACCEPTED
    assert fault(books.secure("B03", act(InterestAction.ENFORCE)))[2] == "quantity"
    assert fault(books.secure("B03", act(InterestAction.DISCHARGE)))[1] == "CSD-4.3-1-e"
    with books.work("09:00", ELEVENTH) as work:
        assert len(carry_out_enforcements(work)[0]) == 2
    assert books.amount("B03-DO", SHARE_B) == 41_000
    assert books.amount("B01-HO", SHARE_B, LOCK) == 0
    assert books.rows(store.I)[0].state == "enforced"


@pytest.mark.rule("CSD-4.3-1-e", "CSD-4.3-1-f")
def test_what_an_enforcement_left_can_be_discharged_after_the_transfer(books: Desk):
    books.secure("B01", interest(quantity=1_000))
    books.secure("B03", act(InterestAction.ENFORCE, 400))
    with books.work("09:00", ELEVENTH) as work:
        carry_out_enforcements(work)
    assert books.secure("B03", act(InterestAction.DISCHARGE), day=ELEVENTH).outcome.status == "discharged"
    assert books.amount("B01-HO", SHARE_B) == 99_600


@pytest.mark.rule("CSD-4.3-1-f")
def test_a_missed_day_is_made_up_for_on_the_next(books: Desk):
    books.secure("B01", interest(quantity=1_000))
    books.secure("B03", act(InterestAction.ENFORCE, 400))
    with books.work("09:00", date(2026, 12, 11)) as work:
        assert len(carry_out_enforcements(work)[0]) == 1


def test_the_books_refuse_a_release_of_more_than_is_locked(books: Desk):
    from depository.ledger import Entry, release
    from depository.store import journal

    books.secure("B01", interest(quantity=1_000))
    with pytest.raises(Broken, match="would be -1"), books.work() as work:
        journal.post(work, [Entry("release", "S000001", release(SHARE_B, 1_001, "B01-HO", LOCK))])
    assert books.amount("B01-HO", SHARE_B, LOCK) == 1_000
    assert books.day == DAY


@pytest.mark.rule("CSD-4.3-1-f")
def test_an_enforcement_whose_day_lies_beyond_the_published_calendar_is_refused_and_can_come_again(books: Desk):
    books.secure("B01", interest(quantity=1_000))
    december = date(2027, 12, 20)
    assert fault(books.secure("B03", act(InterestAction.ENFORCE, 400), day=december))[1] == "CSD-4.3-1-f"
    assert books.rows(store.E) == []
