"""The settlement bank's statements and advices: versions, identities, balances, hostile XML."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from depository.rejects import FileRefused, RejectionReason
from parsers.camt import read_statement, render_statements
from tests.support.feed_builders import DAY, NOON, OTHER_IBAN, ZONE, entry, render_statement, statement

CREDIT = entry()
DEBIT = entry(
    line=2,
    reference="BANK-2",
    amount=Decimal("400.00"),
    credit=False,
    participant="",
    end_to_end="W000001",
    counterparty_name="Payee",
    remittance="payout",
)
STATEMENT = statement(CREDIT, DEBIT)
RIGHT = render_statement(STATEMENT, False, NOON)
ADVICE = render_statement(statement(CREDIT, opening=None), True, NOON)


def edited(data: bytes, pattern: str, new: str, count: int = 1) -> bytes:
    """The XML with a part of it replaced; fails when the part is not there."""
    text, made = re.subn(pattern, new, data.decode(), count=count, flags=re.DOTALL)
    assert made
    return text.encode()


@pytest.mark.rule("CSD-3.3.1-a")
def test_a_statement_gives_its_entries_and_balances() -> None:
    assert read_statement(RIGHT, ZONE) == (STATEMENT,)


def test_a_statement_in_debit_has_negative_balances() -> None:
    overdrawn = statement(DEBIT, opening=Decimal("-5.00"))
    overdrawn = replace(overdrawn, entries=(replace(DEBIT, line=1),))
    assert read_statement(render_statement(overdrawn, False, NOON), ZONE) == (overdrawn,)


def test_an_advice_has_no_balances() -> None:
    assert read_statement(ADVICE, ZONE) == (statement(CREDIT, opening=None),)


def test_one_message_may_hold_a_statement_per_currency_and_entries_are_numbered_through() -> None:
    dollars = statement(replace(CREDIT, line=3), currency="USD", iban=OTHER_IBAN, statement_id="STMT-2")
    assert read_statement(render_statements((STATEMENT, dollars), False, NOON), ZONE) == (STATEMENT, dollars)


def test_older_versions_write_status_and_names_in_another_way() -> None:
    old = edited(RIGHT, r"camt\.053\.001\.08", "camt.053.001.02")
    old = edited(old, r"<Sts>\s*<Cd>BOOK</Cd>\s*</Sts>", "<Sts>BOOK</Sts>", count=0)
    old = edited(old, r"<Pty>\s*(<Nm>[^<]*</Nm>)\s*</Pty>", r"\1", count=0)
    assert read_statement(old, ZONE) == (STATEMENT,)


def test_any_prefix_and_an_envelope_around_the_document_are_read() -> None:
    prefixed = RIGHT.decode().replace("<Document xmlns=", "<Document xmlns:x=")
    prefixed = re.sub(r"<(/?)(?=[A-Za-z])", r"<\1x:", prefixed)
    body = prefixed[prefixed.index("<x:Document") :]
    assert read_statement(f"<Envelope><Header/>{body}</Envelope>".encode(), ZONE) == (STATEMENT,)


@pytest.mark.rule("CSD-3.3.1-a")
@pytest.mark.parametrize("status", ["PDNG", "INFO", "FUTR"])
def test_an_entry_that_is_not_booked_is_no_money_and_is_said(status: str) -> None:
    (found,) = read_statement(edited(ADVICE, "<Cd>BOOK</Cd>", f"<Cd>{status}</Cd>"), ZONE)
    assert found.entries == ()
    assert status in found.remarks[0]
    assert "BANK-1" in found.remarks[0]


def test_a_pending_entry_does_not_count_in_the_balances() -> None:
    with_pending = edited(
        RIGHT,
        r"<Ntry>(.*?)</Ntry>",
        r"<Ntry><Amt Ccy='KZT'>7.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>PDNG</Sts></Ntry><Ntry>\1</Ntry>",
    )
    (found,) = read_statement(with_pending, ZONE)
    assert [one.reference for one in found.entries] == ["BANK-1", "BANK-2"]
    assert len(found.remarks) == 1


@pytest.mark.parametrize(
    ("pattern", "new", "code", "field"),
    [
        ("<AcctSvcrRef>BANK-1</AcctSvcrRef>", "", RejectionReason.REFERENCE, "AcctSvcrRef"),
        ('Ccy="KZT">1000.00', 'Ccy="USD">1000.00', RejectionReason.MONEY, "Amt@Ccy"),
        (">1000.00<", ">1,000.00<", RejectionReason.MONEY, "Amt"),
        (">1000.00<", ">-1000.00<", RejectionReason.MONEY, "Amt"),
        (">1000.00<", ">0.00<", RejectionReason.MONEY, "Amt"),
        (">1000.00<", ">1000.001<", RejectionReason.MONEY, "Amt"),
        ("<CdtDbtInd>CRDT</CdtDbtInd>", "", RejectionReason.OTHER, "CdtDbtInd"),
        ("<Cd>BOOK</Cd>", "<Cd>DONE</Cd>", RejectionReason.OTHER, "Sts"),
        ("<BookgDt>.*?</ValDt>", "", RejectionReason.DATE, "ValDt"),
        ("<Sts>", "<RvslInd>perhaps</RvslInd><Sts>", RejectionReason.OTHER, "RvslInd"),
    ],
)
def test_a_faulty_entry_of_an_advice_is_refused_by_itself(
    pattern: str, new: str, code: RejectionReason, field: str
) -> None:
    two = statement(CREDIT, replace(CREDIT, line=2, reference="BANK-9"), opening=None)
    data = edited(render_statement(two, True, NOON), pattern, new, count=2 if "BANK-1" in pattern else 1)
    (found,) = read_statement(data, ZONE)
    assert [one.reference for one in found.entries] == ["BANK-9"]
    (line,) = found.refused
    assert [(reject.code, reject.field) for reject in line.rejects] == [(code, field)]
    assert line.line == 1
    assert line.places[0].startswith("Ntfctn 1, entry 1 (line ")


def test_a_bank_reference_that_stands_twice_is_refused_the_second_time() -> None:
    twice = statement(CREDIT, replace(CREDIT, line=2))
    (found,) = read_statement(render_statement(twice, False, NOON), ZONE)
    assert found.entries == (CREDIT,)
    assert found.refused[0].rejects[0].code is RejectionReason.REFERENCE


def test_the_reference_of_the_only_transaction_stands_in_for_the_entry() -> None:
    (found,) = read_statement(edited(ADVICE, "<AcctSvcrRef>BANK-1</AcctSvcrRef>", ""), ZONE)
    assert found.entries[0].reference == "BANK-1"


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (">600.00<", ">601.00<"),
        (">400.00<", ">401.00<"),
        ("<CdtDbtInd>DBIT", "<CdtDbtInd>CRDT"),
        (r"<Ntry>.*?</Ntry>", ""),
        ("<Cd>CLBD</Cd>", "<Cd>CLAV</Cd>"),
        ("<Cd>OPBD</Cd>", "<Cd>CLBD</Cd>"),
        (">600.00<", ">six hundred<"),
        ('Ccy="KZT">600.00', 'Ccy="USD">600.00'),
        ('Ccy="KZT">1000.00', 'Ccy="USD">1000.00'),
        (">1000.00<", "><"),
    ],
)
def test_a_statement_whose_balances_cannot_be_proved_is_refused_whole(pattern: str, new: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read_statement(edited(RIGHT, pattern, new), ZONE)
    assert refused.value.code == "wrong-balance"


def test_the_closing_balance_of_the_day_before_may_stand_for_the_opening_one() -> None:
    assert read_statement(edited(RIGHT, "<Cd>OPBD</Cd>", "<Cd>PRCD</Cd>"), ZONE) == (STATEMENT,)


@pytest.mark.parametrize(
    ("structured", "free", "participant"),
    [
        ("B01", "", "B01"),
        ("", "B01 FUNDING", "B01"),
        ("", "funding of B01, 23.11.2026", "B01"),
        ("", "B01 FUNDING B01", "B01"),
        ("A07", "B01 FUNDING", "A07"),
        ("", "FUNDING", ""),
        ("", "B01 OR B02", ""),
        ("", "INVOICE AB012", ""),
        ("", "INVOICE B012", ""),
        ("", "ACCOUNT B01-HO", ""),
        ("", "b01 funding", ""),
    ],
)
def test_the_participant_is_the_one_code_in_the_remittance(structured: str, free: str, participant: str) -> None:
    data = render_statement(statement(replace(CREDIT, participant="Z99", remittance="xyz"), opening=None), True, NOON)
    data = edited(data, "<Ref>Z99</Ref>", f"<Ref>{structured}</Ref>")
    data = edited(data, "<Ustrd>xyz</Ustrd>", f"<Ustrd>{free}</Ustrd>")
    (found,) = read_statement(data, ZONE)
    assert found.entries[0].participant == participant


def test_a_remittance_that_names_two_or_a_lookalike_is_remarked_on() -> None:
    for text, expected in (("B01 AND B02", "several participants"), ("В01 FUNDING", "B01 may be meant")):
        unclear = statement(replace(CREDIT, participant="", remittance=text), opening=None)
        (found,) = read_statement(render_statement(unclear, True, NOON), ZONE)
        assert found.entries[0].participant == ""
        assert expected in found.remarks[0]


def test_a_reversal_and_a_returned_payment_keep_our_end_to_end_reference_other_credits_do_not() -> None:
    reversal = replace(CREDIT, reversal=True, end_to_end="W000007")
    returned = replace(CREDIT, line=2, reference="BANK-2", end_to_end="W000008")
    data = render_statement(statement(reversal, returned, opening=None), True, NOON)
    assert [one.end_to_end for one in read_statement(data, ZONE)[0].entries] == ["W000007", "W000008"]
    theirs = edited(ADVICE, "NOTPROVIDED", "THEIR-REF")
    assert read_statement(theirs, ZONE)[0].entries[0].end_to_end == ""


COLLECTIVE = """<NtryDtls>
<TxDtls><Refs><AcctSvcrRef>P-1</AcctSvcrRef></Refs><Amt Ccy="KZT">600.00</Amt>
<RmtInf><Ustrd>B01 FUNDING</Ustrd></RmtInf></TxDtls>
<TxDtls><Refs><AcctSvcrRef>P-2</AcctSvcrRef></Refs><AmtDtls><TxAmt><Amt Ccy="KZT">400.00</Amt></TxAmt></AmtDtls>
<RmtInf><Ustrd>B02 FUNDING</Ustrd></RmtInf></TxDtls></NtryDtls>"""


def test_a_collective_booking_is_split_into_its_transactions() -> None:
    (found,) = read_statement(edited(ADVICE, "<NtryDtls>.*</NtryDtls>", COLLECTIVE), ZONE)
    assert [(e.line, e.reference, e.amount, e.participant) for e in found.entries] == [
        (1, "P-1", Decimal(600), "B01"),
        (2, "P-2", Decimal(400), "B02"),
    ]


@pytest.mark.parametrize(("old", "new"), [("P-2", ""), ("400.00", "399.00"), ('"KZT">400', '"USD">400')])
def test_a_collective_booking_that_does_not_add_up_stays_one_entry_of_nobody(old: str, new: str) -> None:
    (found,) = read_statement(edited(ADVICE, "<NtryDtls>.*</NtryDtls>", COLLECTIVE.replace(old, new)), ZONE)
    assert [(e.reference, e.amount, e.participant) for e in found.entries] == [("BANK-1", Decimal(1000), "")]


def test_the_day_of_an_advice_without_period_is_that_of_its_entries_else_of_its_creation() -> None:
    bare = edited(ADVICE, "<FrToDt>.*</FrToDt>", "")
    assert read_statement(edited(bare, "<BookgDt>.*?</BookgDt>", "<BookgDt><Dt>2026-11-20</Dt></BookgDt>"), ZONE)[
        0
    ].business_date == date(2026, 11, 20)
    unbooked = edited(bare, "<BookgDt>.*?</BookgDt>", "")
    late = edited(unbooked, "<CreDtTm>[^<]*", "<CreDtTm>2026-11-22T20:00:00Z", count=0)
    assert read_statement(late, ZONE)[0].business_date == DAY


def test_a_moment_belongs_to_the_day_that_it_is_in_the_market_s_zone() -> None:
    bare = edited(edited(ADVICE, "<FrToDt>.*</FrToDt>", ""), "<BookgDt>.*?</BookgDt>", "")
    evening = edited(bare, "<CreDtTm>[^<]*", "<CreDtTm>2026-11-23T21:00:00Z", count=0)
    days = {
        zone: read_statement(evening, ZoneInfo(zone))[0].business_date.day
        for zone in ("America/New_York", "Asia/Tokyo")
    }
    assert days == {"America/New_York": 23, "Asia/Tokyo": 24}


def test_the_day_of_a_written_statement_begins_and_ends_in_the_zone_of_its_moment() -> None:
    elsewhere = ZoneInfo("Asia/Kolkata")
    written = render_statement(STATEMENT, False, NOON.astimezone(elsewhere))
    assert b"<FrDtTm>2026-11-23T00:00:00+05:30</FrDtTm><ToDtTm>2026-11-23T23:59:59+05:30</ToDtTm>" in re.sub(
        rb">\s+<", b"><", written
    )
    assert read_statement(written, elsewhere) == (STATEMENT,)


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;">]>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>&lol2;</BkToCstmrStmt></Document>"""
THIEF = b"""<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>&x;</BkToCstmrStmt></Document>"""


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"trade_id,trade_date", "damaged"),
        (RIGHT[:-20], "damaged"),
        (b"<a/>", "wrong-type"),
        (b"<Document/>", "wrong-type"),
        (b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"/>', "incomplete"),
        (RIGHT.replace(b"camt.053.001.08", b"pacs.008.001.08"), "wrong-type"),
        (RIGHT.replace(b"camt.053.001.08", b"camt.054.001.08"), "wrong-type"),
        (RIGHT.replace(b"<MsgId>MSG-1</MsgId>", b""), "incomplete"),
        (RIGHT.replace(b"<Id>STMT-1</Id>", b""), "incomplete"),
        (re.sub(rb"<IBAN>.*</IBAN>", b"", RIGHT), "incomplete"),
        (re.sub(rb"<Stmt>.*</Stmt>", b"", RIGHT, flags=re.DOTALL), "incomplete"),
        (RIGHT.decode().encode("utf-16"), "wrong-encoding"),
        (b"<a>" * 5_000, "damaged"),
        (BOMB, "entities"),
        (THIEF, "entities"),
        # A declared encoding in which the bytes would turn into something else is not believed.
        (BOMB.replace(b"<!", b"+ADwAIQ-").replace(b'"1.0"', b'"1.0" encoding="UTF-7"'), "damaged"),
    ],
)
def test_what_is_no_statement_or_attacks_the_reader_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read_statement(data, ZONE)
    assert refused.value.code == code
    assert len(refused.value.message) < 600


