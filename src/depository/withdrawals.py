"""Cash withdrawals, form WRN: check, block, order the payment (CSD-3.3.2-a, b, c)."""

from dataclasses import dataclass
from datetime import date, timedelta

from depository.amounts import in_words
from depository.answers import LineOutcome, Verdict
from depository.bank_details import registered_accounts
from depository.business_days import OutsideCalendar
from depository.identifiers import EKNP_MESSAGE
from depository.ledger import Entry, block
from depository.obligations import free_cash
from depository.rejects import Reject, RejectionReason
from depository.reports import Payment
from depository.requests import Header, WithdrawalRequest
from depository.store import journal, register
from depository.store import payments as store
from depository.store.work import Work
from depository.timetable import moment
from depository.units import TooFine, from_units, to_units


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """The payments of one batch in one currency, under one message id."""

    message_id: str
    currency: str
    bank_bic: str
    """The settlement bank that holds our nominee account."""
    payments: tuple[Payment, ...]


def record_withdrawal(work: Work, header: Header, request: WithdrawalRequest) -> LineOutcome:
    """Takes a WRN: own registered account, no more than what is free of today's unsettled obligations; then blocks the money."""
    checked = check_withdrawal(work, header.participant, request)
    if isinstance(checked, Reject):
        return LineOutcome(1, Verdict.REFUSED, header.reference, "", "", (checked,))
    try:
        pay_on, why = payment_day(work, request.currency, request.value_date)
    except OutsideCalendar as outside:
        fault = Reject(RejectionReason.DATE, "CSD-7.6.5-a", "value_date", str(request.value_date), str(outside))
        return LineOutcome(1, Verdict.REFUSED, header.reference, "", "", (fault,))
    moved = _account_fault(work, header.participant, request, pay_on)
    if moved is not None:
        # The payment goes out later than asked for, when the account is no longer, or not yet, registered as named.
        return LineOutcome(1, Verdict.REFUSED, header.reference, "", "", (moved,))
    number = f"W{work.next_number('withdrawal'):09d}"
    withdrawal = store.Withdrawal(
        number=number,
        participant=header.participant,
        reference=header.reference,
        currency=request.currency,
        amount=checked,
        iban=request.iban,
        bank_bic=request.bank_bic,
        beneficiary_name=request.beneficiary_name,
        beneficiary_bin=request.beneficiary_bin,
        purpose=request.purpose,
        details=request.details,
        pay_on=pay_on,
        state=store.QUEUED,
        message_id="",
        requested_at=work.at,
    )
    blocked = block(withdrawal.currency, withdrawal.amount, withdrawal.holder, withdrawal.part)
    journal.post(work, [Entry("block", number, blocked)])
    store.add(work, withdrawal)
    return LineOutcome(
        1,
        Verdict.ACCEPTED,
        header.reference,
        number,
        store.QUEUED,
        note=f"{in_words(work, request.currency, checked)} blocked for payment on {pay_on}{why}",
    )


def check_withdrawal(work: Work, participant: str, request: WithdrawalRequest) -> int | Reject:
    """The amount to pay in smallest units, or the first fault."""
    currency = work.market.currency(request.currency)
    if currency is None:
        return Reject(
            RejectionReason.MONEY,
            "CSD-5.1.5-a",
            "currency",
            request.currency,
            f"the depository holds money in {', '.join(c.code for c in work.market.currencies)}; give one of these",
        )
    fault = _account_fault(work, participant, request, max(request.value_date, work.business_date))
    if fault is not None:
        return fault
    if request.value_date < work.business_date:
        return Reject(
            RejectionReason.DATE,
            "CSD-3.3.2-a",
            "value_date",
            str(request.value_date),
            f"the value date has passed; today is {work.business_date}",
        )
    try:
        asked = to_units(request.amount, currency.digits)
    except TooFine as fault:
        return Reject(RejectionReason.MONEY, "CSD-3.3.2-b", "amount", str(request.amount), str(fault))
    if asked <= 0:
        return Reject(
            RejectionReason.MONEY, "CSD-3.3.2-b", "amount", str(request.amount), "ask for an amount above nought"
        )
    if not request.purpose and work.market.purpose_required(currency.code, work.business_date):
        return Reject(
            RejectionReason.RULE,
            "CSD-3.3.2-b",
            "purpose",
            "",
            f"a payment in {currency.code} names its purpose: {EKNP_MESSAGE}",
        )
    return _free_amount(work, participant, request, asked, currency.digits)


