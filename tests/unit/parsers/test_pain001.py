"""Payment orders: structure, totals, and what the bank's side refuses."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from lxml import etree

from depository.rejects import FileRefused
from depository.reports import Payment
from parsers.pain001 import Debtor, read_orders, render
from tests.support.feed_builders import DAY, IBAN, NOON, OTHER_IBAN

DEBTOR = Debtor("Model Central Securities Depository", "180140000018", "MCSDKZ22", "MBNKKZKA")
PAYMENT = Payment(
    end_to_end="W000001",
    debtor_iban=IBAN,
    currency="KZT",
    amount=Decimal("1250000.50"),
    creditor_name="Тестовый брокер & Co <LLP>",
    creditor_bin="180140000018",
    creditor_iban="KZ418560000000001001",
    creditor_bic="MBNKKZKA",
    purpose="1517KZT710",
    details="Proceeds B01",
    execution_date=DAY,
)
DOLLARS = replace(PAYMENT, end_to_end="W000002", currency="USD", debtor_iban=OTHER_IBAN, purpose="", creditor_bin="")
LATER = replace(PAYMENT, end_to_end="W000000", execution_date=date(2026, 11, 24))
RIGHT = render([DOLLARS, LATER, PAYMENT], "P20261123", NOON, DEBTOR)


@pytest.mark.rule("CSD-3.3.2-b")
def test_an_order_comes_back_with_every_payment() -> None:
    order = read_orders(RIGHT)
    assert order.message_id == "P20261123"
    assert order.created == NOON
    assert order.debtor == DEBTOR
    assert set(order.payments) == {PAYMENT, DOLLARS, LATER}


def test_there_is_one_group_per_account_currency_and_day_with_its_own_totals() -> None:
    root = etree.fromstring(RIGHT)
    groups = root.findall(".//{*}PmtInf")
    assert [(g.findtext("{*}DbtrAcct/{*}Ccy"), g.findtext("{*}ReqdExctnDt/{*}Dt")) for g in groups] == [
        ("USD", "2026-11-23"),
        ("KZT", "2026-11-23"),
        ("KZT", "2026-11-24"),
    ]
    assert [g.findtext("{*}PmtInfId") for g in groups] == ["P20261123-1", "P20261123-2", "P20261123-3"]
    assert root.findtext(".//{*}GrpHdr/{*}CtrlSum") == "3750001.50"


def test_the_order_of_the_payments_given_does_not_matter() -> None:
    assert render([PAYMENT, DOLLARS, LATER], "P20261123", NOON, DEBTOR) == RIGHT


def test_elements_stand_in_the_order_of_the_message_definition() -> None:
    transfer = etree.fromstring(render([PAYMENT], "P1", NOON, DEBTOR)).find(".//{*}CdtTrfTxInf")
    assert transfer is not None
    assert [etree.QName(element).localname for element in transfer] == [
        "PmtId",
        "Amt",
        "CdtrAgt",
        "Cdtr",
        "CdtrAcct",
        "Purp",
        "RmtInf",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [PAYMENT, PAYMENT],
        [replace(PAYMENT, amount=Decimal(0))],
        [replace(PAYMENT, end_to_end="W" * 36)],
        [replace(PAYMENT, creditor_name="")],
        [replace(PAYMENT, details="x" * 141)],
    ],
)
def test_an_order_that_the_bank_could_not_carry_out_is_not_written(wrong: list[Payment]) -> None:
    with pytest.raises(ValueError, match=r"must have|twice|above nought|needs a payment|longer"):
        render(wrong, "P1", NOON, DEBTOR)


@pytest.mark.parametrize(
    ("pattern", "new", "code"),
    [
        (rb"<NbOfTxs>3<", b"<NbOfTxs>4<", "wrong-trailer"),
        (rb"<CtrlSum>3750001.50<", b"<CtrlSum>3750001.51<", "wrong-trailer"),
        (rb"<CtrlSum>1250000.50<", b"<CtrlSum>1<", "wrong-trailer"),
        (rb"<CdtTrfTxInf>.*?</CdtTrfTxInf>", b"", "wrong-trailer"),
        (rb'Ccy="KZT">1250000.50', b'Ccy="KZT">1,250,000.50', "wrong-payment"),
        (rb"<BICFI>MBNKKZKA</BICFI>(?=\s*</FinInstnId>\s*</CdtrAgt>)", b"<BICFI>M</BICFI>", "wrong-payment"),
        (rb"<EndToEndId>W000001<", b"<EndToEndId><", "wrong-payment"),
        (rb"<EndToEndId>W000001<", b"<EndToEndId>W000002<", "duplicate-reference"),
        (rb"<Dt>2026-11-23<", b"<Dt>tomorrow<", "wrong-payment"),
        (rb"<CreDtTm>[^<]*<", b"<CreDtTm>now<", "incomplete"),
        (rb"pain\.001\.001\.09", b"pacs.008.001.08", "wrong-type"),
    ],
)
def test_the_bank_carries_out_an_order_whole_or_not_at_all(pattern: bytes, new: bytes, code: str) -> None:
    data, made = re.subn(pattern, new, RIGHT, count=1, flags=re.DOTALL)
    assert made
    with pytest.raises(FileRefused) as refused:
        read_orders(data)
    assert refused.value.code == code
