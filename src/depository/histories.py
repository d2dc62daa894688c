"""The history of a form, from its receipt to the final state of all that it asked for, as an order and a report to print (KCSD-86)."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from depository.answers import Receipt, Verdict
from depository.instructions import OPEN
from depository.pieces import pieces
from depository.reports import Column, Kind, Report, Table, Value, table
from depository.store import cancellations, challenges, instructions, interests, payments
from depository.store import histories as store
from depository.store.histories import FormFile, Step
from depository.store.indemnities import GIVEN
from depository.store.openings import ON_HOLD
from depository.store.work import Work

FEW = 1000
"""A form with more lines is told by counts: nobody reads the steps of 100,000 accounts on paper."""
FILES = (
    Column("receipt", "Receipt"),
    Column("file", "File"),
    Column("arrived", "Arrived", Kind.MOMENT),
    Column("channel", "Channel"),
    Column("verdict", "Verdict"),
    Column("signed_by", "Signed by"),
    Column("sha256", "SHA-256"),
)
ORDER = (Column("line", "Line", Kind.COUNT), Column("field", "Field"), Column("value", "Value"))
STATES = (
    Column("line", "Line", Kind.COUNT),
    Column("reference", "Your reference"),
    Column("record", "Our number"),
    Column("state", "State now"),
    Column("final", "Final"),
)
STEPS = (
    Column("at", "Moment", Kind.MOMENT),
    Column("day", "Business date", Kind.DATE),
    Column("record", "Our number"),
    Column("state", "Became"),
    Column("reason", "Reason"),
    Column("cause", "By"),
)
REFUSALS = (
    Column("receipt", "Receipt"),
    Column("line", "Line", Kind.COUNT),
    Column("place", "Cell"),
    Column("field", "Field"),
    Column("found", "Found there"),
    Column("code", "Code"),
    Column("rule", "Rule"),
    Column("reason", "Reason"),
)
ANSWERS = (
    Column("party", "To"),
    Column("name", "File"),
    Column("at", "Put into the outbox", Kind.MOMENT),
    Column("sha256", "SHA-256"),
)
Asked = tuple[int | None, str, Value]
"""A field of the order: line (None = the form itself), field, value."""
Checked = tuple[FormFile, Receipt]
"""A file that carried the form, with the receipt that it got."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a record stands; `final` = nothing more will become of it."""

    words: str
    final: bool


def history(work: Work, party: str, taken: Sequence[Checked], order: Sequence[Asked]) -> Report:
    """The history of a form as a report to its sender.

    `taken` are the files that carried it, in order, at least one; `order` is what the deciding one asked for, as line, field and value.
    """
    file, receipt = deciding(taken)
    records = [(line.line, line.reference, line.record) for line in receipt.lines if line.record]
    shown = records[:FEW]
    numbers = sorted({record for _, _, record in shown})
    known = {number: _state(work, number) for number in numbers}
    states = tuple((line, own, number, known[number].words, _yes(known[number].final)) for line, own, number in shown)
    steps = sorted(_steps(work, numbers), key=lambda step: (step.at, step.record))
    facts: list[tuple[str, Value]] = [
        ("From", work.market.depository_name),
        ("Form", receipt.form),
        ("Number", receipt.reference),
        ("Sender", party),
        ("Arrived", receipt.arrived_at),
        ("Verdict", receipt.verdict.value),
        ("Receipt", receipt.number),
        ("Lines", len(receipt.lines)),
        *((f"Lines {v.value}", n) for v, n in sorted(Counter(line.verdict for line in receipt.lines).items())),
        ("State", _whole(receipt, list(known.values()), len(records))),
    ]
    if receipt.message:
        facts.append(("Remark", receipt.message))
    many = f"The form has {len(records)} records, of which the first {FEW} are listed." if len(records) > FEW else ""
    answered = [answer for one, _ in taken for answer in store.answers_to(work, one.id)]
    tables = (
        Table("Order", "The order, as it was taken", ORDER, tuple(order), f"As in {file.name}, SHA-256 {file.sha256}."),
        table("Files", "Every file that carried it", FILES, tuple(_file(work, *one) for one in taken)),
        Table("States", "What became of it", STATES, states, many if states else "Nothing of it was recorded."),
        table(
            "Steps",
            "Step by step",
            STEPS,
            tuple((work.market.local(s.at), s.business_date, s.record, s.state, s.reason, s.cause) for s in steps),
            "Nothing happened after its receipt.",
        ),
        table("Refusals", "What was refused, and why", REFUSALS, _refusals(taken), "Nothing was refused."),
        table(
            "Answers",
            "What was answered",
            ANSWERS,
            tuple((to, name, work.market.local(at), sha256) for to, name, at, sha256 in answered),
            "No answer has gone out.",
        ),
    )
    title = f"History of {receipt.form} {receipt.reference}"
    return Report("history", title, party, work.business_date, work.market.local(work.at), tuple(facts), tables)


