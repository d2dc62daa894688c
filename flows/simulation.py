"""Plays a business day: parties drop files over SFTP at their times, the real flows take them and run the batches.

The folder of a day is `<date>/<HHMM>/<party>/<folder>/<file>`. Earlier dates in it are history: they are played first, quickly,
without Prefect. The settlement bank is simulated where it has to answer: it carries out payment orders and sends the evening's
statement.
"""

import json
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from prefect import Flow

from depository.answers import Receipt, Verdict
from depository.day import PLANNED, batches_of
from depository.instructions import Status
from depository.sftp.client import connect
from depository.sftp.folders import Folders
from depository.sftp.intake import SIGNATURE
from depository.store import files, instructions, register
from depository.timetable import BatchKind, PlannedBatch
from flows import (
    end_of_day,
    fop_window,
    funding,
    intake,
    lapse,
    late_cycle,
    main_cycle,
    opening,
    payout,
    settlement_fail,
)
from flows.clock import Clock, SteppedClock
from flows.office import site_of
from flows.screen import DayEvent, DayScreen, EventKind
from flows.steps.deliver import deliver
from flows.steps.intake import take_files
from flows.steps.planning import plan
from flows.steps.setup import NewSite
from flows.steps.simulated_bank import SimulatedBank
from flows.steps.sites import Site

BANK = "bank"
EVENING = time(18, 30)
"""When the simulated bank sends the statement of the day."""

FLOW: dict[BatchKind, Flow[..., Coroutine[Any, Any, str]]] = {
    BatchKind.OPENING: opening.opening,
    BatchKind.FUNDING: funding.funding,
    BatchKind.FOP_WINDOW: fop_window.fop_window,
    BatchKind.MAIN_CYCLE: main_cycle.main_cycle,
    BatchKind.LATE_CYCLE: late_cycle.late_cycle,
    BatchKind.PAYOUT: payout.payout,
    BatchKind.SETTLEMENT_FAIL: settlement_fail.settlement_fail,
    BatchKind.LAPSE: lapse.lapse,
    BatchKind.END_OF_DAY: end_of_day.end_of_day,
}


@dataclass(frozen=True, slots=True)
class Drop:
    """A file that a party puts on SFTP at a moment."""

    at: datetime
    party: str
    folder: str
    name: str
    path: Path


@dataclass(slots=True)
class Played:
    """What the day brought, for the summary."""

    day: date
    receipts: list[Receipt] = field(default_factory=list)


class Parties:
    """The parties' own SFTP logins, each seeing its own folder alone."""

    def __init__(self, site: Site, made: NewSite) -> None:
        self._site = site
        self._made = made

    @contextmanager
    def folders(self, party: str) -> Iterator[Folders]:
        """The folders as the party sees them."""
        s = self._site.sftp
        with connect(s.host, s.port, party, self._made.keys / party, s.host_key) as connection:
            yield Folders(connection)

    def drop(self, party: str, folder: str, name: str, data: bytes) -> None:
        """Puts a file under a temporary name and renames it, as a careful sender does."""
        with self.folders(party) as folders:
            folders.put(f"/{folder}/{name}", data)


def drops_of(sample: Path, zone: Any) -> dict[date, list[Drop]]:
    """The files of a sample folder by date, each day in order of time, party and name, a signature before its file."""
    days: dict[date, list[Drop]] = {}
    found = [p for p in sample.glob("2*/*/*/*/*") if p.is_file()]
    for path in sorted(found, key=lambda p: (p.parent, p.name.removesuffix(SIGNATURE), p.suffix != SIGNATURE)):
        day_text, at, party, folder, name = path.relative_to(sample).parts
        day = date.fromisoformat(day_text)
        moment = datetime.combine(day, time(int(at[:2]), int(at[2:])), zone)
        days.setdefault(day, []).append(Drop(moment, party, folder, name, path))
    return days


