"""The end of the business day: reconciliation, statements, the operators' pack, the next day's plan is the planner's."""

from depository import figures, lending
from depository.amounts import shown
from depository.bank import unidentified
from depository.business_days import OutsideCalendar
from depository.day import batches_of
from depository.fails import BUY_IN, CLOSE_OUT, FAILED, fails_of_day
from depository.openings import on_hold
from depository.points import reached
from depository.reconciliation import (
    Difference,
    conservation,
    negative_balances,
    overnight_breaches,
    payments_under_way,
    reconcile_cash,
    reconcile_securities,
)
from depository.register import PartyKind
from depository.rejects import Broken
from depository.reports import Column, Kind, Report, Table, Value, table
from depository.statements import statements
from depository.store import files, journal, payments, register
from depository.store import instructions as instruction_store
from depository.store.archive import Archive
from depository.store.work import Work
from depository.units import from_units
from flows.steps.outgoing import queue_reports

RECONCILIATION = (
    Column("against", "Against"),
    Column("asset", "Asset"),
    Column("ours", "Our books", Kind.QUANTITY),
    Column("theirs", "Theirs", Kind.QUANTITY),
    Column("agrees", "Agrees"),
    Column("remark", "Remark"),
)
FILES = (
    Column("party", "Party"),
    Column("name", "File"),
    Column("form", "Form"),
    Column("verdict", "Verdict"),
    Column("lines", "Lines", Kind.COUNT),
    Column("refused", "Refused", Kind.COUNT),
    Column("arrived", "Arrived", Kind.MOMENT),
)
UNIDENTIFIED = (
    Column("reference", "Bank reference"),
    Column("came", "Came on", Kind.DATE),
    Column("currency", "Currency"),
    Column("amount", "Amount", Kind.MONEY),
    Column("sender", "Sender"),
    Column("account", "Sender's account"),
    Column("state", "State"),
)
STATUSES = (Column("kind", "Kind"), Column("status", "Status"), Column("count", "Instructions", Kind.COUNT))
FAILS = (
    Column("instruction", "Instruction"),
    Column("causes", "Failing participants"),
    Column("label", "Label"),
    Column("short", "What is short"),
)
PROCEDURES = (
    Column("instruction", "Instruction"),
    Column("procedure", "Procedure"),
    Column("failing", "At the risk of"),
    Column("short", "What is short"),
)
BREACHES = (Column("account", "Account"), Column("asset", "Asset"), Column("quantity", "Left overnight"))
BATCHES = (
    Column("slot", "Batch"),
    Column("due", "Due", Kind.MOMENT),
    Column("state", "State"),
    Column("result", "Result"),
)
HOLDS = (
    Column("opening", "Opening"),
    Column("participant", "Participant"),
    Column("reference", "Reference"),
    Column("answer_by", "Answer by", Kind.DATE),
    Column("reason", "Reason"),
)


def close_day(work: Work, archive: Archive, slot: str) -> tuple[dict[str, Value], Report | None]:
    """Statements to every participant and the day report to the operators; raises Broken when the books are not whole."""
    lopsided = conservation(work)
    negative = negative_balances(work)
    if lopsided or negative:
        raise Broken(f"the books are not whole: {lopsided} {negative}; run `csd verify`")
    cash, securities = reconcile_cash(work), reconcile_securities(work)
    breaches = overnight_breaches(work)
    reached("end of day.reconciled")
    cause = f"batch/{slot}"
    participants = register.participants(work)
    queue_reports(work, archive, statements(work, [p.code for p in participants]), slot, cause)
    reached("end of day.statements queued")
    operator = register.party_of_kind(work, PartyKind.OPERATOR)
    report = None
    if operator is not None:
        report = _day_report(work, operator.code, cash, securities, breaches)
        queue_reports(work, archive, [report], slot, cause)
    number, hash_ = journal.head(work)
    differ = [d for d in [*cash, *securities] if not d.agrees]
    return {
        "statements": len(participants),
        "reconciled": len(cash) + len(securities) - len(differ),
        "differences": len(differ),
        "overnight breaches": len(breaches),
        "journal entries": number,
        "journal head": hash_,
    }, report


