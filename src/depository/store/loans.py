"""What was lent and given back under lending agreements, by the settled transfers that say so."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from depository.instructions import Side, Status
from depository.requests import LENDING, LOANS
from depository.store import schema
from depository.store.work import Work


@dataclass(frozen=True, slots=True)
class Lent:
    """One security under one agreement. Quantities in units."""

    agreement: str
    lender: str
    borrower: str
    isin: str
    lent: int
    returned: int
    first_at: datetime
    """When the first of it was lent or given back."""


def every(work: Work) -> list[Lent]:
    """All of it, also what was given back whole, by agreement and security."""
    i, a = schema.instruction, schema.lending_agreement
    out = func.sum(i.c.quantity).filter(i.c.purpose == LENDING)
    back = func.sum(i.c.quantity).filter(i.c.purpose != LENDING)
    # Both sides send an instruction; the delivering one is counted.
    found = work.connection.execute(
        select(a.c.reference, a.c.lender, a.c.borrower, i.c.isin, out, back, func.min(i.c.settled_at))
        .join(a, a.c.reference == i.c.agreement)
        .where(i.c.purpose.in_(LOANS), i.c.side == Side.DELIVER.value, i.c.status == Status.SETTLED.value)
        .group_by(a.c.reference, a.c.lender, a.c.borrower, i.c.isin)
        .order_by(a.c.reference, i.c.isin)
    )
    return [
        Lent(agreement, lender, borrower, isin, int(lent or 0), int(returned or 0), first_at)
        for agreement, lender, borrower, isin, lent, returned, first_at in found
    ]
