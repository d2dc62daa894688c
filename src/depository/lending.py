"""Loans of securities between participants rest on agreements in a register (CSD-6.2.2)."""

from collections.abc import Sequence

from depository.register import LendingAgreement
from depository.rejects import FileRefused, Reject, RejectionReason
from depository.requests import LENDING, LENDING_RETURN, LOANS, Movement, TransferRequest
from depository.store import register
from depository.store.work import Work


def register_agreements(work: Work, found: Sequence[LendingAgreement]) -> None:
    """Registers agreements; raises FileRefused for a side that is no participant."""
    participants = {one.code for one in register.participants(work)}
    for one in found:
        strangers = sorted({one.lender, one.borrower} - participants)
        if strangers:
            said = f"{one.reference} names {', '.join(strangers)}, which is no participant"
            raise FileRefused("reference", f"Nothing was loaded. lending_agreements.csv: {said}.")
    register.add_lending_agreements(work, found)


def loan_fault(work: Work, sender: str, line: TransferRequest) -> Reject | None:
    """A loan and its return rest on an agreement registered between just these two, from lender to borrower and back (CSD-6.2.2-a)."""
    if line.reason not in LOANS:
        return None
    agreement = register.lending_agreement(work, line.agreement)
    if agreement is None:
        return _refused(line, "no approved agreement is registered under this reference; have it registered first")
    delivers = line.movement is Movement.DELIVER
    sides = (sender, line.counterparty) if delivers else (line.counterparty, sender)
    right = (agreement.lender, agreement.borrower)
    if line.reason == LENDING and sides == right:
        day = line.due_date or work.business_date
        if not agreement.valid_from <= day <= agreement.valid_to:
            return _refused(line, f"it is in force from {agreement.valid_from} to {agreement.valid_to}, not on {day}")
        return None
    if line.reason == LENDING_RETURN and sides == right[::-1]:
        # What was lent goes back also when no more may be lent.
        return None
    if sides in (right, right[::-1]):
        lends = f"under it {agreement.lender} lends to {agreement.borrower}"
        return _refused(line, f"{lends}; a loan goes that way, and its return the other")
    return _refused(line, "it is an agreement of others; name the one between the two of you")


def _refused(line: TransferRequest, why: str) -> Reject:
    return Reject(RejectionReason.RULE, "CSD-6.2.2-a", "agreement", line.agreement, why)
