"""Money that names no participant is held apart until two operators give it to the one whose it is."""

from decimal import Decimal
from pathlib import Path

import pytest

from depository.ledger import UNIDENTIFIED
from depository.store import schema
from flows.steps.assigning import assign_money
from parsers import report_json
from tests.support.books import SHARE_B, Desk, advice, at, entry, trade


@pytest.fixture
def desk(lite: Desk) -> Desk:
    """B04 owes 50,000 to B01 and was told at 09:30; 50,000 came that name nobody."""
    lite.plan()
    lite.drop_trades(trade("T-1", "B01-HO", "B04-HO", 50, "1000.00", isin=SHARE_B))
    lite.drop_money(advice(entry("K-1", "50000.00", "", remittance="for the trade")), local="09:20")
    lite.run("funding-0930")
    return lite


def assign(
    desk: Desk,
    participant: str = "B04",
    reference: str = "K-1",
    local: str = "10:10",
    reason: str = "letter of the bank of today",
    approved_by: str = "Operator Two",
) -> str:
    return assign_money(desk.site, reference, participant, reason, "Operator One", approved_by, at(local))


def texts(desk: Desk, party: str) -> list[str]:
    return [
        row.body for row in desk.rows(schema.notice) if row.addressee == party and "were found to be yours" in row.body
    ]


@pytest.mark.rule("CSD-3.3.1-a", "CSD-3.3.1-b")
def test_money_that_was_nobodys_funds_its_participant_who_is_told_and_settles(desk: Desk, tmp_path: Path) -> None:
    assert (desk.amount(UNIDENTIFIED, "KZT"), desk.amount("B04", "KZT")) == (5_000_000, 0)
    number = assign(desk)
    assert (desk.amount(UNIDENTIFIED, "KZT"), desk.amount("B04", "KZT")) == (0, 5_000_000)
    (told,) = texts(desk, "B04")
    assert "50000.00 KZT" in told
    assert "bank reference K-1" in told
    fresh = {
        party: dict(report_json.parse(desk.outbox(party)[f"20261123_funding-{number}_funding.json"]).facts)
        for party in ("B01", "B04")
    }
    assert fresh["B04"]["Still to fund or deliver"] == 0
    assert fresh["B01"]["Would settle if the cycle ran now"] == 1
    assert desk.run("main-cycle").facts["settled"] == 1
    assert desk.proof().faults == ()
    assert desk.replay(tmp_path / "replay").differences == ()


@pytest.mark.rule("CSD-A1", "CSD-3.3.1-d")
def test_money_given_after_the_last_moment_pays_for_nothing_today(desk: Desk) -> None:
    assign(desk, local="17:30:00")
    assert "It counts from the next settlement day, 2026-11-24" in texts(desk, "B04")[0]
    desk.run("late-25", local="17:30:05")
    assert desk.amount("B04", "KZT") == 5_000_000


def test_the_banks_statement_that_repeats_the_credit_books_it_no_second_time(desk: Desk) -> None:
    assign(desk)
    again = desk.drop_money(
        advice(entry("K-1", "50000.00", ""), closing="50000.00", opening=Decimal("0.00")), local="10:20"
    )
    assert again.lines[0].status == "booked before"
    assert (desk.amount(UNIDENTIFIED, "KZT"), desk.amount("B04", "KZT")) == (0, 5_000_000)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"approved_by": "operator one "}, "two persons"),
        ({"reason": " "}, "its reason"),
        ({"reference": "K-2"}, "no credit without a participant: they are K-1"),
        ({"participant": "B09"}, "no active participant"),
        ({"participant": "bank"}, "no active participant"),
    ],
)
def test_what_may_not_be_is_said_and_nothing_moves(desk: Desk, changes: dict[str, str], words: str) -> None:
    before = (desk.balances(), desk.rows(schema.notice), desk.rows(schema.event))
    with pytest.raises(LookupError, match=words):
        assign(desk, **changes)
    assert (desk.balances(), desk.rows(schema.notice), desk.rows(schema.event)) == before


def test_the_same_money_is_given_once(desk: Desk) -> None:
    assign(desk)
    with pytest.raises(LookupError, match="they are none"):
        assign(desk, participant="B01")
    assert desk.amount("B04", "KZT") == 5_000_000
