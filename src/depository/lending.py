"""Loans of securities between participants: the register of agreements that they rest on, and what is lent (CSD-6.2.2, CSD-6.3.3)."""

from collections.abc import Sequence

from depository.amounts import shown
from depository.register import LendingAgreement
from depository.rejects import FileRefused, Reject, RejectionReason
from depository.reports import Column, Kind, Table, Value, table
from depository.requests import LENDING, LENDING_RETURN, LOANS, Movement, TransferRequest
from depository.store import loans, register
from depository.store.loans import Lent
from depository.store.work import Work

OUTSTANDING = (
    Column("agreement", "Agreement"),
    Column("lender", "Lender"),
    Column("borrower", "Borrower"),
    Column("isin", "ISIN"),
    Column("lent", "Lent", Kind.QUANTITY),
    Column("returned", "Returned", Kind.QUANTITY),
    Column("outstanding", "Outstanding", Kind.QUANTITY),
    Column("since", "Since", Kind.DATE),
)


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


def outstanding(work: Work) -> list[Lent]:
    """What is lent and not given back in full, or more was given back than lent (CSD-6.3.3-a).

    Transfers marked as lending change it and nothing else does: no corporate action, and no collateral is held for it.
    """
    return [one for one in loans.every(work) if one.lent != one.returned]


def outstanding_table(work: Work, some: Sequence[Lent]) -> Table:
    """Loans as a table of a report."""
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (
            one.agreement,
            one.lender,
            one.borrower,
            one.isin,
            *(shown(work, one.isin, units) for units in (one.lent, one.returned, one.lent - one.returned)),
            work.market.local(one.first_at).date(),
        )
        for one in some
    )
    return table("Loans", "Loans of securities outstanding", OUTSTANDING, rows, "No loan is outstanding.")
