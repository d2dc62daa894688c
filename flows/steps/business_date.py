"""Which business date a moment belongs to."""

from datetime import date, datetime

from sqlalchemy import Connection, select

from depository.day import DONE
from depository.market import Market
from depository.store import register, schema
from depository.store.work import Work
from depository.timetable import BatchKind


def business_date_at(connection: Connection, market: Market, at: datetime) -> date:
    """The local date while its end of day has not run; else, and on holidays, the next business day.

    What arrives after the books of a day were closed thus belongs to the next one and never changes a statement that is out.
    """
    local = market.local(at).date()
    calendar = register.calendar(Work(connection, local, at, market))
    if not calendar.is_business_day(local):
        return calendar.business_day_after(local, 1)
    t = schema.batch
    closed = connection.execute(
        select(t.c.slot).where(t.c.business_date == local, t.c.kind == BatchKind.END_OF_DAY.value, t.c.state == DONE)
    ).first()
    return calendar.business_day_after(local, 1) if closed else local
