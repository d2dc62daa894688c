"""Which business date a moment belongs to."""

from datetime import date, datetime

from sqlalchemy import Connection, select

from depository.day import DONE
from depository.market import Market
from depository.store import register, schema
from depository.store.work import Work
from depository.timetable import BatchKind


def business_date_at(connection: Connection, market: Market, at: datetime) -> date:
    """The local date while its end of day has not run; else, and on holidays, the next business day that is still open.

    What arrives after the books of a day were closed thus belongs to the next one and never changes a statement that is out.
    """
    local = market.local(at).date()
    calendar = register.calendar(Work(connection, local, at, market))
    day = calendar.first_business_day_from(local)
    t = schema.batch
    ended = (t.c.kind == BatchKind.END_OF_DAY.value, t.c.state == DONE, t.c.business_date >= day)
    closed = set(connection.execute(select(t.c.business_date).where(*ended)).scalars())
    # More than one day may be closed: a file of Saturday can be taken up on Tuesday.
    while day in closed:
        day = calendar.business_day_after(day, 1)
    return day
