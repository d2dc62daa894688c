"""Payment orders to the settlement bank as pain.001.001.09, and back for the simulated bank (CSD-3.3.2-b).

One PmtInf per debtor account, currency and execution date; the end-to-end reference is the payment's identity for ever.
The creditor's BIN is an organisation identification of scheme COID, the EKNP purpose a proprietary purpose code.

Source: ISO 20022 message definition pain.001.001.09; scheme COID as used by the domestic depository's interface.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby

from depository.identifiers import BadIdentifier, bic, iban, reference
from depository.rejects import FileRefused
from depository.reports import Payment
from parsers.csv_table import exact_sum, shown
from parsers.iso_xml import Element, add, as_bytes, child, children, moment, new_document, read_document, words

MESSAGE = "pain.001.001.09"

_WHAT = "payment order"
_LONGEST_ID = 35
_LONGEST_TEXT = 140
_AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Debtor:
    """Who pays: the depository's name, BIN and BIC, and the settlement bank that holds its nominee accounts."""

    name: str
    bin: str
    bic: str
    bank_bic: str


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """A payment order as the bank reads it."""

    message_id: str
    created: datetime
    debtor: Debtor
    payments: tuple[Payment, ...]


def render(payments: Sequence[Payment], message_id: str, created: datetime, debtor: Debtor) -> bytes:
    """The order of the payments, sorted by account, currency, date and end-to-end reference; equal input, equal bytes.

    Raises ValueError when there is no payment, an end-to-end reference stands twice, an amount is not above nought, or
    a text does not fit its element.
    """
    if not payments:
        raise ValueError("a payment order needs a payment")
    if len({payment.end_to_end for payment in payments}) != len(payments):
        raise ValueError("an end-to-end reference stands twice in the order")
    for payment in payments:
        _check(payment)
    _fits(message_id, _LONGEST_ID - 5, "message id")
    document = new_document(MESSAGE)
    body = add(document, "CstmrCdtTrfInitn")
    header = add(body, "GrpHdr")
    add(header, "MsgId", message_id)
    add(header, "CreDtTm", moment(created))
    add(header, "NbOfTxs", str(len(payments)))
    add(header, "CtrlSum", f"{exact_sum(p.amount for p in payments):f}")
    _party(add(header, "InitgPty"), debtor)
    in_order = sorted(payments, key=lambda p: (*_group(p), p.end_to_end))
    for number, (group, members) in enumerate(groupby(in_order, _group), start=1):
        _write_group(body, f"{message_id}-{number}", group, list(members), debtor)
    return as_bytes(document)


def _group(payment: Payment) -> tuple[str, str, date]:
    return payment.debtor_iban, payment.currency, payment.execution_date


def _check(payment: Payment) -> None:
    if payment.amount <= 0:
        raise ValueError(f"payment {payment.end_to_end} is not above nought")
    _fits(payment.end_to_end, _LONGEST_ID, "end-to-end reference")
    _fits(payment.creditor_name, _LONGEST_TEXT, "creditor's name")
    if len(payment.details) > _LONGEST_TEXT:
        raise ValueError(f"payment {payment.end_to_end}: the details are longer than {_LONGEST_TEXT} characters")


def _fits(text: str, longest: int, name: str) -> None:
    if not 0 < len(text) <= longest:
        raise ValueError(f"the {name} {shown(text)!r} must have 1 to {longest} characters")


def _party(element: Element, debtor: Debtor) -> None:
    add(element, "Nm", debtor.name)
    organisation = add(element, "Id/OrgId")
    add(organisation, "AnyBIC", debtor.bic)
    _bin(organisation, debtor.bin)


def _bin(organisation: Element, number: str) -> None:
    other = add(organisation, "Othr")
    add(other, "Id", number)
    add(other, "SchmeNm/Cd", "COID")


def _write_group(
    body: Element, identifier: str, group: tuple[str, str, date], payments: list[Payment], debtor: Debtor
) -> None:
    account, currency, day = group
    element = add(body, "PmtInf")
    add(element, "PmtInfId", identifier)
    add(element, "PmtMtd", "TRF")
    # One booking per payment, so that each comes back on the statement with its own reference.
    add(element, "BtchBookg", "false")
    add(element, "NbOfTxs", str(len(payments)))
    add(element, "CtrlSum", f"{exact_sum(p.amount for p in payments):f}")
    add(element, "ReqdExctnDt/Dt", day.isoformat())
    _party(add(element, "Dbtr"), debtor)
    debtor_account = add(element, "DbtrAcct")
    add(debtor_account, "Id/IBAN", account)
    add(debtor_account, "Ccy", currency)
    add(element, "DbtrAgt/FinInstnId/BICFI", debtor.bank_bic)
    for payment in payments:
        transfer = add(element, "CdtTrfTxInf")
        identification = add(transfer, "PmtId")
        add(identification, "InstrId", payment.end_to_end)
        add(identification, "EndToEndId", payment.end_to_end)
        add(transfer, "Amt/InstdAmt", f"{payment.amount:f}", Ccy=payment.currency)
        add(transfer, "CdtrAgt/FinInstnId/BICFI", payment.creditor_bic)
        creditor = add(transfer, "Cdtr")
        add(creditor, "Nm", payment.creditor_name)
        if payment.creditor_bin:
            _bin(add(creditor, "Id/OrgId"), payment.creditor_bin)
        add(transfer, "CdtrAcct/Id/IBAN", payment.creditor_iban)
        if payment.purpose:
            add(transfer, "Purp/Prtry", payment.purpose)
        if payment.details:
            add(transfer, "RmtInf/Ustrd", payment.details)


