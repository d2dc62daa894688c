"""What is on record about a form: the files that carried it, what became of each record, and the answers that went out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from depository.store import schema
from depository.store.work import Work


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file that carried a form, as taken."""

    id: int
    name: str
    form: str
    sha256: str
    arrived_at: datetime
    channel: str
    verdict: str
    receipt: str
    """The archived content that is its receipt."""
    signed_by: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a record: when, on which business date, what it became, why, and by which cause."""

    at: datetime
    business_date: date
    record: str
    state: str
    reason: str
    cause: str


def files_of(work: Work, party: str, reference: str) -> list[FormFile]:
    """The files of a party that carried the form with this number, in order."""
    t = schema.file
    rows = work.connection.execute(
        select(t).where(t.c.party == party, t.c.reference == reference, t.c.receipt != "").order_by(t.c.id)
    )
    return [
        FormFile(r.id, r.name, r.form, r.sha256, r.arrived_at, r.channel, r.verdict, r.receipt, r.signed_by)
        for r in rows
    ]


def answers_to(work: Work, file: int) -> list[tuple[str, str, datetime, str]]:
    """What a file caused to go out, in order: party, name, moment, SHA-256."""
    t = schema.outgoing
    causes = (f"file/{file}", f"file/{file} put aside")
    rows = work.connection.execute(select(t).where(t.c.cause.in_(causes)).order_by(t.c.id))
    return [(r.party, r.name, r.queued_at, r.sha256) for r in rows]


def instruction_steps(work: Work, numbers: Sequence[str]) -> list[Step]:
    """Every status of the instructions."""
    t = schema.instruction_status
    rows = work.connection.execute(select(t).where(t.c.instruction.in_(numbers)).order_by(t.c.instruction, t.c.step))
    return [Step(r.at, r.business_date, r.instruction, r.status, r.reason, r.cause) for r in rows]


def entries_of(work: Work, numbers: Sequence[str]) -> list[Step]:
    """The journal's entries that the records caused."""
    t = schema.journal
    rows = work.connection.execute(select(t).where(t.c.cause.in_(numbers)).order_by(t.c.number))
    return [Step(r.at, r.business_date, r.cause, r.kind, f"journal entry {r.number}", "") for r in rows]


def message_sent(work: Work, message_id: str) -> datetime | None:
    """The moment at which a payment message was queued for the bank."""
    t = schema.outgoing
    return work.connection.execute(select(t.c.queued_at).where(t.c.name == f"{message_id}.xml").limit(1)).scalar()


def opening(work: Work, number: str) -> tuple[str, str, str, datetime, date] | None:
    """An opening that was on hold: state, reason, account, moment of the last change, day by which it is answered."""
    t = schema.opening
    row = work.connection.execute(select(t).where(t.c.number == number)).first()
    return None if row is None else (row.state, row.reason, row.account, row.changed_at, row.answer_by)


def enforcement(work: Work, number: str) -> tuple[str, date] | None:
    """An enforcement: state, and the day on which the securities move."""
    t = schema.enforcement
    row = work.connection.execute(select(t).where(t.c.number == number)).first()
    return None if row is None else (row.state, row.transfer_on)


def indemnity_state(work: Work, number: str) -> str:
    """What became of an indemnity."""
    t = schema.indemnity
    return str(work.connection.execute(select(t.c.state).where(t.c.number == number)).scalar_one())
