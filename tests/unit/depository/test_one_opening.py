"""One nominee account by form IAO: opened or refused with a receipt, held with its clock, changed by the same form (CSD-3.1.2-d)."""

import io
import json
from datetime import date
from typing import Any

import pytest
from openpyxl import load_workbook

from depository.answers import Receipt, Verdict
from depository.openings import EVERY_CLIENT, Opening, on_hold, record_openings
from depository.register import Account, AccountState, AccountType
from depository.rejects import RejectionReason
from depository.requests import ClientData
from depository.store import files, register
from flows.steps import holding
from forms import samples
from tests.support.books import DAY, FRIDAY, TUESDAY, Desk, at, form, header, opening

NIN = "KZ00000001"
"""The client of `samples.iao_body(1)`."""
WEDNESDAY, THURSDAY = date(2026, 11, 25), date(2026, 11, 26)
NO_DATA: dict[str, Any] = dict.fromkeys(samples.iao_body(1))


def ask(desk: Desk, reference: str = "IAO-1", participant: str = "B01", *, day: date = DAY, **changes: Any) -> Receipt:
    """A participant asks for one account for client 1."""
    return desk.drop_form("IAO", participant, f"{participant}-{reference}", samples.iao_body(1, **changes), day=day)


def change(desk: Desk, reference: str = "IAO-2", nin: str = NIN, **given: Any) -> Receipt:
    """B01 gives new data of a client and leaves the rest of the form empty."""
    body = {**NO_DATA, "action": "change", "nin": nin, **given}
    return desk.drop_form("IAO", "B01", f"B01-{reference}", body, local="11:00")


def nominees(desk: Desk, participant: str = "B01") -> list[Account]:
    with desk.work() as work:
        return [a for a in register.accounts_of(work, participant) if a.type is AccountType.NOMINEE]


def data_of(desk: Desk, account: str) -> ClientData:
    with desk.work() as work:
        found = register.client_data(work, account)
    assert found is not None
    return found


def waiting(desk: Desk) -> list[Opening]:
    with desk.work() as work:
        return on_hold(work)


@pytest.mark.rule("CSD-3.1.2-d", "CSD-3.1.2-c")
def test_a_right_form_opens_the_account_with_the_client_s_nin_and_says_so_in_the_receipt(desk: Desk):
    receipt = ask(desk)
    assert (receipt.form, receipt.verdict, receipt.rejects) == ("IAO", Verdict.ACCEPTED, ())
    (line,) = receipt.lines
    assert (line.line, line.reference, line.record, line.status) == (1, "B01-IAO-1", "B01-N000001", "opened")
    (account,) = nominees(desk)
    assert (account.number, account.nin, account.state, account.opened_on) == (
        "B01-N000001",
        NIN,
        AccountState.OPEN,
        DAY,
    )
    client = data_of(desk, account.number)
    assert (client.surname, client.nin, client.iin, client.resident) == ("Testov", NIN, samples.client_iin(1), True)
    assert (client.born, client.politically_exposed) == (date(1990, 1, 1), False)
    assert [name for name in desk.outbox("B01") if name.endswith(".receipt.json")]


@pytest.mark.rule("CSD-3.1.2-d", "CSD-A3")
def test_a_form_with_a_fault_is_refused_with_its_cell_marked_and_may_come_again_mended(desk: Desk):
    receipt = ask(desk, document_expires=FRIDAY, iin="900101100015")
    assert receipt.verdict is Verdict.REFUSED
    assert [(one.field, one.rule) for one in receipt.lines[0].rejects] == [
        ("iin", "CSD-3.1.2-d"),
        ("document_expires", "CSD-3.1.2-d"),
    ]
    assert receipt.lines[0].places == ("IAO!B19", "IAO!B24")
    assert nominees(desk) == []
    (marked,) = [data for name, data in desk.outbox("B01").items() if name.endswith(".xlsx")]
    sheet = load_workbook(io.BytesIO(marked))["IAO"]
    colours = {place: sheet[place].fill.fgColor.rgb for place in ("B19", "B20", "B24")}
    assert colours["B19"] == colours["B24"] != colours["B20"]
    assert "send a valid document" in str(sheet["C24"].value)
    assert ask(desk).verdict is Verdict.ACCEPTED


