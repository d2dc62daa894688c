"""The answer to a file: one receipt, one verdict per line, every refusal with its reason (design §4, §7)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from depository.rejects import Reject
from depository.reports import Column, Kind, Report, Table, Value, table


class Verdict(StrEnum):
    """What became of a line, or of a file as a whole (PARTLY: some lines of it)."""

    ACCEPTED = "accepted"
    PARTLY = "partly accepted"
    REFUSED = "refused"
    QUARANTINED = "quarantined"


class LineOutcome(NamedTuple):
    """The answer to one line of a form or feed."""

    line: int
    verdict: Verdict
    reference: str
    """The sender's reference of the line."""
    record: str
    """Our own number for what was recorded (instruction, account, payment, interest); "" when refused."""
    status: str
    """The status of what was recorded, in the field's words (matched, pending: unmatched, settled, opened, ...)."""
    rejects: tuple[Reject, ...] = ()
    places: tuple[str, ...] = ()
    """Sheet and cell (`IST!H12`) or line of each reject, in the same order."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The one receipt of a file. All moments are aware and in the market's zone."""

    number: str
    sender: str
    file_name: str
    sha256: str
    size: int
    arrived_at: datetime
    business_date: date
    channel: str
    form: str
    """Form or feed code; "" when it could not be told."""
    reference: str
    verdict: Verdict
    batch: str
    """The batch (slot of the timetable) the content goes into; "" when it has been carried out or refused."""
    cut_off: datetime | None
    rejects: tuple[Reject, ...]
    """What is wrong with the file or form as a whole; then nothing of it is taken."""
    places: tuple[str, ...]
    lines: tuple[LineOutcome, ...]
    message: str = ""
    """One sentence for a person: what was taken and what to do next."""
    signed_by: tuple[str, ...] = ()
    """Name and certificate of each person whose signature beside the file was checked and found right."""


FEW = 5
"""So many faults of a whole form are told on the first sheet of its answer; the table has all."""
LINES_TABLE = "Lines"
LINES = (
    Column("line", "Line", Kind.COUNT),
    Column("reference", "Your reference"),
    Column("verdict", "Verdict"),
    Column("record", "Our number"),
    Column("status", "Status"),
    Column("note", "Note"),
)


REFUSED_TABLE = "Refused"
REFUSED = (
    Column("line", "Line", Kind.COUNT),
    Column("reference", "Your reference"),
    Column("cell", "Cell"),
    Column("field", "Field"),
    Column("found", "Found there"),
    Column("code", "Code"),
    Column("rule", "Rule"),
    Column("reason", "Reason, and how to mend it"),
)


def answer_report(receipt: Receipt) -> Report:
    """The receipt of a form as a report for people, with every line."""
    rows = tuple((o.line, o.reference, o.verdict.value, o.record, o.status, o.note) for o in receipt.lines)
    lines = table(LINES_TABLE, "Your lines", LINES, rows, "The form has no lines.")
    return _report(receipt, "receipt", "Receipt", lines)


def refusals_report(receipt: Receipt) -> Report:
    """What of a form was refused, as a report for people: every reject with its line and cell; a reject of the whole form has no line."""
    rows: list[tuple[Value, ...]] = [
        (None, "", place, *_told(reject)) for reject, place in zip(receipt.rejects, receipt.places, strict=True)
    ]
    for one in (line for line in receipt.lines if line.rejects):
        places = one.places or ("",) * len(one.rejects)
        rows += [
            (one.line, one.reference, place, *_told(reject)) for reject, place in zip(one.rejects, places, strict=True)
        ]
    refused = Table(REFUSED_TABLE, "Refused", REFUSED, tuple(rows), what_next(receipt))
    counts = Counter(line.verdict for line in receipt.lines)
    lines: list[tuple[str, Value]] = [("Lines", len(receipt.lines))]
    lines += [(f"Lines {verdict.value}", number) for verdict, number in counts.items()]
    if receipt.rejects:
        lines = [("What is wrong", reject.message) for reject in receipt.rejects[:FEW]]
        lines += [("Wrong lines", len(receipt.lines))] if receipt.lines else []
    return _report(receipt, "refused", "Refused", refused, lines)


def what_next(receipt: Receipt) -> str:
    """What the sender of a file that was refused, or of which a part was, is to do; "" when all was taken."""
    return {
        Verdict.ACCEPTED: "",
        Verdict.PARTLY: "Mend these lines and send them in a new form under a new number; do not send the others again.",
        Verdict.REFUSED: "Nothing of the form was taken. Mend it and send it again.",
        Verdict.QUARANTINED: "Nothing of the file was taken. Mend it and send it again.",
    }[receipt.verdict]


def _told(reject: Reject) -> tuple[str, ...]:
    return reject.field, reject.found, reject.code.value, reject.rule, reject.message


def _report(receipt: Receipt, code: str, title: str, shown: Table, more: Sequence[tuple[str, Value]] = ()) -> Report:
    facts = (
        ("Receipt", receipt.number),
        ("Your file", receipt.file_name),
        ("SHA-256", receipt.sha256),
        ("Form", receipt.form),
        ("Your number", receipt.reference),
        ("Signed by", "; ".join(receipt.signed_by)),
        ("Verdict", receipt.verdict.value),
        ("Arrived", receipt.arrived_at),
        ("Batch", receipt.batch),
        ("Cut-off of the batch", receipt.cut_off),
        ("Remark", receipt.message),
    )
    given: list[tuple[str, Value]] = [(label, value) for label, value in facts if value not in ("", None)]
    return Report(code, title, receipt.sender, receipt.business_date, receipt.arrived_at, (*given, *more), (shown,))
