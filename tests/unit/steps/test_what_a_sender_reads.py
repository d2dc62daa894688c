"""What comes back says where it is wrong, what stood there and what to send instead, in the sender's own terms."""

from pathlib import Path
from typing import Any

import pytest

from depository.answers import Verdict
from depository.store import schema
from parsers import receipt_json
from tests.support.books import DAY, SHARE_B, Desk, form, ist_line, trade, wrn_body


@pytest.fixture
def desk(lite: Desk) -> Desk:
    lite.plan()
    return lite


@pytest.mark.rule("CSD-4.1.1-b", "KCSD-87")
def test_a_trade_that_the_books_refuse_is_told_by_line_and_column(desk: Desk) -> None:
    receipt = desk.drop_trades(
        trade("T-1", "B01-HO", "B04-HO", 5),
        trade("T-2", "B01-HO", "B04-N000009", 5, line=3),
        trade("T-1", "B01-HO", "B04-HO", 5, line=4, cancelled=True),
        day=DAY,
    )
    found = [(line.line, line.places, line.rejects[0].field, line.rejects[0].found) for line in receipt.lines[1:]]
    assert found == [
        (3, ("line 3, column 12 (buyer_account)",), "buyer_account", "B04-N000009"),
        (4, ("line 4, column 18 (state)",), "state", "CANCELLED"),
    ]


@pytest.mark.rule("KCSD-84")
def test_the_same_content_under_another_name_has_a_receipt_of_that_name_that_says_so(
    desk: Desk, tmp_path: Path
) -> None:
    data = form("IST", "B01", "F-1", lines=[ist_line("T-1", "B01-HO", "B01-DO", 100)])
    first = desk.drop("B01", "one.xlsx", data, claimed="inbox~1~one.xlsx")
    once = desk.outbox("B01")
    second = desk.drop("B01", "two.xlsx", data, "16:00", claimed="inbox~2~two.xlsx")
    both = desk.outbox("B01")
    assert (second.file_name, second.verdict, second.lines) == ("two.xlsx", Verdict.ACCEPTED, first.lines)
    assert second.message == (
        f"The same content came before in one.xlsx, receipt {first.number}; it was recorded once, and this is its answer."
    )
    new = sorted(both.keys() - once.keys())
    assert new == [f"two.{second.number}.answer.xlsx", f"two.xlsx.{second.number}.receipt.json"]
    assert receipt_json.parse(both[new[1]]) == second
    # Once more under the one or the other name, the answers of that name come again.
    desk.drop("B01", "two.xlsx", data, "16:05", claimed="inbox~3~two.xlsx")
    desk.drop("B01", "one.xlsx", data, "16:06", claimed="inbox~4~one.xlsx")
    assert desk.outbox("B01") == both
    assert desk.amount("B01-DO", SHARE_B) == 100
    assert len(desk.rows(schema.file)) == 1
    assert desk.replay(tmp_path / "replay").differences == ()


@pytest.mark.rule("KCSD-84")
def test_refused_content_under_another_name_is_refused_with_the_first_reasons(desk: Desk) -> None:
    data = form("WRN", "B01", "W-1", wrn_body("B01", "10.00"))
    first = desk.drop("B01", "one.xlsx", data, claimed="inbox~1~one.xlsx")
    second = desk.drop("B01", "two.xlsx", data, claimed="inbox~2~two.xlsx")
    assert (second.verdict, second.lines) == (first.verdict, first.lines)
    assert "the same content is not judged anew: mend it and send it again" in second.message


@pytest.mark.rule("KCSD-84")
@pytest.mark.parametrize(
    ("before", "code"),
    [({"name": "one"}, "wrong-name"), ({"name": "one.xlsx", "fault": "its marker promised other bytes"}, "not-whole")],
)
def test_a_file_that_was_refused_for_its_name_or_its_marker_is_taken_when_these_are_right(
    desk: Desk, tmp_path: Path, before: dict[str, Any], code: str
) -> None:
    """The bytes were right all the time, so they are all that its sender can send again."""
    data = form("IST", "B01", "F-1", lines=[ist_line("T-1", "B01-HO", "B01-DO", 100)])
    refused = desk.drop("B01", data=data, claimed="inbox~1~one", **before)
    assert (refused.verdict, refused.rejects[0].found) == (Verdict.QUARANTINED, code)
    taken = desk.drop("B01", "one.xlsx", data, "10:05", claimed="inbox~2~one.xlsx")
    assert taken.verdict is Verdict.ACCEPTED
    assert desk.amount("B01-DO", SHARE_B) == 100
    assert desk.drop("B01", "one.xlsx", data, "10:10", claimed="inbox~3~one.xlsx") == taken
    assert desk.replay(tmp_path / "replay").differences == ()
