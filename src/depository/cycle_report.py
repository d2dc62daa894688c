"""What a settlement cycle did: one report for each participant in it, one for the operators."""

import json
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from depository.amounts import shown
from depository.cycles import Cycle, Solved, decimal, holder_in_words
from depository.funding_report import CENT
from depository.identifiers import participant_of
from depository.instruction_rows import INSTRUCTIONS, instruction_rows
from depository.instructions import Instruction, Status, by_participant
from depository.rates import remarks_in
from depository.reports import Column, Kind, Report, Value, table
from depository.settlement import SIMPLE
from depository.store.work import Work

SHORT = (
    Column("instruction", "Instruction"),
    Column("trade", "Trade"),
    Column("role", "Short of"),
    Column("asset", "Asset"),
    Column("holder", "Holder"),
    Column("short_by", "Short by", Kind.QUANTITY),
    Column("caused_by", "Caused by"),
    Column("label", "Label"),
)
SETTLED = (
    Column("instruction", "Instruction"),
    Column("trade", "Trade"),
    Column("isd", "Intended settlement date", Kind.DATE),
    Column("deliver_account", "Delivers"),
    Column("receive_account", "Receives and pays"),
    Column("isin", "ISIN"),
    Column("quantity", "Quantity", Kind.QUANTITY),
    Column("currency", "Currency"),
    Column("amount", "Amount", Kind.MONEY),
)
FAILING = (
    Column("participant", "Participant"),
    Column("asset", "Asset"),
    Column("holder", "Holder"),
    Column("short_by", "Short even if everyone else delivers, by", Kind.QUANTITY),
)
PRIORITIES = (
    Column("priority", "Priority", Kind.COUNT),
    Column("reached", "Objective reached"),
    Column("bound", "Upper bound"),
    Column("gap", "Gap"),
    Column("proven", "Proven the best possible"),
)
LABELS = {"choice": "engine's choice"}
"""Labels that people read in other words than files do."""
COUNTS = {
    "mixed": "share of the value due + of the number due; everything is 2",
    "value": "value, {}",
    "count": "number of instructions",
}
"""What the objective is measured in."""
MEANING = (
    "caused by: who fails at the root, though everyone else delivers; "
    "rooted: traced to the failing participants named; engine's choice: a failing participant had enough for this one or another, "
    "and the other was settled; indivisible: nobody fails, only the wholeness of instructions, or the order of those that go one by "
    "one, keeps it back"
)
DIGITS = Decimal("0.000000000001")
PERCENT = Decimal("0.0001")


def participant_reports(work: Work, cycle: Cycle, *, everyone: bool) -> list[Report]:
    """A report for each participant of the cycle; `everyone` = also for those for whom nothing settled."""
    settled, unsettled = by_participant(cycle.settled), by_participant(cycle.unsettled)
    codes = settled.keys() | (unsettled.keys() if everyone else set())
    return [_report(work, cycle, code, settled.get(code, ()), unsettled.get(code, ())) for code in sorted(codes)]


def operator_report(work: Work, cycle: Cycle, addressee: str) -> Report:
    """Everything of the cycle, with its certificate."""
    facts: list[tuple[str, Value]] = [
        ("Cycle", f"{cycle.number} ({cycle.kind})"),
        ("Due", len(cycle.settled) + len(cycle.unsettled)),
        ("Settled", len(cycle.settled)),
        ("Unsettled", len(cycle.unsettled)),
    ]
    tables = [
        table(
            "Settled",
            "Settled instructions",
            SETTLED,
            _settled_rows(work, cycle.settled),
            "Nothing settled.",
        ),
        table(
            "Unsettled",
            "What is short and who caused it",
            SHORT,
            _short_rows(work, cycle, cycle.unsettled, ""),
            "All has settled.",
        ),
    ]
    if cycle.solved is not None:
        facts += certificate_facts(cycle.solved)
        tables.append(
            table("Failing", "Failing participants", FAILING, _failing_rows(work, cycle.solved), "Nobody fails.")
        )
        priorities = cycle.solved.outcome.certificate.priorities
        if priorities:
            rows = tuple(
                (p.priority, _number(p.objective_settled), _number(p.upper_bound), _number(p.gap), p.proven_optimal)
                for p in priorities
            )
            tables.append(table("Priorities", "Priority by priority", PRIORITIES, rows))
    return Report(
        "cycle",
        f"Settlement cycle {cycle.number}",
        addressee,
        work.business_date,
        work.market.local(work.at),
        tuple(facts),
        tuple(tables),
    )