async def play(
    made: NewSite, sample: Path, clock: Clock, screen: DayScreen, day: date, secret: Callable[[], str] | None = None
) -> Played:
    """Plays `day` through the Prefect flows, on `clock`; its history has been played.

    A `SteppedClock` is moved from moment to moment; any other clock is waited for.
    """
    settings = str(made.settings)
    site = site_of(settings)
    parties = Parties(site, made)
    bank = SimulatedBank(site.market)
    days = drops_of(sample, site.market.zone)
    played = Played(day)
    batches = plan(site, day, clock.now(), secret) if secret else plan(site, day, clock.now())
    screen.show_batches(batches)
    moments = {drop.at for drop in days[day]} | {state.batch.due_at for state in batches}
    evening = datetime.combine(day, EVENING, site.market.zone)
    for at in sorted(moments | {evening}):
        if isinstance(clock, SteppedClock):
            clock.advance_to(at)
        else:
            await clock.wait_until(at)
        dropped = _drop_files(parties, bank, [drop for drop in days[day] if drop.at == at], screen)
        if at == evening:
            parties.drop(BANK, "inbox", *bank.evening_statement(at))
            dropped += 1
        if dropped:
            receipts = _told(screen, await intake.take_once(settings, at), at, played.receipts)
            _tell_of_forecasts(site, screen, receipts, at, day)
            played.receipts += receipts
        for state in batches:
            if state.batch.due_at == at:
                await _run(site, settings, state.batch, at, screen)
        if any(s.batch.due_at == at and s.batch.kind is BatchKind.PAYOUT for s in batches) and _bank_answers(
            parties, bank, at
        ):
            later = at + timedelta(seconds=30)
            played.receipts += _told(screen, await intake.take_once(settings, later), later, played.receipts)
    await _open_next_day(site, settings, day, clock, screen)
    return played


async def _open_next_day(site: Site, settings: str, day: date, clock: Clock, screen: DayScreen) -> None:
    """Plans the next business day and opens it; nobody waits for the night to pass."""
    with site.reading(clock.now(), day) as work:
        following = register.calendar(work).business_day_after(day, 1)
    planned = plan(site, following, clock.now())
    first = next(state.batch for state in planned if state.batch.kind is BatchKind.OPENING)
    if isinstance(clock, SteppedClock):
        clock.advance_to(first.due_at)
    await FLOW[first.kind](settings, following, first.slot, first.due_at)
    screen.tell(DayEvent(first.due_at, EventKind.BATCH, f"{following} is planned, {len(planned)} batches, and open"))


def play_history(made: NewSite, sample: Path, day: date) -> None:
    """Plays the days of the sample before `day`, without flows: what the day needs to have happened."""
    site = site_of(str(made.settings))
    parties = Parties(site, made)
    days = drops_of(sample, site.market.zone)
    for earlier in sorted(d for d in days if d < day):
        _play_earlier(site, parties, days[earlier], earlier)


def _play_earlier(site: Site, parties: Parties, drops: list[Drop], day: date) -> None:
    """An earlier day: its files and batches in order, without flows."""
    from flows.steps.batches import run_batch

    start = datetime.combine(day, time(8, 55), site.market.zone)
    batches = [state.batch for state in plan(site, day, start)]
    with site.folders() as folders:
        for at in sorted({drop.at for drop in drops} | {batch.due_at for batch in batches}):
            here = [drop for drop in drops if drop.at == at]
            for drop in here:
                parties.drop(drop.party, drop.folder, drop.name, drop.path.read_bytes())
            if here:
                take_files(site, folders, at)
            for batch in batches:
                if batch.due_at == at:
                    run_batch(site, day, batch.slot, at)
        deliver(site, folders, datetime.combine(day, time(23), site.market.zone))


