"""The clocks show aware moments in the market's zone, and waits end when their moment is reached."""

import asyncio
import threading
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from flows.clock import Clock, RealClock, SimulatedClock, SteppedClock

ALMATY = ZoneInfo("Asia/Almaty")
OPENING = datetime(2026, 11, 23, 9, 0, tzinfo=ALMATY)


def run(waiting: object) -> None:
    """Runs a coroutine with a limit, so that a wait that never ends fails the test."""

    async def limited() -> None:
        await asyncio.wait_for(waiting, 10)  # type: ignore[arg-type]

    asyncio.run(limited())


def test_the_real_clock_shows_the_time_of_day_in_the_market_zone() -> None:
    before = time.time()
    now = RealClock(ALMATY).now()
    assert now.utcoffset() == timedelta(hours=5)
    assert before <= now.timestamp() <= time.time()


def test_the_real_clock_waits_until_the_moment_and_not_shorter() -> None:
    clock = RealClock(ALMATY)
    moment = clock.now() + timedelta(milliseconds=150)
    run(clock.wait_until(moment))
    assert clock.now() >= moment


def test_a_moment_that_is_past_is_not_waited_for() -> None:
    clocks: list[Clock] = [RealClock(ALMATY), SimulatedClock(OPENING, 1), SteppedClock(OPENING)]
    for clock in clocks:
        run(clock.wait_until(clock.now() - timedelta(hours=1)))


def test_the_simulated_clock_runs_by_itself_at_its_speed() -> None:
    before = time.monotonic()
    clock = SimulatedClock(OPENING, 36_000)
    after = time.monotonic()
    # Two hours at 36,000 times the speed are a fifth of a second.
    run(clock.wait_until(OPENING + timedelta(hours=2)))
    least = time.monotonic() - after
    shown = clock.now() - OPENING
    most = time.monotonic() - before
    assert shown >= timedelta(hours=2)
    assert least * 36_000 <= shown.total_seconds() <= most * 36_000
    assert clock.now().tzinfo is ALMATY


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_simulated_clock_that_would_stand_or_go_back_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        SimulatedClock(OPENING, speed)


def test_the_stepped_clock_stands_still_until_it_is_told_to_move() -> None:
    clock = SteppedClock(OPENING)
    time.sleep(0.02)
    assert clock.now() == OPENING
    clock.advance_to(OPENING + timedelta(minutes=30))
    assert clock.now() == OPENING + timedelta(minutes=30)


def test_the_stepped_clock_never_goes_back() -> None:
    clock = SteppedClock(OPENING)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance_to(OPENING - timedelta(seconds=1))
    assert clock.now() == OPENING


def test_the_stepped_clock_wakes_those_whose_moment_has_come_and_leaves_the_others_waiting() -> None:
    clock = SteppedClock(OPENING)
    woken: list[str] = []

    async def wait(name: str, minutes: int) -> None:
        await clock.wait_until(OPENING + timedelta(minutes=minutes))
        woken.append(name)

    async def day() -> None:
        waits = [
            asyncio.create_task(wait("late", 90)),
            asyncio.create_task(wait("early", 30)),
            asyncio.create_task(wait("middle", 60)),
        ]
        await asyncio.sleep(0)
        clock.advance_to(OPENING + timedelta(minutes=60))
        await asyncio.sleep(0.01)
        assert woken == ["early", "middle"]
        clock.advance_to(OPENING + timedelta(minutes=90))
        await asyncio.gather(*waits)
        assert woken == ["early", "middle", "late"]

    run(day())


def test_the_stepped_clock_can_be_moved_from_another_thread() -> None:
    clock = SteppedClock(OPENING)
    mover = threading.Timer(0.05, clock.advance_to, [OPENING + timedelta(hours=1)])
    mover.start()
    run(clock.wait_until(OPENING + timedelta(hours=1)))
    mover.join()


def test_the_stepped_clock_keeps_the_market_zone_whatever_zone_it_is_told() -> None:
    clock = SteppedClock(OPENING)
    clock.advance_to(datetime(2026, 11, 23, 6, 0, tzinfo=ZoneInfo("UTC")))
    assert clock.now() == datetime(2026, 11, 23, 11, 0, tzinfo=ALMATY)
    assert clock.now().tzinfo is ALMATY


def test_a_moment_without_a_zone_is_refused_by_every_clock() -> None:
    naive = datetime(2026, 11, 23, 9, 0)  # noqa: DTZ001 - the fault that is tested
    with pytest.raises(ValueError, match="no time zone"):
        SteppedClock(naive)
    with pytest.raises(ValueError, match="no time zone"):
        SimulatedClock(naive, 1)
    clocks: list[Clock] = [RealClock(ALMATY), SimulatedClock(OPENING, 1), SteppedClock(OPENING)]
    for clock in clocks:
        with pytest.raises(ValueError, match="no time zone"):
            run(clock.wait_until(naive))
