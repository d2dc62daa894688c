"""Bank details by notice, form BDN: to which accounts a participant's withdrawals may go, and from when (CSD-3.3.2-c)."""

from datetime import date

from depository.answers import LineOutcome, Verdict
from depository.register import BankAccount
from depository.rejects import Reject, RejectionReason
from depository.requests import BankDetailsAction, BankDetailsRequest, Header
from depository.store import bank_details as store
from depository.store import payments, register
from depository.store.work import Work

RULE = "CSD-3.3.2-c"


def registered_accounts(work: Work, participant: str, currency: str, on: date) -> list[BankAccount]:
    """The accounts to which a participant's withdrawals in a currency may go on a day."""
    return store.registered(work, participant, currency, on)


def record_bank_details(work: Work, header: Header, request: BankDetailsRequest, cause: str) -> LineOutcome:
    """Takes a BDN: keeps old and new details with the form as cause; the change holds from its day of validity on."""
    participant = header.participant
    before = {one.iban: one for one in registered_accounts(work, participant, request.currency, request.valid_from)}
    old = before.get(request.iban)
    fault = check_bank_details(work, participant, request, old)
    if fault is not None:
        return LineOutcome(1, Verdict.REFUSED, header.reference, "", "", (fault,))
    number = f"D{work.next_number('bank details'):09d}"
    adds = request.action is BankDetailsAction.ADD
    store.add(
        work,
        store.Change(
            number=number,
            participant=participant,
            currency=request.currency,
            iban=request.iban,
            action=request.action,
            bank_bic=request.bank_bic if adds else "",
            beneficiary_name=request.beneficiary_name if adds else "",
            beneficiary_bin=request.beneficiary_bin if adds else "",
            old_bank_bic=old.bank_bic if old else "",
            old_beneficiary_name=old.beneficiary_name if old else "",
            old_beneficiary_bin=old.beneficiary_bin if old else "",
            valid_from=request.valid_from,
            reference=header.reference,
            cause=cause,
            business_date=work.business_date,
            recorded_at=work.at,
        ),
    )
    what = "registered" if adds else "taken off"
    note = f"{request.iban} is {what} for {request.currency} from {request.valid_from} on"
    return LineOutcome(1, Verdict.ACCEPTED, header.reference, number, what, note=note)


def check_bank_details(
    work: Work, participant: str, request: BankDetailsRequest, old: BankAccount | None
) -> Reject | None:
    """The first fault: currency, day, then what the action asks; `old` = the account as registered on the day of validity."""
    if work.market.currency(request.currency) is None:
        held = ", ".join(currency.code for currency in work.market.currencies)
        return Reject(
            RejectionReason.MONEY,
            "CSD-5.1.5-a",
            "currency",
            request.currency,
            f"the depository holds money in {held}; give one of these",
        )
    if request.valid_from < work.business_date:
        return Reject(
            RejectionReason.DATE,
            RULE,
            "valid_from",
            str(request.valid_from),
            f"a change never holds for days that have passed; today is {work.business_date}",
        )
    if request.action is BankDetailsAction.ADD:
        return _check_added(work, participant, request, old)
    return _check_removed(work, participant, request, old)


def _check_added(work: Work, participant: str, request: BankDetailsRequest, old: BankAccount | None) -> Reject | None:
    """Money goes to the participant's own account alone, and a notice that changes nothing is a mistake."""
    if store.holders(work, request.iban, request.valid_from) - {participant}:
        return Reject(
            RejectionReason.CASH_ACCOUNT,
            RULE,
            "iban",
            request.iban,
            "this account is another participant's; register one of your own",
        )
    party = register.party(work, participant)
    if party is not None and party.bin and request.beneficiary_bin != party.bin:
        return Reject(
            RejectionReason.CASH_ACCOUNT,
            RULE,
            "beneficiary_bin",
            request.beneficiary_bin,
            f"the account must be your own: the BIN of {participant} is {party.bin}",
        )
    new = BankAccount(
        participant,
        request.currency,
        request.iban,
        request.bank_bic,
        request.beneficiary_name,
        request.beneficiary_bin,
    )
    if new == old:
        return Reject(
            RejectionReason.CASH_ACCOUNT,
            RULE,
            "iban",
            request.iban,
            f"this {request.currency} account is registered with these details already",
        )
    return None


def _check_removed(work: Work, participant: str, request: BankDetailsRequest, old: BankAccount | None) -> Reject | None:
    """Only a registered account can be taken off, and not while a payment to it waits for that day or a later one."""
    if old is None:
        return Reject(
            RejectionReason.CASH_ACCOUNT,
            RULE,
            "iban",
            request.iban,
            f"this is not a registered {request.currency} account of {participant} on {request.valid_from}",
        )
    for name in ("bank_bic", "beneficiary_name", "beneficiary_bin"):
        given, kept = getattr(request, name), getattr(old, name)
        if given and given != kept:
            return Reject(RejectionReason.CASH_ACCOUNT, RULE, name, given, f"this account is registered with {kept!r}")
    waiting = [
        one
        for one in payments.withdrawals_of(work, participant, payments.QUEUED)
        if (one.iban, one.currency) == (request.iban, request.currency) and one.pay_on >= request.valid_from
    ]
    if waiting:
        last = max(waiting, key=lambda one: one.pay_on)
        return Reject(
            RejectionReason.CASH_ACCOUNT,
            RULE,
            "valid_from",
            str(request.valid_from),
            f"withdrawal {last.number} goes to this account on {last.pay_on}; take the account off from a later day",
        )
    return None
