"""Free-of-payment transfers, form IST: record, match, execute, withdraw, lapse (CSD-4.1.2, 4.1.4-b, 4.1.5-a, 4.3.3-a)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter

from depository.amounts import shown
from depository.answers import LineOutcome, Verdict
from depository.business_days import OutsideCalendar
from depository.instructions import OPEN, Instruction, InstructionKind, Side, Status
from depository.ledger import Entry, move
from depository.lending import loan_fault
from depository.notices import Notice, notify
from depository.register import QUANTITY_TYPES, Account, AccountState, PartyKind, Product
from depository.rejects import PendingReason, Reject, RejectionReason
from depository.requests import Action, Header, Movement, TransferRequest
from depository.store import instructions as store
from depository.store import journal, register
from depository.store.work import Work
from depository.timetable import moment
from depository.units import TooFine, to_units

FREE = (InstructionKind.TRANSFER, InstructionKind.OWN_TRANSFER)


@dataclass(frozen=True, slots=True)
class Executed:
    """What a look at the waiting free-of-payment instructions did."""

    settled: tuple[Instruction, ...]
    """The delivering side of each executed transfer."""
    waiting: tuple[Instruction, ...]
    notices: tuple[Notice, ...] = ()
    """One to each participant that sent a side of a transfer between two which was executed."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The answers to the lines of an IST, and the notices that carrying them out caused."""

    outcomes: tuple[LineOutcome, ...]
    notices: tuple[Notice, ...]


def record_transfers(work: Work, header: Header, lines: Sequence[TransferRequest], cause: str) -> Recorded:
    """Takes the lines of an IST in order; each is recorded or refused on its own (design §7: first fault of business wins)."""
    sender = header.participant
    used = store.references_used(work, sender, [line.reference for line in lines])
    register.know_accounts(work, {number for line in lines for number in (line.own_account, line.counterparty_account)})
    outcomes: list[LineOutcome] = []
    executed: list[Instruction] = []
    for action, some in groupby(lines, key=attrgetter("action")):
        if action is Action.NEW:
            outcomes += _take_new(work, sender, list(some), used, cause, executed)
        else:
            outcomes += [_take_other(work, sender, line, used, cause, executed) for line in some]
    return Recorded(tuple(outcomes), _executed_notices(work, executed))


def _take_new(
    work: Work,
    sender: str,
    lines: Sequence[TransferRequest],
    used: set[str],
    cause: str,
    executed: list[Instruction],
) -> list[LineOutcome]:
    """New instructions are checked one by one and recorded together: what a check looks at, no new instruction changes."""
    right: list[tuple[TransferRequest, Instruction]] = []
    refused: list[LineOutcome] = []
    for line in lines:
        checked = _reference_fault(line, used) or check_transfer(work, sender, line)
        if isinstance(checked, Reject):
            # A refused reference stays free, so that the mended line can come again under it.
            refused.append(_refused(line, checked))
        else:
            used.add(line.reference)
            right.append((line, checked))
    return sorted([*refused, *_record(work, right, cause, executed)], key=attrgetter("line"))


def _take_other(
    work: Work, sender: str, line: TransferRequest, used: set[str], cause: str, executed: list[Instruction]
) -> LineOutcome:
    """A line that withdraws an instruction, or replaces it."""
    reject = _reference_fault(line, used)
    if reject is not None:
        return _refused(line, reject)
    take = _revoke if line.action is Action.REVOKE else _replace
    outcome = take(work, sender, line, cause, executed)
    if outcome.verdict is not Verdict.REFUSED:
        used.add(line.reference)
    return outcome


