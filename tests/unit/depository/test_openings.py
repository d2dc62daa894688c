"""Nominee accounts in bulk: opened, held, changed, refused row by row (CSD-3.1.2)."""

from datetime import date

import pytest

from depository.account_states import record_closure
from depository.answers import Verdict
from depository.openings import check_cover, on_hold, place_hold, record_openings, release_hold
from depository.register import AccountState, AccountType
from depository.requests import ClosureRequest, OpeningCover
from depository.store import register
from tests.support.books import DAY, Desk, header, opening


def send(books: Desk, *rows, participant: str = "B03"):
    with books.work("10:00") as work:
        return record_openings(work, header(participant, "BU-1", "BUNA"), rows)


def accounts(books: Desk, participant: str = "B03"):
    with books.work() as work:
        return [a for a in register.accounts_of(work, participant) if a.type is AccountType.NOMINEE]


@pytest.mark.rule("CSD-3.1.2-e", "CSD-3.1.2-c")
def test_right_rows_are_opened_with_their_nin_and_wrong_ones_refused_by_themselves(books: Desk):
    outcomes = send(books, opening(1, "KZ00000101"), opening(2, "KZ00000001"), opening(3, "KZ00000102"))
    assert [o.verdict for o in outcomes] == [Verdict.ACCEPTED, Verdict.REFUSED, Verdict.ACCEPTED]
    assert (outcomes[1].rejects[0].rule, outcomes[1].rejects[0].field) == ("CSD-3.1.2-c", "nin")
    opened = {a.number: (a.nin, a.state, a.opened_on) for a in accounts(books)}
    assert opened["B03-N000002"] == ("KZ00000101", AccountState.OPEN, DAY)
    assert opened["B03-N000003"] == ("KZ00000102", AccountState.OPEN, DAY)
    assert len(opened) == 3


@pytest.mark.rule("CSD-3.1.2-c")
def test_one_account_per_client_and_participant_but_several_participants_may_have_the_client(books: Desk):
    twice = send(books, opening(1, "KZ00000101"), opening(2, "KZ00000101"))
    assert [o.verdict for o in twice] == [Verdict.ACCEPTED, Verdict.REFUSED]
    assert send(books, opening(1, "KZ00000101"))[0].verdict is Verdict.REFUSED
    other = send(books, opening(1, "KZ00000101"), opening(2, "KZ00000001"), participant="B05")
    assert [o.record for o in other] == ["B05-N000001", "B05-N000002"]


@pytest.mark.rule("CSD-3.1.2-e")
@pytest.mark.parametrize(("stated", "rows", "agrees"), [(3, 3, True), (3, 2, False), (2, 3, False), (0, 1, False)])
def test_the_number_that_the_request_states_and_the_rows_agree(stated, rows, agrees):
    reject = check_cover(OpeningCover(stated), rows)
    assert (reject is None) == agrees
    assert agrees or (reject is not None and reject.rule == "CSD-3.1.2-e")


@pytest.mark.rule("CSD-3.1.2-f")
def test_an_opening_on_hold_waits_with_its_clock_until_the_hold_is_lifted(books: Desk):
    with books.work("09:00") as work:
        place_hold(work, "B03", "KZ00000102", "passport unreadable", "operator one")
    outcomes = send(books, opening(1, "KZ00000101"), opening(2, "KZ00000102"))
    assert [o.status for o in outcomes] == ["opened", "on hold"]
    assert "passport unreadable" in outcomes[1].note
    with books.work() as work:
        held = on_hold(work, "B03")
    assert [(o.nin, o.answer_by) for o in held] == [("KZ00000102", date(2026, 11, 26))]
    assert send(books, opening(1, "KZ00000102"))[0].verdict is Verdict.REFUSED
    with books.work("15:00") as work:
        opened, notices = release_hold(work, "B03", "KZ00000102")
    assert opened == ["B03-N000003"]
    assert ("B03-N000003", "KZ00000102") in [(a.number, a.nin) for a in accounts(books)]
    assert [n.addressee for n in notices] == ["B03"]
    with books.work() as work:
        assert on_hold(work) == []
    assert len(accounts(books)) == 3


