"""Settlement days and business days from the published settlement calendar (CSD-7.6.5-a)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class DayKind(StrEnum):
    """What the calendar may declare a day to be; a settlement day is always a business day, not the other way round."""

    SETTLEMENT = "settlement"
    BUSINESS = "business"
    HOLIDAY = "holiday"


class OutsideCalendar(LookupError):
    """No calendar is published for this year yet; an operator loads one with `csd load`."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Declared days over the weekly rule: Monday to Friday settle, unless a day is declared otherwise.

    `years` are the years for which a calendar was published: a date outside them raises OutsideCalendar instead of being guessed.
    """

    declared: Mapping[date, DayKind]
    years: frozenset[int]

    def kind(self, day: date) -> DayKind:
        """What `day` is."""
        if day.year not in self.years:
            raise OutsideCalendar(f"no settlement calendar is published for {day.year}")
        weekly = DayKind.SETTLEMENT if day.weekday() < 5 else DayKind.HOLIDAY
        return self.declared.get(day, weekly)

    def is_settlement_day(self, day: date) -> bool:
        """Does settlement run on `day`?"""
        return self.kind(day) is DayKind.SETTLEMENT

    def is_business_day(self, day: date) -> bool:
        """Is the depository open on `day`?"""
        return self.kind(day) is not DayKind.HOLIDAY

    def settlement_day_after(self, day: date, count: int) -> date:
        """The `count`-th settlement day after `day` (T+2 is count 2)."""
        return self._after(day, count, DayKind.SETTLEMENT)

    def business_day_after(self, day: date, count: int) -> date:
        """The `count`-th business day after `day`."""
        return self._after(day, count, None)

    def first_business_day_from(self, day: date) -> date:
        """`day` itself when it is a business day, else the next one."""
        return day if self.is_business_day(day) else self.business_day_after(day, 1)

    def business_day_before(self, day: date) -> date:
        """The last business day before `day`."""
        before = day - timedelta(days=1)
        while not self.is_business_day(before):
            before -= timedelta(days=1)
        return before

    def _after(self, day: date, count: int, wanted: DayKind | None) -> date:
        for following in self._from(day + timedelta(days=1)):
            kind = self.kind(following)
            if kind is wanted or (wanted is None and kind is not DayKind.HOLIDAY):
                count -= 1
                if count == 0:
                    return following
        raise AssertionError("unreachable: the calendar ends with OutsideCalendar")

    @staticmethod
    def _from(day: date) -> Iterator[date]:
        while True:
            yield day
            day += timedelta(days=1)
