"""What comes back says where it is wrong, what stood there and what to send instead, in the sender's own terms."""

import io
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from depository.answers import Receipt, Verdict
from depository.identifiers import lookalike_message
from depository.rejects import RejectionReason
from depository.store import schema
from flows.steps.making import make_answers
from forms import samples
from parsers import receipt_json
from parsers.blank_workbook import fill
from tests.support.books import DAY, SHARE_B, TUESDAY, Desk, at, form, ist_line, trade, wrn_body

SATURDAY = date(2026, 11, 21)


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


@pytest.mark.rule("CSD-A3")
@pytest.mark.parametrize(
    ("sent_on", "local", "latest"),
    [
        (DAY, "10:00", DAY),
        # On a Saturday the business date is Monday's; after the end of day it is that of the next day.
        (SATURDAY, "10:00", DAY),
        (DAY, "20:00", TUESDAY),
    ],
)
def test_a_form_dated_after_its_business_date_is_refused_as_a_whole_and_an_older_one_is_taken(
    desk: Desk, sent_on: date, local: str, latest: date
) -> None:
    if local == "20:00":
        desk.run_until("19:30")

    def sent(number: str, dated: date) -> Receipt:
        data = form("IST", "B01", number, lines=[ist_line(number, "B01-HO", "B01-DO", 1, due=TUESDAY)], day=dated)
        return desk.drop("B01", f"{number}.xlsx", data, local, day=sent_on)

    late = sent("F-1", latest + timedelta(days=1))
    assert (late.verdict, late.places) == (Verdict.REFUSED, ("IST!D6",))
    (reject,) = late.rejects
    assert (reject.code, reject.rule, reject.field) == (RejectionReason.DATE, "CSD-A3", "form_date")
    assert reject.found == str(latest + timedelta(days=1))
    assert reject.message == (
        f"the form is dated after {latest}, the business date on which the form came; write the day on which it is signed"
    )
    assert [sent(f"F-{n}", dated).verdict for n, dated in ((2, latest), (3, date(2024, 2, 29)))] == [
        Verdict.ACCEPTED
    ] * 2


@pytest.mark.rule("CSD-3.1.2-d", "CSD-3.1.2-e")
@pytest.mark.parametrize("code", ["IAO", "BUNA"])
def test_a_document_that_expired_before_the_form_came_is_refused_whatever_date_the_form_has(
    desk: Desk, code: str
) -> None:
    yesterday, long_ago = DAY - timedelta(days=1), date(2026, 3, 2)

    def answered(number: str, expires: date) -> Any:
        changes: dict[str, Any] = {"nin": f"KZ0000090{number}", "document_expires": expires, "kyc_completed": long_ago}
        body = samples.iao_body(**changes) if code == "IAO" else samples.buna_cover(1)
        lines = [] if code == "IAO" else [samples.buna_client(**changes)]
        data = form(code, "B01", f"F-{number}", body, lines, day=long_ago)
        return desk.drop("B01", f"{number}.xlsx", data).lines[0]

    expired = answered("1", yesterday)
    (reject,) = expired.rejects
    assert (expired.verdict, reject.field, reject.found) == (Verdict.REFUSED, "document_expires", str(yesterday))
    assert reject.rule == {"IAO": "CSD-3.1.2-d", "BUNA": "CSD-3.1.2-e"}[code]
    assert f"expired before {DAY}, the business date on which the form came" in reject.message
    assert answered("2", DAY).status == "opened"


@pytest.mark.rule("CSD-A3", "KCSD-87")
def test_a_form_that_is_refused_as_a_whole_names_the_faults_of_its_lines_too(desk: Desk) -> None:
    """Or its sender would learn of the next fault only when the first is mended."""
    lines = [ist_line("L-1", "B01-HO", "B02-HO", due_date="tomorrow"), ist_line("L-2", "B01-HO", "B02-HO")]
    unsigned = desk.drop_form("IST", "B01", "F-1", lines=lines, signature="")
    stranger = desk.drop_form("IST", "B01", "F-2", lines=lines, signatory="Nobody")
    for receipt in (unsigned, stranger):
        assert (receipt.verdict, len(receipt.rejects)) == (Verdict.REFUSED, 1)
        assert [(line.line, line.verdict, line.places) for line in receipt.lines] == [
            (1, Verdict.REFUSED, ("IST!M12",))
        ]
    empty = desk.drop("B01", "wrn.xlsx", fill("WRN", {}, {}, ()))
    assert len(empty.rejects) == 7
    assert [reject.field for reject in empty.lines[0].rejects][:2] == ["currency", "mode"]


def answer_of(desk: Desk, ending: str) -> list[tuple[Any, ...]]:
    """The rows of the sheet that an answer adds to the sender's workbook."""
    make_answers(desk.site, at("10:30"))
    data = next(data for name, data in desk.outbox("B01").items() if name.endswith(ending))
    return list(load_workbook(io.BytesIO(data))["Answer"].iter_rows(values_only=True))


def test_the_marked_workbook_says_what_to_do_next(desk: Desk) -> None:
    right, wrong = ist_line("L-1", "B01-HO", "B01-DO"), ist_line("L-2", "B01-HO", "B01-DO", quantity_type="face amount")
    desk.drop_form("IST", "B01", "F-1", lines=[right, wrong])
    part = "Mend these lines and send them in a new form under a new number; do not send the others again."
    assert answer_of(desk, "F-1.R20261123-00001.answer.xlsx")[1][0] == part
    desk.drop_form("IST", "B01", "F-2", lines=[wrong])
    told = answer_of(desk, "F-2.R20261123-00002.answer.xlsx")
    assert told[1][0] == "Nothing of the form was taken. Mend it and send it again."
    assert told[-1][6:11] == (
        *("quantity_type", "face amount", "DQUA", "CSD-A3"),
        f"the quantity type of {SHARE_B} is unit; choose that",
    )


@pytest.mark.rule("KCSD-91")
def test_what_waits_for_the_other_side_says_so_first(desk: Desk) -> None:
    deliver, receive = (
        desk.drop_form(
            "IST", "B01", number, lines=[ist_line(number, "B01-HO", "B02-HO", 7, receive=way)], local="08:58"
        )
        for number, way in (("F-1", False), ("F-2", True))
    )
    for receipt in (deliver, receive):
        assert receipt.lines[0].note == (
            "CMIS waits for the matching instruction of B02; PRCY waits for the window that opens on 2026-11-23 at 09:30 (CSD-4.1.2-c)"
        )


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ("В01-НО", "only look Latin: character 1 is Cyrillic capital letter ve"),
        ("тенге", "It is not in Latin letters ('т' is none): write it in Latin letters."),
        ("KZ‑1", "character 3 is Non-breaking hyphen (U+2011), type Latin -"),
    ],
)
def test_a_word_of_another_alphabet_is_not_mended_letter_by_letter(found: str, words: str) -> None:
    assert words in lookalike_message(found)
