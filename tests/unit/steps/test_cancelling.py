"""An unsettled trade is cancelled for the side that did not fail, after the last cycle of the first settlement day after its own."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from depository.answers import Receipt, Verdict
from depository.fails import BUY_IN, FAILED
from depository.instructions import Status
from depository.rejects import RejectionReason
from depository.store import schema
from flows.steps.cancelling import cancel_trade
from flows.steps.history import history_of
from tests.support.books import DAY, SHARE_A, TUESDAY, Desk, advice, at, entry, trade

WEDNESDAY = date(2026, 11, 25)


@pytest.fixture
def desk(lite: Desk) -> Desk:
    """B06 owes B02 five shares that it has not; the trade failed on Monday."""
    lite.drop_trades(trade("X-1", "B06-HO", "B02-HO", 5, isin=SHARE_A))
    for day in (DAY, TUESDAY, WEDNESDAY):
        lite.plan(day)
    lite.drop_money(advice(entry("K-1", "5000.00", "B02")))
    lite.run_until("17:30")
    lite.run_until("23:00")
    return lite


def cancel(desk: Desk, local: str, day: date, **changes: str) -> str:
    said = {"reason": "B02 is better off", "operator": "Operator One", "approved_by": "Operator Two", **changes}
    return cancel_trade(desk.site, "I000000001", at=at(local, day), **said)


def ask(desk: Desk, party: str = "B02", local: str = "10:00", day: date = TUESDAY, **changes: Any) -> Receipt:
    body = {"instruction": "I000000001", "trade": "X-1", "reason": "bought elsewhere", **changes}
    return desk.drop_form("TCR", party, f"{party}-TCR-{local}", body, local=local, day=day)


def fault(receipt: Receipt) -> tuple[RejectionReason, str]:
    (reject,) = receipt.lines[0].rejects
    assert reject.rule == "CSD-5.1.10-b"
    return reject.code, reject.message


def status(desk: Desk) -> Status:
    return desk.status("exchange", "X-1")


def told(desk: Desk, subject: str) -> list[tuple[str, str]]:
    return sorted((row.addressee, row.body) for row in desk.rows(schema.notice) if row.subject == subject)


@pytest.mark.rule("CSD-5.1.10-b")
def test_what_is_unsettled_after_the_last_cycle_is_cancelled_and_both_sides_are_told(
    desk: Desk, tmp_path: Path
) -> None:
    receipt = ask(desk)
    assert (receipt.verdict, receipt.batch) == (Verdict.ACCEPTED, "2026-11-24/settlement-fail")
    assert receipt.lines[0].note == "cancelled at 17:30 of 2026-11-24 unless it settles before"
    assert [who for who, _ in told(desk, "Cancellation asked of X-1")] == ["B02", "B06"]
    desk.run_until("17:29", TUESDAY)
    assert status(desk) is Status.FAILING
    done = desk.run("settlement-fail", day=TUESDAY)
    assert done.facts["cancelled on request"] == "I000000001"
    assert status(desk) is Status.CANCELLED
    notices = told(desk, "X-1 is cancelled")
    assert [who for who, _ in notices] == ["B02", "B06"]
    assert all("at the request of B02" in body and "bought elsewhere" in body for _, body in notices)
    # No further action: neither a fail of that day nor a buy-in.
    assert [(r.business_date, r.stage) for r in desk.rows(schema.settlement_fail) if r.stage in (FAILED, BUY_IN)] == [
        (DAY, FAILED)
    ]
    assert desk.replay(tmp_path / "replay", "23:30", TUESDAY).differences == ()
    assert dict(history_of(desk.site, "B02", "B02-TCR-10:00", at("12:00", WEDNESDAY)).facts)["State"] == "final"
    assert desk.proof().faults == ()


@pytest.mark.rule("CSD-5.1.10-b")
def test_what_settles_before_is_not_cancelled(desk: Desk) -> None:
    ask(desk)
    desk.give("B06-HO", SHARE_A, 5)
    desk.run_until("23:00", TUESDAY)
    assert status(desk) is Status.SETTLED
    ((who, body),) = told(desk, "X-1 is not cancelled")
    assert who == "B02"
    assert "it is settled" in body


@pytest.mark.rule("CSD-5.1.10-b")
def test_who_may_not_ask_what_may_not_be_asked_and_what_comes_too_late_is_refused(desk: Desk) -> None:
    assert fault(ask(desk, "B06")) == (
        RejectionReason.RULE,
        "you are a failing side of it; the other side alone may ask",
    )
    assert fault(ask(desk, "B04"))[0] is RejectionReason.REFERENCE
    assert "is trade X-1" in fault(ask(desk, trade="X-2", local="10:01"))[1]
    assert "no exchange trade" in fault(ask(desk, instruction="I000000009", local="10:02"))[1]

    assert "limit passed" in fault(ask(desk, local="17:30", day=TUESDAY))[1]
    ask(desk, local="17:29")
    assert "asked for already" in fault(ask(desk, local="17:29:30"))[1]
    desk.run_until("23:00", TUESDAY)
    assert fault(ask(desk, local="10:00", day=WEDNESDAY))[1] == "it is cancelled"
    # One that has not failed yet.
    desk.drop_trades(
        trade("X-2", "B06-HO", "B02-HO", 5, isin=SHARE_A, traded=date(2026, 11, 20), settles=TUESDAY), day=DAY
    )
    code, why = fault(ask(desk, instruction="I000000002", trade="X-2"))
    assert code is RejectionReason.DATE
    assert why == "it has not failed; it is to settle on 2026-11-24"


@pytest.mark.rule("CSD-5.1.10-b")
def test_operators_cancel_by_two_persons_on_that_day_and_both_sides_read_why(desk: Desk, tmp_path: Path) -> None:
    for local, day, changes, words in (
        ("10:00", TUESDAY, {"approved_by": "Operator One"}, "two persons"),
        ("10:00", TUESDAY, {"reason": ""}, "its reason"),
        ("17:30", TUESDAY, {}, "limit passed"),
    ):
        with pytest.raises(LookupError, match=words):
            cancel(desk, local, day, **changes)
    assert cancel(desk, "10:00", TUESDAY) == "C000001"
    assert status(desk) is Status.CANCELLED
    assert all("B02 is better off" in body for _, body in told(desk, "X-1 is cancelled"))
    desk.run_until("23:00", TUESDAY)
    assert desk.replay(tmp_path / "replay", "23:30", TUESDAY).differences == ()