@pytest.mark.rule("CSD-3.1.2-f")
@pytest.mark.parametrize(
    ("lifted", "opened"),
    [
        (("*", "KZ00000101"), [["KZ00000102"], ["KZ00000101"]]),
        (("KZ00000101", "*"), [[], ["KZ00000101", "KZ00000102"]]),
    ],
)
def test_a_hold_on_all_of_a_participant_holds_everything_and_only_the_last_hold_lifted_opens(
    books: Desk, lifted: tuple[str, str], opened: list[list[str]]
):
    with books.work("09:00") as work:
        place_hold(work, "B03", "*", "review", "operator one")
        place_hold(work, "B03", "KZ00000101", "passport", "operator one")
    assert {o.status for o in send(books, opening(1, "KZ00000101"), opening(2, "KZ00000102"))} == {"on hold"}
    assert send(books, opening(1, "KZ00000103"), participant="B05")[0].status == "opened"
    with books.work("15:00") as work:
        numbers = [release_hold(work, "B03", nin)[0] for nin in lifted]
    nins = {a.number: a.nin for a in accounts(books)}
    assert [[nins[number] for number in some] for some in numbers] == opened


@pytest.mark.rule("CSD-3.1.2-g")
def test_a_change_touches_only_the_data_given(books: Desk):
    send(books, opening(1, "KZ00000101", town="Almaty", email="one@example.com", politically_exposed=True))
    new = {"surname": "", "first_name": "", "email": "two@example.com", "politically_exposed": False}
    changed = send(books, opening(1, "KZ00000101", change=True, **new))
    assert (changed[0].verdict, changed[0].record, changed[0].status) == (Verdict.ACCEPTED, "B03-N000002", "changed")
    with books.work() as work:
        data = register.client_data(work, "B03-N000002")
    assert data is not None
    assert (data.town, data.email, data.surname, data.politically_exposed) == (
        "Almaty",
        "two@example.com",
        "Testov",
        False,
    )
    unknown = send(books, opening(1, "KZ00000999", change=True))[0]
    assert (unknown.verdict, unknown.rejects[0].rule) == (Verdict.REFUSED, "CSD-3.1.2-g")
    assert len(accounts(books)) == 2


@pytest.mark.rule("CSD-3.1.2-c", "CSD-3.4.1-a")
@pytest.mark.parametrize("held", [False, True])
def test_a_client_whose_account_was_closed_has_it_again_under_its_number_with_new_data(books: Desk, held: bool):
    send(books, opening(1, "KZ00000101", town="Almaty", email="one@example.com"))
    with books.work("10:30") as work:
        number = register.accounts_by_nin(work, "B03", ["KZ00000101"])[0]["KZ00000101"]
        closure = record_closure(work, header("B03", "AC-1", "ACR"), ClosureRequest(number, ""))
        assert closure.verdict is Verdict.ACCEPTED
        if held:
            place_hold(work, "B03", "*", "review", "operator one")
    (changed,) = send(books, opening(1, "KZ00000101", change=True, town="Astana"))
    assert changed.rejects[0].message == "B03 has no nominee account that is open for this NIN; a change needs one"
    outcomes = send(books, opening(1, "KZ00000102"), opening(2, "KZ00000101", town="Astana"), opening(3, "KZ00000103"))
    if held:
        with books.work("15:00") as work:
            records = release_hold(work, "B03", "*")[0]
    else:
        records = [o.record for o in outcomes]
        assert [o.note for o in outcomes] == ["", "it was closed and is open again", ""]
    assert records == ["B03-N000003", number, "B03-N000004"]
    with books.work("15:05") as work:
        data, account = register.client_data(work, number), register.account(work, number)
    assert data is not None and account is not None  # noqa: PT018
    assert (data.town, data.email, account.state) == ("Astana", "", AccountState.OPEN)
    again = send(books, opening(1, "KZ00000101"))[0]
    assert again.rejects[0].rule == "CSD-3.1.2-c"
