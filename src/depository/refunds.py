"""Money that names no participant goes back to its sender by a payment order (CSD-3.3.1-a)."""

import re
from dataclasses import replace

from depository.bank import nobodys_credit
from depository.business_days import OutsideCalendar
from depository.identifiers import EKNP, EKNP_MESSAGE, bic, iban, iin_bin
from depository.ledger import Entry, block, release
from depository.store import bank as store
from depository.store import journal, payments
from depository.store.bank import Sender
from depository.store.work import Work
from depository.withdrawals import payment_day

LONGEST_DETAILS = 140
LONGEST_NAME = 140
"""Characters, as a payment order holds them."""


def give_back(work: Work, reference: str, named: Sender, purpose: str) -> payments.Refund:
    """Blocks a credit that is nobody's, whole, and queues its payment back for the next payout of its currency.

    `named` is the sender as operators know it. What the bank named wins: the money goes back to the account that it came from and to
    no other. Raises LookupError or ValueError, changing nothing, for a credit that is somebody's or unknown, a sender that is not known
    well enough to be paid, another account than that of the bank's statement, and OutsideCalendar beyond the published calendar.
    """
    credit = nobodys_credit(work, reference)
    sender = _sender(reference, credit.sender, named)
    if work.market.purpose_required(credit.currency, work.business_date) and not re.fullmatch(EKNP, purpose):
        raise ValueError(f"a payment in {credit.currency} needs its purpose: {EKNP_MESSAGE}")
    try:
        pay_on, _ = payment_day(work, credit.currency, work.business_date)
    except OutsideCalendar as outside:
        raise LookupError(str(outside)) from None
    number = f"R{work.next_number('refund'):09d}"
    one = payments.Refund(
        number=number,
        credit=reference,
        currency=credit.currency,
        amount=credit.amount,
        iban=sender.iban,
        bank_bic=sender.bic,
        beneficiary_name=sender.name,
        beneficiary_bin=sender.bin,
        purpose=purpose,
        details=f"Return of your payment of {credit.came_on}, which names no participant; {reference}"[
            :LONGEST_DETAILS
        ],
        pay_on=pay_on,
        state=payments.QUEUED,
        message_id="",
        requested_at=work.at,
    )
    journal.post(work, [Entry("block", number, block(one.currency, one.amount, one.holder, one.part))])
    payments.add(work, one)
    store.give_back(work, reference)
    return one


def take_back(work: Work, number: str) -> payments.Refund:
    """Ends a refund whose order has not gone to the bank: its money is nobody's again, to be assigned or sent back anew.

    Raises LookupError, changing nothing, for a number that is no refund's and for one that is not queued any more.
    """
    one = payments.refund(work, number)
    if one is None:
        waiting = [r.number for r in payments.refunds_under_way(work) if r.state == payments.QUEUED]
        raise LookupError(f"{number} is no refund: those that can be taken back are {', '.join(waiting) or 'none'}")
    if one.state != payments.QUEUED:
        raise LookupError(
            f"{number} is {one.state}: only a refund whose order has not gone to the bank can be taken back; of one that has, ask the bank"
        )
    journal.post(work, [Entry("release", number, release(one.currency, one.amount, one.holder, one.part))])
    payments.set_state(work, [one], payments.TAKEN_BACK)
    store.keep(work, one.credit)
    return one


def _sender(reference: str, by_bank: Sender, named: Sender) -> Sender:
    """Whom to pay: what the bank named, completed by what the operators know."""
    given = replace(named, iban=iban(named.iban) if named.iban else "", bic=bic(named.bic) if named.bic else "")
    if by_bank.iban and given.iban not in ("", by_bank.iban):
        raise ValueError(
            f"{reference} came from {by_bank.iban} and goes back there, not to {given.iban}: leave the account out"
        )
    sender = Sender(
        by_bank.name or given.name.strip(),
        by_bank.iban or given.iban,
        by_bank.bic or given.bic,
        by_bank.bin or (iin_bin(given.bin) if given.bin else ""),
    )
    missing = [what for what, value in (("name", sender.name), ("IBAN", sender.iban), ("BIC", sender.bic)) if not value]
    if missing:
        raise ValueError(
            f"the bank did not say the sender's {', '.join(missing)} of {reference}: ask the bank, and give what it says"
        )
    if len(sender.name) > LONGEST_NAME:
        return replace(sender, name=sender.name[:LONGEST_NAME])
    return sender
