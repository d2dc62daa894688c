"""Recorded indemnities (form IND)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import insert, select, tuple_, update

from depository.pieces import pieces
from depository.store import schema
from depository.store.work import Work

GIVEN = "given"
REPLACED = "replaced"
USED = "used"

I = schema.indemnity  # noqa: E741 - the table of this module


@dataclass(frozen=True, slots=True)
class Indemnity:
    """An indemnity that a participant gave for its SIN numbered `sin`; it counts for that form alone, once."""

    number: str
    reference: str
    """The giver's number of the IND."""
    giver: str
    given_by: str
    sin: str
    debtor: str
    secured_party: str
    isin: str
    quantity: int | None
    """Smallest units; None = all."""
    agreement_number: str
    agreement_date: date
    text_version: str
    interest: str
    """The interest it belongs to; "" until a new one is recorded."""
    enforcement: str
    """The enforcement it was used for, "" for none."""
    state: str
    recorded_at: datetime


def add(work: Work, one: Indemnity) -> None:
    """Writes an indemnity; an earlier one for the same SIN that was not used yet gives way to it."""
    earlier = (I.c.giver == one.giver, I.c.sin == one.sin, I.c.state == GIVEN)
    work.connection.execute(update(I).where(*earlier).values(state=REPLACED))
    work.connection.execute(insert(I).values(**asdict(one)))


def given(work: Work, giver: str, sin: str) -> Indemnity | None:
    """The indemnity that was given for this SIN and is not used yet."""
    query = select(I).where(I.c.giver == giver, I.c.sin == sin, I.c.state == GIVEN)
    row = work.connection.execute(query).first()
    return None if row is None else Indemnity(**row._mapping)


def given_for(work: Work, wanted: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Of these pairs of giver and SIN those for which an indemnity was given that is not used yet."""
    found: set[tuple[str, str]] = set()
    for some in pieces(wanted, 400):
        query = select(I.c.giver, I.c.sin).where(I.c.state == GIVEN, tuple_(I.c.giver, I.c.sin).in_(some))
        found.update((giver, sin) for giver, sin in work.connection.execute(query))
    return found


def use(work: Work, number: str, interest: str, enforcement: str = "") -> None:
    """Ties an indemnity to the interest, and to the enforcement, that was recorded with it."""
    changed = {"state": USED, "interest": interest, "enforcement": enforcement}
    work.connection.execute(update(I).where(I.c.number == number).values(**changed))


def of_interest(work: Work, interest: str) -> list[Indemnity]:
    """The indemnities with which an interest was recorded and enforcements of it were asked for."""
    query = select(I).where(I.c.interest == interest, I.c.state == USED).order_by(I.c.number)
    return [Indemnity(**r._mapping) for r in work.connection.execute(query)]
