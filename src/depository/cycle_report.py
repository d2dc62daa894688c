"""What a settlement cycle did: one report for each participant in it, one for the operators."""

import json

from depository.cycles import Cycle
from depository.funding_report import INSTRUCTIONS, instruction_rows
from depository.instructions import Instruction
from depository.reports import Column, Kind, Report, Value, table
from depository.store import register
from depository.store.work import Work
from depository.units import from_units

SHORT = (
    Column("instruction", "Instruction"),
    Column("trade", "Trade"),
    Column("role", "Short of"),
    Column("asset", "Asset"),
    Column("holder", "Holder"),
    Column("short_by", "Short by", Kind.QUANTITY),
    Column("caused_by", "Failing participants at the root"),
    Column("label", "Label"),
)


def participant_reports(work: Work, cycle: Cycle, *, everyone: bool) -> list[Report]:
    """A report for each participant of the cycle; `everyone` = also for those for whom nothing settled."""
    touched = [*cycle.settled, *(cycle.unsettled if everyone else ())]
    codes = sorted({p for one in touched for p in (one.deliver_participant, one.receive_participant)})
    return [_report(work, cycle, code) for code in codes]


def operator_report(work: Work, cycle: Cycle, addressee: str) -> Report:
    """Everything of the cycle, with its certificate."""
    certificate = cycle.certificate
    facts: list[tuple[str, Value]] = [
        ("Cycle", f"{cycle.number} ({cycle.kind})"),
        ("Due", len(cycle.settled) + len(cycle.unsettled)),
        ("Settled", len(cycle.settled)),
        ("Unsettled", len(cycle.unsettled)),
    ]
    if certificate is not None:
        facts += [
            ("Objective", certificate.objective),
            ("Proven the best possible", certificate.proven_optimal),
            ("Upper bound", str(float(certificate.upper_bound))),
            ("Gap", str(float(certificate.gap))),
            ("Engine version", certificate.engine_version),
            ("Input SHA-256", certificate.input_sha256),
        ]
    tables = (
        table(
            "Settled",
            "Settled instructions",
            INSTRUCTIONS,
            instruction_rows(work, "", cycle.settled),
            "Nothing settled.",
        ),
        table(
            "Unsettled",
            "What is short, and who caused it",
            SHORT,
            _short_rows(work, cycle, cycle.unsettled),
            "All has settled.",
        ),
    )
    return Report(
        "cycle",
        f"Settlement cycle {cycle.number}",
        addressee,
        work.business_date,
        work.market.local(work.at),
        tuple(facts),
        tables,
    )


def summary(cycle: Cycle) -> dict[str, Value]:
    """The few facts that operators see first."""
    if cycle.certificate is None:
        return {"due": 0}
    facts: dict[str, Value] = {
        "cycle": cycle.number,
        "due": len(cycle.settled) + len(cycle.unsettled),
        "settled": len(cycle.settled),
        "unsettled": len(cycle.unsettled),
    }
    return {**facts, "proven optimal": cycle.certificate.proven_optimal}


def _report(work: Work, cycle: Cycle, code: str) -> Report:
    settled = [one for one in cycle.settled if code in (one.deliver_participant, one.receive_participant)]
    unsettled = [one for one in cycle.unsettled if code in (one.deliver_participant, one.receive_participant)]
    facts: tuple[tuple[str, Value], ...] = (
        ("Cycle", f"{cycle.number} ({cycle.kind})"),
        ("Settled", len(settled)),
        ("Unsettled", len(unsettled)),
    )
    tables = (
        table(
            "Settled",
            "Settled instructions",
            INSTRUCTIONS,
            instruction_rows(work, code, settled),
            "Nothing of yours settled.",
        ),
        table(
            "Unsettled",
            "What is short, and who caused it",
            SHORT,
            _short_rows(work, cycle, unsettled),
            "Everything of yours that was due has settled.",
        ),
    )
    return Report(
        "cycle", f"Settlement cycle {cycle.number}", code, work.business_date, work.market.local(work.at), facts, tables
    )


def _short_rows(
    work: Work, cycle: Cycle, unsettled: list[Instruction] | tuple[Instruction, ...]
) -> tuple[tuple[Value, ...], ...]:
    rows: list[tuple[Value, ...]] = []
    for one in unsettled:
        shortage = cycle.shortages.get(one.id)
        for short in shortage.short if shortage else ():
            amount = from_units(short.short_by, register.scale(work, short.asset))
            rows.append(
                (
                    one.id,
                    one.reference,
                    short.role,
                    short.asset,
                    short.holder,
                    amount,
                    ", ".join(short.causes),
                    short.label,
                )
            )
    return tuple(rows)


def jsonable(facts: dict[str, Value]) -> dict[str, str | int | bool | None]:
    """Facts with everything but text, numbers and truth written out."""
    return {k: v if isinstance(v, str | int | bool) or v is None else str(v) for k, v in facts.items()}


def summary_json(facts: dict[str, Value]) -> str:
    """Facts as stored with a batch."""
    return json.dumps(jsonable(facts), ensure_ascii=False)