def certificate_facts(solved: Solved) -> list[tuple[str, Value]]:
    """The certificate in words for operators; values in the reference currency."""
    certificate, weighing = solved.outcome.certificate, solved.posed.weighing
    share = certificate.value_settled / certificate.value_total * 100 if certificate.value_total else Fraction(100)
    gap = certificate.gap / certificate.upper_bound * 100 if certificate.upper_bound else Fraction(0)
    reference = weighing.reference
    facts: list[tuple[str, Value]] = [
        (f"Value due, {reference}", decimal(certificate.value_total).quantize(CENT)),
        (f"Value settled, {reference}", decimal(certificate.value_settled).quantize(CENT)),
        ("Value settled, %", decimal(share).quantize(PERCENT)),
        ("Objective", certificate.objective),
        ("Objective counts", COUNTS[certificate.objective].format(reference)),
        ("Objective reached", _number(certificate.objective_settled)),
        ("Upper bound: no set of instructions reaches more", _number(certificate.upper_bound)),
        ("Gap", _number(certificate.gap)),
        ("Gap, % of the bound", decimal(gap).quantize(PERCENT)),
        ("Proven the best possible", certificate.proven_optimal),
        ("Bound that anyone can recompute", _number(certificate.bound_from_multipliers)),
        ("Effort", certificate.effort),
        ("Stopped by", certificate.stopped_by),
        ("Units of work", certificate.units),
        ("Seed", certificate.seed),
        ("Engine version", certificate.engine_version),
        ("Input SHA-256", certificate.input_sha256),
    ]
    facts += [
        (f"Rate of {c}", f"{r.rate} {reference} of {r.valid_from}, {r.source}") for c, r in weighing.rates.items()
    ]
    facts += [("Rates: attention", remark) for remark in weighing.remarks]
    return [*facts, ("Labels", MEANING)]


def summary(cycle: Cycle) -> dict[str, Value]:
    """The few facts that operators see first."""
    if cycle.solved is None:
        return {"due": 0}
    certificate = cycle.solved.outcome.certificate
    facts: dict[str, Value] = {
        "cycle": cycle.number,
        "due": len(cycle.settled) + len(cycle.unsettled),
        "settled": len(cycle.settled),
        "unsettled": len(cycle.unsettled),
        "proven optimal": certificate.proven_optimal,
        "gap": _number(certificate.gap),
    }
    if certificate.effort == SIMPLE:
        facts["attention"] = f"the engine failed; this cycle went by {SIMPLE}"
    if certificate.by_clock:
        facts["attention"] = (
            f"stopped by clock after {certificate.units} units of work: what was found by then has settled, and more might have; "
            "late cycles look again, or raise settlement_seconds of the market"
        )
    return {**facts, **remarks_in(cycle.solved.posed.weighing)}


def _number(value: Fraction) -> str:
    """A number of the objective, to twelve decimals."""
    return f"{decimal(value).quantize(DIGITS).normalize():f}"


def _report(
    work: Work, cycle: Cycle, code: str, settled: Sequence[Instruction], unsettled: Sequence[Instruction]
) -> Report:
    facts: tuple[tuple[str, Value], ...] = (
        ("Cycle", f"{cycle.number} ({cycle.kind})"),
        ("Settled", len(settled)),
        ("Unsettled", len(unsettled)),
        *((("Labels", MEANING),) if unsettled else ()),
    )
    tables = (
        table(
            "Settled",
            "Settled instructions",
            INSTRUCTIONS,
            instruction_rows(work, code, settled, Status.SETTLED),
            "Nothing of yours settled.",
        ),
        table(
            "Unsettled",
            "What is short and who caused it",
            SHORT,
            _short_rows(work, cycle, unsettled, code),
            "Everything of yours that was due has settled.",
        ),
    )
    return Report(
        "cycle", f"Settlement cycle {cycle.number}", code, work.business_date, work.market.local(work.at), facts, tables
    )


def _settled_rows(work: Work, settled: Sequence[Instruction]) -> tuple[tuple[Value, ...], ...]:
    return tuple(
        (
            one.id,
            one.reference,
            one.isd,
            one.deliver_account,
            one.receive_account,
            one.isin,
            shown(work, one.isin, one.quantity),
            one.currency,
            shown(work, one.currency, one.amount) if one.amount else None,
        )
        for one in settled
    )


def _short_rows(
    work: Work, cycle: Cycle, unsettled: Sequence[Instruction], participant: str
) -> tuple[tuple[Value, ...], ...]:
    """Rows under `SHORT`, seen from a participant ("" = operators): how much another is short of is not told."""
    rows: list[tuple[Value, ...]] = []
    for one in unsettled:
        shortage = cycle.shortages.get(one.id)
        for short in shortage.short if shortage else ():
            own = participant in ("", participant_of(short.holder))
            rows.append(
                (
                    one.id,
                    one.reference,
                    short.role,
                    short.asset,
                    holder_in_words(short.holder),
                    shown(work, short.asset, short.short_by) if own else None,
                    ", ".join(short.causes),
                    LABELS.get(short.label, short.label),
                )
            )
    return tuple(rows)


def _failing_rows(work: Work, solved: Solved) -> tuple[tuple[Value, ...], ...]:
    return tuple(
        (f.participant, f.asset, holder_in_words(f.holder), shown(work, f.asset, f.short_by))
        for f in solved.outcome.failing
    )


def jsonable(facts: dict[str, Value]) -> dict[str, str | int | bool | None]:
    """Facts with everything but text, numbers and truth written out."""
    return {k: v if isinstance(v, str | int | bool) or v is None else str(v) for k, v in facts.items()}


def summary_json(facts: dict[str, Value]) -> str:
    """Facts as stored with a batch."""
    return json.dumps(jsonable(facts), ensure_ascii=False)
