"""The plan of each day: batches with their state, and the draw of the main cycle's moment."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert, select, update

from depository.store import schema
from depository.store.work import Work
from depository.timetable import BatchKind, PlannedBatch

PLANNED = "planned"
DONE = "done"
SKIPPED = "skipped"
MOVED_AWAY = '{"reason": "the timetable was changed"}'
"""The result of a batch that a change of the timetable took out of the day; a further change may bring it back."""

T = schema.batch
BATCHES = "batches"
"""Of a day, as known in one piece of work."""


@dataclass(frozen=True, slots=True)
class Draw:
    """The random moment: `commitment` is published before, `secret` and `moment` after; SHA-256(secret) is the commitment."""

    business_date: date
    commitment: str
    secret: str
    moment: datetime


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as the database has it; the database decides, whatever triggers (design §6)."""

    batch: PlannedBatch
    state: str
    result: str

    @property
    def facts(self) -> dict[str, Any]:
        """What came of it, by name; nothing before it has run."""
        facts: dict[str, Any] = json.loads(self.result or "{}")
        return facts

    def in_words(self) -> str:
        """The same for operators."""
        return ", ".join(f"{name} {value}" for name, value in self.facts.items())

    @property
    def waits(self) -> bool:
        """May the batch still be moved?"""
        return self.state == PLANNED or (self.state, self.result) == (SKIPPED, MOVED_AWAY)


def add(work: Work, planned: Sequence[PlannedBatch]) -> None:
    """Writes the batches of a day as planned."""
    work.connection.execute(
        insert(T),
        [
            {
                "business_date": b.business_date,
                "slot": b.slot,
                "kind": b.kind.value,
                "due_at": b.due_at,
                "state": PLANNED,
                "result": "",
            }
            for b in planned
        ],
    )
    for day in {one.business_date for one in planned}:
        work.known.pop((BATCHES, day), None)


def move(work: Work, batch: PlannedBatch) -> None:
    """Plans a batch that has not run for another moment."""
    unplanned = {"state": PLANNED, "result": "", "started_at": None, "finished_at": None}
    same = (T.c.business_date == batch.business_date, T.c.slot == batch.slot)
    work.connection.execute(update(T).where(*same).values(due_at=batch.due_at, **unplanned))
    work.known.pop((BATCHES, batch.business_date), None)


def batches_of(work: Work, day: date) -> list[BatchState]:
    """The batches of a day in order of their moment."""
    if (BATCHES, day) not in work.known:
        rows = work.connection.execute(select(T).where(T.c.business_date == day))
        order = list(BatchKind)
        found = [
            BatchState(
                PlannedBatch(r.business_date, r.slot, BatchKind(r.kind), work.market.local(r.due_at)), r.state, r.result
            )
            for r in rows
        ]
        work.known[BATCHES, day] = sorted(
            found, key=lambda b: (b.batch.due_at, order.index(b.batch.kind), b.batch.slot)
        )
    return list(work.known[BATCHES, day])


def unfinished_before(work: Work, day: date) -> list[BatchState]:
    """Planned batches of earlier days that never ran."""
    days = work.connection.execute(
        select(T.c.business_date)
        .where(T.c.business_date < day, T.c.state == PLANNED)
        .distinct()
        .order_by(T.c.business_date)
    ).scalars()
    return [b for d in list(days) for b in batches_of(work, d) if b.state == PLANNED]


def finish(work: Work, slot: str, state: str, result: str) -> None:
    """Marks a batch in the same transaction that holds its effect."""
    work.connection.execute(
        update(T)
        .where(T.c.business_date == work.business_date, T.c.slot == slot)
        .values(state=state, result=result, started_at=work.at, finished_at=work.at)
    )
    work.known.pop((BATCHES, work.business_date), None)


def add_draw(work: Work, drawn: Draw) -> None:
    """Writes the draw of a day."""
    work.connection.execute(
        insert(schema.draw).values(
            business_date=drawn.business_date, commitment=drawn.commitment, secret=drawn.secret, moment=drawn.moment
        )
    )


def move_draw(work: Work, moment: datetime) -> None:
    """Changes the moment that the day's secret stands for; secret and commitment stay."""
    t = schema.draw
    work.connection.execute(update(t).where(t.c.business_date == work.business_date).values(moment=moment))


def draw_of(work: Work, day: date) -> Draw | None:
    """The draw of a day."""
    row = work.connection.execute(select(schema.draw).where(schema.draw.c.business_date == day)).first()
    return None if row is None else Draw(row.business_date, row.commitment, row.secret, work.market.local(row.moment))


def reveal(work: Work) -> None:
    """Notes that the secret has been published."""
    t = schema.draw
    work.connection.execute(update(t).where(t.c.business_date == work.business_date).values(revealed_at=work.at))