def check_transfer(work: Work, sender: str, line: TransferRequest) -> Instruction | Reject:
    """The instruction that a new line becomes, or the first fault: accounts, counterparty, security, quantity, date."""
    own = register.account(work, line.own_account)
    if own is None or own.participant != sender:
        return Reject(
            RejectionReason.ACCOUNT,
            "CSD-4.1.2-b",
            "own_account",
            line.own_account,
            f"{sender} has no account with this number; give one of your own open accounts",
        )
    if own.state is not AccountState.OPEN:
        return _not_open(own, "own_account")
    counterparty = register.party(work, line.counterparty)
    if counterparty is None or not counterparty.active:
        return Reject(
            RejectionReason.COUNTERPARTY,
            "CSD-4.1.2-b",
            "counterparty",
            line.counterparty,
            "no active participant has this code",
        )
    theirs = register.account(work, line.counterparty_account)
    if theirs is None or theirs.participant != line.counterparty:
        return Reject(
            RejectionReason.ACCOUNT,
            "CSD-4.1.2-b",
            "counterparty_account",
            line.counterparty_account,
            f"{line.counterparty} has no account with this number",
        )
    if theirs.state is not AccountState.OPEN:
        return _not_open(theirs, "counterparty_account")
    if theirs.number == own.number:
        return Reject(
            RejectionReason.ACCOUNT,
            "CSD-4.1.2-a",
            "counterparty_account",
            theirs.number,
            "a transfer needs two different accounts",
        )
    product = register.product(work, line.isin)
    if product is None or not product.admitted:
        return Reject(
            RejectionReason.SECURITY,
            "CSD-7.1.1-a",
            "isin",
            line.isin,
            "this security is not on the register of admitted products; check the ISIN, or ask the depository to admit it",
        )
    quantity = _quantity(line, product)
    if isinstance(quantity, Reject):
        return quantity
    wrong_date = _date_fault(work, line.due_date, sender == line.counterparty)
    if wrong_date is not None:
        return wrong_date
    loan = loan_fault(work, sender, line)
    if loan is not None:
        return loan
    return _instruction(work, sender, line, line.due_date or work.business_date, quantity, own, theirs)


def _record(
    work: Work, right: Sequence[tuple[TransferRequest, Instruction]], cause: str, executed: list[Instruction]
) -> list[LineOutcome]:
    """Writes new instructions, pairs each with the oldest that agrees with it (KCSD-91), executes what is due and covered, in order."""
    ids = store.new_ids(work, len(right)) if right else []
    new = [replace(one, id=id_) for (_, one), id_ in zip(right, ids, strict=True)]
    others = store.counterparts(work, [one for one in new if one.kind is InstructionKind.TRANSFER])
    outcomes = []
    for (line, _), one in zip(right, store.add_matched(work, new, others, cause), strict=True):
        recorded = one
        due = _due_pair(work, recorded)
        if due:
            executed += _execute(work, due, cause)[2]
            recorded = store.get(work, one.id)
        outcomes.append(
            LineOutcome(
                line=line.line,
                verdict=Verdict.ACCEPTED,
                reference=line.reference,
                record=recorded.id,
                status=recorded.status.value,
                note=_waiting_for(work, recorded) if recorded.status in OPEN else "",
            )
        )
    return outcomes


def match_transfer(work: Work, one: Instruction, cause: str) -> None:
    """Pairs an unmatched instruction with the oldest that agrees with it from the other side, if there is one (KCSD-91)."""
    for other in store.counterparts(work, [one]).values():
        store.pair(work, one, other, cause)


def execute_transfers(work: Work, cause: str) -> Executed:
    """Executes what is due and covered, in order of date and arrival.

    Within one participant at any time of the due day (CSD-4.1.2-a), between participants from 09:30 to 17:45 of a business day
    (CSD-4.1.2-c). Each moves whole or waits; nothing goes negative (CSD-5.2-dvp).
    """
    found = store.due(work, _kinds(work, batch=True), [Status.MATCHED], work.business_date)
    settled, waiting, sides = _execute(work, [one for one in found if one.side is not Side.RECEIVE], cause)
    return Executed(tuple(settled), tuple(waiting), _executed_notices(work, sides))


def _due_pair(work: Work, one: Instruction) -> list[Instruction]:
    """The delivering side of an instruction that has just come, when it can be executed now."""
    if one.kind not in _kinds(work) or one.status is not Status.MATCHED or one.isd > work.business_date:
        return []
    return [one if one.side is not Side.RECEIVE else store.get(work, one.matched_with)]


def _kinds(work: Work, *, batch: bool = False) -> tuple[InstructionKind, ...]:
    """The kinds of transfer that are executed at this moment."""
    if work.market.local(work.at).date() < work.business_date:
        # Arrived before the day: it belongs to the next business day and waits for its opening.
        return ()
    return FREE if in_window(work, batch=batch) else (InstructionKind.OWN_TRANSFER,)


def _execute(
    work: Work, due: Sequence[Instruction], cause: str
) -> tuple[list[Instruction], list[Instruction], list[Instruction]]:
    """Executed and waiting transfers by their delivering sides, and every side of those executed between participants."""
    settled, waiting, sides = [], [], []
    for one in due:
        pair = [one, store.get(work, one.matched_with)] if one.matched_with else [one]
        waits = _why_not_now(work, one)
        if waits:
            store.change(work, pair, Status.MATCHED, waits, cause)
            waiting.append(one)
            continue
        postings = move(one.isin, one.quantity, one.deliver_account, one.receive_account)
        journal.post(work, [Entry("transfer", one.id, postings)])
        store.change(work, pair, Status.SETTLED, "", cause)
        settled.append(one)
        if len(pair) == 2:
            sides += pair
    return settled, waiting, sides


