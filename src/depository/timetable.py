"""The timetable of the day, as dated data (CSD-A1, CSD-7.6.5-c), and the batches that follow from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class BatchKind(StrEnum):
    """A timed moment of the day."""

    OPENING = "opening"
    FUNDING = "funding report"
    FOP_WINDOW = "fop window"
    MAIN_CYCLE = "main cycle"
    LATE_CYCLE = "late cycle"
    PAYOUT = "payout"
    SETTLEMENT_FAIL = "settlement fail"
    LAPSE = "lapse"
    END_OF_DAY = "end of day"


class Lateness(StrEnum):
    """What a batch does that is started after its moment."""

    RUN = "run"
    LATEST_ONLY = "latest only"


LATE_POLICY: Mapping[BatchKind, Lateness] = {
    BatchKind.OPENING: Lateness.RUN,
    BatchKind.FUNDING: Lateness.LATEST_ONLY,
    BatchKind.FOP_WINDOW: Lateness.LATEST_ONLY,
    BatchKind.MAIN_CYCLE: Lateness.RUN,
    BatchKind.LATE_CYCLE: Lateness.LATEST_ONLY,
    BatchKind.PAYOUT: Lateness.LATEST_ONLY,
    BatchKind.SETTLEMENT_FAIL: Lateness.RUN,
    BatchKind.LAPSE: Lateness.RUN,
    BatchKind.END_OF_DAY: Lateness.RUN,
}
"""After downtime every missed batch is either caught up in order, or only the latest of its kind is."""


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """A batch of the day; `slot` is unique within the business date."""

    business_date: date
    slot: str
    kind: BatchKind
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """From one aware moment up to another, which is no longer of it."""

    begin: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{self.begin:%H:%M} to {self.end:%H:%M}"


@dataclass(frozen=True, slots=True)
class Timetable:
    """The day's times, local to the market, in force from `valid_from` to `valid_to` (None = until further notice)."""

    valid_from: date
    valid_to: date | None
    source: str
    open: time
    funding_reports: tuple[time, ...]
    fop_start: time
    fop_end: time
    fop_every: int
    """Minutes between two looks at the waiting free-of-payment instructions."""
    funding_deadline: time
    main_earliest: time
    main_latest: time
    late_start: time
    late_every: int
    """Minutes between two late cycles."""
    last_money: time
    """Money credited up to the end of this minute counts today (default of the rulebook: 17:29:59)."""
    last_dvp: time
    payout_start: time
    payout_every: int
    payout_cut_offs: Mapping[str, time]
    """Latest moment, per currency ("*" = the others), at which a withdrawal is still paid the same day (CSD-3.3.2-a)."""
    close: time
    end_of_day: time
    challenge_until: time = time(16)
    """The report of obligations can be challenged until this time of the business day after the trade (CSD-5.2.13-a)."""
    technology_start: time | None = None
    technology_end: time | None = None
    """Between these times, over midnight when the end is not after the start, what parties send waits (CSD-7.6.5-b); None = never."""

    def money_ends(self, day: date, zone: ZoneInfo) -> datetime:
        """The first moment at which money credited no longer counts today: the end of the minute of `last_money` (CSD-A1)."""
        return moment(day, self.last_money.replace(second=0, microsecond=0), zone) + timedelta(minutes=1)

    def __post_init__(self) -> None:
        """Raises ValueError for times that cannot follow each other."""
        for before, after in (
            ("open", "fop_start"),
            ("fop_start", "fop_end"),
            ("fop_end", "end_of_day"),
            ("main_earliest", "main_latest"),
            ("main_latest", "late_start"),
            ("late_start", "last_dvp"),
            ("last_money", "last_dvp"),
            ("last_dvp", "end_of_day"),
            ("close", "end_of_day"),
        ):
            if getattr(self, before) > getattr(self, after):
                raise ValueError(f"timetable of {self.valid_from} ({self.source}): {before} must not be after {after}")
        begins, ends = self.technology_start, self.technology_end
        if (begins is None) != (ends is None) or (begins is not None and begins == ends):
            raise ValueError(
                f"timetable of {self.valid_from} ({self.source}): technology_start and technology_end are two different times, or neither "
                "is given"
            )

    def published(self) -> tuple[tuple[str, str], ...]:
        """The day's times as notices show them."""
        withdrawals = "; ".join(
            f"{'others' if currency == '*' else currency} {at:%H:%M}" for currency, at in self.payout_cut_offs.items()
        )
        return (
            ("Opening", f"{self.open:%H:%M}"),
            ("Transfers between participants", f"{self.fop_start:%H:%M} to {self.fop_end:%H:%M}"),
            ("Funding until", f"{self.funding_deadline:%H:%M}"),
            ("Main cycle, at a moment between", f"{self.main_earliest:%H:%M} and {self.main_latest:%H:%M}"),
            ("Late cycles", f"{self.late_start:%H:%M} to {self.last_dvp:%H:%M}"),
            ("Last money", f"{self.last_money:%H:%M}"),
            ("Withdrawals paid the same day until", withdrawals),
            ("Close", f"{self.close:%H:%M}"),
            ("Technology time, in which files wait", self._technology_words()),
            ("Timetable by", self.source),
        )

    def _technology_words(self) -> str:
        if self.technology_start is None or self.technology_end is None:
            return "none"
        return f"{self.technology_start:%H:%M} to {self.technology_end:%H:%M}"

    def technology_time(self, day: date, zone: ZoneInfo) -> Span | None:
        """The technology time that begins on `day` (CSD-7.6.5-b)."""
        if self.technology_start is None or self.technology_end is None:
            return None
        over_midnight = self.technology_end <= self.technology_start
        last = day + timedelta(days=1) if over_midnight else day
        return Span(moment(day, self.technology_start, zone), moment(last, self.technology_end, zone))

    def payout_cut_off(self, currency: str) -> time:
        """The cut-off of a currency."""
        return self.payout_cut_offs.get(currency, self.payout_cut_offs["*"])


