"""Instructions and their status history."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Integer, Row, Text, bindparam, func, insert, literal, literal_column, or_, select, update

from depository.instructions import OPEN, Instruction, InstructionKind, Side, Status
from depository.pieces import pieces
from depository.rejects import Broken
from depository.store import bulk, schema
from depository.store.columns import moment_text
from depository.store.work import Work

T = schema.instruction
BY_ID = select(T).where(T.c.id == bindparam("of"))
COUNTERPARTS = (
    select(T.c.id)
    .where(
        T.c.status == literal_column(f"'{Status.UNMATCHED}'"),
        T.c.side == bindparam("other_side"),
        T.c.deliver_account == bindparam("gives"),
        T.c.receive_account == bindparam("takes"),
        T.c.isin == bindparam("what"),
        T.c.quantity == bindparam("how_many"),
        T.c.isd == bindparam("due", type_=Text),
    )
    .order_by(T.c.id)
    .limit(bindparam("wanted", type_=Integer))
)
MATCHED_WITH = (
    update(T)
    .where(T.c.id == bindparam("of"))
    .values(matched_with=bindparam("other"), status=Status.MATCHED.value, reason="")
)
MOVED = (
    update(T)
    .where(T.c.id == bindparam("of"))
    .values(status=bindparam("to"), reason=bindparam("why"), settled_at=bindparam("settled"))
)
_S = schema.instruction_status
LAST_STEPS = (
    select(_S.c.instruction, func.max(_S.c.step))
    .where(_S.c.instruction.in_(bindparam("some", expanding=True)))
    .group_by(_S.c.instruction)
)
"""Statements that are carried out for each line of a form are made once."""
MOVED_ON = "instructions"
"""What is counted of each run: steps of instructions (KCSD-98)."""


def new_ids(work: Work, many: int) -> list[str]:
    """Consecutive instruction numbers."""
    first = work.next_number("instruction", many)
    return [f"I{number:09d}" for number in range(first, first + many)]


def add(work: Work, instructions: Sequence[Instruction], cause: str) -> None:
    """Writes new instructions with the first step of their history."""
    if not instructions:
        return
    bulk.add(work.connection, T, [_row(one) for one in instructions])
    work.tally[MOVED_ON] += len(instructions)
    _history(work, [(i.id, 1, i.status, i.reason, cause) for i in instructions])


def add_matched(work: Work, new: Sequence[Instruction], others: Mapping[str, str], cause: str) -> list[Instruction]:
    """Writes new instructions and matches some of them with unmatched ones (new number to the other's); returns them as they are then."""
    if not new:
        return []
    now = [
        replace(one, status=Status.MATCHED, reason="", matched_with=others[one.id]) if one.id in others else one
        for one in new
    ]
    bulk.add(work.connection, T, [_row(one) for one in now])
    history = [(one.id, 1, one.status, one.reason, cause) for one in new]
    history += [(one.id, 2, one.status, one.reason, cause) for one in now if one.id in others]
    if others:
        work.connection.execute(MATCHED_WITH, [{"of": other, "other": mine} for mine, other in others.items()])
        steps = last_steps(work, list(others.values()))
        history += [(other, steps[other] + 1, Status.MATCHED, "", cause) for other in others.values()]
    _history(work, history)
    work.tally[MOVED_ON] += len(history)
    return now


def get(work: Work, id_: str) -> Instruction:
    """The instruction with this number; raises Broken when there is none, since numbers come from our own records."""
    found = find(work, id_)
    if found is None:
        raise Broken(f"instruction {id_} does not exist")
    return found


def find(work: Work, id_: str) -> Instruction | None:
    """The instruction with a number that somebody gave us."""
    row = work.connection.execute(BY_ID, {"of": id_}).first()
    return None if row is None else _instruction(row)


def by_reference(work: Work, sender: str, reference: str) -> Instruction | None:
    """The sender's instruction with this reference."""
    row = work.connection.execute(select(T).where(T.c.sender == sender, T.c.reference == reference)).first()
    return None if row is None else _instruction(row)


def references_used(work: Work, sender: str, references: Sequence[str]) -> set[str]:
    """Those of the references that the sender has used before."""
    used: set[str] = set()
    for some in pieces(references, 900):
        rows = work.connection.execute(select(T.c.reference).where(T.c.sender == sender, T.c.reference.in_(some)))
        used.update(rows.scalars())
    return used


def counterparts(work: Work, some: Sequence[Instruction]) -> dict[str, str]:
    """For each instruction that has one, the oldest unmatched of the other side that agrees in accounts, security, quantity and date.

    By numbers; in their order, each with one of its own. The instructions may not be written yet.
    """
    alike: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for one in some:
        other = Side.RECEIVE if one.side is Side.DELIVER else Side.DELIVER
        key = (other.value, one.deliver_account, one.receive_account, one.isin, one.quantity, one.isd.isoformat())
        alike[key].append(one.id)
    names = ("other_side", "gives", "takes", "what", "how_many", "due", "wanted")
    asked = [dict(zip(names, (*key, len(mine)), strict=True)) for key, mine in alike.items()]
    answers = bulk.ask_each(work.connection, COUNTERPARTS, asked)
    return {
        mine: other
        for wanted, found in zip(alike.values(), answers, strict=True)
        for mine, (other,) in zip(wanted, found, strict=False)
    }


def due(work: Work, kinds: Sequence[InstructionKind], statuses: Sequence[Status], day: date) -> list[Instruction]:
    """Instructions of these kinds and statuses whose intended settlement date has come, by priority, date and arrival."""
    rows = work.connection.execute(
        select(T)
        .where(T.c.kind.in_([k.value for k in kinds]), T.c.status.in_([s.value for s in statuses]), T.c.isd <= day)
        .order_by(T.c.priority, T.c.isd, T.c.id)
    )
    return [_instruction(r) for r in rows]


def any_due(work: Work, kind: InstructionKind, participants: Collection[str]) -> bool:
    """Is anything of this kind in which one of the participants takes part due and not settled?"""
    mine = or_(T.c.deliver_participant.in_(participants), T.c.receive_participant.in_(participants))
    waiting = T.c.status.in_((Status.MATCHED.value, Status.FAILING.value))
    query = select(T.c.id).where(T.c.kind == kind.value, waiting, T.c.isd <= work.business_date, mine).limit(1)
    return work.connection.execute(query).first() is not None


def open_of(work: Work, participant: str) -> list[Instruction]:
    """Open instructions in which a participant takes part, by date and number; both-sided ones and its own sides."""
    mine = or_(T.c.deliver_participant == participant, T.c.receive_participant == participant)
    rows = work.connection.execute(
        select(T)
        .where(
            mine, T.c.status.in_([s.value for s in OPEN]), or_(T.c.side == Side.BOTH.value, T.c.sender == participant)
        )
        .order_by(T.c.isd, T.c.id)
    )
    return [_instruction(r) for r in rows]


def open_of_account(work: Work, account: str) -> list[Instruction]:
    """Open instructions that give from or take into an account, by number."""
    mine = or_(T.c.deliver_account == account, T.c.receive_account == account)
    rows = work.connection.execute(select(T).where(mine, T.c.status.in_([s.value for s in OPEN])).order_by(T.c.id))
    return [_instruction(r) for r in rows]


def touched_on(work: Work, day: date) -> list[Instruction]:
    """Instructions whose status changed on a business date, by number."""
    steps = schema.instruction_status
    ids = select(steps.c.instruction).where(steps.c.business_date == day).distinct()
    rows = work.connection.execute(select(T).where(T.c.id.in_(ids)).order_by(T.c.id))
    return [_instruction(r) for r in rows]


def traded_from(work: Work, since: date) -> list[Instruction]:
    """Exchange trades made on days from `since` to the day before the business date and reported by now, by number."""
    steps = schema.instruction_status
    days = (steps.c.business_date >= since, steps.c.business_date <= work.business_date)
    reported = select(steps.c.instruction).where(steps.c.step == 1, *days)
    mine = (T.c.kind == InstructionKind.EXCHANGE.value, T.c.trade_date >= since, T.c.trade_date < work.business_date)
    rows = work.connection.execute(select(T).where(T.c.id.in_(reported), *mine).order_by(T.c.id))
    return [_instruction(r) for r in rows]


def count_touched(work: Work, day: date) -> list[tuple[str, str, int]]:
    """How many instructions changed their status on a business date: kind, status now, count."""
    steps = schema.instruction_status
    ids = select(steps.c.instruction).where(steps.c.business_date == day)
    query = select(T.c.kind, T.c.status, func.count()).where(T.c.id.in_(ids)).group_by(T.c.kind, T.c.status)
    return [(kind, status, int(count)) for kind, status, count in work.connection.execute(query)]


def change(work: Work, before: Sequence[Instruction], status: Status, reason: str, cause: str) -> list[Instruction]:
    """Moves instructions to a status, with a step of history each; raises Broken when one is final already.

    An unchanged status with an unchanged reason adds nothing.
    """
    change_each(work, [(one, status, reason) for one in before], cause)
    return [replace(one, status=status, reason=reason, settled_at=_settled_at(work, status)) for one in before]


def change_each(work: Work, changes: Sequence[tuple[Instruction, Status, str]], cause: str) -> None:
    """The same with a status and a reason of its own for each instruction."""
    final = [f"{one.id} cannot become {status}" for one, status, _ in changes if one.status not in OPEN]
    if final:
        raise Broken(f"instructions are final: {'; '.join(final[:10])}")
    moving = [
        (one.id, status, reason) for one, status, reason in changes if (one.status, one.reason) != (status, reason)
    ]
    work.tally[MOVED_ON] += len(moving)
    if len(moving) > bulk.FEW:
        _change_many(work, moving, cause)
    elif moving:
        work.connection.execute(
            MOVED,
            [
                {"of": id_, "to": status.value, "why": reason, "settled": _settled_at(work, status)}
                for id_, status, reason in moving
            ],
        )
        steps = last_steps(work, [id_ for id_, _, _ in moving])
        _history(work, [(id_, steps[id_] + 1, status, reason, cause) for id_, status, reason in moving])


def _settled_at(work: Work, status: Status) -> datetime | None:
    return work.at if status is Status.SETTLED else None


def _change_many(work: Work, moving: Sequence[tuple[str, Status, str]], cause: str) -> None:
    """The same for many, inside the database."""
    r, h = schema.restated, schema.instruction_status
    stamp = moment_text(work.at)
    rows = [(id_, st.value, reason, stamp if st is Status.SETTLED else None) for id_, st, reason in moving]
    with bulk.staged(work.connection, r, rows):
        work.connection.execute(
            update(T)
            .where(T.c.id == r.c.instruction)
            .values(status=r.c.status, reason=r.c.reason, settled_at=r.c.settled_at)
        )
        before = select(func.max(h.c.step)).where(h.c.instruction == r.c.instruction).scalar_subquery()
        steps = select(
            r.c.instruction,
            before + 1,
            r.c.status,
            r.c.reason,
            literal(cause),
            literal(work.business_date, h.c.business_date.type),
            literal(work.at, h.c.at.type),
        )
        work.connection.execute(insert(h).from_select([column.name for column in h.columns], steps))


def pair(work: Work, one: Instruction, other: str, cause: str) -> None:
    """Matches an unmatched instruction with another, given by its number."""
    both = [(one.id, other), (other, one.id)]
    work.connection.execute(MATCHED_WITH, [{"of": id_, "other": with_} for id_, with_ in both])
    steps = last_steps(work, [one.id, other])
    _history(work, [(id_, steps[id_] + 1, Status.MATCHED, "", cause) for id_, _ in both])
    work.tally[MOVED_ON] += 2


def unpair(work: Work, one: Instruction, cause: str) -> None:
    """Puts a matched side back to unmatched because its counterpart went away."""
    work.connection.execute(update(T).where(T.c.id == one.id).values(matched_with=""))
    change(work, [one], Status.UNMATCHED, "CMIS counterparty's instruction was cancelled", cause)


def last_steps(work: Work, ids: Sequence[str]) -> dict[str, int]:
    """Number of the last step of each history."""
    found: dict[str, int] = {}
    for some in pieces(ids, 900):
        rows = work.connection.execute(LAST_STEPS, {"some": some})
        found.update((id_, step) for id_, step in rows)
    return found


def _history(work: Work, steps: Sequence[tuple[str, int, Status, str, str]]) -> None:
    day, stamp = work.business_date.isoformat(), moment_text(work.at)
    rows = [(id_, step, status.value, reason, cause, day, stamp) for id_, step, status, reason, cause in steps]
    bulk.add(work.connection, schema.instruction_status, rows)


def _row(one: Instruction) -> bulk.Row:
    """An instruction as stored, in the table's order of columns."""
    return tuple(_stored(getattr(one, column.name)) for column in T.columns)


def _stored(value: Any) -> Any:
    match value:
        case StrEnum():
            return value.value
        case datetime():
            return moment_text(value)
        case date():
            return value.isoformat()
        case _:
            return value


def _instruction(row: Row[Any]) -> Instruction:
    values = dict(row._mapping)
    values["kind"] = InstructionKind(values["kind"])
    values["side"] = Side(values["side"])
    values["status"] = Status(values["status"])
    return Instruction(**values)
