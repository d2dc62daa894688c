"""The timed batches: each runs once, in one transaction that holds its claim, its effect and its answers (design §3, §6)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date, datetime

from depository.cancellations import cancel_asked
from depository.challenges import trading_reports
from depository.cycle_report import operator_report, participant_reports, summary, summary_json
from depository.cycles import Cycle, run_cycle
from depository.day import (
    DONE,
    PLANNED,
    SKIPPED,
    batches_of,
    draw_of,
    finish,
    overtaken,
    reveal,
    to_start,
    unfinished_before,
)
from depository.fails import BUY_IN, CLOSE_OUT, fails_of_day, record_failed, record_late
from depository.funding_report import funding_reports
from depository.instructions import Instruction, InstructionKind
from depository.interests import carry_out_enforcements
from depository.notices import Audience, notify
from depository.payment_details import tell_payment_details
from depository.points import reached
from depository.register import PartyKind
from depository.rejects import Broken
from depository.reports import Report, Value
from depository.store import register
from depository.store.archive import Archive
from depository.store.database import alone
from depository.store.events import EventKind
from depository.store.work import Work
from depository.timetable import BatchKind, PlannedBatch
from depository.transfers import FREE, execute_transfers, lapse_transfers
from depository.withdrawals import order_payments
from flows.steps.cycle_files import keep_proof
from flows.steps.end_of_day import close_day
from flows.steps.forecasts import refresh_forecasts
from flows.steps.inputs import note, seal
from flows.steps.making import make_left
from flows.steps.outgoing import queue_bytes, queue_notices, queue_report, queue_reports
from flows.steps.sites import Site
from parsers import pain001
from parsers.pain001 import Debtor

Facts = dict[str, Value]
UNORDERED = (BatchKind.FUNDING, BatchKind.PAYOUT)
"""Kinds on which no later batch depends: one that fails holds up nothing else."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch did, as operators see it."""

    business_date: date
    slot: str
    state: str
    """done, skipped, or done before."""
    facts: Facts
    report: Report | None = None


def run_batch(
    site: Site,
    business_date: date,
    slot: str,
    at: datetime,
    marks: Collection[str] = frozenset(),
) -> BatchResult:
    """Runs a batch of the plan if it has not run; two runners at once, or the same one again, have the effect of one.

    Batches before it whose order matters and that are still planned run first, so that triggers which fire together or out of
    order do no harm (design §6). A batch that finds a later one of its kind due follows its lateness policy. `marks` are those of
    `Work`, given by a replay or an operator. Raises LookupError when the plan has no such batch, and Broken, committing nothing, when
    its moment has not come or an invariant fails.
    """
    for earlier in _left_before(site, business_date, slot, at):
        _run(site, earlier.business_date, earlier.slot, at, ())
    return _run(site, business_date, slot, at, marks)


def _left_before(site: Site, business_date: date, slot: str, at: datetime) -> list[PlannedBatch]:
    with site.reading(at, business_date) as work:
        today = batches_of(work, business_date)
        mine = next((n for n, b in enumerate(today) if b.batch.slot == slot), None)
        if mine is None or today[mine].state != PLANNED:
            return []
        if at < today[mine].batch.due_at:
            raise Broken(
                f"batch {slot} of {business_date} is due at {today[mine].batch.due_at}: it does not run before"
            )
        left = [*unfinished_before(work, business_date), *(b for b in today[:mine] if b.state == PLANNED)]
    return [b.batch for b in left if b.batch.kind not in UNORDERED]


