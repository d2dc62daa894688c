"""What the settlement bank reports: credits become participants' money, debits confirm our payments (CSD-3.3.1-a)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from depository.amounts import in_words
from depository.answers import LineOutcome, Verdict
from depository.business_days import OutsideCalendar
from depository.feeds import BankEntry, BankStatement
from depository.ledger import ASSIGNMENT, AVAILABLE, BANK, CREDIT, RETURN, UNIDENTIFIED, Entry, move
from depository.notices import Notice, notify
from depository.register import PartyKind
from depository.rejects import Reject, RejectionReason
from depository.store import bank as store
from depository.store import journal, payments, register
from depository.store.work import Work
from depository.units import TooFine, to_units


def check_statement(work: Work, statement: BankStatement) -> Reject | None:
    """A statement is ours when it is of a nominee account of ours in that account's currency (CSD-3.3.1-f)."""
    currency = work.market.currency(statement.currency)
    if currency is None or currency.nominee_iban != statement.iban:
        return Reject(
            RejectionReason.CASH_ACCOUNT,
            "CSD-3.3.1-a",
            "iban",
            statement.iban,
            f"{statement.iban} is not the depository's nominee account in {statement.currency}",
        )
    try:
        to_units(statement.closing or Decimal(0), currency.digits)
    except TooFine as fault:
        return Reject(RejectionReason.MONEY, "CSD-3.3.1-a", "closing", str(statement.closing), str(fault))
    return None


@dataclass(frozen=True, slots=True)
class Recorded:
    """The answers to the entries of a statement, and the notices to the participants whose money they moved."""

    outcomes: tuple[LineOutcome, ...]
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """What an entry did for a participant: in short, and as a sentence."""

    participant: str
    reference: str
    """The bank's reference."""
    short: str
    sentence: str


def record_statement(work: Work, statement: BankStatement) -> Recorded:
    """Books each entry once, however often advices and statements repeat it; keeps the closing balance for reconciliation.

    Returned payments are booked last, for a statement may list a return before the payment. Each participant is told in one notice.
    """
    events: list[Event] = []
    entries = sorted(statement.entries, key=lambda one: one.credit and bool(one.end_to_end))
    outcomes = [_record_entry(work, statement, entry, events) for entry in entries]
    if statement.closing is not None:
        digits = register.scale(work, statement.currency)
        store.keep_closing(
            work,
            statement.business_date,
            statement.currency,
            to_units(statement.closing, digits),
            statement.statement_id,
        )
    return Recorded(tuple(sorted(outcomes, key=lambda one: one.line)), _tell(work, statement, events))


def _record_entry(work: Work, statement: BankStatement, entry: BankEntry, events: list[Event]) -> LineOutcome:
    known = store.booking(work, entry.reference)
    try:
        amount = to_units(entry.amount, register.scale(work, statement.currency))
    except TooFine as fault:
        return _refused(entry, RejectionReason.MONEY, "amount", str(entry.amount), str(fault))
    if known is not None:
        same = known == store.Booking(entry.reference, statement.currency, amount, entry.credit)
        if same:
            return LineOutcome(entry.line, Verdict.ACCEPTED, entry.reference, "", "booked before")
        return _refused(
            entry,
            RejectionReason.REFERENCE,
            "reference",
            entry.reference,
            "this bank reference was booked before with another amount, currency or direction",
        )
    if entry.reversal:
        return _refused(
            entry,
            RejectionReason.OTHER,
            "reversal",
            "true",
            "a reversal is not booked; operators look into it, and the bank sends an entry for what moved",
        )
    if not entry.credit:
        return _record_debit(work, statement, entry, amount, events)
    returned = payments.get(work, entry.end_to_end) if entry.end_to_end else None
    if returned is not None:
        return _record_return(work, statement, entry, amount, returned, events)
    party = register.party(work, entry.participant)
    holder = party.code if party is not None and party.kind is PartyKind.PARTICIPANT else UNIDENTIFIED
    journal.post(work, [Entry(CREDIT, entry.reference, move(statement.currency, amount, BANK, holder))])
    _keep_entry(work, statement, entry, amount, holder)
    if holder != UNIDENTIFIED:
        events.append(_credit_event(work, statement, entry, holder))
    status = f"credited to {holder}" if holder != UNIDENTIFIED else "credited: participant not identified"
    return LineOutcome(entry.line, Verdict.ACCEPTED, entry.reference, holder, status)