def _why_not_now(work: Work, one: Instruction) -> str:
    account = register.account(work, one.deliver_account)
    if account is not None and account.state is AccountState.BLOCKED:
        return f"{PendingReason.ACCOUNT_BLOCKED} {account.number} is blocked"
    if journal.amount(work, one.deliver_account, one.isin) < one.quantity:
        return f"{PendingReason.SECURITIES_SHORT} not enough available securities on {one.deliver_account}"
    return ""


def in_window(work: Work, *, batch: bool = False) -> bool:
    """Is it the time of transfers between participants? (CSD-4.1.2-c; both ends included)

    The day's last `batch` is due at the very end and may start within that minute.
    """
    times = work.market.timetable(work.business_date)
    at = work.market.local(work.at)
    zone = work.market.zone
    start = moment(work.business_date, times.fop_start, zone)
    end = moment(work.business_date, times.fop_end, zone) + (timedelta(minutes=1) if batch else timedelta())
    return register.calendar(work).is_business_day(work.business_date) and start <= at <= end


def next_window(work: Work) -> datetime:
    """When the next window for transfers between participants opens: now, when it is open."""
    if in_window(work):
        return work.at
    calendar = register.calendar(work)
    day = work.business_date
    at = work.market.local(work.at)
    opens = moment(day, work.market.timetable(day).fop_start, work.market.zone)
    if not calendar.is_business_day(day) or at > opens:
        day = calendar.business_day_after(day, 1)
    return moment(day, work.market.timetable(day).fop_start, work.market.zone)


def lapse_transfers(work: Work, kinds: Sequence[InstructionKind], cause: str) -> tuple[list[Instruction], list[Notice]]:
    """Ends what was due today and did not execute: between participants at 18:00, within one at the end of day (CSD-4.1.4-b)."""
    lapsed = store.due(work, kinds, OPEN, work.business_date)
    for why in sorted({_why_lapsed(one) for one in lapsed}):
        store.change(work, [one for one in lapsed if _why_lapsed(one) == why], Status.LAPSED, why, cause)
    return lapsed, [_lapsed_notice(work, mine) for mine in _by_sender(lapsed)]


def _why_lapsed(one: Instruction) -> str:
    return one.reason or "no matching instruction of the counterparty"


def _revoke(work: Work, sender: str, line: TransferRequest, cause: str, _executed: list[Instruction]) -> LineOutcome:
    old = _withdrawable(work, sender, line)
    if isinstance(old, Reject):
        return _refused(line, old)
    _cancel(work, old, f"withdrawn by {line.reference}", cause)
    at_risk = old.isd <= work.business_date
    note = "withdrawn on the settlement day itself, at the participant's own risk (CSD-4.1.5-a)" if at_risk else ""
    return LineOutcome(line.line, Verdict.ACCEPTED, line.reference, old.id, Status.CANCELLED.value, note=note)


def _replace(work: Work, sender: str, line: TransferRequest, cause: str, executed: list[Instruction]) -> LineOutcome:
    """CSD-4.1.2-b: the old one is revoked and the new one recorded, both or neither."""
    old = _withdrawable(work, sender, line)
    if isinstance(old, Reject):
        return _refused(line, old)
    checked = check_transfer(work, sender, line)
    if isinstance(checked, Reject):
        return _refused(line, checked)
    _cancel(work, old, f"replaced by {line.reference}", cause)
    return _record(work, [(line, checked)], cause, executed)[0]


def _withdrawable(work: Work, sender: str, line: TransferRequest) -> Instruction | Reject:
    """CSD-4.1.5-a, CSD-4.3.3-a: the sender's own instruction that is not executed yet; each refusal names the limit passed."""
    old = store.by_reference(work, sender, line.previous)
    if old is None and _is_trade_of(work, sender, line.previous):
        return Reject(
            RejectionReason.REFERENCE,
            "CSD-4.1.5-a",
            "previous",
            line.previous,
            "instructions from exchange trades cannot be withdrawn",
        )
    if old is None:
        return Reject(
            RejectionReason.REFERENCE,
            "CSD-4.1.5-a",
            "previous",
            line.previous,
            "you have no instruction with this reference; only the sender of an instruction can withdraw it",
        )
    if old.status is Status.SETTLED:
        settled_at = work.market.local(old.settled_at or work.at)
        return Reject(
            RejectionReason.DEADLINE,
            "CSD-4.1.2-b",
            "previous",
            line.previous,
            f"limit passed: {old.id} was executed at {settled_at:%Y-%m-%d %H:%M:%S}; nothing more is done",
        )
    if old.status not in OPEN:
        return Reject(
            RejectionReason.DEADLINE,
            "CSD-4.3.3-a",
            "previous",
            line.previous,
            f"limit passed: {old.id} is {old.status.value} already; nothing more is done",
        )
    return old


