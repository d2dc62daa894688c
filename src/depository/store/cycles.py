"""The cycles that were run, with their certificates."""

from sqlalchemy import func, insert, select, update

from depository.store import schema
from depository.store.work import Work

T = schema.cycle


def next_of_today(work: Work) -> int:
    """The number of the next cycle of the business date."""
    count = work.connection.execute(
        select(func.count()).select_from(T).where(T.c.business_date == work.business_date)
    ).scalar_one()
    return int(count) + 1


def keep_proof(work: Work, number: int, sha256: str) -> None:
    """Keeps which archived content is a cycle's input, outcome and proof."""
    work.connection.execute(
        update(T).where(T.c.business_date == work.business_date, T.c.number == number).values(proof=sha256)
    )


def proof_of(work: Work, number: int) -> str:
    """The archived content of a cycle of the business date; raises LookupError when there is no such cycle."""
    row = work.connection.execute(
        select(T.c.proof).where(T.c.business_date == work.business_date, T.c.number == number)
    ).first()
    if row is None:
        raise LookupError(f"{work.business_date} has no settlement cycle {number}")
    return str(row.proof)


def add(work: Work, number: int, kind: str, due: int, settled: int, certificate: str) -> None:
    """Writes a cycle."""
    work.connection.execute(
        insert(T).values(
            business_date=work.business_date,
            number=number,
            kind=kind,
            at=work.at,
            due=due,
            settled=settled,
            certificate=certificate,
        )
    )
