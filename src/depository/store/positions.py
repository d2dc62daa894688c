"""What the registry says it holds in the depository's name, per day."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from sqlalchemy import delete, func, insert, select

from depository.store import schema
from depository.store.work import Work

T = schema.registry_position


def of_day(work: Work, day: date) -> dict[str, int]:
    """Quantity per ISIN, in smallest units."""
    rows = work.connection.execute(select(T).where(T.c.as_of == day).order_by(T.c.isin))
    return {r.isin: int(r.quantity) for r in rows}


def last_day(work: Work) -> date | None:
    """The newest business date before the present one of which the registry has stated positions."""
    return work.connection.execute(select(func.max(T.c.as_of)).where(T.c.as_of < work.business_date)).scalar()


def replace(work: Work, days: Iterable[date], rows: Sequence[Mapping[str, object]]) -> None:
    """Replaces the positions of whole days; a row is `as_of`, `isin`, `quantity`."""
    for day in days:
        work.connection.execute(delete(T).where(T.c.as_of == day))
    if rows:
        work.connection.execute(insert(T), list(rows))
