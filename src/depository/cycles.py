"""Settlement cycles of exchange trades: one transaction, whole instructions, all at once (CSD-5.2-dvp, CSD-5.2.10-a, b)."""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from depository.account_states import blocked_accounts
from depository.garbage import no_search_for_garbage
from depository.instructions import Instruction, Status
from depository.ledger import AVAILABLE, FROM_OUTSIDE, Entry, move
from depository.obligations import due_today
from depository.points import reached
from depository.rates import Weighing, weigh
from depository.rejects import Broken, PendingReason
from depository.settlement import (
    SIMPLE,
    Certificate,
    Due,
    Late,
    Outcome,
    Problem,
    Unsettled,
    by_engine,
    check,
    first_in_first_out,
    problem,
)
from depository.store import cycles as cycle_store
from depository.store import instructions as store
from depository.store import journal
from depository.store.work import Work
from depository.timetable import moment

STOPPED = "stopped by clock after units: "
"""Before the number of units of work, in the mark of a piece of work whose cycle ran out of time."""
SECONDS, LEAST_SECONDS = 600, 60
"""What a cycle's search may take where the market does not say, and what it may always take."""
BLOCKED_PLACE = "-BLOCKED"
"""Behind the number of a blocked account in what the engine is given."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why an instruction stayed behind: what is short on its own sides, and the failing participants at the root (CSD-A2-3.2)."""

    short: tuple[Unsettled, ...]

    @property
    def causes(self) -> tuple[str, ...]:
        """The failing participants."""
        return tuple(sorted({cause for one in self.short for cause in one.causes}))

    @property
    def label(self) -> str:
        """rooted, indivisible or choice."""
        labels = {one.label for one in self.short}
        return next((label for label in ("rooted", "choice", "indivisible") if label in labels), "")


@dataclass(frozen=True, slots=True)
class Posed:
    """The settlement problem of some instructions, with the rows that it was made from."""

    due: tuple[Instruction, ...]
    weighing: Weighing
    securities: tuple[tuple[str, str, int], ...]
    """Account, ISIN and what is available, in smallest units; likewise participant and currency for cash."""
    cash: tuple[tuple[str, str, int], ...]
    problem: Problem
    dues: tuple[Due, ...]
    """The instructions as the engine takes them, in the same order."""


@dataclass(frozen=True, slots=True)
class Solved:
    """What can settle of the due instructions, checked and not yet written."""

    posed: Posed
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Cycle:
    """What one cycle did."""

    number: int
    kind: str
    settled: tuple[Instruction, ...]
    unsettled: tuple[Instruction, ...]
    shortages: Mapping[str, Shortage]
    """By instruction id."""
    solved: Solved | None
    """What the engine was given and answered; None when nothing was due."""

    @property
    def certificate(self) -> Certificate | None:
        """How good the settled set is."""
        return self.solved.outcome.certificate if self.solved else None


def pose(work: Work, due: Sequence[Instruction]) -> Posed:
    """The settlement problem of these instructions against what is available now, at the start of the cycle (CSD-3.3.1-c).

    Blocked parts stay out (CSD-4.3-1-a), and so does money that came after the day's last moment (CSD-A1, CSD-3.3.1-d).
    """
    accounts = {a for one in due for a in (one.deliver_account, one.receive_account)}
    payers = {p for one in due for p in (one.deliver_participant, one.receive_participant)}
    available = journal.balances(work, accounts | payers)
    for (who, currency), late in _late_money(work).items():
        if who in payers:
            key = (who, currency, AVAILABLE)
            available[key] = max(0, available.get(key, 0) - late)
    securities = tuple((h, a, n) for (h, a, part), n in available.items() if h in accounts and part == AVAILABLE)
    cash = tuple((h, a, n) for (h, a, part), n in available.items() if h in payers and part == AVAILABLE)
    weighing = weigh(work, due)
    blocked = blocked_accounts(work)
    dues = tuple(as_due(one, blocked) for one in due)
    posed = problem(
        securities,
        cash,
        dues,
        # A currency without a rate counts by number alone, never as 1 for 1 (`rates`).
        {c: r.rate for c, r in weighing.rates.items()} | dict.fromkeys(weighing.missing, Decimal(0)),
        {c.code: c.digits for c in work.market.currencies},
    )
    return Posed(tuple(due), weighing, securities, cash, posed, dues)


