"""Operators send money that names no participant back to its sender, two of them (CSD-3.3.1-a)."""

from dataclasses import asdict
from datetime import datetime

from depository.refunds import give_back, take_back
from depository.store.bank import Sender
from depository.store.events import EventKind
from depository.store.payments import Refund
from flows.steps.approval import two_persons
from flows.steps.inputs import note
from flows.steps.sites import Site


def refund_money(
    site: Site, reference: str, sender: Sender, purpose: str, reason: str, operator: str, approved_by: str, at: datetime
) -> Refund:
    """Queues its payment order for the next payout; the money stays blocked until the bank confirms.

    Raises LookupError or ValueError, changing nothing, for one person alone, no reason, a credit that is not nobody's, or a sender
    that cannot be paid.
    """
    two_persons("sending money back", operator, approved_by)
    if not reason.strip():
        raise LookupError("sending money back needs its reason: how it is known that it is no participant's")
    with site.writing(at) as work:
        one = give_back(work, reference, sender, purpose)
        said = {
            "reference": reference,
            "sender": asdict(sender),
            "purpose": purpose,
            "reason": reason,
            "operator": operator,
            "approved_by": approved_by,
        }
        note(work, site.archive, EventKind.REFUND, said)
    return one


def take_back_refund(site: Site, number: str, reason: str, operator: str, approved_by: str, at: datetime) -> Refund:
    """Ends a refund that waits for its payout; the credit is nobody's again.

    Raises LookupError, changing nothing, for one person alone, no reason, or a refund that is unknown or has gone to the bank.
    """
    two_persons("taking a refund back", operator, approved_by)
    if not reason.strip():
        raise LookupError("taking a refund back needs its reason")
    with site.writing(at) as work:
        one = take_back(work, number)
        said = {"number": number, "reason": reason, "operator": operator, "approved_by": approved_by}
        note(work, site.archive, EventKind.TAKE_BACK, said)
    return one
