"""A participant opens its own accounts with one form, one of each type."""

from pathlib import Path

import pytest

from depository.answers import Verdict
from depository.register import AccountState
from depository.store import register
from flows.steps.blocking import block_account
from tests.support.books import Desk, at, ist_line


@pytest.fixture
def desk(lite: Desk) -> Desk:
    lite.plan()
    return lite


@pytest.mark.rule("CSD-3.1.2-b")
def test_a_missing_account_is_opened_at_once_and_one_that_is_there_is_refused(desk: Desk, tmp_path: Path) -> None:
    types = ("foreign omnibus", "house", "foreign omnibus")
    lines = [{"reference": f"P-{n}", "type": type_} for n, type_ in enumerate(types, 1)]
    receipt = desk.drop_form("PAOF", "B01", "B01-PAOF-1", lines=lines)
    assert receipt.verdict is Verdict.PARTLY
    assert [(line.record, line.status) for line in receipt.lines] == [("B01-FO", "opened"), ("", ""), ("", "")]
    assert [line.places for line in receipt.lines[1:]] == [("PAOF!C13",), ("PAOF!C14",)]
    assert [line.rejects[0].message for line in receipt.lines[1:]] == [
        "you have the account B01-HO already (open), and a participant has one of each type; leave this line out",
        "you have the account B01-FO already (open), and a participant has one of each type; leave this line out",
    ]
    # As the participant chose it on the form, not the suffix of the account.
    assert [line.rejects[0].found for line in receipt.lines[1:]] == ["house", "foreign omnibus"]
    moved = desk.drop_form(
        "IST", "B01", "B01-IST-1", lines=[ist_line("L-1", "B01-HO", "B01-FO", reason="own accounts")], local="10:05"
    )
    assert moved.lines[0].status == "settled"
    assert desk.replay(tmp_path / "replay").differences == ()


@pytest.mark.rule("CSD-3.1.2-b", "KCSD-97")
def test_a_blocked_account_is_not_opened_by_its_owner(desk: Desk) -> None:
    persons = ("Operator One", "Operator Two")
    block_account(desk.site, "B01-HO", "District Court", "order 7", "claim", "courier", *persons, at("09:55"))
    (line,) = desk.drop_form("PAOF", "B01", "B01-PAOF-1", lines=[{"reference": "P-1", "type": "house"}]).lines
    assert line.rejects[0].message.startswith("you have the account B01-HO already (blocked), ")
    with desk.work() as work:
        account = register.account(work, "B01-HO")
    assert account is not None
    assert account.state is AccountState.BLOCKED


@pytest.mark.rule("CSD-3.1.2-b")
def test_an_account_that_was_closed_is_opened_again_under_its_number(desk: Desk) -> None:
    desk.drop_form("ACR", "B01", "B01-ACR-1", {"account": "B01-MM"})
    (line,) = desk.drop_form(
        "PAOF", "B01", "B01-PAOF-1", lines=[{"reference": "P-1", "type": "market maker"}], local="10:05"
    ).lines
    assert (line.record, line.note) == ("B01-MM", "it was closed and is open again")
    again = desk.drop_form("ACR", "B01", "B01-ACR-2", {"account": "B01-MM"}, local="10:10")
    assert again.verdict is Verdict.ACCEPTED
