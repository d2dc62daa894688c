"""Indemnities: one goes before each SIN that creates or enforces, says the same, and counts once (CSD-4.3-1-a, CSD-4.3-1-f)."""

from decimal import Decimal

import pytest

from depository.answers import LineOutcome, Verdict
from depository.interests import interest_report, record_interest
from depository.rejects import RejectionReason
from depository.requests import Giver, InterestAction
from depository.store import files, indemnities
from tests.support.books import FRIDAY, FUND, SHARE_A, SHARE_B, Desk, header, indemnity, interest

SIN = "B01-SIN-1"


def fault(outcome: LineOutcome) -> tuple[RejectionReason, str, str]:
    assert outcome.verdict is Verdict.REFUSED
    reject = outcome.rejects[0]
    return reject.code, reject.rule, reject.field


def send(books: Desk, participant: str = "B01", sin: str = SIN, **changes) -> LineOutcome:
    """The SIN alone, without the indemnity that `Desk.secure` puts before it."""
    with books.work("10:00") as work:
        return record_interest(work, header(participant, sin, "SIN"), interest(**changes)).outcome


def enforcement(**changes):
    return indemnity(**{"given_by": Giver.SECURED_PARTY, "sin": "B03-SIN-1", "interest": "S000001", **changes})


@pytest.mark.rule("CSD-4.3-1-a")
def test_an_interest_is_recorded_with_its_indemnity_which_then_belongs_to_it(books: Desk):
    given = books.indemnify("B01", indemnity())
    assert (given.verdict, given.record, given.status) == (Verdict.ACCEPTED, "IND000001", "given")
    assert send(books).verdict is Verdict.ACCEPTED
    with books.work() as work:
        (kept,) = indemnities.of_interest(work, "S000001")
        report = interest_report(work, "B03", "S000001")
    assert (kept.number, kept.giver, kept.sin, kept.quantity, kept.state) == ("IND000001", "B01", SIN, 1_000, "used")
    assert ("Indemnity", "IND000001 of B01") in report.facts


@pytest.mark.rule("CSD-4.3-1-a")
def test_without_an_indemnity_nothing_is_locked_and_the_answer_says_what_to_send(books: Desk):
    refused = send(books)
    assert fault(refused) == (RejectionReason.RULE, "CSD-4.3-1-a", "indemnity_attached")
    assert "send the form IND" in refused.rejects[0].message
    assert books.amount("B01-HO", SHARE_B) == 100_000


@pytest.mark.rule("CSD-4.3-1-a")
def test_an_indemnity_counts_for_its_own_form_and_once(books: Desk):
    books.indemnify("B01", indemnity())
    assert fault(send(books, sin="B01-SIN-2"))[2] == "indemnity_attached"
    assert send(books).verdict is Verdict.ACCEPTED
    assert fault(send(books))[2] == "indemnity_attached"


@pytest.mark.rule("CSD-4.3-1-a")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"secured_party": "B05", "secured_account": "B05-HO"}, "secured_party"),
        ({"isin": SHARE_A}, "isin"),
        ({"quantity": 999}, "quantity"),
        ({"quantity": None}, "quantity"),
        ({"agreement_number": "SA-18/2026"}, "agreement_number"),
        ({"agreement_date": FRIDAY.replace(day=19)}, "agreement_date"),
    ],
)
def test_form_and_indemnity_say_the_same(books: Desk, changes, field):
    books.give("B01-HO", SHARE_A, 1_000)
    books.indemnify("B01", indemnity())
    assert fault(send(books, **changes)) == (RejectionReason.RULE, "CSD-4.3-1-a", field)


def test_a_new_indemnity_for_the_same_form_takes_the_place_of_the_earlier_one(books: Desk):
    books.indemnify("B01", indemnity(quantity=Decimal(900)))
    books.indemnify("B01", indemnity(quantity=None))
    assert fault(send(books))[2] == "quantity"
    books.indemnify("B01", indemnity())
    assert send(books).verdict is Verdict.ACCEPTED
    with books.work() as work:
        states = [row.state for row in work.connection.execute(indemnities.I.select().order_by(indemnities.I.c.number))]
    assert states == ["replaced", "replaced", "used"]


