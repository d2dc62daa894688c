"""The clocks: the only place that reads the wall clock. Everything else is given the business date and the moment.

`RealClock` is the time of day; `SimulatedClock` moves by itself, faster; `SteppedClock` moves by being told.
All moments are aware `datetime`s in the market's zone; a moment without a zone raises ValueError.
"""

import asyncio
import heapq
import itertools
import threading
import time
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

LONGEST_NAP = timedelta(seconds=20)
"""A wait looks at the clock again at least this often: the machine may have slept, or its time been set right."""


class Clock(Protocol):
    """What the flows ask of a clock."""

    def now(self) -> datetime:
        """The moment, aware, in the market's zone."""
        ...

    async def wait_until(self, moment: datetime) -> None:
        """Returns when the clock shows `moment` or later; at once when that is past."""
        ...


def aware(moment: datetime) -> datetime:
    """The moment itself; raises ValueError when it has no zone."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError(f"the moment {moment.isoformat()} has no time zone")
    return moment


class RealClock:
    """The time of day in the market's zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone

    def now(self) -> datetime:
        """The moment, aware, in the market's zone."""
        return datetime.now(self.zone)

    async def wait_until(self, moment: datetime) -> None:
        """Returns when the time of day is `moment` or later."""
        aware(moment)
        while (left := moment - self.now()) > timedelta(0):
            await asyncio.sleep(min(left, LONGEST_NAP).total_seconds())


class SimulatedClock:
    """Starts at `start` when it is made and runs `speed` times as fast as the day outside (60: a minute a second)."""

    def __init__(self, start: datetime, speed: float) -> None:
        if not speed > 0:
            raise ValueError(f"the speed of a simulated clock is above zero, not {speed}")
        self.start = aware(start)
        self.speed = speed
        self._began = time.monotonic()

    def now(self) -> datetime:
        """The simulated moment, in the zone of `start`."""
        return self.start + timedelta(seconds=(time.monotonic() - self._began) * self.speed)

    async def wait_until(self, moment: datetime) -> None:
        """Returns when the simulated moment is `moment` or later."""
        aware(moment)
        while (left := moment - self.now()) > timedelta(0):
            await asyncio.sleep(min(left / self.speed, LONGEST_NAP).total_seconds())


class SteppedClock:
    """Stands still at `start` until it is told to move; it never goes back. May be moved from another thread."""

    def __init__(self, start: datetime) -> None:
        self._now = aware(start)
        self._lock = threading.Lock()
        self._order = itertools.count()
        self._waiting: list[tuple[datetime, int, asyncio.AbstractEventLoop, asyncio.Event]] = []

    def now(self) -> datetime:
        """The moment it was last moved to."""
        return self._now

    def advance_to(self, moment: datetime) -> None:
        """Moves to `moment` and wakes, in order, those who waited for it; raises ValueError for a step back."""
        aware(moment)
        with self._lock:
            if moment < self._now:
                raise ValueError(f"the clock shows {self._now.isoformat()} and cannot go back to {moment.isoformat()}")
            self._now = moment.astimezone(self._now.tzinfo)
            while self._waiting and self._waiting[0][0] <= moment:
                _, _, loop, reached = heapq.heappop(self._waiting)
                # A loop that was closed has nobody left to wake.
                if not loop.is_closed():
                    loop.call_soon_threadsafe(reached.set)

    async def wait_until(self, moment: datetime) -> None:
        """Returns when the clock was moved to `moment` or later."""
        aware(moment)
        reached = asyncio.Event()
        with self._lock:
            if moment <= self._now:
                return
            heapq.heappush(self._waiting, (moment, next(self._order), asyncio.get_running_loop(), reached))
        await reached.wait()
