"""One piece of work on the books: the open transaction, the business date and the moment, and the market's configuration."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, insert, select, update

from depository.market import Market
from depository.store import schema

RAISED = (
    update(schema.counter)
    .where(schema.counter.c.name == bindparam("of"))
    .values(value=schema.counter.c.value + bindparam("by", type_=Integer))
    .returning(schema.counter.c.value)
)
"""Made once, as every statement that is carried out for each line of a form."""


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that a rule needs besides its own input. `at` is aware; nothing in the depository reads a clock."""

    connection: Connection
    business_date: date
    at: datetime
    market: Market
    known: dict[Any, Any] = field(default_factory=dict, repr=False)
    """Register records read so far in this transaction."""
    moved: set[tuple[str, str]] = field(default_factory=set, repr=False)
    """Holder and asset of every available balance that this piece of work has moved."""

    marks: set[str] = field(default_factory=set, repr=False)
    """What besides its cause decided how this piece of work went, noted with the cause so that a replay goes the same way."""

    tally: Counter[str] = field(default_factory=Counter, repr=False)
    """What this piece of work has counted so far: files, lines, instructions (KCSD-98)."""

    begun: int = field(default=0, repr=False)
    """Nanoseconds of the machine's own clock when it began, 0 = not measured; for the figures of the run alone."""

    clock: Callable[[], float] | None = field(default=None, repr=False)  # float: seconds
    """The machine's own clock in seconds, for the emergency stop of a cycle alone; None: nothing stops it, as in a replay."""

    def next_number(self, name: str, many: int = 1) -> int:
        """The first of `many` consecutive numbers of a series, without gaps: a rolled-back piece of work takes none."""
        last = self.connection.execute(RAISED, {"of": name, "by": many}).scalar()
        if last is None:
            self.connection.execute(insert(schema.counter).values(name=name, value=many))
            return 1
        return int(last) - many + 1

    def skip_numbers(self, name: str, last: int) -> None:
        """Lets a series go on after `last` when that was given out elsewhere, as in loaded reference data."""
        counter = schema.counter
        given = self.connection.execute(select(counter.c.value).where(counter.c.name == name)).scalar()
        if given is None:
            self.connection.execute(insert(counter).values(name=name, value=last))
        elif given < last:
            self.connection.execute(update(counter).where(counter.c.name == name).values(value=last))
