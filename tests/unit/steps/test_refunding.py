"""Money that names no participant goes back to its sender by a payment order that two operators ask for."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from depository.bank import unidentified
from depository.ledger import BANK, UNIDENTIFIED
from depository.reconciliation import reconcile_cash
from depository.store import schema
from depository.store.bank import Sender
from depository.store.payments import Refund
from flows.steps.assigning import assign_money
from flows.steps.refunding import refund_money, take_back_refund
from parsers.pain001 import read_orders
from tests.support.books import TUESDAY, Desk, advice, at, entry

SENDER = "KZ86125KZT5004100100"
BANK_OF_SENDER = "TESTKZKA"
EKNP = "1515KZT119"


@pytest.fixture
def desk(lite: Desk) -> Desk:
    """1,234.56 came that name nobody; the bank says from where."""
    lite.plan()
    sent = entry(
        "K-1", "1234.56", "", remittance="for shares", counterparty_iban=SENDER, counterparty_bic=BANK_OF_SENDER
    )
    lite.drop_money(advice(sent), local="09:20")
    return lite


def refund(desk: Desk, sender: Sender | None = None, local: str = "10:10", **changes: Any) -> Refund:
    said = {
        "reference": "K-1",
        "purpose": EKNP,
        "reason": "letter of the bank of today",
        "operator": "Operator One",
        "approved_by": "Operator Two",
        **changes,
    }
    return refund_money(desk.site, sender=sender or Sender(), at=at(local), **said)


def confirm(desk: Desk, number: str = "R000000001", amount: str = "1234.56", **changes: Any) -> Any:
    debit = entry("D-1", amount, "", credit=False, end_to_end=number)
    return desk.drop_money(advice(debit, **changes), local="15:00")


@pytest.mark.rule("CSD-3.3.1-a")
def test_the_order_pays_the_sender_and_the_banks_statement_closes_it(desk: Desk, tmp_path: Path) -> None:
    one = refund(desk)
    assert desk.amount(UNIDENTIFIED, "KZT") == 0
    assert desk.amount(UNIDENTIFIED, "KZT", f"REFUND/{one.number}") == 123_456
    with desk.work("10:11") as work:
        assert unidentified(work) == []
    desk.run_until("13:30")
    orders = [read_orders(data) for name, data in sorted(desk.outbox("bank").items()) if name.startswith("PAY-")]
    (payment,) = [payment for order in orders for payment in order.payments]
    assert (payment.end_to_end, payment.amount, payment.currency) == (one.number, Decimal("1234.56"), "KZT")
    assert (payment.creditor_iban, payment.creditor_bic, payment.creditor_name) == (SENDER, BANK_OF_SENDER, "Somebody")
    assert payment.purpose == EKNP
    assert "K-1" in payment.details
    assert desk.proof().faults == ()
    receipt = confirm(desk, opening=Decimal("1234.56"), closing="0.00")
    assert receipt.lines[0].status == "paid"
    assert desk.balances() == {key: amount for key, amount in desk.balances().items() if key[1] != "KZT"}
    assert desk.amount(BANK, "KZT") == 0
    with desk.work("15:01") as work:
        assert next(d for d in reconcile_cash(work) if d.asset == "KZT").agrees
    assert desk.proof().faults == ()
    assert desk.replay(tmp_path / "replay").differences == ()


def test_until_the_bank_confirms_the_day_report_says_where_the_money_is(desk: Desk) -> None:
    desk.drop_money(advice(entry("K-2", "5.00", "")), local="09:25")
    refund(desk)
    desk.run_until("23:00")
    tables = {table.name: table for table in desk.report("csd", "end-of-day_day.json").tables}
    assert [(row[0], row[3], row[6]) for row in tables["Unidentified"].rows] == [
        ("K-2", Decimal("5.00"), "held apart"),
        ("K-1", Decimal("1234.56"), "goes back as R000000001: ordered"),
    ]
    kzt = next(row for row in tables["Reconciliation"].rows if row[1] == "KZT")
    assert "1234.56 ordered and not confirmed by the bank" in kzt[5]


def test_a_refund_after_the_cut_off_is_paid_on_the_next_business_day(desk: Desk) -> None:
    assert refund(desk, local="17:00").pay_on == TUESDAY
    desk.run_until("23:00")
    assert not [name for name in desk.outbox("bank") if name.startswith("PAY-")]


def test_a_refund_that_comes_back_is_nobodys_money_again_under_its_new_reference(desk: Desk) -> None:
    refund(desk)
    desk.run_until("13:30")
    confirm(desk)
    back = desk.drop_money(advice(entry("B-1", "1234.56", "", end_to_end="R000000001")), local="15:30")
    assert (back.lines[0].record, back.lines[0].status) == ("R000000001", "returned")
    assert desk.amount(UNIDENTIFIED, "KZT") == 123_456
    with desk.work("15:31") as work:
        assert [one.reference for one in unidentified(work)] == ["B-1"]
    assign_money(desk.site, "B-1", "B04", "letter", "Operator One", "Operator Two", at("16:00"))
    assert desk.amount("B04", "KZT") == 123_456
    assert desk.proof().faults == ()


def test_what_the_bank_does_not_name_operators_give(desk: Desk) -> None:
    desk.drop_money(advice(entry("K-2", "7.00", "", counterparty_name="")), local="09:30")
    with pytest.raises(ValueError, match="did not say the sender's name, IBAN, BIC of K-2"):
        refund(desk, reference="K-2")
    one = refund(desk, Sender("Model Trading", "KZ86 125K ZT50 0410 0100", BANK_OF_SENDER), reference="K-2")
    assert (one.beneficiary_name, one.iban, one.bank_bic) == ("Model Trading", SENDER, BANK_OF_SENDER)


@pytest.mark.rule("CSD-3.3.1-a")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"approved_by": "operator one "}, "two persons"),
        ({"reason": " "}, "its reason"),
        ({"reference": "K-2"}, "no credit without a participant: they are K-1"),
        ({"purpose": "119"}, "an EKNP has 10 characters"),
        ({"sender": Sender(iban="KZ75125KZT2069100100")}, "goes back there, not to KZ75125KZT2069100100"),
        ({"sender": Sender(iban="KZ86125KZT5004100101")}, "IBAN"),
    ],
)
def test_what_may_not_be_is_said_and_nothing_moves(desk: Desk, changes: dict[str, Any], words: str) -> None:
    before = (desk.balances(), desk.rows(schema.refund), desk.rows(schema.event))
    with pytest.raises((LookupError, ValueError), match=words):
        refund(desk, **changes)
    assert (desk.balances(), desk.rows(schema.refund), desk.rows(schema.event)) == before


def test_money_goes_back_once_and_is_then_nobodys_to_give(desk: Desk) -> None:
    refund(desk)
    with pytest.raises(LookupError, match="they are none"):
        refund(desk)
    with pytest.raises(LookupError, match="they are none"):
        assign_money(desk.site, "K-1", "B04", "letter", "Operator One", "Operator Two", at("10:30"))


def take_back(desk: Desk, number: str = "R000000001", local: str = "10:20", **changes: Any) -> Refund:
    said = {"reason": "B04 has proved it its own", "operator": "Operator One", "approved_by": "Operator Two", **changes}
    return take_back_refund(desk.site, number, at=at(local), **said)


@pytest.mark.rule("CSD-3.3.1-a")
def test_a_refund_that_waits_can_be_taken_back_and_its_money_given_to_whom_it_belongs(
    desk: Desk, tmp_path: Path
) -> None:
    refund(desk)
    assert take_back(desk).credit == "K-1"
    assert desk.amount(UNIDENTIFIED, "KZT") == 123_456
    assign_money(desk.site, "K-1", "B04", "letter", "Operator One", "Operator Two", at("10:30"))
    desk.run_until("23:00")
    assert desk.amount("B04", "KZT") == 123_456
    assert not [name for name in desk.outbox("bank") if name.startswith("PAY-")]
    assert [row.state for row in desk.rows(schema.refund)] == ["taken back"]
    assert desk.proof().faults == ()
    assert desk.replay(tmp_path / "replay", "23:30").differences == ()


def test_what_was_taken_back_may_go_back_after_all_under_a_new_number(desk: Desk) -> None:
    refund(desk)
    take_back(desk)
    assert refund(desk, local="10:25").number == "R000000002"
    desk.run_until("13:30")
    assert confirm(desk, "R000000002").lines[0].status == "paid"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"approved_by": "operator one"}, "two persons"),
        ({"reason": " "}, "its reason"),
        ({"number": "R000000009"}, "no refund: those that can be taken back are R000000001"),
        ({"local": "14:00"}, "R000000001 is ordered: only a refund whose order has not gone to the bank"),
    ],
)
def test_what_cannot_be_taken_back_is_said_and_nothing_moves(desk: Desk, changes: dict[str, Any], words: str) -> None:
    refund(desk)
    if "local" in changes:
        desk.run_until("13:30")
    before = (desk.balances(), desk.rows(schema.refund), desk.rows(schema.event))
    with pytest.raises(LookupError, match=words):
        take_back(desk, **changes)
    assert (desk.balances(), desk.rows(schema.refund), desk.rows(schema.event)) == before