def _record_debit(
    work: Work, statement: BankStatement, entry: BankEntry, amount: int, events: list[Event]
) -> LineOutcome:
    """A debit is the execution of one of our payment orders; anything else is refused and left to reconciliation."""
    paid = payments.get(work, entry.end_to_end)
    if paid is None or paid.state != payments.ORDERED or (paid.currency, paid.amount) != (statement.currency, amount):
        return _refused(
            entry,
            RejectionReason.REFERENCE,
            "end_to_end",
            entry.end_to_end,
            "no payment order of ours with this end-to-end id, currency and amount waits for execution",
        )
    left = move(paid.currency, amount, paid.holder, BANK, paid.part, AVAILABLE)
    journal.post(work, [Entry("payment", paid.number, left)])
    payments.set_state(work, [paid], payments.PAID)
    _keep_entry(work, statement, entry, amount, paid.holder)
    if not isinstance(paid, payments.Withdrawal):
        return LineOutcome(entry.line, Verdict.ACCEPTED, entry.reference, paid.number, payments.PAID)
    money = _money(work, statement, entry)
    events.append(
        Event(
            paid.participant,
            entry.reference,
            f"{paid.number} was paid",
            f"Your withdrawal {paid.number} (your reference {paid.reference}) was paid: {money} to {paid.iban}, bank reference "
            f"{entry.reference}.",
        )
    )
    return LineOutcome(entry.line, Verdict.ACCEPTED, entry.reference, paid.number, payments.PAID)


def _record_return(
    work: Work,
    statement: BankStatement,
    entry: BankEntry,
    amount: int,
    returned: payments.OutgoingPayment,
    events: list[Event],
) -> LineOutcome:
    """A payment of ours that comes back whole is its participant's, or nobody's, money again; any other is left to operators."""
    what = f"{type(returned).__name__.lower()} {returned.number}"
    if returned.state != payments.PAID:
        return _refused(
            entry,
            RejectionReason.REFERENCE,
            "end_to_end",
            entry.end_to_end,
            f"{what} is {returned.state}, and only a paid one can be returned; operators look into it",
        )
    if (returned.currency, returned.amount) != (statement.currency, amount):
        paid = in_words(work, returned.currency, returned.amount)
        return _refused(
            entry,
            RejectionReason.MONEY,
            "amount",
            _money(work, statement, entry),
            f"{what} was paid with {paid}; a return of another amount is left to operators",
        )
    journal.post(work, [Entry(RETURN, returned.number, move(returned.currency, amount, BANK, returned.holder))])
    payments.set_state(work, [returned], payments.RETURNED)
    _keep_entry(work, statement, entry, amount, returned.holder)
    if not isinstance(returned, payments.Withdrawal):
        return LineOutcome(entry.line, Verdict.ACCEPTED, entry.reference, returned.number, payments.RETURNED)
    events.append(
        Event(
            returned.participant,
            entry.reference,
            f"{returned.number} was returned",
            f"Your withdrawal {returned.number} (your reference {returned.reference}) came back from the bank: "
            f"{_money(work, statement, entry)} are available to you again, bank reference {entry.reference}. "
            f"Send a new WRN to have them paid.{_counts(work)}",
        )
    )
    return LineOutcome(entry.line, Verdict.ACCEPTED, entry.reference, returned.number, payments.RETURNED)


def _credit_event(work: Work, statement: BankStatement, entry: BankEntry, holder: str) -> Event:
    """CSD-3.3.1-a: what funds a participant from now on."""
    money = _money(work, statement, entry)
    at = work.market.local(work.at)
    return Event(
        holder,
        entry.reference,
        f"Credit of {money}",
        f"{money} were credited to you at {at:%Y-%m-%d %H:%M:%S}, bank reference {entry.reference}.{_counts(work)}",
    )


