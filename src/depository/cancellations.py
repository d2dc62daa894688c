"""An unsettled exchange trade is cancelled for the side that did not fail, on the first settlement day after the intended one.

The side asks by form TCR; the trade stays in the cycles of that day and is cancelled after the last, before any buy-in or close-out
starts. The depository may cancel one by itself on that day (CSD-5.1.10-b). Both sides are told, and nothing further follows.
"""

from collections.abc import Sequence
from datetime import date, datetime

from depository.answers import LineOutcome, Verdict
from depository.business_days import OutsideCalendar
from depository.instructions import OPEN, Instruction, InstructionKind, Status
from depository.notices import Notice, Taken, notify
from depository.rejects import Reject, RejectionReason
from depository.requests import CancellationRequest, Header
from depository.store import cancellations as store
from depository.store import fails as fail_store
from depository.store import instructions, register
from depository.store.cancellations import Cancellation
from depository.store.work import Work
from depository.timetable import moment

RULE = "CSD-5.1.10-b"


def record_cancellation(work: Work, header: Header, request: CancellationRequest) -> Taken:
    """Takes a TCR: it waits for the end of the last cycle of the first settlement day after the intended one."""
    checked = check_cancellation(work, header.participant, request)
    if isinstance(checked, Reject):
        return Taken(LineOutcome(1, Verdict.REFUSED, header.reference, "", "", (checked,)))
    one, day = checked
    number = _keep(work, one, header.participant, header.reference, request.reason, store.WAITING)
    ends = f"{work.market.timetable(day).last_dvp:%H:%M} of {day}"
    why = f" Its reason: {request.reason}" if request.reason else ""
    body = (
        f"{header.participant} has asked to have instruction {one.id} (trade {one.reference}) cancelled, which was to settle on {one.isd}. "
        f"It is tried in every cycle until then; if it is unsettled at {ends}, it is cancelled with no further effect for either side "
        f"(CSD-5.1.10-b).{why}"
    )
    notices = tuple(notify(work, side, f"Cancellation asked of {one.reference}", body) for side in _sides(one))
    note = f"cancelled at {ends} unless it settles before"
    return Taken(LineOutcome(1, Verdict.ACCEPTED, header.reference, number, store.WAITING, note=note), notices)


def check_cancellation(work: Work, participant: str, request: CancellationRequest) -> tuple[Instruction, date] | Reject:
    """The instruction and the day on which it is cancelled, or the first fault."""
    one = instructions.find(work, request.instruction)
    if one is None or one.kind is not InstructionKind.EXCHANGE or participant not in _sides(one):
        return _reject(
            "instruction",
            request.instruction,
            "you have no exchange trade with this instruction number; copy it from the notice of the fail",
        )
    if one.reference != request.trade:
        return _reject("trade", request.trade, f"{one.id} is trade {one.reference}; correct one of the two")
    fault = _not_cancellable(work, one)
    if fault is not None:
        return fault
    if any(other.instruction == one.id for other in store.waiting(work)):
        return _reject("instruction", one.id, "its cancellation has been asked for already and waits")
    if participant in fail_store.last_causes(work, one.id):
        return Reject(
            RejectionReason.RULE,
            RULE,
            "instruction",
            one.id,
            "you are a failing side of it; the other side alone may ask",
        )
    return one, _first_day(work, one)


def _not_cancellable(work: Work, one: Instruction) -> Reject | None:
    """Not failed (yet), or past the first settlement day after the intended one."""
    if one.status not in OPEN:
        return _reject("instruction", one.id, f"it is {one.status.value}")
    if one.status is not Status.FAILING:
        return _reject("instruction", one.id, f"it has not failed; it is to settle on {one.isd}", RejectionReason.DATE)
    try:
        day = _first_day(work, one)
    except OutsideCalendar as outside:
        return _reject("instruction", one.id, str(outside), RejectionReason.DATE)
    if work.at >= _ends(work, day):
        return _reject(
            "instruction",
            one.id,
            f"limit passed: the last moment was the end of the last cycle of {day}, the first settlement day after {one.isd}; the "
            "procedures for settlement fails go on",
            RejectionReason.DEADLINE,
        )
    return None


def cancel_asked(work: Work, cause: str) -> tuple[list[Instruction], list[Notice]]:
    """After the last cycle: cancels what is still unsettled of that for which it was asked and whose day has come; tells both sides."""
    cancelled: list[Instruction] = []
    notices: list[Notice] = []
    for asked in store.waiting(work):
        one = instructions.get(work, asked.instruction)
        if one.status not in OPEN:
            store.set_state(work, asked.number, store.NOT_NEEDED)
            body = f"Your request {asked.number} to cancel {one.id} (trade {one.reference}) has no effect: it is {one.status.value}."
            notices.append(notify(work, asked.requested_by, f"{one.reference} is not cancelled", body))
        elif _first_day(work, one) <= work.business_date:
            store.set_state(work, asked.number, store.CANCELLED)
            notices += _cancel(work, one, f"at the request of {asked.requested_by}", asked.reason, cause)
            cancelled.append(one)
    return cancelled, notices


def cancel_ourselves(work: Work, instruction: str, reason: str) -> tuple[str, Sequence[Notice]]:
    """The depository cancels an unsettled trade by itself on the first settlement day after the intended one; returns our number.

    Raises LookupError, changing nothing, for what is no such trade or on another day.
    """
    one = instructions.find(work, instruction)
    if one is None or one.kind is not InstructionKind.EXCHANGE:
        raise LookupError(f"{instruction} is no instruction from an exchange trade")
    fault = _not_cancellable(work, one)
    if fault is not None:
        raise LookupError(f"{instruction} cannot be cancelled: {fault.message} (CSD-5.1.10-b)")
    if work.business_date < _first_day(work, one):
        raise LookupError(f"{instruction} can be cancelled on {_first_day(work, one)}, not before (CSD-5.1.10-b)")
    number = _keep(work, one, "", "", reason, store.CANCELLED)
    return number, _cancel(work, one, "by the depository of its own accord", reason, f"cancellation/{number}")


def _cancel(work: Work, one: Instruction, by: str, reason: str, cause: str) -> list[Notice]:
    instructions.change(work, [one], Status.CANCELLED, f"cancelled {by} (CSD-5.1.10-b)", cause)
    # What both sides still have to bring changes as if they had moved it.
    work.moved.update((side, "") for side in _sides(one))
    why = f" Reason: {reason}" if reason else ""
    body = (
        f"Instruction {one.id} (trade {one.reference}), which was to settle on {one.isd}, was cancelled {by} on {work.business_date}. "
        f"Nothing further follows from it for either side (CSD-5.1.10-b).{why}"
    )
    return [notify(work, side, f"{one.reference} is cancelled", body) for side in _sides(one)]


def _keep(work: Work, one: Instruction, by: str, reference: str, reason: str, state: str) -> str:
    number = f"C{work.next_number('cancellation'):06d}"
    store.add(work, Cancellation(number, one.id, by, reference, reason, state, work.at))
    return number


def _first_day(work: Work, one: Instruction) -> date:
    """The first settlement day after the intended one."""
    return register.calendar(work).settlement_day_after(one.isd, 1)


def _ends(work: Work, day: date) -> datetime:
    return moment(day, work.market.timetable(day).last_dvp, work.market.zone)


def _sides(one: Instruction) -> list[str]:
    return sorted({one.deliver_participant, one.receive_participant})


def _reject(field: str, found: str, why: str, code: RejectionReason = RejectionReason.REFERENCE) -> Reject:
    return Reject(code, RULE, field, found, why)