def _run(site: Site, business_date: date, slot: str, at: datetime, marks: Collection[str]) -> BatchResult:
    with site.writing(at, business_date) as begun:
        work = replace(begun, marks=set(marks))
        state = to_start(work, slot)
        if state is None:
            return _before(work, slot)
        if overtaken(work, state.batch):
            finish(work, slot, SKIPPED, "{}")
            note(work, site.archive, EventKind.BATCH, {"slot": slot})
            return BatchResult(business_date, slot, SKIPPED, {"reason": "a later batch of its kind is due"})
        reached("batch.begun")
        facts, report = BATCHES[state.batch.kind](work, site.archive, slot)
        reached("batch.carried out")
        if state.batch.kind is BatchKind.END_OF_DAY:
            # What is delivered or made from here on, no sealed day would have.
            alone(work.connection)
            make_left(site, work)
        finish(work, slot, DONE, summary_json(facts))
        note(work, site.archive, EventKind.BATCH, {"slot": slot})
        if state.batch.kind is BatchKind.END_OF_DAY:
            reached("end of day.before seal")
            seal(work, site.archive)
            reached("end of day.sealed")
        reached("batch.before commit")
    reached("batch.committed")
    return BatchResult(business_date, slot, DONE, facts, report)


Outcome = tuple[Facts, Report | None]


def _opening(work: Work, archive: Archive, slot: str) -> Outcome:
    """Opens the day: publishes the timetable and the hash of the drawn moment, carries out what has come due."""
    cause = f"batch/{slot}"
    enforced, notices, reports = carry_out_enforcements(work)
    own = execute_transfers(work, cause)
    queue_notices(work, archive, [*tell_payment_details(work), *notices], cause)
    for report in reports:
        # Named by the interest too: two enforcements of one day are two reports to the same party.
        name = f"{work.business_date:%Y%m%d}_{slot}_{report.code}_{dict(report.facts)['Interest']}"
        queue_report(work, archive, report, name, cause, printed=True)
    queue_reports(work, archive, trading_reports(work), slot, cause)
    drawn = draw_of(work, work.business_date)
    if drawn is not None and register.calendar(work).is_settlement_day(work.business_date):
        body = (
            f"The main cycle runs at a random moment (CSD-5.2.10-a). The SHA-256 of the secret that fixes it is {drawn.commitment}; "
            "the secret is published after the cycle."
        )
        times = work.market.timetable(work.business_date).published()
        for party in register.participants(work):
            subject = f"Business day {work.business_date} is open"
            notice = notify(work, party.code, subject, body, times, audience=Audience.ALL)
            queue_notices(work, archive, [notice], cause)
    return {"enforcements": len(enforced), "transfers executed": len(own.settled)}, None


def _funding(work: Work, archive: Archive, slot: str) -> Outcome:
    reports, remarks, ranking = funding_reports(work)
    queue_reports(work, archive, reports, slot, f"batch/{slot}")
    missing = sum(len([r for r in report.tables[0].rows if r[-1]]) for report in reports)
    return {"reports": len(reports), "lines of cash still to fund": missing, **remarks}, ranking


def _fop_window(work: Work, archive: Archive, slot: str) -> Outcome:
    done = execute_transfers(work, f"batch/{slot}")
    queue_notices(work, archive, done.notices, f"batch/{slot}")
    refresh_forecasts(work, archive, slot, f"batch/{slot}", f"transfers of the window {slot}")
    return {"executed": len(done.settled), "waiting": len(done.waiting)}, None


def _main_cycle(work: Work, archive: Archive, slot: str) -> Outcome:
    cycle = _cycle(work, archive, "main", slot)
    late = record_late(work, cycle.unsettled, cycle.shortages)
    report = _cycle_answers(work, archive, cycle, slot, everyone=True)
    reveal(work)
    drawn = draw_of(work, work.business_date)
    facts = {**summary(cycle), "late": len(late)}
    if drawn is not None:
        facts |= {"moment": drawn.moment, "secret": drawn.secret}
    return facts, report


def _cycle(work: Work, archive: Archive, kind: str, slot: str) -> Cycle:
    """Runs a cycle and keeps its input, outcome and proof as plain files."""
    cycle = run_cycle(work, kind, f"batch/{slot}")
    if cycle.solved is not None:
        keep_proof(work, archive, cycle.number, cycle.solved)
    return cycle


def _late_cycle(work: Work, archive: Archive, slot: str) -> Outcome:
    cycle = _cycle(work, archive, "late", slot)
    report = _cycle_answers(work, archive, cycle, slot, everyone=False)
    return summary(cycle), report


