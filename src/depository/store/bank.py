"""What the settlement bank has booked on the nominee accounts, and its closing balances."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, insert, select, update

from depository.ledger import UNIDENTIFIED
from depository.store import schema
from depository.store.work import Work

E = schema.bank_entry
C = schema.bank_closing
BOOKED = "booked"
ASSIGNED = "assigned"
REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a credit, as far as the bank named it; "" = it did not."""

    name: str = ""
    iban: str = ""
    bic: str = ""
    bin: str = ""


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


@dataclass(frozen=True, slots=True)
class Nobodys:
    """A credit that no participant was found for, and who sent it; `amount` in smallest units."""

    reference: str
    currency: str
    amount: int
    came_on: date
    sender: Sender


def add(work: Work, one: Booking, holder: str, sender: Sender) -> None:
    """Writes an entry, whose money it is, and who sent it."""
    work.connection.execute(
        insert(E).values(
            reference=one.reference,
            currency=one.currency,
            amount=one.amount,
            credit=int(one.credit),
            participant=holder,
            state=BOOKED,
            business_date=work.business_date,
            at=work.at,
            sender_name=sender.name,
            sender_iban=sender.iban,
            sender_bic=sender.bic,
            sender_bin=sender.bin,
        )
    )


def give(work: Work, reference: str, holder: str) -> None:
    """A credit that was nobody's is a holder's from now on."""
    work.connection.execute(update(E).where(E.c.reference == reference).values(participant=holder, state=ASSIGNED))


def give_back(work: Work, reference: str) -> None:
    """A credit that was nobody's goes back to its sender."""
    work.connection.execute(update(E).where(E.c.reference == reference).values(state=REFUNDED))


def keep(work: Work, reference: str) -> None:
    """A credit that was on its way back to its sender is nobody's again."""
    work.connection.execute(update(E).where(E.c.reference == reference).values(state=BOOKED))


def nobodys(work: Work) -> Sequence[Nobodys]:
    """The credits that are still nobody's, in order of the bank's references."""
    rows = work.connection.execute(
        select(E).where(E.c.participant == UNIDENTIFIED, E.c.state == BOOKED, E.c.credit == 1).order_by(E.c.reference)
    )
    return [
        Nobodys(
            r.reference,
            r.currency,
            int(r.amount),
            r.business_date,
            Sender(r.sender_name, r.sender_iban, r.sender_bic, r.sender_bin),
        )
        for r in rows
    ]


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
