"""The cycles that were run, with their certificates."""

from sqlalchemy import func, insert, select

from depository.store import schema
from depository.store.work import Work

T = schema.cycle


def next_of_today(work: Work) -> int:
    """The number of the next cycle of the business date."""
    count = work.connection.execute(
        select(func.count()).select_from(T).where(T.c.business_date == work.business_date)
    ).scalar_one()
    return int(count) + 1


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