def _late_money(work: Work) -> dict[tuple[str, str], int]:
    """Money credited after the end of the last minute in which it counts today: participant and currency to amount."""
    end = work.market.timetable(work.business_date).money_ends(work.business_date, work.market.zone)
    if work.at < end:
        return {}
    return journal.received_since(work, end, FROM_OUTSIDE)


def run_cycle(work: Work, kind: str, cause: str) -> Cycle:
    """Settles what can settle of today's due instructions and says why the rest stays behind.

    Raises Broken, and commits nothing, when the independent checker finds a fault in the set.
    """
    with no_search_for_garbage():
        due = due_today(work)
        if not due:
            return Cycle(cycle_store.next_of_today(work), kind, (), (), {}, None)
        return keep(work, kind, solve(work, due), cause)


def solve(work: Work, due: Sequence[Instruction]) -> Solved:
    """The set that settles, by the day's objective and against what is available.

    When its time is over, the best set so far is taken; when the engine fails, the simple method stands in for it. Either marks the
    work, and a work so marked goes the same way. Raises Broken when the checker refuses the simple set, too.
    """
    posed = pose(work, due)
    weighing = posed.weighing
    reached("cycle.posed")
    outcome = None
    if SIMPLE not in work.marks:
        most = _units_in(work.marks)
        late = _late(work) if most is None else None
        outcome = by_engine(posed.problem, weighing.objective, weighing.effort, late, most)
        if outcome is not None and outcome.certificate.by_clock:
            work.marks.add(f"{STOPPED}{outcome.certificate.units}")
    if outcome is None:
        work.marks.add(SIMPLE)
        outcome = first_in_first_out(posed.problem, weighing.objective)
        faults = check(posed.problem, outcome)
        if faults:
            raise Broken("the settlement check refused the cycle: " + "; ".join(faults[:10]))
    reached("cycle.solved")
    return Solved(posed, outcome)


def _late(work: Work) -> Late | None:
    """Has the time for a search that begins now run out, by the machine's clock? None where there is no clock.

    It may take `settlement_seconds` of the market, and never goes on after the depository's close.
    """
    clock = work.clock
    if clock is None:
        return None
    market = work.market
    close = moment(work.business_date, market.timetable(work.business_date).close, market.zone)
    allowed = int(market.parameter("settlement_seconds", work.business_date, SECONDS))
    ends = clock() + min(allowed, max((close - work.at).total_seconds(), LEAST_SECONDS))
    return lambda: clock() > ends


def _units_in(marks: Collection[str]) -> int | None:
    """After how many units of work the cycle was stopped."""
    return next((int(mark.removeprefix(STOPPED)) for mark in marks if mark.startswith(STOPPED)), None)


def keep(work: Work, kind: str, solved: Solved, cause: str) -> Cycle:
    """Writes a cycle: entries and balances in the order of settling, statuses with their reasons, the certificate."""
    due, outcome = solved.posed.due, solved.outcome
    number = cycle_store.next_of_today(work)
    steps = outcome.step.tolist()
    order = sorted((step, j) for j, step in enumerate(steps) if step)
    journal.post(work, [_entry(due[j]) for _, j in order])
    reached("cycle.posted")
    shortages = shortages_of(outcome)
    settled = tuple(one for one, step in zip(due, steps, strict=True) if step)
    unsettled = tuple(one for one, step in zip(due, steps, strict=True) if not step)
    changes = [(one, Status.SETTLED, "") for one in settled]
    changes += [(one, one.status, pending_reason(shortages.get(one.id))) for one in unsettled]
    store.change_each(work, changes, cause)
    cycle_store.add(work, number, kind, len(due), len(settled), certificate_json(solved))
    reached("cycle.kept")
    return Cycle(number, kind, settled, unsettled, shortages, solved)


