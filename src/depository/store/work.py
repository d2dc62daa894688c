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

    program: str | None = None
    """Hash of the program that this piece of work is recorded under, given by a replay ("": none was noted); None: the running one."""

    tally: Counter[str] = field(default_factory=Counter, repr=False)
    """What this piece of work has counted so far: files, lines, instructions (KCSD-98)."""

    begun: int = field(default=0, repr=False)
    """Nanoseconds of the machine's own clock when it began, 0 = not measured; for the figures of the run alone."""

    clock: Callable[[], float] | None = field(default=None, repr=False)  # float: seconds
    """The machine's own clock in seconds, for the emergency stop of a cycle alone; None: nothing stops it, as in a replay."""

    numbers: dict[str, int] | None = field(default=None, repr=False)
    """The last number given of each series, where they are written together at the end (`write_numbers`); None: each at once."""

    def next_number(self, name: str, many: int = 1) -> int:
        """The first of `many` consecutive numbers of a series, without gaps: a rolled-back piece of work takes none."""
        if self.numbers is not None:
            first = self.numbers.get(name, 0) or self._given(name)
            self.numbers[name] = first + many
            return first + 1
        last = self.connection.execute(RAISED, {"of": name, "by": many}).scalar()
        if last is None:
            self.connection.execute(insert(schema.counter).values(name=name, value=many))
            return 1
        return int(last) - many + 1

    def skip_numbers(self, name: str, last: int) -> None:
        """Lets a series go on after `last` when that was given out elsewhere, as in loaded reference data."""
        self.write_numbers()
        if self._given(name) < last:
            self._write_number(name, last)

    def write_numbers(self) -> None:
        """Writes the last number of each series that is not written yet: before the end, and before another piece of work takes numbers."""
        for name, last in (self.numbers or {}).items():
            self._write_number(name, last)
        (self.numbers or {}).clear()

    def _given(self, name: str) -> int:
        counter = schema.counter.c
        return int(self.connection.execute(select(counter.value).where(counter.name == name)).scalar() or 0)

    def _write_number(self, name: str, last: int) -> None:
        of = schema.counter.c.name == name
        if self.connection.execute(update(schema.counter).where(of).values(value=last)).rowcount == 0:
            self.connection.execute(insert(schema.counter).values(name=name, value=last))