def test_a_message_beyond_the_size_limit_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parsers.iso_xml.MAX_BYTES", 100)
    with pytest.raises(FileRefused) as refused:
        read_statement(RIGHT, ZONE)
    assert refused.value.code == "too-large"


def test_a_statement_that_does_not_add_up_is_not_written() -> None:
    with pytest.raises(ValueError, match="add up"):
        render_statement(replace(STATEMENT, closing=Decimal(1)), False, NOON)


@pytest.mark.rule("CSD-3.3.1-a")
def test_a_credit_says_who_sent_it_in_old_and_new_versions_and_keeps_nothing_that_is_wrong() -> None:
    sender = {"counterparty_iban": OTHER_IBAN, "counterparty_bic": "TESTKZKA", "counterparty_bin": "900101100014"}
    right = render_statements((statement(entry(**sender), opening=None),), True, NOON)
    old = right.replace(b"BICFI>", b"BIC>").replace(b"<Pty>", b"").replace(b"</Pty>", b"")
    wrong = (
        right.replace(OTHER_IBAN.encode(), b"KZ000000000000001005")
        .replace(b"TESTKZKA", b"BANK")
        .replace(b"0014", b"0015")
    )
    for data, told in ((right, sender), (old, sender), (wrong, dict.fromkeys(sender, ""))):
        (found,) = read_statement(data, ZONE)[0].entries
        assert {name: getattr(found, name) for name in sender} == told