def in_force(timetables: Sequence[Timetable], day: date) -> Timetable:
    """The timetable of `day`: the one with the latest start among those in force, so that a one-day notice wins (CSD-7.6.5-c)."""
    candidates = _candidates(timetables, day)
    if not candidates:
        raise LookupError(f"no timetable is in force on {day}")
    return max(candidates, key=lambda t: t.valid_from)


def technology_time(timetables: Sequence[Timetable], at: datetime, zone: ZoneInfo) -> Span | None:
    """The technology time that a moment falls into, with its end excluded; None outside it (CSD-7.6.5-b)."""
    today = at.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        if _candidates(timetables, day):
            span = in_force(timetables, day).technology_time(day, zone)
            if span is not None and span.begin <= at < span.end:
                return span
    return None


def _candidates(timetables: Sequence[Timetable], day: date) -> list[Timetable]:
    return [t for t in timetables if t.valid_from <= day and (t.valid_to is None or day <= t.valid_to)]


def moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The aware moment of a local time."""
    return datetime.combine(day, at, tzinfo=zone)


def every(start: datetime, end: datetime, minutes: int) -> list[datetime]:
    """Moments from `start` every so many minutes, and always `end` itself last."""
    moments = []
    at = start
    while at < end:
        moments.append(at)
        at += timedelta(minutes=minutes)
    return [*moments, end]


def plan(day: date, settles: bool, timetable: Timetable, main_cycle_at: datetime, zone: ZoneInfo) -> list[PlannedBatch]:
    """All batches of a business day in order of time; without cycles and payouts when `settles` is false (CSD-7.6.5-a).

    `main_cycle_at` is the drawn moment of the main cycle (CSD-5.2.10-a).
    """

    def at(local: time) -> datetime:
        return moment(day, local, zone)

    batches = [PlannedBatch(day, "opening", BatchKind.OPENING, at(timetable.open))]
    windows = every(at(timetable.fop_start), at(timetable.fop_end), timetable.fop_every)
    batches += [PlannedBatch(day, f"fop-{w:%H%M}", BatchKind.FOP_WINDOW, w) for w in windows]
    if settles:
        batches += [PlannedBatch(day, f"funding-{f:%H%M}", BatchKind.FUNDING, at(f)) for f in timetable.funding_reports]
        batches.append(PlannedBatch(day, "main-cycle", BatchKind.MAIN_CYCLE, main_cycle_at))
        late = every(at(timetable.late_start), at(timetable.last_dvp), timetable.late_every)
        batches += [PlannedBatch(day, f"late-{n:02d}", BatchKind.LATE_CYCLE, c) for n, c in enumerate(late, 1)]
        cut_offs = {at(t) for t in timetable.payout_cut_offs.values()}
        payouts = {*every(at(timetable.payout_start), max(cut_offs), timetable.payout_every), *cut_offs}
        # One at each currency's cut-off, so that what came in time is ordered by then (CSD-3.3.2-a).
        batches += [PlannedBatch(day, f"payout-{p:%H%M}", BatchKind.PAYOUT, p) for p in sorted(payouts)]
        batches.append(PlannedBatch(day, "settlement-fail", BatchKind.SETTLEMENT_FAIL, at(timetable.last_dvp)))
    batches.append(PlannedBatch(day, "lapse", BatchKind.LAPSE, at(timetable.close)))
    batches.append(PlannedBatch(day, "end-of-day", BatchKind.END_OF_DAY, at(timetable.end_of_day)))
    order = list(BatchKind)
    return sorted(batches, key=lambda b: (b.due_at, order.index(b.kind)))