def _is_trade_of(work: Work, participant: str, reference: str) -> bool:
    """Is this the exchange's trade of the participant? It was never the participant's to withdraw."""
    venue = register.party_of_kind(work, PartyKind.EXCHANGE)
    traded = store.by_reference(work, venue.code, reference) if venue else None
    return traded is not None and participant in (traded.deliver_participant, traded.receive_participant)


def _cancel(work: Work, old: Instruction, why: str, cause: str) -> None:
    store.change(work, [old], Status.CANCELLED, why, cause)
    if old.matched_with:
        other = store.get(work, old.matched_with)
        store.unpair(work, other, cause)
        match_transfer(work, store.get(work, other.id), cause)


def _instruction(
    work: Work, sender: str, line: TransferRequest, due: date, quantity: int, own: Account, theirs: Account
) -> Instruction:
    delivers = line.movement is Movement.DELIVER
    giver, taker = (own, theirs) if delivers else (theirs, own)
    within = own.participant == theirs.participant
    return Instruction(
        id="",
        kind=InstructionKind.OWN_TRANSFER if within else InstructionKind.TRANSFER,
        side=Side.BOTH if within else (Side.DELIVER if delivers else Side.RECEIVE),
        sender=sender,
        reference=line.reference,
        deliver_participant=giver.participant,
        deliver_account=giver.number,
        receive_participant=taker.participant,
        receive_account=taker.number,
        isin=line.isin,
        quantity=quantity,
        isd=due,
        received_at=work.at,
        trade_date=line.trade_date,
        purpose=line.reason,
        agreement=line.agreement,
        status=Status.MATCHED if within else Status.UNMATCHED,
        reason="" if within else f"{PendingReason.UNMATCHED} waiting for the counterparty's instruction",
    )


def _reference_fault(line: TransferRequest, used: set[str]) -> Reject | None:
    if line.reference in used:
        return Reject(
            RejectionReason.REFERENCE,
            "CSD-A3",
            "reference",
            line.reference,
            "you have used this line reference before; every line needs a reference of its own, for ever",
        )
    return None


def _not_open(account: Account, field: str) -> Reject:
    return Reject(
        RejectionReason.ACCOUNT, "CSD-4.1.2-b", field, account.number, f"this account is {account.state.value}"
    )


def _quantity(line: TransferRequest, product: Product) -> int | Reject:
    if line.quantity_type != product.quantity_type:
        return Reject(
            RejectionReason.QUANTITY,
            "CSD-A3",
            "quantity_type",
            QUANTITY_TYPES[line.quantity_type],
            f"the quantity type of {product.isin} is {QUANTITY_TYPES[product.quantity_type]}; choose that",
        )
    try:
        units = to_units(line.quantity, product.scale)
    except TooFine as fault:
        return Reject(RejectionReason.QUANTITY, "CSD-5.2-dvp", "quantity", str(line.quantity), str(fault))
    if units <= 0:
        return Reject(
            RejectionReason.QUANTITY, "CSD-5.2-dvp", "quantity", str(line.quantity), "give a quantity above nought"
        )
    return units


def _date_fault(work: Work, due: date | None, within: bool) -> Reject | None:
    """The due date is a business day from today on, and today only while it has not lapsed (CSD-4.1.4-b)."""
    if due is None or due < work.business_date:
        return Reject(
            RejectionReason.DATE,
            "CSD-4.1.4-b",
            "due_date",
            str(due or ""),
            f"the due date has passed; today is {work.business_date}",
        )
    try:
        open_then = register.calendar(work).is_business_day(due)
    except OutsideCalendar as outside:
        return Reject(
            RejectionReason.DATE,
            "CSD-7.6.5-a",
            "due_date",
            str(due),
            f"{outside}; give a date within the published calendar",
        )
    if not open_then:
        return Reject(
            RejectionReason.DATE,
            "CSD-7.6.5-a",
            "due_date",
            str(due),
            "the due date is not a business day of the calendar",
        )
    close = moment(due, work.market.timetable(due).close, work.market.zone)
    if not within and due == work.business_date and work.at >= close:
        return Reject(
            RejectionReason.DEADLINE,
            "CSD-4.1.4-b",
            "due_date",
            str(due),
            f"arrived after {close:%H:%M}, when transfers due today lapse; give a later due date",
        )
    return None


