"""What the settlement bank has booked on the nominee accounts, and its closing balances."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, insert, select, update

from depository.store import schema
from depository.store.work import Work

E = schema.bank_entry
C = schema.bank_closing


@dataclass(frozen=True, slots=True)
class Booking:
    """An entry of the bank as taken; `amount` in smallest units."""

    reference: str
    currency: str
    amount: int
    credit: bool


def booking(work: Work, reference: str) -> Booking | None:
    """The entry with this bank reference."""
    row = work.connection.execute(select(E).where(E.c.reference == reference)).first()
    return None if row is None else Booking(row.reference, row.currency, int(row.amount), bool(row.credit))


def add(work: Work, one: Booking, holder: str) -> None:
    """Writes an entry and whose money it is."""
    work.connection.execute(
        insert(E).values(
            reference=one.reference,
            currency=one.currency,
            amount=one.amount,
            credit=int(one.credit),
            participant=holder,
            state="booked",
            business_date=work.business_date,
            at=work.at,
        )
    )


def give(work: Work, reference: str, holder: str) -> None:
    """A credit that was nobody's is a holder's from now on."""
    work.connection.execute(update(E).where(E.c.reference == reference).values(participant=holder, state="assigned"))


def of_holder(work: Work, holder: str) -> Sequence[tuple[str, str, int]]:
    """The entries of a holder: bank reference, currency, amount."""
    rows = work.connection.execute(
        select(E.c.reference, E.c.currency, E.c.amount).where(E.c.participant == holder).order_by(E.c.reference)
    )
    return [(r.reference, r.currency, int(r.amount)) for r in rows]


def closing_balance(work: Work, day: date, currency: str) -> int | None:
    """The bank's closing balance of a day, None when no statement came."""
    found = work.connection.execute(
        select(C.c.amount).where(C.c.business_date == day, C.c.currency == currency)
    ).scalar()
    return None if found is None else int(found)


def last_closing(work: Work) -> date | None:
    """The newest business date before the present one of which the bank has stated a closing balance."""
    return work.connection.execute(
        select(func.max(C.c.business_date)).where(C.c.business_date < work.business_date)
    ).scalar()


def keep_closing(work: Work, day: date, currency: str, amount: int, statement: str) -> None:
    """Writes the closing balance of a day; a later statement of the same day replaces it."""
    values = {"amount": amount, "statement": statement}
    changed = work.connection.execute(
        update(C).where(C.c.business_date == day, C.c.currency == currency).values(**values)
    ).rowcount
    if not changed:
        work.connection.execute(insert(C).values(business_date=day, currency=currency, **values))