def _account_fault(work: Work, participant: str, request: WithdrawalRequest, on: date) -> Reject | None:
    """CSD-3.3.2-c: on the day of payment the account must be registered, at the bank that the form names."""
    registered = registered_accounts(work, participant, request.currency, on)
    account = next((a for a in registered if a.iban == request.iban), None)
    if account is None:
        return Reject(
            RejectionReason.CASH_ACCOUNT,
            "CSD-3.3.2-c",
            "iban",
            request.iban,
            f"not a registered {request.currency} account of {participant} on {on}; register it by notice (BDN) first",
        )
    if account.bank_bic != request.bank_bic:
        return Reject(
            RejectionReason.CASH_ACCOUNT,
            "CSD-3.3.2-c",
            "bank_bic",
            request.bank_bic,
            f"this account is registered at {account.bank_bic}",
        )
    return None


def _free_amount(work: Work, participant: str, request: WithdrawalRequest, asked: int, digits: int) -> int | Reject:
    """CSD-3.3.2-b: no more than what is free of the unsettled obligations of the day."""
    free = free_cash(work, participant, request.currency)
    if request.all_available and free > 0:
        return min(asked, free)
    if asked <= free:
        return asked
    there = journal.amount(work, participant, request.currency)
    return Reject(
        RejectionReason.MONEY,
        "CSD-3.3.2-b",
        "amount",
        str(request.amount),
        f"{from_units(there, digits)} {request.currency} is there, of which {from_units(free, digits)} is free of today's "
        "unsettled obligations; ask for no more than that",
    )


def payment_day(work: Work, currency: str, value_date: date) -> tuple[date, str]:
    """The day on which the order goes out, and why not today (CSD-3.3.2-a); payouts run on settlement days.

    Raises OutsideCalendar for a value date beyond the published calendar.
    """
    calendar = register.calendar(work)
    day = calendar.settlement_day_after(max(value_date, work.business_date) - timedelta(days=1), 1)
    if day > work.business_date:
        return day, ""
    cut_off = work.market.timetable(day).payout_cut_off(currency)
    if work.at <= moment(day, cut_off, work.market.zone):
        return day, ""
    following = calendar.settlement_day_after(day, 1)
    return (
        following,
        f": the cut-off {cut_off:%H:%M} for {currency} has passed, so it is queued for the next business day",
    )


def order_payments(work: Work, batch: str) -> list[PaymentOrder]:
    """Orders every queued withdrawal and refund whose day has come, one message per currency; the money stays blocked until the bank
    confirms.

    The cut-off is judged by the request's arrival (`payment_day`), not here: a batch that starts seconds late leaves nobody out.
    """
    orders = []
    for currency in work.market.currencies:
        due = store.due(work, currency.code)
        if not due:
            continue
        message_id = f"PAY-{work.business_date:%Y%m%d}-{batch}-{currency.code}"
        payments = tuple(_payment(one, currency.nominee_iban, currency.digits, work.business_date) for one in due)
        store.set_state(work, due, store.ORDERED, message_id)
        orders.append(PaymentOrder(message_id, currency.code, currency.bank_bic, payments))
    return orders


def _payment(one: store.OutgoingPayment, debtor_iban: str, digits: int, day: date) -> Payment:
    return Payment(
        end_to_end=one.number,
        debtor_iban=debtor_iban,
        currency=one.currency,
        amount=from_units(one.amount, digits),
        creditor_name=one.beneficiary_name,
        creditor_bin=one.beneficiary_bin,
        creditor_iban=one.iban,
        creditor_bic=one.bank_bic,
        purpose=one.purpose,
        details=one.details,
        execution_date=day,
    )