def _waiting_for(work: Work, one: Instruction) -> str:
    """What an instruction waits for: the other side's, then its day, then the window."""
    what = _waiting_besides(work, one)
    if one.status is not Status.UNMATCHED:
        return what
    other = one.receive_participant if one.side is Side.DELIVER else one.deliver_participant
    return f"{PendingReason.UNMATCHED} waits for the matching instruction of {other}" + (f"; {what}" if what else "")


def _waiting_besides(work: Work, one: Instruction) -> str:
    if one.isd > work.business_date:
        return f"{PendingReason.FUTURE_DATE} waits for its due date {one.isd}"
    if one.kind is InstructionKind.TRANSFER and not in_window(work):
        opens = next_window(work)
        note = f"{PendingReason.WINDOW} waits for the window that opens on {opens:%Y-%m-%d at %H:%M} (CSD-4.1.2-c)"
        if opens.date() > one.isd:
            close = work.market.timetable(one.isd).close
            note += f"; due {one.isd}, it lapses at {close:%H:%M} unless the window is extended by notice"
        return note
    return one.reason


def _by_sender(instructions: Sequence[Instruction]) -> list[list[Instruction]]:
    """Each sender's own, so that thousands of transfers are told in one notice."""
    senders: dict[str, list[Instruction]] = defaultdict(list)
    for one in instructions:
        senders[one.sender].append(one)
    return [senders[sender] for sender in sorted(senders)]


def _executed_notices(work: Work, sides: Sequence[Instruction]) -> tuple[Notice, ...]:
    return tuple(_executed_notice(work, mine) for mine in _by_sender(sides))


def _executed_notice(work: Work, sides: Sequence[Instruction]) -> Notice:
    first = sides[0]
    moment_text = f"{work.market.local(work.at):%Y-%m-%d %H:%M:%S}"
    if len(sides) > 1:
        body = f"{len(sides)} transfers of yours were executed at {moment_text}. They are final."
        return notify(work, first.sender, f"{len(sides)} transfers were executed", body, _list(work, sides))
    return notify(
        work,
        first.sender,
        f"Transfer {first.reference} was executed",
        f"{shown(work, first.isin, first.quantity)} of {first.isin} moved from {first.deliver_account} to "
        f"{first.receive_account} at {moment_text}. The transfer is final.",
        _facts(work, first),
    )


def _lapsed_notice(work: Work, lapsed: Sequence[Instruction]) -> Notice:
    first = lapsed[0]
    again = "Send a new instruction if the transfer is still wanted (CSD-4.1.4-b)."
    if len(lapsed) > 1:
        body = f"{len(lapsed)} instructions of yours were due by {work.business_date} and were not executed. {again}"
        facts = tuple(
            (ref, f"{what}: {_why_lapsed(one)}") for (ref, what), one in zip(_list(work, lapsed), lapsed, strict=True)
        )
        return notify(work, first.sender, f"{len(lapsed)} instructions have lapsed", body, facts)
    return notify(
        work,
        first.sender,
        f"Instruction {first.reference} has lapsed",
        f"Your instruction {first.reference} ({first.id}) was due on {first.isd} and was not executed: {_why_lapsed(first)}. "
        f"{again}",
        _facts(work, first),
    )


def _list(work: Work, instructions: Sequence[Instruction]) -> tuple[tuple[str, str], ...]:
    """One line per instruction: the sender's reference and what it moves."""
    return tuple(
        (
            one.reference,
            f"{shown(work, one.isin, one.quantity)} of {one.isin} from {one.deliver_account} to {one.receive_account} ({one.id})",
        )
        for one in instructions
    )


def _facts(work: Work, one: Instruction) -> tuple[tuple[str, str], ...]:
    return (
        ("Instruction", one.id),
        ("Your reference", one.reference),
        ("From account", one.deliver_account),
        ("To account", one.receive_account),
        ("Security", one.isin),
        ("Quantity", str(shown(work, one.isin, one.quantity))),
        ("Due date", one.isd.isoformat()),
    )


def _refused(line: TransferRequest, reject: Reject) -> LineOutcome:
    return LineOutcome(line.line, Verdict.REFUSED, line.reference, "", "", (reject,))
