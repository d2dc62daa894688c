"""What each participant was last told of the day's forecast."""

from collections.abc import Mapping

from sqlalchemy import delete, insert, select

from depository.store import schema
from depository.store.work import Work

T = schema.forecast


def told(work: Work) -> dict[str, tuple[int, str]]:
    """Number of the last report of the business date and hash of its figures, by participant."""
    rows = work.connection.execute(select(T).where(T.c.business_date == work.business_date))
    return {r.participant: (r.report, r.figures) for r in rows}


def keep(work: Work, reports: Mapping[str, tuple[int, str]]) -> None:
    """Keeps what some participants have been told just now."""
    if not reports:
        return
    work.connection.execute(
        delete(T).where(T.c.business_date == work.business_date, T.c.participant.in_(list(reports)))
    )
    work.connection.execute(
        insert(T),
        [
            {"business_date": work.business_date, "participant": who, "report": number, "figures": figures}
            for who, (number, figures) in sorted(reports.items())
        ],
    )