@pytest.mark.rule("CSD-3.1.2-c", "CSD-3.1.2-d")
def test_a_second_account_for_the_client_is_refused_to_one_participant_and_opened_to_another(desk: Desk):
    ask(desk)
    again = ask(desk, "IAO-2", surname="Testova")
    assert [(one.code, one.rule, one.field) for one in again.lines[0].rejects] == [
        (RejectionReason.ACCOUNT, "CSD-3.1.2-c", "nin")
    ]
    assert again.lines[0].places == ("IAO!B18",)
    assert "B01-N000001" in again.lines[0].rejects[0].message
    assert ask(desk, participant="B02").lines[0].record == "B02-N000001"
    assert [a.number for a in nominees(desk)] == ["B01-N000001"]


@pytest.mark.rule("CSD-3.1.2-c", "CSD-3.1.2-d")
def test_one_form_and_a_bulk_form_do_not_open_two_accounts_for_a_client(desk: Desk):
    ask(desk)
    rows = [samples.buna_client(1), samples.buna_client(2)]
    bulk = desk.drop_form("BUNA", "B01", "B01-BUNA-1", samples.buna_cover(2), rows)
    assert [(one.verdict, one.record) for one in bulk.lines] == [
        (Verdict.REFUSED, ""),
        (Verdict.ACCEPTED, "B01-N000002"),
    ]
    assert ask(desk, "IAO-2", nin="KZ00000002").lines[0].rejects[0].rule == "CSD-3.1.2-c"
    assert [a.nin for a in nominees(desk)] == [NIN, "KZ00000002"]


def test_the_same_form_twice_opens_one_account(desk: Desk):
    first, second = ask(desk), ask(desk)
    assert first.lines[0].record == "B01-N000001"
    assert second.verdict is not Verdict.REFUSED
    assert len(nominees(desk)) == 1
    with desk.work() as work:
        assert files.known_form(work, "B01", "B01-IAO-1") is not None


# On hold ------------------------------------------------------------------------------------------------------------------


def hold(desk: Desk, nin: str = NIN, participant: str = "B01") -> None:
    holding.place(desk.site, participant, nin, "passport unreadable", "operator one", at("09:00"))


@pytest.mark.rule("CSD-3.1.2-d", "CSD-3.1.2-f")
@pytest.mark.parametrize("nin", [NIN, EVERY_CLIENT])
def test_an_opening_on_hold_shows_its_state_and_its_clock_of_two_business_days(desk: Desk, nin: str):
    hold(desk, nin)
    (line,) = ask(desk).lines
    assert (line.verdict, line.status, line.record) == (Verdict.ACCEPTED, "on hold", "O00000001")
    assert line.note == "held for KYC documents: passport unreadable; to be answered by 2026-11-25"
    assert nominees(desk) == []
    assert waiting(desk) == [
        Opening("O00000001", "B01", "B01-IAO-1", NIN, "passport unreadable", requested_on=DAY, answer_by=WEDNESDAY)
    ]


@pytest.mark.rule("CSD-3.1.2-d", "CSD-3.1.2-e")
@pytest.mark.parametrize(
    ("code", "day", "answer_by"),
    [
        ("IAO", DAY, WEDNESDAY),
        ("BUNA", DAY, THURSDAY),
        # Over the weekend: Monday and Tuesday count.
        ("IAO", FRIDAY, TUESDAY),
        ("BUNA", FRIDAY, WEDNESDAY),
    ],
)
def test_the_clock_is_two_business_days_for_one_account_and_three_in_bulk(
    books: Desk, code: str, day: date, answer_by: date
):
    hold(books)
    with books.work(day=day) as work:
        record_openings(work, header("B01", f"B01-{code}-1", code), [opening(1, NIN)])
    assert [one.answer_by for one in waiting(books)] == [answer_by]


