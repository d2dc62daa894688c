"""Instructions that did not settle when they were due, with the participants that caused it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select

from depository.store import schema
from depository.store.work import Work

T = schema.settlement_fail


@dataclass(frozen=True, slots=True)
class Fail:
    """An instruction that did not settle when it was due, and the participants that caused it."""

    instruction: str
    stage: str
    causes: tuple[str, ...]
    short: str
    label: str


def add(work: Work, fails: Sequence[Fail]) -> None:
    """Writes the fails of a stage of today."""
    if fails:
        work.connection.execute(
            insert(T),
            [
                {
                    "instruction": f.instruction,
                    "business_date": work.business_date,
                    "stage": f.stage,
                    "causes": " ".join(f.causes),
                    "short": f.short,
                    "label": f.label,
                    "at": work.at,
                }
                for f in fails
            ],
        )


def instructions_at(work: Work, stages: Sequence[str]) -> set[str]:
    """The instructions that have reached one of these stages on any day."""
    return set(work.connection.execute(select(T.c.instruction).where(T.c.stage.in_(stages))).scalars())


def last_causes(work: Work, instruction: str) -> tuple[str, ...]:
    """Who caused an instruction's latest fail."""
    found = work.connection.execute(
        select(T.c.causes)
        .where(T.c.instruction == instruction)
        .order_by(T.c.business_date.desc(), T.c.at.desc())
        .limit(1)
    ).scalar()
    return tuple((found or "").split())


def fails_of_day(work: Work, stage: str) -> list[Fail]:
    """The fails of today at a stage, by instruction."""
    rows = work.connection.execute(
        select(T).where(T.c.business_date == work.business_date, T.c.stage == stage).order_by(T.c.instruction)
    )
    return [Fail(r.instruction, r.stage, tuple(r.causes.split()), r.short, r.label) for r in rows]