def _drop_files(parties: Parties, bank: SimulatedBank, drops: list[Drop], screen: DayScreen) -> int:
    for drop in drops:
        data = drop.path.read_bytes()
        parties.drop(drop.party, drop.folder, drop.name, data)
        if drop.party == BANK:
            bank.sent(data)
        screen.tell(DayEvent(drop.at, EventKind.NOTE, f"{drop.party} drops {drop.name} into {drop.folder}"))
    return len(drops)


def _bank_answers(parties: Parties, bank: SimulatedBank, at: datetime) -> int:
    with parties.folders(BANK) as folders:
        answers = list(bank.carry_out_orders(folders, at))
    for name, data in answers:
        parties.drop(BANK, "inbox", name, data)
    return len(answers)


async def _run(site: Site, settings: str, batch: PlannedBatch, at: datetime, screen: DayScreen) -> None:
    before = _settled(site, at, batch.business_date)
    state = await FLOW[batch.kind](settings, batch.business_date, batch.slot, at)
    with site.reading(at, batch.business_date) as work:
        states = batches_of(work, batch.business_date)
    screen.show_batches(states)
    done = next(s for s in states if s.batch.slot == batch.slot)
    if done.result not in ("", "{}") or state == PLANNED:
        screen.tell(DayEvent(at, EventKind.BATCH, f"{batch.slot}: {_short(done.result)}"))
    settled = _settled(site, at, batch.business_date) - before
    if settled:
        screen.tell(DayEvent(at, EventKind.SETTLED, f"{settled} instructions settled in {batch.slot}", settled))


def _settled(site: Site, at: datetime, day: date) -> int:
    with site.reading(at, day) as work:
        return sum(one.status is Status.SETTLED for one in instructions.touched_on(work, day))


def _told(screen: DayScreen, receipts: list[Receipt], at: datetime, before: Sequence[Receipt]) -> list[Receipt]:
    known = {receipt.number for receipt in before if receipt.number}
    for receipt in receipts:
        if receipt.number in known:
            again = f"{receipt.sender} {receipt.file_name}: the same file again gets its first answer, {receipt.number}, again"
            screen.tell(DayEvent(at, EventKind.NOTE, again))
            continue
        refused = [line for line in receipt.lines if line.verdict is Verdict.REFUSED]
        whole = receipt.verdict in (Verdict.REFUSED, Verdict.QUARANTINED)
        kind = EventKind.FILE_REFUSED if whole else EventKind.FILE_TAKEN
        counts = f"{receipt.verdict}, {len(receipt.lines)} lines, {len(refused)} refused"
        reasons = [reject.message for reject in (*receipt.rejects, *(r for line in refused for r in line.rejects))]
        text = f"{receipt.sender} {receipt.file_name}: {counts}"
        screen.tell(DayEvent(receipt.arrived_at, kind, f"{text}: {reasons[0]}" if whole and reasons else text))
        if refused and not whole:
            more = f" (and {len(reasons) - 1} more reasons)" if len(reasons) > 1 else ""
            screen.tell(DayEvent(receipt.arrived_at, EventKind.LINE_REFUSED, f"{reasons[0]}{more}", len(refused)))
    return receipts


def _tell_of_forecasts(site: Site, screen: DayScreen, receipts: list[Receipt], at: datetime, day: date) -> None:
    """Whom the files just taken gave a fresh funding report, because they changed what its forecast says (CSD-3.3.1-b)."""
    with site.reading(at, day) as work:
        queued = files.queued_on(work, day)
    for receipt in receipts:
        report = f"funding-{receipt.number}_"
        told = sorted({party for party, name, _ in queued if receipt.number and report in name})
        if told:
            text = f"{', '.join(told)} get a fresh funding report because of {receipt.file_name}"
            screen.tell(DayEvent(at, EventKind.NOTE, text))


def _short(result: str) -> str:
    facts = json.loads(result or "{}")
    return ", ".join(f"{name} {value}" for name, value in facts.items() if name not in ("secret", "journal head"))
