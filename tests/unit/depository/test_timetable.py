"""The day's batches, their times, and the drawn moment of the main cycle (CSD-A1, CSD-5.2.10)."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depository.business_days import Calendar, DayKind, OutsideCalendar
from depository.day import moment_of
from depository.market import read_market
from depository.timetable import BatchKind, in_force, plan, technology_time
from flows.steps.sites import load_market
from tests.support.books import DAY, MARKET, ZONE, at

TIMES = load_market(MARKET).timetables
USUAL = TIMES[0]


def planned(settles: bool = True, timetable=USUAL):
    return plan(DAY, settles, timetable, at("11:17:43"), ZONE)


def times_of(kind: BatchKind) -> list[str]:
    return [f"{b.due_at:%H:%M:%S}" for b in planned() if b.kind is kind]


@pytest.mark.rule("CSD-A1", "CSD-5.2.10-a", "CSD-5.2.10-b")
def test_the_day_has_the_moments_of_the_attachment():
    assert times_of(BatchKind.OPENING) == ["09:00:00"]
    windows = times_of(BatchKind.FOP_WINDOW)
    assert (windows[0], windows[-1]) == ("09:30:00", "17:45:00")
    assert times_of(BatchKind.MAIN_CYCLE) == ["11:17:43"]
    late = times_of(BatchKind.LATE_CYCLE)
    assert (late[0], late[-1]) == ("11:31:00", "17:30:00")
    assert len(late) > 5
    assert all(moment < "11:00:00" for moment in times_of(BatchKind.FUNDING))
    assert times_of(BatchKind.SETTLEMENT_FAIL) == ["17:30:00"]
    assert times_of(BatchKind.LAPSE) == ["18:00:00"]
    payouts = times_of(BatchKind.PAYOUT)
    assert payouts[0] == "11:31:00"
    assert {"12:00:00", "14:00:00"} <= set(payouts)


@pytest.mark.rule("CSD-A1")
def test_the_fails_come_after_the_last_cycle_of_the_same_moment_and_the_end_of_day_last():
    slots = [b.slot for b in planned()]
    assert len(slots) == len(set(slots))
    last_late = max(slot for slot in slots if slot.startswith("late-"))
    assert slots.index(last_late) < slots.index("settlement-fail") < slots.index("lapse")
    assert slots[-1] == "end-of-day"


@pytest.mark.rule("CSD-7.6.5-a")
def test_without_settlement_there_are_no_cycles_and_no_payouts():
    kinds = {b.kind for b in planned(settles=False)}
    assert kinds == {BatchKind.OPENING, BatchKind.FOP_WINDOW, BatchKind.LAPSE, BatchKind.END_OF_DAY}


@pytest.mark.rule("CSD-7.6.5-c")
def test_a_notice_for_one_day_wins_on_that_day_alone_and_one_for_good_from_its_day_on():
    short = replace(USUAL, valid_from=DAY, valid_to=DAY, source="Notice 1", close=time(17))
    for_good = replace(USUAL, valid_from=date(2027, 1, 1), source="Notice 2", open=time(8))
    timetables = (USUAL, short, for_good)
    assert in_force(timetables, DAY).close == time(17)
    assert in_force(timetables, DAY + timedelta(days=1)).close == time(18)
    assert in_force(timetables, date(2027, 6, 1)).open == time(8)
    with pytest.raises(LookupError):
        in_force(timetables, date(2025, 1, 1))


@pytest.mark.rule("CSD-5.2.10-a")
@given(secret=st.text(min_size=1))
def test_the_drawn_moment_is_a_second_from_1100_to_1130_and_follows_from_the_secret_alone(secret: str):
    moment = moment_of(secret, at("11:00"), at("11:30"))
    assert at("11:00") <= moment <= at("11:30")
    assert moment.microsecond == 0
    assert moment == moment_of(secret, at("11:00"), at("11:30"))


@pytest.mark.rule("CSD-5.2.10-a")
def test_every_second_of_the_half_hour_can_be_drawn():
    moments = {moment_of(f"secret {n}", at("11:00"), at("11:30")) for n in range(40_000)}
    assert len(moments) == 1_801


CALENDAR = Calendar(
    {
        date(2026, 12, 16): DayKind.HOLIDAY,
        date(2026, 12, 17): DayKind.BUSINESS,
        date(2026, 12, 19): DayKind.BUSINESS,
    },
    frozenset({2026}),
)


@pytest.mark.rule("CSD-7.6.5-a")
@given(st.dates(date(2026, 1, 1), date(2026, 12, 31)))
def test_every_settlement_day_is_a_business_day_and_no_declared_holiday(day: date):
    if CALENDAR.is_settlement_day(day):
        assert CALENDAR.is_business_day(day)
        assert day.weekday() < 5


@pytest.mark.rule("CSD-7.6.5-a")
def test_days_are_counted_by_their_kind_and_never_beyond_the_published_year():
    tuesday = date(2026, 12, 15)
    assert CALENDAR.business_day_after(tuesday, 1) == date(2026, 12, 17)
    assert CALENDAR.settlement_day_after(tuesday, 1) == date(2026, 12, 18)
    assert CALENDAR.business_day_after(tuesday, 3) == date(2026, 12, 19)
    assert CALENDAR.first_business_day_from(date(2026, 12, 16)) == date(2026, 12, 17)
    with pytest.raises(OutsideCalendar):
        CALENDAR.settlement_day_after(date(2026, 12, 31), 1)
    with pytest.raises(OutsideCalendar):
        CALENDAR.is_business_day(date(2027, 1, 4))
    assert datetime(2026, 12, 16, tzinfo=ZONE).date() in CALENDAR.declared


def span_at(local: str, day: date = DAY, timetables=TIMES) -> str:
    return str(technology_time(timetables, at(local, day), ZONE))


@pytest.mark.rule("CSD-7.6.5-b")
def test_the_technology_time_is_from_2300_to_0100_over_midnight():
    assert [span_at(local) for local in ("22:59:59", "23:00", "23:59:59")] == ["None", *["23:00 to 01:00"] * 2]
    assert [span_at(local) for local in ("00:00", "00:59:59", "01:00", "12:00")] == [
        *["23:00 to 01:00"] * 2,
        "None",
        "None",
    ]
    begun = technology_time(TIMES, at("00:30"), ZONE)
    assert begun is not None
    assert (begun.begin, begun.end) == (at("23:00", DAY - timedelta(days=1)), at("01:00"))


@pytest.mark.rule("CSD-7.6.5-b", "CSD-7.6.5-c")
def test_a_notice_moves_or_lifts_the_technology_time_of_the_night_that_begins_on_its_day():
    moved = replace(USUAL, valid_from=DAY, valid_to=DAY, technology_start=time(12), technology_end=time(13))
    lifted = replace(USUAL, valid_from=DAY, valid_to=DAY, technology_start=None, technology_end=None)
    tomorrow = DAY + timedelta(days=1)
    # The night from Sunday to Monday began on Sunday.
    assert span_at("00:30", DAY, (USUAL, moved)) == "23:00 to 01:00"
    assert [span_at(local, DAY, (USUAL, moved)) for local in ("12:30", "23:30")] == ["12:00 to 13:00", "None"]
    assert span_at("00:30", tomorrow, (USUAL, moved)) == "None"
    assert span_at("23:30", DAY, (USUAL, lifted)) == "None"
    assert span_at("23:30", tomorrow, (USUAL, lifted)) == "23:00 to 01:00"


def test_a_technology_time_needs_two_different_times():
    market, timetable = ((MARKET / name).read_text() for name in ("market.toml", "timetable.toml"))
    for wrong in (timetable.replace("technology_end = 01:00:00\n", ""), timetable.replace("= 01:00:00", "= 23:00:00")):
        with pytest.raises(ValueError, match="technology_start and technology_end"):
            read_market(market, wrong)