@pytest.mark.rule("CSD-4.3-1-a")
@pytest.mark.parametrize(
    ("sender", "changes", "code", "field"),
    [
        ("B03", {}, RejectionReason.SENDER, "debtor"),
        ("B01", {"secured_party": "B09"}, RejectionReason.COUNTERPARTY, "secured_party"),
        ("B01", {"secured_party": "registry"}, RejectionReason.COUNTERPARTY, "secured_party"),
        ("B01", {"isin": "KZX000009998"}, RejectionReason.SECURITY, "isin"),
        ("B01", {"quantity": Decimal("0.5")}, RejectionReason.QUANTITY, "quantity"),
    ],
)
def test_a_wrong_indemnity_is_refused_with_its_reason(books: Desk, sender, changes, code, field):
    found = fault(books.indemnify(sender, indemnity(**changes)))
    assert (found[0], found[2]) == (code, field)


def test_an_indemnity_after_its_form_is_refused(books: Desk):
    with books.work() as work:
        file = files.add_file(work, "B01", "inbox", "SIN.xlsx", "0" * 64, 1, "SFTP", "", "")
        files.add_form(work, "B01", SIN, "SIN", "0" * 64, file)
    assert fault(books.indemnify("B01", indemnity())) == (RejectionReason.REFERENCE, "CSD-4.3-1-a", "sin_number")


@pytest.mark.rule("CSD-4.3-1-f")
def test_an_enforcement_has_the_secured_partys_own_indemnity(books: Desk):
    books.secure("B01", interest())
    ask = {"action": InterestAction.ENFORCE, "interest": "S000001", "quantity": 10}
    assert fault(send(books, "B03", "B03-SIN-1", **ask)) == (RejectionReason.RULE, "CSD-4.3-1-f", "indemnity_attached")
    assert books.indemnify("B03", enforcement(quantity=Decimal(10))).verdict is Verdict.ACCEPTED
    assert fault(send(books, "B03", "B03-SIN-1", **{**ask, "quantity": 11}))[2] == "quantity"
    assert send(books, "B03", "B03-SIN-1", **ask).verdict is Verdict.ACCEPTED
    with books.work() as work:
        kept = indemnities.of_interest(work, "S000001")
    assert [(one.giver, one.enforcement) for one in kept] == [("B01", ""), ("B03", "E000001")]


@pytest.mark.rule("CSD-4.3-1-f")
@pytest.mark.parametrize(
    ("sender", "changes", "code", "field"),
    [
        ("B01", {}, RejectionReason.SENDER, "secured_party"),
        ("B01", {"secured_party": "B01", "debtor": "B03"}, RejectionReason.SENDER, "interest"),
        ("B05", {"secured_party": "B05"}, RejectionReason.REFERENCE, "interest"),
        ("B03", {"interest": "S000009"}, RejectionReason.REFERENCE, "interest"),
        ("B03", {"isin": FUND}, RejectionReason.REFERENCE, "isin"),
        ("B03", {"debtor": "B05"}, RejectionReason.REFERENCE, "debtor"),
    ],
)
def test_an_indemnity_for_an_enforcement_names_an_interest_of_the_senders(books: Desk, sender, changes, code, field):
    books.secure("B01", interest())
    assert fault(books.indemnify(sender, enforcement(**changes))) == (code, "CSD-4.3-1-f", field)


@pytest.mark.rule("CSD-4.3-1-f")
def test_the_debtors_indemnity_does_not_serve_to_enforce(books: Desk):
    books.secure("B01", interest(debtor="B03", debtor_account="B03-DO", secured_party="B01", secured_account="B01-HO"))
    books.secure("B03", interest(debtor="B03", debtor_account="B03-DO", secured_party="B01", secured_account="B01-HO"))
    books.indemnify("B01", indemnity(sin="B01-SIN-9"))
    ask = {"action": InterestAction.ENFORCE, "interest": "S000001", "quantity": 1_000}
    sides = {"debtor": "B03", "debtor_account": "B03-DO", "secured_party": "B01", "secured_account": "B01-HO"}
    assert fault(send(books, "B01", "B01-SIN-9", **sides, **ask))[2] == "action"
