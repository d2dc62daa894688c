"""Who did not deliver: late from the main cycle on, failed at 17:30; a victim of another is not failing (CSD-A2-3.1, CSD-A2-3.2)."""

from collections.abc import Mapping, Sequence

from depository.amounts import shown
from depository.cycles import Shortage, causes_in, pending_reason, shortages_of, solve
from depository.instructions import Instruction, Status, by_participant
from depository.notices import Notice, notify
from depository.obligations import due_today
from depository.rejects import PendingReason
from depository.store import fails as fail_store
from depository.store import instructions as store
from depository.store import register
from depository.store.fails import Fail, fails_of_day
from depository.store.work import Work

LATE = "late"
FAILED = "failed"
BUY_IN = "buy-in"
CLOSE_OUT = "close-out"


__all__ = ["BUY_IN", "CLOSE_OUT", "FAILED", "LATE", "Fail", "fails_of_day", "record_failed", "record_late"]


def record_late(work: Work, unsettled: Sequence[Instruction], shortages: Mapping[str, Shortage]) -> list[Fail]:
    """Not settled by the main cycle of its intended settlement date: late, the fee hangs on it (CSD-A2-3.1)."""
    return _keep(work, [one for one in unsettled if one.isd == work.business_date], LATE, shortages)


def record_failed(work: Work, cause: str) -> tuple[list[Fail], list[Notice]]:
    """Not settled at 17:30: a settlement fail (CSD-3.3.1-d); the instruction is tried again on the next settlement day (CSD-4.1.4-a).

    What was due before is then started on its way to buy-in or close-out (CSD-A2-4.1).
    """
    due = due_today(work)
    if not due:
        return [], []
    shortages = shortages_of(solve(work, due).outcome)
    fails = _keep(work, due, FAILED, shortages)
    by_id = {fail.instruction: fail for fail in fails}
    failing = sorted(due, key=lambda one: one.id)
    store.change_each(work, [(one, Status.FAILING, by_id[one.id].short) for one in failing], cause)
    told = by_participant(failing)
    notices = [_notice(work, party, [(one, by_id[one.id]) for one in told[party]]) for party in sorted(told)]
    return fails, [*notices, *_start_procedures(work, failing, by_id, shortages)]


def _start_procedures(
    work: Work, failing: Sequence[Instruction], fails: Mapping[str, Fail], shortages: Mapping[str, Shortage]
) -> list[Notice]:
    """What was not put right by 17:30 of the business day after its intended settlement date goes to buy-in, or to close-out (CSD-A2-4.1).

    To buy-in when the seller failed to deliver securities, to close-out when the buyer failed to pay; once, and both sides are told. A
    transaction that is stuck by others alone goes to neither.
    """
    calendar = register.calendar(work)
    known = fail_store.instructions_at(work, (BUY_IN, CLOSE_OUT))
    started: list[Fail] = []
    notices: list[Notice] = []
    for one in failing:
        overdue = one.isd < work.business_date and calendar.business_day_after(one.isd, 1) <= work.business_date
        if not overdue or one.id in known:
            continue
        fail = fails[one.id]
        for procedure, who in _procedures(one, shortages.get(one.id), fail):
            started.append(Fail(one.id, procedure, (who,), fail.short, fail.label))
            notices += _procedure_notices(work, one, procedure, who)
    fail_store.add(work, started)
    return notices


def _procedures(one: Instruction, shortage: Shortage | None, fail: Fail) -> list[tuple[str, str]]:
    """The procedure against each side that failed, with its participant."""
    if shortage is None:
        # Covered too late: what was short stands in the words of the last cycle.
        securities = PendingReason.SECURITIES_SHORT in fail.short and one.deliver_participant in fail.causes
        money = PendingReason.MONEY_SHORT in fail.short and one.receive_participant in fail.causes
    else:
        securities = any(s.role == "securities" and one.deliver_participant in s.causes for s in shortage.short)
        money = any(s.role == "cash" and one.receive_participant in s.causes for s in shortage.short)
    found = [(BUY_IN, one.deliver_participant)] if securities else []
    return [*found, (CLOSE_OUT, one.receive_participant)] if money else found


def _procedure_notices(work: Work, one: Instruction, procedure: str, failing: str) -> list[Notice]:
    """To both sides: what the depository will do at whose risk (CSD-A2-4.1)."""
    quantity = shown(work, one.isin, one.quantity)
    body = (
        f"Instruction {one.id} (trade {one.reference}) was to settle on {one.isd} and was not put right by the end of the last cycle of "
        f"{work.business_date}. The depository will carry out a {procedure} of {quantity} {one.isin} at the risk and expense of {failing} "
        "(CSD-A2-4.1). Until then the instruction stays open and is tried again in every cycle."
    )
    sides = sorted({one.deliver_participant, one.receive_participant})
    return [notify(work, side, f"{procedure.capitalize()} of {one.reference}", body) for side in sides]


def _keep(work: Work, instructions: Sequence[Instruction], stage: str, shortages: Mapping[str, Shortage]) -> list[Fail]:
    fails = []
    for one in sorted(instructions, key=lambda one: one.id):
        shortage = shortages.get(one.id)
        if shortage is None and stage == FAILED:
            # Covered now, but only since the last cycle: failing is who that cycle found at the root (CSD-3.3.1-d, CSD-A2-3.2).
            causes = causes_in(one.reason)
            short = f"{PendingReason.LINKED} covered only after the last cycle, in which: {one.reason or 'not tried'}"
            fails.append(Fail(one.id, stage, causes, short, "rooted" if causes else ""))
            continue
        causes = shortage.causes if shortage else ()
        fails.append(Fail(one.id, stage, causes, pending_reason(shortage), shortage.label if shortage else ""))
    fail_store.add(work, fails)
    return fails


def _notice(work: Work, party: str, told: Sequence[tuple[Instruction, Fail]]) -> Notice:
    """One notice to a party, however many of its instructions failed."""
    again = "It is tried again on the next settlement day (CSD-4.1.4-a)."
    if len(told) > 1:
        failing = sum(party in fail.causes for _, fail in told)
        return notify(
            work,
            party,
            f"{len(told)} settlement fails",
            f"{len(told)} instructions were not settled on {work.business_date}; in {failing} of them you are the failing side. {again}",
            tuple((f"{one.reference} ({one.id})", f"{fail.short}. {_blame(party, fail)}") for one, fail in told),
        )
    one, fail = told[0]
    return notify(
        work,
        party,
        f"Settlement fail of {one.reference}",
        f"Instruction {one.id} (trade {one.reference}) was not settled on {work.business_date}: {fail.short}. "
        f"{_blame(party, fail)} {again}",
        (
            ("Instruction", one.id),
            ("Trade", one.reference),
            ("Security", one.isin),
            ("Caused by", ", ".join(fail.causes)),
        ),
    )


def _blame(party: str, fail: Fail) -> str:
    if not fail.causes:
        return "Nobody was found to have caused it; operators look into it, and nothing is charged to you meanwhile."
    if party in fail.causes:
        return (
            "You are a failing participant: bring what is short before 17:30 of the next settlement day (CSD-A2-4.1)."
        )
    return "You are not failing: the fail was caused by others, and nothing is charged to you (CSD-A2-3.2)."