def _counts(work: Work) -> str:
    """CSD-A1: from which settlement day money of this moment counts, when it is not today."""
    day, calendar = work.business_date, register.calendar(work)
    ends = work.market.timetable(day).money_ends(day, work.market.zone)
    settles = calendar.is_settlement_day(day)
    if settles and work.at < ends:
        return ""
    why = f"it came after {ends - timedelta(seconds=1):%H:%M:%S}" if settles else f"{day} is no settlement day"
    try:
        following = str(calendar.settlement_day_after(day, 1))
    except OutsideCalendar:
        # Money is booked whatever the calendar; the next day is told when it is published.
        following = ""
    return f" It counts from the next settlement day{following and f', {following}'}: {why} (CSD-A1)."


def _money(work: Work, statement: BankStatement, entry: BankEntry) -> str:
    """The amount with every decimal that its currency has, and the currency."""
    units = to_units(entry.amount, register.scale(work, statement.currency))
    return in_words(work, statement.currency, units)


def _tell(work: Work, statement: BankStatement, events: Sequence[Event]) -> tuple[Notice, ...]:
    """One notice per participant: of one entry in its words, of several with a line for each (CSD-1.5-a)."""
    by_participant: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_participant[event.participant].append(event)
    notices = []
    for participant, mine in sorted(by_participant.items()):
        if len(mine) == 1:
            notices.append(notify(work, participant, mine[0].short, mine[0].sentence))
            continue
        subject = f"{len(mine)} bookings of your money in {statement.currency}"
        body = f"The settlement bank's {statement.statement_id} has {len(mine)} bookings of your money, as below."
        notices.append(notify(work, participant, subject, body, tuple((one.reference, one.sentence) for one in mine)))
    return tuple(notices)


def _keep_entry(work: Work, statement: BankStatement, entry: BankEntry, amount: int, holder: str) -> None:
    sender = store.Sender(
        entry.counterparty_name if entry.credit else "",
        entry.counterparty_iban,
        entry.counterparty_bic,
        entry.counterparty_bin,
    )
    store.add(work, store.Booking(entry.reference, statement.currency, amount, entry.credit), holder, sender)


def unidentified(work: Work) -> Sequence[store.Nobodys]:
    """Credits without a participant that have neither been given to one nor sent back."""
    return store.nobodys(work)


def nobodys_credit(work: Work, reference: str) -> store.Nobodys:
    """The credit without a participant that has this bank reference; raises LookupError when there is none."""
    nobodys = {one.reference: one for one in unidentified(work)}
    if reference not in nobodys:
        raise LookupError(f"{reference} is no credit without a participant: they are {', '.join(nobodys) or 'none'}")
    return nobodys[reference]


def assign(work: Work, reference: str, participant: str) -> tuple[str, Notice]:
    """Gives a credit that no participant was found for to the one whose money it is, whole (CSD-3.3.1-a); returns the number of it.

    From this moment on it funds the participant, like a credit of this moment. Raises LookupError, changing nothing, when the credit is
    unknown or somebody's already, or the participant is none.
    """
    credit = nobodys_credit(work, reference)
    party = register.party(work, participant)
    if party is None or party.kind is not PartyKind.PARTICIPANT or not party.active:
        raise LookupError(f"{participant} is no active participant")
    currency, amount = credit.currency, credit.amount
    journal.post(work, [Entry(ASSIGNMENT, reference, move(currency, amount, UNIDENTIFIED, participant))])
    store.give(work, reference, participant)
    money = in_words(work, currency, amount)
    at = work.market.local(work.at)
    sentence = (
        f"{money}, which the bank had credited without naming a participant (bank reference {reference}), were found to be yours and are "
        f"available to you since {at:%Y-%m-%d %H:%M:%S}.{_counts(work)}"
    )
    return f"A{work.next_number('assignment'):08d}", notify(work, participant, f"Credit of {money}", sentence)


def _refused(entry: BankEntry, code: RejectionReason, field: str, found: str, message: str) -> LineOutcome:
    reject = Reject(code, "CSD-3.3.1-a", field, found, message)
    return LineOutcome(entry.line, Verdict.REFUSED, entry.reference, "", "", (reject,))