def _day_report(
    work: Work,
    operator: str,
    cash: list[Difference],
    securities: list[Difference],
    breaches: list[tuple[str, str, str]],
) -> Report:
    number, hash_ = journal.head(work)
    facts: tuple[tuple[str, Value], ...] = (
        ("Journal entries", number),
        ("Journal head", hash_),
        ("Next business day", _next_business_day(work)),
    )
    tables = (
        table(
            "Reconciliation", "Our books against the world", RECONCILIATION, _reconciliation(work, [*cash, *securities])
        ),
        table(
            "Unidentified",
            "Money of no participant",
            UNIDENTIFIED,
            _nobodys(work),
            "No money is without a participant.",
        ),
        table("Instructions", "Instructions touched today", STATUSES, _statuses(work), "No instruction was touched."),
        table("Fails", "Settlement fails", FAILS, _fails(work), "Nothing failed."),
        table(
            "Procedures",
            "Buy-ins and close-outs to carry out",
            PROCEDURES,
            _procedures(work),
            "None was started today.",
        ),
        table("Files", "Files of the day", FILES, _files(work), "No file came."),
        table(
            "Breaches",
            "Left on transitory accounts overnight",
            BREACHES,
            tuple(breaches),
            "No overnight balance (CSD-3.1.3-a).",
        ),
        lending.outstanding_table(work, lending.outstanding(work)),
        table("Holds", "Openings on hold", HOLDS, _holds(work), "No opening is on hold."),
        table("Batches", "Batches", BATCHES, _batches(work)),
        Table(
            "Runs",
            "Figures of the runs",
            figures.COLUMNS,
            figures.rows(work, figures.runs(work)),
            "Up to this end of day, whose own figures are on its page and in `csd figures` (KCSD-98).",
        ),
    )
    return Report("day", "Day report", operator, work.business_date, work.market.local(work.at), facts, tables)


def _next_business_day(work: Work) -> Value:
    """The last day of the year closes also when next year's calendar is not published yet."""
    try:
        return register.calendar(work).business_day_after(work.business_date, 1)
    except OutsideCalendar as outside:
        return str(outside)


def _reconciliation(work: Work, differences: list[Difference]) -> tuple[tuple[Value, ...], ...]:
    under_way = payments_under_way(work)
    without_owner = {one.currency for one in unidentified(work)}
    rows: list[tuple[Value, ...]] = []
    for d in differences:
        scale = register.scale(work, d.asset)
        remarks = []
        if d.theirs is None:
            remarks.append("nothing came")
        if d.asset in under_way:
            remarks.append(f"{from_units(under_way[d.asset], scale)} ordered and not confirmed by the bank")
        if d.asset in without_owner:
            remarks.append("money without an identified participant")
        theirs = None if d.theirs is None else from_units(d.theirs, scale)
        rows.append(
            (d.what, d.asset, from_units(d.ours, scale), theirs, "yes" if d.agrees else "NO", "; ".join(remarks))
        )
    return tuple(rows)


def _nobodys(work: Work) -> tuple[tuple[Value, ...], ...]:
    """What is held apart, and what is on its way back to its sender."""
    rows: list[tuple[Value, ...]] = []
    for held in unidentified(work):
        amount = shown(work, held.currency, held.amount)
        sender = (held.sender.name, held.sender.iban)
        rows.append((held.reference, held.came_on, held.currency, amount, *sender, "held apart"))
    for back in payments.refunds_under_way(work):
        amount = shown(work, back.currency, back.amount)
        state = f"goes back as {back.number}: {back.state}"
        rows.append((back.credit, None, back.currency, amount, back.beneficiary_name, back.iban, state))
    return tuple(rows)


def _statuses(work: Work) -> tuple[tuple[Value, ...], ...]:
    return tuple(sorted(instruction_store.count_touched(work, work.business_date)))


def _fails(work: Work) -> tuple[tuple[Value, ...], ...]:
    return tuple((f.instruction, ", ".join(f.causes), f.label, f.short) for f in fails_of_day(work, FAILED))


def _procedures(work: Work) -> tuple[tuple[Value, ...], ...]:
    started = [*fails_of_day(work, BUY_IN), *fails_of_day(work, CLOSE_OUT)]
    return tuple((f.instruction, f.stage, ", ".join(f.causes), f.short) for f in started)


def _files(work: Work) -> tuple[tuple[Value, ...], ...]:
    return tuple((*row[:6], work.market.local(row[6])) for row in files.of_day(work, work.business_date))


def _holds(work: Work) -> tuple[tuple[Value, ...], ...]:
    return tuple((o.number, o.participant, o.reference, o.answer_by, o.reason) for o in on_hold(work))


def _batches(work: Work) -> tuple[tuple[Value, ...], ...]:
    return tuple((b.batch.slot, b.batch.due_at, b.state, b.result) for b in batches_of(work, work.business_date))