def shortages_of(outcome: Outcome) -> dict[str, Shortage]:
    """The engine's lines, by instruction."""
    by_id: dict[str, list[Unsettled]] = defaultdict(list)
    for line in outcome.unsettled:
        by_id[line.id].append(line)
    return {id_: Shortage(tuple(lines)) for id_, lines in by_id.items()}


def certificate_json(solved: Solved) -> str:
    """The certificate as stored, with the rates it rests on; fractions become exact decimals of 28 digits."""
    certificate, weighing = solved.outcome.certificate, solved.posed.weighing
    values = {name: _plain(getattr(certificate, name)) for name in Certificate.__slots__ if name != "priorities"}
    values["priorities"] = [{k: _plain(v) for k, v in one._asdict().items()} for one in certificate.priorities]
    values["reference_currency"] = weighing.reference
    values["rates"] = {
        c: {"rate": str(r.rate), "valid_from": r.valid_from.isoformat(), "source": r.source}
        for c, r in weighing.rates.items()
    }
    values["currencies_without_rate"] = list(weighing.missing)
    return json.dumps(values, sort_keys=True, ensure_ascii=False)


def _plain(value: object) -> object:
    return str(decimal(value)) if isinstance(value, Fraction) else value


def decimal(value: Fraction) -> Decimal:
    """A fraction as a decimal for people."""
    return Decimal(value.numerator) / Decimal(value.denominator)


def as_due(one: Instruction, blocked: Collection[str]) -> Due:
    """An instruction as the engine takes it.

    From a blocked account it gives out of a place of its own on which nothing ever is, so that not even what arrives in the same cycle
    leaves the account (KCSD-97).
    """
    return Due(
        id=one.id,
        deliver_account=one.deliver_account + (BLOCKED_PLACE if one.deliver_account in blocked else ""),
        receive_account=one.receive_account,
        isin=one.isin,
        quantity=one.quantity,
        payer=one.receive_participant if one.amount else "",
        payee=one.deliver_participant if one.amount else "",
        currency=one.currency if one.amount else "",
        amount=one.amount,
        priority=one.priority,
        isd=one.isd.isoformat(),
        netting=one.netting or "gross",
        link=one.link,
    )


def _entry(one: Instruction) -> Entry:
    """Securities and money in one entry, so that they move together or not at all."""
    postings = list(move(one.isin, one.quantity, one.deliver_account, one.receive_account))
    if one.amount:
        postings += move(one.currency, one.amount, one.receive_participant, one.deliver_participant)
    return Entry("settlement", one.id, tuple(postings))


def pending_reason(shortage: Shortage | None) -> str:
    """The ISO code and words of what is short."""
    if shortage is None or not shortage.short:
        return f"{PendingReason.LINKED} kept back by an instruction it settles with"
    words = []
    for one in shortage.short:
        if one.holder.endswith(BLOCKED_PLACE):
            words.append(f"{PendingReason.ACCOUNT_BLOCKED} {one.holder.removesuffix(BLOCKED_PLACE)} is blocked")
            continue
        code = PendingReason.SECURITIES_SHORT if one.role == "securities" else PendingReason.MONEY_SHORT
        words.append(f"{code} {one.holder} is short of {one.asset}")
    roots = ", ".join(shortage.causes)
    return "; ".join(words) + (f" (caused by {roots})" if roots else f" ({shortage.label})")


def holder_in_words(holder: str) -> str:
    """A holder as people read it: a blocked account by its own number."""
    return f"{holder.removesuffix(BLOCKED_PLACE)} (blocked)" if holder.endswith(BLOCKED_PLACE) else holder


def causes_in(reason: str) -> tuple[str, ...]:
    """The failing participants that a reason of `pending_reason` names."""
    named = re.search(r" \(caused by ([^()]+)\)$", reason)
    return tuple(named[1].split(", ")) if named else ()