def deciding(taken: Sequence[Checked]) -> Checked:
    """The file of which something was taken, else the last one: its order is the one that counts."""
    right = [one for one in taken if one[1].verdict in (Verdict.ACCEPTED, Verdict.PARTLY)]
    return right[0] if right else taken[-1]


def _file(work: Work, file: FormFile, receipt: Receipt) -> tuple[Value, ...]:
    at = work.market.local(file.arrived_at)
    return receipt.number, file.name, at, file.channel, file.verdict, file.signed_by, file.sha256


def _whole(receipt: Receipt, states: Sequence[State], records: int) -> str:
    if not records:
        return "final: nothing of it was taken" if receipt.verdict is not Verdict.ACCEPTED else "final: carried out"
    waiting = sum(not state.final for state in states)
    return f"under way: {waiting} of {len(states)} records are not final" if waiting else "final"


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _refusals(taken: Sequence[Checked]) -> tuple[tuple[Value, ...], ...]:
    rows: list[tuple[Value, ...]] = []
    for _, receipt in taken:
        whole = [(None, place, reject) for place, reject in zip(receipt.places, receipt.rejects, strict=True)]
        lines = [
            (line.line, place, reject)
            for line in receipt.lines
            for place, reject in zip(line.places or ("",) * len(line.rejects), line.rejects, strict=True)
        ]
        rows += [
            (receipt.number, line, place, one.field, one.found, one.code.value, one.rule, one.message)
            for line, place, one in [*whole, *lines][:FEW]
        ]
    return tuple(rows)


def _steps(work: Work, numbers: Sequence[str]) -> list[Step]:
    """Every step of the records: statuses of instructions, payment orders, and the journal's entries of all others."""
    found: list[Step] = []
    for some in pieces(numbers, 500):
        orders = [number for number in some if number[0] == "I" and number[1:].isdigit()]
        found += store.instruction_steps(work, orders)
        found += store.entries_of(work, [number for number in some if number not in orders])
    for number in numbers:
        found += _ordered(work, number) + _opened(work, number)
    return found


def _ordered(work: Work, number: str) -> list[Step]:
    one = payments.get(work, number)
    sent = store.message_sent(work, one.message_id) if one is not None and one.message_id else None
    if one is None or sent is None:
        return []
    return [Step(sent, work.market.local(sent).date(), number, payments.ORDERED, "", one.message_id)]


def _opened(work: Work, number: str) -> list[Step]:
    found = store.opening(work, number)
    if found is None:
        return []
    state, reason, account, at, answer_by = found
    why = reason and f"{reason}; answered by {answer_by}"
    return [Step(at, work.market.local(at).date(), number, state, account or why, "")]


def _state(work: Work, number: str) -> State:
    """Where a record stands now, by the kind that its number tells."""
    kinds: dict[str, Callable[[Work, str], State]] = {
        "IND": _indemnity,
        "I": _instruction,
        "W": _withdrawal,
        "S": _interest,
        "E": _enforcement,
        "O": _opening,
        "C": _cancellation,
        "Q": _challenge,
        "K": lambda _work, _number: State("closed", final=True),
    }
    for prefix, state_of in kinds.items():
        if number.startswith(prefix) and number[len(prefix) :].isdigit():
            return state_of(work, number)
    return State("recorded", final=True)


def _instruction(work: Work, number: str) -> State:
    one = instructions.get(work, number)
    return State(f"{one.status.value}{one.reason and f': {one.reason}'}", one.status not in OPEN)


def _withdrawal(work: Work, number: str) -> State:
    one = payments.get(work, number)
    if one is None:
        return State("unknown", final=True)
    wait = f", payment day {one.pay_on}" if one.state == payments.QUEUED else ""
    return State(f"{one.state}{wait}", one.state in (payments.PAID, payments.RETURNED))


def _interest(work: Work, number: str) -> State:
    one = interests.get(work, number)
    if one is None:
        return State("unknown", final=True)
    return State("in force" if one.state == interests.LOCKED else one.state, one.state != interests.LOCKED)


def _enforcement(work: Work, number: str) -> State:
    found = store.enforcement(work, number)
    if found is None:
        return State("unknown", final=True)
    state, transfer_on = found
    return State(f"{state}, the securities move on {transfer_on}", state == interests.DONE)


def _opening(work: Work, number: str) -> State:
    found = store.opening(work, number)
    if found is None:
        return State("unknown", final=True)
    state, reason, account, _, answer_by = found
    words = f"{state}: {account}" if account else f"{state}: {reason}; answered by {answer_by}"
    return State(words, state != ON_HOLD)


def _cancellation(work: Work, number: str) -> State:
    one = cancellations.get(work, number)
    return State(one.state if one else "unknown", one is None or one.state != cancellations.WAITING)


def _challenge(work: Work, number: str) -> State:
    one = challenges.get(work, number)
    if one is None or one.state == challenges.OPEN:
        return State("waits for its answer", one is None)
    return State(f"answered: {one.answer}", final=True)


def _indemnity(work: Work, number: str) -> State:
    state = store.indemnity_state(work, number)
    return State(f"{state}: waits for its SIN" if state == GIVEN else state, state != GIVEN)
