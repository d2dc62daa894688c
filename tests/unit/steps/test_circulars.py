"""A notice of the operators goes to one party, to a class of participants or to all, each with its entry in the register."""

from dataclasses import replace
from pathlib import Path

import pytest

from depository.notices import Addressing
from depository.register import AccountType
from depository.store import register, schema
from flows.steps.circulars import addressing_of, send_notice
from parsers import report_json
from tests.support.books import Desk, at
from tests.support.pdf_text import pages

SUBJECT = "Trading in Model Rail is suspended"
TEXT = "From tomorrow on no trade in it is taken.\n\nQuestions: the operators' desk. Ә қ ғ."
EVERYBODY = [f"B0{n}" for n in range(1, 7)]


def send(
    desk: Desk, addressing: Addressing, subject: str = SUBJECT, body: str = TEXT, local: str = "10:00"
) -> list[str]:
    """Sends it; the codes of those it went to."""
    return [one.addressee for one in send_notice(desk.site, addressing, subject, body, "Operator One", at(local))]


def found(desk: Desk, party: str) -> list[str]:
    """Names of the files of notices with the subject that wait for a party."""
    return [
        name
        for name, data in sorted(desk.outbox(party).items())
        if "_notice_" in name and name.endswith(".json") and report_json.parse(data).title == SUBJECT
    ]


@pytest.mark.rule("CSD-1.5-c", "CSD-1.5-a")
@pytest.mark.parametrize(
    ("addressing", "to", "audience"),
    [
        (Addressing(("B03",)), ["B03"], "one participant"),
        (Addressing(("bank",)), ["bank"], "one participant"),
        (Addressing(("B05", "B02", "B05")), ["B02", "B05"], "circular"),
        (Addressing(account_type=AccountType.MARKET_MAKER), ["B01"], "circular"),
        (Addressing(account_type=AccountType.NOMINEE), ["B03"], "circular"),
        (Addressing(), EVERYBODY, "broadcast"),
    ],
)
def test_a_notice_goes_to_its_audience_and_to_nobody_else(
    lite: Desk, addressing: Addressing, to: list[str], audience: str
) -> None:
    assert send(lite, addressing) == to
    for party in [*EVERYBODY, "bank", "exchange", "registry", "csd"]:
        assert len(found(lite, party)) == (party in to)
    rows = [row for row in lite.rows(schema.notice) if row.subject == SUBJECT]
    assert [row.addressee for row in rows] == to
    for row in rows:
        assert (row.audience, row.body, row.channel) == (audience, TEXT, "SFTP")
        assert row.sent_at == row.received_at == at("10:00")
        assert row.sender == lite.site.market.depository_name


@pytest.mark.rule("CSD-1.5-c")
def test_a_participant_that_is_active_no_more_gets_no_notice(lite: Desk) -> None:
    with lite.work() as work:
        left = register.all_parties(work)["B03"]
        register.add_parties(work, [replace(left, active=False)])
    assert send(lite, Addressing()) == [one for one in EVERYBODY if one != "B03"]
    with pytest.raises(LookupError, match="there is nobody to tell: participants with an open account of type N"):
        send(lite, Addressing(account_type=AccountType.NOMINEE))
    with pytest.raises(LookupError, match="no active party has the code B03"):
        send(lite, Addressing(("B03",)))


@pytest.mark.rule("CSD-1.5-c")
def test_the_letter_has_subject_text_and_whom_else_it_went_to(lite: Desk) -> None:
    send(lite, Addressing(account_type=AccountType.MARKET_MAKER))
    (name,) = found(lite, "B01")
    facts = dict(report_json.parse(lite.outbox("B01")[name]).facts)
    assert facts["Text"] == TEXT
    assert facts["To"] == "participants with an open account of type MM"
    printed = " ".join(pages(lite.outbox("B01")[name.replace(".json", ".pdf")]))
    assert SUBJECT in printed
    assert "Questions: the operators' desk. Ә қ ғ." in printed


def test_the_very_same_command_again_sends_nothing_and_another_text_does(lite: Desk) -> None:
    assert send(lite, Addressing()) == EVERYBODY
    assert send(lite, Addressing(), local="10:01") == []
    assert send(lite, Addressing(("B01",)), local="10:02") == ["B01"]
    assert send(lite, Addressing(), local="10:03") == EVERYBODY
    assert len(found(lite, "B01")) == 3


@pytest.mark.parametrize(
    ("addressing", "subject", "body", "words"),
    [
        (Addressing(("B09",)), SUBJECT, TEXT, "no active party has the code B09"),
        (Addressing(account_type=AccountType.FOREIGN_OMNIBUS), " ", TEXT, "subject is empty"),
        (Addressing(), SUBJECT, "\n", "text is empty"),
        (Addressing(), "two\nlines", TEXT, "cannot be printed"),
        (Addressing(), SUBJECT, "turned \u202e round", "RIGHT-TO-LEFT OVERRIDE"),
        (Addressing(), SUBJECT, "x" * 20_001, "20000 are the most"),
    ],
)
def test_what_cannot_be_sent_is_said_and_nobody_is_told_anything(
    lite: Desk, addressing: Addressing, subject: str, body: str, words: str
) -> None:
    before = (lite.rows(schema.notice), lite.rows(schema.outgoing), lite.rows(schema.event))
    with pytest.raises((LookupError, ValueError), match=words):
        send(lite, addressing, subject, body)
    assert (lite.rows(schema.notice), lite.rows(schema.outgoing), lite.rows(schema.event)) == before


def test_an_unknown_class_is_refused_with_those_there_are() -> None:
    with pytest.raises(LookupError, match="HO, DO, FO, ST, MM, N"):
        addressing_of([], "XX")


def test_a_replay_sends_the_same_notices_to_the_same(desk: Desk, tmp_path: Path) -> None:
    send(desk, Addressing())
    send(desk, Addressing(account_type=AccountType.NOMINEE), "Client data", "Please bring it up to date.")
    result = desk.replay(tmp_path / "replay")
    assert result.differences == ()
    assert len(list((tmp_path / "replay" / "outbox" / "B03").glob("*_notice_*.pdf"))) == 2