@pytest.mark.rule("CSD-3.1.2-d", "CSD-3.1.2-f")
def test_a_lifted_hold_opens_the_account_and_tells_the_participant(desk: Desk):
    hold(desk)
    ask(desk)
    assert holding.lift(desk.site, "B01", NIN, at("15:00")) == ["B01-N000001"]
    assert waiting(desk) == []
    assert data_of(desk, "B01-N000001").surname == "Testov"
    (notice,) = [json.loads(data) for name, data in desk.outbox("B01").items() if "notice" in name and "json" in name]
    assert "B01-N000001" in json.dumps(notice)


@pytest.mark.rule("CSD-3.1.2-c", "CSD-3.1.2-f", "CSD-3.1.2-g")
def test_while_an_opening_waits_no_second_one_and_no_change_is_taken(desk: Desk):
    hold(desk)
    ask(desk)
    assert ask(desk, "IAO-2", surname="Testova").lines[0].rejects[0].rule == "CSD-3.1.2-c"
    assert change(desk, "IAO-3", town="Astana").lines[0].rejects[0].rule == "CSD-3.1.2-g"
    assert len(waiting(desk)) == 1


# A change -----------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-3.1.2-g", "CSD-3.1.2-d")
def test_a_change_on_the_same_form_touches_only_the_data_given(desk: Desk):
    ask(desk)
    before = data_of(desk, "B01-N000001")
    receipt = change(desk, email="new.address@example.com", politically_exposed="yes")
    (line,) = receipt.lines
    assert (line.verdict, line.record, line.status) == (Verdict.ACCEPTED, "B01-N000001", "changed")
    assert line.note == "changed: email, politically_exposed"
    after = data_of(desk, "B01-N000001")
    touched = {name for name in ClientData.__slots__ if getattr(after, name) != getattr(before, name)}
    assert touched == {"email", "politically_exposed"}
    assert (after.email, after.politically_exposed) == ("new.address@example.com", True)
    assert len(nominees(desk)) == 1


@pytest.mark.rule("CSD-3.1.2-g", "CSD-3.1.2-f")
def test_a_hold_stops_openings_and_no_changes(desk: Desk):
    ask(desk)
    hold(desk, EVERY_CLIENT)
    assert change(desk, town="Astana").lines[0].status == "changed"
    assert data_of(desk, "B01-N000001").town == "Astana"


@pytest.mark.rule("CSD-3.1.2-g")
def test_a_change_for_a_client_without_an_account_is_refused_also_when_another_participant_has_one(desk: Desk):
    ask(desk, participant="B02")
    receipt = change(desk, town="Astana")
    assert [(one.code, one.rule, one.field) for one in receipt.lines[0].rejects] == [
        (RejectionReason.ACCOUNT, "CSD-3.1.2-g", "nin")
    ]
    assert data_of(desk, "B02-N000001").town == "Almaty"


# Who may send it ----------------------------------------------------------------------------------------------------------


@pytest.mark.rule("CSD-3.1.2-d", "CSD-2.3.1-c")
def test_a_form_that_nobody_with_a_power_for_it_signed_opens_nothing(desk: Desk):
    person: dict[str, Any] = {
        "signatory": "Authorised Person B06-2",
        "signatory_position": "Cashier",
        "signature": "Authorised Person B06-2",
    }
    receipt = desk.drop_form("IAO", "B06", "B06-IAO-1", samples.iao_body(1), day=FRIDAY, **person)
    assert [(one.code, one.rule) for one in receipt.rejects] == [(RejectionReason.SIGNATURE, "CSD-2.3.1-c")]
    assert nominees(desk, "B06") == []


@pytest.mark.rule("CSD-3.1.2-d", "CSD-1.5-d")
def test_a_form_in_another_s_folder_opens_nothing(desk: Desk):
    receipt = desk.drop("B02", "IAO_B01-IAO-1.xlsx", form("IAO", "B01", "B01-IAO-1", samples.iao_body(1)))
    assert [one.code for one in receipt.rejects] == [RejectionReason.SENDER]
    assert nominees(desk) + nominees(desk, "B02") == []


def test_a_form_code_in_small_letters_is_the_same_form(books: Desk):
    hold(books)
    books.plan()
    receipt = books.drop_form("IAO", "B01", "B01-IAO-1", samples.iao_body(1), form="iao")
    assert receipt.verdict is Verdict.ACCEPTED
    assert [one.answer_by for one in waiting(books)] == [WEDNESDAY]
