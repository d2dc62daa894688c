"""Bank details by notice: who may register what, from when it holds, and where withdrawals may go then (CSD-3.3.2-c)."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from depository.answers import LineOutcome, Verdict
from depository.bank_details import record_bank_details, registered_accounts
from depository.rejects import RejectionReason
from depository.requests import BankDetailsAction, BankDetailsRequest
from depository.store import bank_details as store
from flows.steps.reference import load_reference
from tests.support.books import (
    DAY,
    FRIDAY,
    IBAN,
    NAMES,
    REFERENCE,
    TUESDAY,
    Desk,
    at,
    form,
    header,
    withdrawal,
    wrn_body,
)
from tools.sample_day import with_iban_check

NEW = with_iban_check("125", "9001B01KZT777")
WEDNESDAY = date(2026, 11, 25)
BIN = withdrawal("B01", "1.00").beneficiary_bin
BANK = withdrawal("B01", "1.00").bank_bic


def notice(iban: str = NEW, action: BankDetailsAction = BankDetailsAction.ADD, **changes) -> BankDetailsRequest:
    """B01 registers an account of its own for KZT from today on."""
    adds = action is BankDetailsAction.ADD
    values: dict[str, Any] = {
        "bank_bic": "TESTKZKA" if adds else "",
        "beneficiary_name": NAMES["B01"] if adds else "",
        "beneficiary_bin": BIN if adds else "",
        "valid_from": DAY,
    }
    return replace(BankDetailsRequest(action, "KZT", iban, **values), **changes)


def removal(iban: str = IBAN["B01", "KZT"], **changes) -> BankDetailsRequest:
    return notice(iban, BankDetailsAction.REMOVE, **changes)


def tell(
    books: Desk, request: BankDetailsRequest, participant: str = "B01", local: str = "10:00", day: date = DAY
) -> LineOutcome:
    with books.work(local, day) as work:
        return record_bank_details(work, header(participant, f"{participant}-BDN-1", "BDN"), request, "file/7")


def to(iban: str, bic: str = "TESTKZKA", **changes):
    return withdrawal("B01", "10.00", iban=iban, bank_bic=bic, **changes)


def refusal(outcome: LineOutcome) -> tuple[RejectionReason, str, str]:
    assert outcome.verdict is Verdict.REFUSED
    return outcome.rejects[0].code, outcome.rejects[0].rule, outcome.rejects[0].field


def accounts(books: Desk, on: date, participant: str = "B01") -> set[str]:
    with books.work() as work:
        return {one.iban for one in registered_accounts(work, participant, "KZT", on)}


NOT_REGISTERED = (RejectionReason.CASH_ACCOUNT, "CSD-3.3.2-c", "iban")


@pytest.mark.rule("CSD-3.3.2-c")
def test_a_withdrawal_goes_to_a_new_account_once_it_is_registered_by_notice(books: Desk):
    books.fund("B01", "100.00")
    assert refusal(books.withdraw("B01", to(NEW))) == NOT_REGISTERED
    outcome = tell(books, notice())
    assert (outcome.verdict, outcome.record, outcome.status) == (Verdict.ACCEPTED, "D000000001", "registered")
    assert books.withdraw("B01", to(NEW)).verdict is Verdict.ACCEPTED
    assert books.withdraw("B01", to(IBAN["B01", "KZT"], BANK)).verdict is Verdict.ACCEPTED


@pytest.mark.rule("CSD-3.3.2-c")
def test_a_withdrawal_to_an_account_that_was_taken_off_is_refused(books: Desk):
    books.fund("B01", "100.00")
    assert tell(books, removal()).status == "taken off"
    assert refusal(books.withdraw("B01", to(IBAN["B01", "KZT"], BANK))) == NOT_REGISTERED


@pytest.mark.rule("CSD-3.3.2-c")
def test_new_details_of_a_registered_account_replace_the_old_ones_and_both_are_kept(books: Desk):
    books.fund("B01", "100.00")
    tell(books, notice(IBAN["B01", "KZT"]))
    assert refusal(books.withdraw("B01", to(IBAN["B01", "KZT"], BANK)))[2] == "bank_bic"
    assert books.withdraw("B01", to(IBAN["B01", "KZT"])).verdict is Verdict.ACCEPTED
    with books.work() as work:
        kept = store.history(work, "B01")
    assert [(one.action.value, one.old_bank_bic, one.bank_bic, one.cause, one.reference) for one in kept] == [
        ("add", BANK, "TESTKZKA", "file/7", "B01-BDN-1")
    ]


@pytest.mark.rule("CSD-3.3.2-c")
def test_history_keeps_what_was_registered_before_it_was_taken_off(books: Desk):
    tell(books, removal(), local="11:00")
    tell(books, notice(IBAN["B01", "KZT"], valid_from=TUESDAY), local="12:00")
    with books.work() as work:
        taken_off, registered = store.history(work, "B01")
    assert (taken_off.old_bank_bic, taken_off.old_beneficiary_name, taken_off.old_beneficiary_bin) == (
        BANK,
        NAMES["B01"],
        BIN,
    )
    assert (taken_off.bank_bic, taken_off.valid_from, taken_off.recorded_at) == ("", DAY, at("11:00"))
    assert (registered.old_bank_bic, registered.bank_bic) == ("", "TESTKZKA")


@pytest.mark.rule("CSD-3.3.2-c")
def test_a_change_holds_from_its_day_of_validity_on_and_not_before(books: Desk):
    books.fund("B01", "100.00")
    tell(books, notice(valid_from=TUESDAY))
    tell(books, removal(valid_from=WEDNESDAY))
    old = IBAN["B01", "KZT"]
    assert [accounts(books, day) for day in (DAY, TUESDAY, WEDNESDAY)] == [{old}, {old, NEW}, {NEW}]
    assert refusal(books.withdraw("B01", to(NEW))) == NOT_REGISTERED
    assert books.withdraw("B01", to(NEW, value_date=TUESDAY)).verdict is Verdict.ACCEPTED
    assert refusal(books.withdraw("B01", to(old, BANK, value_date=WEDNESDAY))) == NOT_REGISTERED


@pytest.mark.rule("CSD-3.3.2-c")
def test_a_withdrawal_that_the_cut_off_moves_beyond_the_account_s_last_day_is_refused(books: Desk):
    books.fund("B01", "100.00")
    tell(books, removal(valid_from=TUESDAY))
    assert books.withdraw("B01", to(IBAN["B01", "KZT"], BANK), "13:59").verdict is Verdict.ACCEPTED
    assert refusal(books.withdraw("B01", to(IBAN["B01", "KZT"], BANK), "14:01")) == NOT_REGISTERED


@pytest.mark.rule("CSD-3.3.2-c")
def test_an_account_is_not_taken_off_while_a_payment_to_it_waits(books: Desk):
    books.fund("B01", "100.00")
    books.withdraw("B01", to(IBAN["B01", "KZT"], BANK, value_date=TUESDAY))
    outcome = tell(books, removal())
    assert refusal(outcome) == (RejectionReason.CASH_ACCOUNT, "CSD-3.3.2-c", "valid_from")
    assert "W000000001" in outcome.rejects[0].message
    assert tell(books, removal(valid_from=TUESDAY)).verdict is Verdict.REFUSED
    assert tell(books, removal(valid_from=WEDNESDAY)).verdict is Verdict.ACCEPTED


@pytest.mark.rule("CSD-3.3.2-c")
@pytest.mark.parametrize(
    ("request_", "code", "rule", "field"),
    [
        (notice(currency="EUR"), RejectionReason.MONEY, "CSD-5.1.5-a", "currency"),
        (notice(valid_from=FRIDAY), RejectionReason.DATE, "CSD-3.3.2-c", "valid_from"),
        (notice(IBAN["B02", "KZT"]), *NOT_REGISTERED),
        (notice(IBAN["B02", "USD"]), *NOT_REGISTERED),
        (
            notice(beneficiary_bin=withdrawal("B02", "1.00").beneficiary_bin),
            RejectionReason.CASH_ACCOUNT,
            "CSD-3.3.2-c",
            "beneficiary_bin",
        ),
        (notice(beneficiary_bin=""), RejectionReason.CASH_ACCOUNT, "CSD-3.3.2-c", "beneficiary_bin"),
        (notice(IBAN["B01", "KZT"], bank_bic=BANK), *NOT_REGISTERED),
        (removal(NEW), *NOT_REGISTERED),
        (removal(IBAN["B02", "KZT"]), *NOT_REGISTERED),
        (removal(currency="USD"), *NOT_REGISTERED),
        (removal(bank_bic="TESTKZKA"), RejectionReason.CASH_ACCOUNT, "CSD-3.3.2-c", "bank_bic"),
        (removal(beneficiary_name="Somebody"), RejectionReason.CASH_ACCOUNT, "CSD-3.3.2-c", "beneficiary_name"),
    ],
)
def test_a_notice_that_cannot_be_meant_is_refused_and_changes_nothing(books: Desk, request_, code, rule, field):
    before = accounts(books, WEDNESDAY)
    assert refusal(tell(books, request_)) == (code, rule, field)
    assert accounts(books, WEDNESDAY) == before
    assert books.rows(store.T) == []


def test_what_a_participant_gave_notice_of_prevails_over_reference_data_loaded_again(books: Desk):
    tell(books, removal())
    load_reference(books.site, REFERENCE, at("12:00"))
    assert accounts(books, DAY) == set()


# As a form ----------------------------------------------------------------------------------------------------------------

BODY = {
    "action": "add",
    "currency": "KZT",
    "iban": NEW,
    "bank_bic": "TESTKZKA",
    "beneficiary_name": NAMES["B01"],
    "beneficiary_bin": BIN,
    "valid_from": DAY,
}


@pytest.mark.rule("CSD-3.3.2-c", "CSD-A3")
def test_the_form_registers_the_account_and_the_withdrawal_form_to_it_is_accepted(desk: Desk):
    desk.fund("B01", "100.00")
    receipt = desk.drop_form("BDN", "B01", "B01-BDN-1", BODY)
    assert (receipt.form, receipt.verdict) == ("BDN", Verdict.ACCEPTED)
    assert receipt.lines[0].note == f"{NEW} is registered for KZT from 2026-11-23 on"
    body = wrn_body("B01", "10.00", iban=NEW, bank_bic="TESTKZKA")
    assert desk.drop_form("WRN", "B01", "B01-WRN-1", body, local="11:00").verdict is Verdict.ACCEPTED
    with desk.work() as work:
        (kept,) = store.history(work, "B01")
    assert kept.reference == "B01-BDN-1"
    assert kept.cause.startswith("file/")


@pytest.mark.rule("CSD-3.3.2-c", "CSD-2.3.1-c")
def test_a_notice_that_nobody_with_a_power_for_it_signed_is_refused(desk: Desk):
    person: dict[str, Any] = {
        "signatory": "Authorised Person B06-2",
        "signatory_position": "Cashier",
        "signature": "Authorised Person B06-2",
    }
    receipt = desk.drop_form("BDN", "B06", "B06-BDN-1", BODY, day=FRIDAY, **person)
    assert [(one.code, one.rule) for one in receipt.rejects] == [(RejectionReason.SIGNATURE, "CSD-2.3.1-c")]
    assert desk.rows(store.T) == []


@pytest.mark.rule("CSD-3.3.2-c", "CSD-1.5-d")
def test_a_notice_in_another_s_folder_is_refused(desk: Desk):
    receipt = desk.drop_form("BDN", "B01", "B01-BDN-1", BODY)
    assert receipt.verdict is Verdict.ACCEPTED
    stranger = desk.drop("B02", "BDN_B01-BDN-2.xlsx", form("BDN", "B01", "B01-BDN-2", {**BODY, "currency": "USD"}))
    assert [one.code for one in stranger.rejects] == [RejectionReason.SENDER]
    assert len(desk.rows(store.T)) == 1


def test_a_refused_notice_comes_back_as_the_sender_s_workbook_with_the_cell_marked(desk: Desk):
    receipt = desk.drop_form("BDN", "B01", "B01-BDN-1", {**BODY, "iban": IBAN["B02", "KZT"]})
    assert (receipt.verdict, receipt.lines[0].places) == (Verdict.REFUSED, ("BDN!B15",))
    answers = desk.outbox("B01")
    assert any(name.endswith(".xlsx") for name in answers)
    (machine,) = [data for name, data in answers.items() if name.endswith(".json")]
    assert json.loads(machine)["lines"][0]["rejects"][0]["rule"] == "CSD-3.3.2-c"


def test_the_same_notice_twice_is_one_change(desk: Desk):
    desk.drop_form("BDN", "B01", "B01-BDN-1", BODY)
    desk.drop_form("BDN", "B01", "B01-BDN-1", BODY, local="11:00")
    assert len(desk.rows(store.T)) == 1
