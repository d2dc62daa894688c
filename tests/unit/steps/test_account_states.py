"""An account is closed when it is empty, and blocked by order of a body, of which owner, exchange and body are told."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from depository.answers import Receipt, Verdict
from depository.instructions import Status
from depository.register import AccountState
from depository.requests import InterestAction
from depository.store import notices, register, schema
from flows.steps.blocking import block_account, hand_over, unblock_account
from parsers import report_json
from tests.support.books import DAY, SHARE_B, TUESDAY, Desk, advice, at, entry, interest, ist_line, trade

ORDER = "order 7-15 of 20 November 2026"


@pytest.fixture
def desk(lite: Desk) -> Desk:
    lite.plan()
    return lite


def state(desk: Desk, account: str) -> AccountState:
    with desk.work() as work:
        found = register.account(work, account)
    assert found is not None
    return found.state


def close(desk: Desk, account: str, local: str = "10:00", party: str = "B01", day: date = DAY) -> Receipt:
    return desk.drop_form(
        "ACR", party, f"{party}-ACR-{local}", {"account": account, "reason": "left"}, local=local, day=day
    )


def why(receipt: Receipt) -> str:
    (reject,) = receipt.lines[0].rejects
    assert reject.rule == "CSD-3.4.1-a"
    return reject.message


def block(desk: Desk, account: str = "B01-HO", local: str = "10:05", **changes: Any) -> Any:
    said = {
        "body": "District Court",
        "document": ORDER,
        "reason": "claim",
        "channel": "courier",
        "operator": "Operator One",
        "approved_by": "Operator Two",
        **changes,
    }
    return block_account(desk.site, account, at=at(local), **said)


def unblock(desk: Desk, account: str = "B01-HO", local: str = "12:00") -> Any:
    return unblock_account(desk.site, account, "order 9", "courier", "Operator One", "Operator Two", at(local))


@pytest.mark.rule("CSD-3.4.1-a")
def test_an_empty_account_with_nothing_outstanding_is_closed_and_takes_nothing_any_more(
    desk: Desk, tmp_path: Path
) -> None:
    receipt = close(desk, "B01-MM")
    assert (receipt.verdict, receipt.lines[0].status) == (Verdict.ACCEPTED, "closed")
    assert state(desk, "B01-MM") is AccountState.CLOSED
    later = desk.drop_form(
        "IST", "B01", "B01-IST-1", lines=[ist_line("L-1", "B01-HO", "B01-MM", reason="own accounts")]
    )
    assert later.lines[0].rejects[0].message == "this account is closed"
    assert why(close(desk, "B01-MM", "10:01")) == "this account is closed"
    assert desk.replay(tmp_path / "replay").differences == ()


@pytest.mark.rule("CSD-3.4.1-a")
def test_a_balance_an_instruction_a_security_interest_or_another_s_account_is_in_the_way(desk: Desk) -> None:
    assert "B01-HO" in close(desk, "B01-HO", "10:01").lines[0].rejects[0].found
    assert why(close(desk, "B01-HO", "10:02")).startswith("it holds ")
    assert "no account with this number" in why(close(desk, "B02-HO", "10:03"))
    desk.drop_form("IST", "B01", "B01-IST-1", lines=[ist_line("L-1", "B01-MM", "B02-HO", receive=True)], local="10:04")
    assert "I000000001" in why(close(desk, "B01-MM", "10:05"))
    desk.drop_form(
        "IST",
        "B01",
        "B01-IST-2",
        lines=[{"action": "revoke", "reference": "L-2", "previous": "L-1"}],
        local="10:06",
    )
    sides: dict[str, Any] = {
        "debtor": "B02",
        "debtor_account": "B02-HO",
        "secured_party": "B01",
        "secured_account": "B01-MM",
    }
    desk.secure("B02", interest(quantity=10, **sides))
    assert "interests are recorded in its favour: S000001" in why(close(desk, "B01-MM", "10:07"))
    desk.secure("B01", interest(InterestAction.DISCHARGE, None, interest="S000001", **sides))
    assert close(desk, "B01-MM", "10:08").verdict is Verdict.ACCEPTED


@pytest.mark.rule("KCSD-97", "CSD-1.5-b")
def test_owner_and_exchange_are_told_of_a_block_at_once_and_the_body_by_letter(desk: Desk, tmp_path: Path) -> None:
    done = block(desk)
    assert state(desk, "B01-HO") is AccountState.BLOCKED
    told = {row.addressee: row for row in desk.rows(schema.notice) if row.subject == "Block of account B01-HO"}
    assert sorted(told) == ["B01", "District Court", "exchange"]
    assert all(ORDER in row.body and "claim" not in row.body for row in told.values())
    assert told["B01"].received_at == told["exchange"].received_at == at("10:05")
    assert (told["District Court"].channel, told["District Court"].received_at) == ("courier", None)
    letter = desk.outbox("csd")[f"20261123_letter_{done.letter.number}.json"]
    assert dict(report_json.parse(letter).facts)["To be handed over by"] == "2026-11-24"
    hand_over(desk.site, done.letter.number, "Operator One", at("15:00"))
    with desk.work("15:01") as work:
        assert notices.letters(work) == []
    with pytest.raises(LookupError, match="no letter that waits"):
        hand_over(desk.site, done.letter.number, "Operator One", at("15:01"))
    unblock(desk, local="15:05")
    assert desk.replay(tmp_path / "replay").differences == ()


@pytest.mark.rule("KCSD-97", "CSD-5.2-dvp")
def test_nothing_leaves_a_blocked_account_not_even_what_arrives_in_the_same_cycle(desk: Desk) -> None:
    held = desk.amount("B01-HO", SHARE_B)
    desk.drop_trades(
        trade("X-1", "B01-HO", "B04-HO", 10, "1000.00"), trade("X-2", "B02-HO", "B01-HO", 10, "1000.00", line=3)
    )
    desk.drop_money(advice(entry("K-1", "10000.00", "B04"), entry("K-2", "10000.00", "B01", line=2)))
    block(desk)
    desk.drop_form(
        "IST", "B01", "B01-IST-1", lines=[ist_line("L-1", "B01-HO", "B01-MM", reason="own accounts")], local="10:30"
    )
    desk.run("main-cycle")
    assert desk.status("exchange", "X-2") is Status.SETTLED
    assert desk.status("exchange", "X-1") is Status.MATCHED
    assert desk.instruction("exchange", "X-1").reason.startswith("BLOC B01-HO is blocked")
    assert not [n for n, d in (desk.outbox("B01") | desk.outbox("csd")).items() if b"BLOCKED" in d]
    assert desk.amount("B01-HO", SHARE_B) == held + 10
    assert desk.rows(schema.instruction)[-1].reference != "L-1"
    unblock(desk)
    desk.run("late-05")
    assert desk.status("exchange", "X-1") is Status.SETTLED
    assert desk.proof().faults == ()


@pytest.mark.rule("KCSD-97")
def test_a_transfer_that_was_matched_before_waits_for_the_end_of_the_block(desk: Desk) -> None:
    line = ist_line("L-1", "B01-HO", "B01-MM", reason="own accounts", due=TUESDAY)
    desk.drop_form("IST", "B01", "B01-IST-1", lines=[line], local="10:00")
    block(desk)
    desk.run_until("23:00")
    desk.plan(TUESDAY)
    desk.run("opening", day=TUESDAY)
    one = desk.instruction("B01", "L-1")
    assert (one.status, one.reason) == (Status.MATCHED, "BLOC B01-HO is blocked")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"approved_by": "operator one"}, "two persons"),
        ({"body": " "}, "needs the body"),
        ({"document": ""}, "needs the order's number"),
        ({"account": "B01-XX"}, "there is no account"),
    ],
)
def test_what_may_not_be_is_said_and_nothing_changes(desk: Desk, changes: dict[str, Any], words: str) -> None:
    before = (desk.rows(schema.account), desk.rows(schema.notice), desk.rows(schema.event))
    with pytest.raises(LookupError, match=words):
        block(desk, **changes)
    assert (desk.rows(schema.account), desk.rows(schema.notice), desk.rows(schema.event)) == before


def test_a_block_is_there_once_and_ends_once(desk: Desk) -> None:
    block(desk)
    with pytest.raises(LookupError, match="only an open account"):
        block(desk, local="10:06")
    unblock(desk)
    with pytest.raises(LookupError, match="is not blocked"):
        unblock(desk, local="12:01")
