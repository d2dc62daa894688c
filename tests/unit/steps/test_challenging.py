"""Each participant gets a report of its obligations from the last trading day, and may challenge it until 16:00."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from depository.answers import Receipt, Verdict
from depository.rejects import RejectionReason
from depository.store import schema
from flows.steps.challenging import answer_challenge
from flows.steps.history import history_of
from tests.support.books import DAY, FRIDAY, SHARE_B, TUESDAY, Desk, at, trade

THURSDAY = date(2026, 11, 19)


@pytest.fixture
def desk(lite: Desk) -> Desk:
    """On Friday B01 sold 50 and bought 20 back; on Monday that is reported at the opening."""
    lite.drop_trades(
        trade("T-1", "B01-HO", "B04-HO", 50, traded=FRIDAY, settles=TUESDAY),
        trade("T-2", "B04-HO", "B01-HO", 20, "1001.00", traded=FRIDAY, settles=TUESDAY, line=3),
        day=FRIDAY,
    )
    lite.drop_trades(trade("T-0", "B01-HO", "B02-HO", 7, traded=THURSDAY), day=THURSDAY)
    lite.plan()
    lite.run("opening")
    return lite


def challenge(desk: Desk, party: str = "B01", local: str = "15:59", **changes: object) -> Receipt:
    body = {"trading_day": FRIDAY, "trade": "T-1", "statement": "We sold 40, not 50.", **changes}
    return desk.drop_form("OBC", party, f"{party}-OBC-{local}", body, local=local)


def fault(receipt: Receipt) -> tuple[RejectionReason, str]:
    (reject,) = receipt.lines[0].rejects
    assert reject.rule == "CSD-5.2.13-a"
    return reject.code, reject.message


@pytest.mark.rule("CSD-5.2.13-a")
def test_each_participant_is_told_its_obligations_from_the_last_trading_day_and_until_when_to_challenge(
    desk: Desk,
) -> None:
    report = desk.report("B01", "opening_trading.json")
    assert dict(report.facts)["Challenge until"] == at("16:00")
    tables = {table.name: table.rows for table in report.tables}
    assert tables["Obligations"] == (
        (TUESDAY, "KZT", Decimal("50000.00"), Decimal("20020.00")),
        (TUESDAY, SHARE_B, Decimal(20), Decimal(50)),
    )
    assert [row[1] for row in tables["Trades"]] == ["T-1", "T-2"]
    assert not [name for name in desk.outbox("B02") if "_trading." in name]


@pytest.mark.rule("CSD-5.2.13-a")
def test_a_challenge_in_time_is_registered_and_answered_and_a_later_one_is_refused(desk: Desk, tmp_path: Path) -> None:
    receipt = challenge(desk)
    assert (receipt.verdict, receipt.lines[0].record) == (Verdict.ACCEPTED, "Q000001")
    told = [row for row in desk.rows(schema.notice) if row.addressee == "csd"]
    assert "We sold 40, not 50." in told[-1].body
    code, why = fault(challenge(desk, local="16:00"))
    assert code is RejectionReason.DEADLINE
    assert why == "limit passed: the report could be challenged until 16:00 on 2026-11-23"
    assert dict(history_of(desk.site, "B01", "B01-OBC-15:59", at("16:05")).facts)["State"] == (
        "under way: 1 of 1 records are not final"
    )
    answer_challenge(desk.site, "Q000001", "The exchange confirms 50.", "Operator One", at("16:30"))
    answered = [row for row in desk.rows(schema.notice) if row.subject == "Answer to your challenge of T-1"]
    assert [(row.addressee, "confirms 50" in row.body) for row in answered] == [("B01", True)]
    with pytest.raises(LookupError, match="they are none"):
        answer_challenge(desk.site, "Q000001", "Again.", "Operator One", at("16:31"))
    assert desk.replay(tmp_path / "replay").differences == ()


@pytest.mark.rule("CSD-5.2.13-a")
def test_the_day_before_last_today_and_trades_of_others_cannot_be_challenged(desk: Desk) -> None:
    assert fault(challenge(desk, local="10:00", trading_day=THURSDAY))[0] is RejectionReason.DEADLINE
    assert fault(challenge(desk, local="10:01", trading_day=DAY))[0] is RejectionReason.DATE
    assert "no part in this trade" in fault(challenge(desk, "B02", "10:02"))[1]
    # One that is missing is what a challenge is for.
    assert challenge(desk, local="10:03", trade="T-9").verdict is Verdict.ACCEPTED