def read_orders(data: bytes) -> PaymentOrder:
    """The payments of an order, in the order of the message.

    Raises FileRefused when it is no such message, when number or sum of the payments disagree, or when a payment lacks
    something: an order is carried out whole or not at all.
    """
    message, document = read_document(data, _WHAT)
    body = child(document, "CstmrCdtTrfInitn")
    if not message.startswith("pain.001.") or body is None:
        raise FileRefused("wrong-type", f"The message is {message}: send pain.001 with CstmrCdtTrfInitn.")
    try:
        created = datetime.fromisoformat(words(body, "GrpHdr", "CreDtTm"))
    except ValueError:
        raise FileRefused(
            "incomplete", "GrpHdr/CreDtTm of the payment order is no moment: write it by ISO 8601."
        ) from None
    payments: list[Payment] = []
    for group in children(body, "PmtInf"):
        members = [_payment(group, transfer) for transfer in children(group, "CdtTrfTxInf")]
        _check_totals(group, members)
        payments += members
    header = child(body, "GrpHdr")
    _check_totals(header, payments)
    if len({payment.end_to_end for payment in payments}) != len(payments):
        raise FileRefused(
            "duplicate-reference", "An end-to-end reference stands twice in the payment order: give each its own."
        )
    first = child(body, "PmtInf")
    debtor = Debtor(
        words(first, "Dbtr", "Nm"),
        words(first, "Dbtr", "Id", "OrgId", "Othr", "Id"),
        words(first, "Dbtr", "Id", "OrgId", "AnyBIC"),
        words(first, "DbtrAgt", "FinInstnId", "BICFI"),
    )
    return PaymentOrder(words(header, "MsgId"), created, debtor, tuple(payments))


def _check_totals(element: Element, payments: Sequence[Payment]) -> None:
    """Number and control sum must agree; both are there in what the depository sends."""
    count, total = words(element, "NbOfTxs"), words(element, "CtrlSum")
    right = exact_sum(payment.amount for payment in payments)
    if not payments or count != str(len(payments)) or not _AMOUNT.fullmatch(total) or Decimal(total) != right:
        raise FileRefused(
            "wrong-trailer",
            f"The payment order says {shown(count)} payments of {shown(total)} together, it holds {len(payments)} of "
            f"{right:f}: it is cut off or changed; send it whole.",
        )


def _payment(group: Element, transfer: Element) -> Payment:
    end_to_end = words(transfer, "PmtId", "EndToEndId")
    text, currency = words(transfer, "Amt", "InstdAmt"), ""
    for amount in children(transfer, "Amt", "InstdAmt"):
        currency = amount.get("Ccy", "")
    account = words(group, "DbtrAcct", "Id", "IBAN")
    creditor_iban = words(transfer, "CdtrAcct", "Id", "IBAN")
    creditor_bic = words(transfer, "CdtrAgt", "FinInstnId", "BICFI")
    try:
        if not _AMOUNT.fullmatch(text) or not Decimal(text):
            raise BadIdentifier(f"The amount {shown(text)!r} is no plain number above nought.")
        reference(end_to_end)
        iban(account)
        iban(creditor_iban)
        bic(creditor_bic)
        day = _day(words(group, "ReqdExctnDt", "Dt"))
    except ValueError as error:
        raise FileRefused("wrong-payment", f"Payment {shown(end_to_end)!r}: {error}") from None
    return Payment(
        end_to_end=end_to_end,
        debtor_iban=account,
        currency=currency,
        amount=Decimal(text),
        creditor_name=words(transfer, "Cdtr", "Nm"),
        creditor_bin=words(transfer, "Cdtr", "Id", "OrgId", "Othr", "Id"),
        creditor_iban=creditor_iban,
        creditor_bic=creditor_bic,
        purpose=words(transfer, "Purp", "Prtry"),
        details=words(transfer, "RmtInf", "Ustrd"),
        execution_date=day,
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadIdentifier(f"The day {shown(text)!r} is no date: write it as 2026-11-23.") from None