def _cycle_answers(work: Work, archive: Archive, cycle: Cycle, slot: str, *, everyone: bool) -> Report | None:
    cause = f"batch/{slot}"
    if cycle.certificate is None or not (cycle.settled or everyone):
        return None
    queue_reports(work, archive, participant_reports(work, cycle, everyone=everyone), slot, cause)
    operator = register.party_of_kind(work, PartyKind.OPERATOR)
    if operator is None:
        return None
    report = operator_report(work, cycle, operator.code)
    queue_reports(work, archive, [report], slot, cause)
    return report


def _payout(work: Work, archive: Archive, slot: str) -> Outcome:
    """Payment orders to the settlement bank; the participants are told (CSD-3.3.2-b)."""
    cause = f"batch/{slot}"
    bank = register.party_of_kind(work, PartyKind.BANK)
    orders = order_payments(work, slot)
    if orders and bank is None:
        raise Broken(
            "payments are due but no party of kind bank is registered: load the settlement bank with `csd load`"
        )
    market = work.market
    paid = 0
    for order in orders:
        debtor = Debtor(market.depository_name, market.depository_bin, market.depository_bic, order.bank_bic)
        data = pain001.render(order.payments, order.message_id, work.market.local(work.at), debtor)
        queue_bytes(work, archive, bank.code if bank else "", f"{order.message_id}.xml", data, cause)
        paid += len(order.payments)
    return {"payment messages": len(orders), "payments": paid}, None


def _settlement_fail(work: Work, archive: Archive, slot: str) -> Outcome:
    cancelled, told = cancel_asked(work, f"batch/{slot}")
    fails, notices = record_failed(work, f"batch/{slot}")
    queue_notices(work, archive, [*told, *notices], f"batch/{slot}")
    started = [*fails_of_day(work, BUY_IN), *fails_of_day(work, CLOSE_OUT)]
    failing = sorted({cause for fail in fails for cause in fail.causes})
    facts: Facts = {"fails": len(fails), "failing participants": ", ".join(failing) or "none"}
    if cancelled:
        facts["cancelled on request"] = ", ".join(one.id for one in cancelled)
    if started:
        facts["to buy-in or close-out"] = ", ".join(f"{one.instruction} {one.stage}" for one in started)
    return facts, None


def _lapse(work: Work, archive: Archive, slot: str) -> Outcome:
    lapsed, notices = lapse_transfers(work, [InstructionKind.TRANSFER], f"batch/{slot}")
    queue_notices(work, archive, notices, f"batch/{slot}")
    return _lapsed(lapsed), None


def _end_of_day(work: Work, archive: Archive, slot: str) -> Outcome:
    lapsed, notices = lapse_transfers(work, FREE, f"batch/{slot}")
    queue_notices(work, archive, notices, f"batch/{slot}")
    facts, report = close_day(work, archive, slot)
    return {**_lapsed(lapsed), **facts}, report


def _lapsed(lapsed: list[Instruction]) -> Facts:
    return {"lapsed": len(lapsed)}


def _before(work: Work, slot: str) -> BatchResult:
    planned = {b.batch.slot: b for b in batches_of(work, work.business_date)}
    if slot not in planned:
        there = (
            f"its batches are {', '.join(planned)}" if planned else "the day is not planned; plan it with `csd plan`"
        )
        raise LookupError(f"the plan of {work.business_date} has no batch {slot}: {there}")
    return BatchResult(work.business_date, slot, f"{planned[slot].state} before", planned[slot].facts)


BATCHES: dict[BatchKind, Callable[[Work, Archive, str], Outcome]] = {
    BatchKind.OPENING: _opening,
    BatchKind.FUNDING: _funding,
    BatchKind.FOP_WINDOW: _fop_window,
    BatchKind.MAIN_CYCLE: _main_cycle,
    BatchKind.LATE_CYCLE: _late_cycle,
    BatchKind.PAYOUT: _payout,
    BatchKind.SETTLEMENT_FAIL: _settlement_fail,
    BatchKind.LAPSE: _lapse,
    BatchKind.END_OF_DAY: _end_of_day,
}
