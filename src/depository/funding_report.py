"""The obligations and funding report that each participant gets before 11:00 (CSD-3.3.1-b, CSD-5.2.13-a)."""

from collections.abc import Sequence
from decimal import Decimal

from depository.cycles import decimal, pose
from depository.instructions import Instruction
from depository.obligations import Obligation, cash_obligations, due_today, security_obligations
from depository.reports import Column, Kind, Report, Value, table
from depository.settlement import Forecast, forecast
from depository.store import register
from depository.store.work import Work
from depository.timetable import moment
from depository.units import from_units

CENT = Decimal("0.01")

MONEY = (
    Column("currency", "Currency"),
    Column("available", "Available", Kind.MONEY),
    Column("to_receive", "To receive", Kind.MONEY),
    Column("to_pay", "To pay", Kind.MONEY),
    Column("net", "Net obligation", Kind.MONEY),
    Column("missing", "Still to fund", Kind.MONEY),
)
SECURITIES = (
    Column("account", "Account"),
    Column("isin", "ISIN"),
    Column("available", "Available", Kind.QUANTITY),
    Column("to_receive", "To receive", Kind.QUANTITY),
    Column("to_deliver", "To deliver", Kind.QUANTITY),
    Column("missing", "Still to deliver to the account", Kind.QUANTITY),
)
INSTRUCTIONS = (
    Column("instruction", "Instruction"),
    Column("trade", "Trade"),
    Column("trade_date", "Trade date", Kind.DATE),
    Column("isd", "Intended settlement date", Kind.DATE),
    Column("side", "Side"),
    Column("counterparty", "Counterparty"),
    Column("account", "Account"),
    Column("isin", "ISIN"),
    Column("quantity", "Quantity", Kind.QUANTITY),
    Column("currency", "Currency"),
    Column("amount", "Amount", Kind.MONEY),
    Column("status", "Status"),
    Column("reason", "Reason"),
)
RELEASES = (
    Column("asset", "Asset"),
    Column("holder", "Holder"),
    Column("missing", "Missing", Kind.QUANTITY),
    Column("instructions", "Instructions it would release", Kind.COUNT),
    Column("value", "Value it would release", Kind.MONEY),
)


def funding_reports(work: Work) -> list[Report]:
    """One report for each participant with an obligation today, with a forecast of the cycle as things stand now."""
    due = due_today(work)
    if not due:
        return []
    cash = cash_obligations(work, due)
    securities = security_obligations(work, due)
    posed = pose(work, due)
    ahead = forecast(posed.problem, posed.weighing.objective)
    would_settle = {one.id for one, done in zip(due, ahead.outcome.settled, strict=True) if done}
    codes = sorted({p for one in due for p in (one.deliver_participant, one.receive_participant)})
    return [_report(work, code, due, cash, securities, ahead, would_settle) for code in codes]


def instruction_rows(
    work: Work, participant: str, instructions: Sequence[Instruction]
) -> tuple[tuple[Value, ...], ...]:
    """Rows under `INSTRUCTIONS`, seen from one participant."""
    rows: list[tuple[Value, ...]] = []
    for one in instructions:
        delivers = one.deliver_participant == participant
        scale = register.scale(work, one.isin)
        rows.append(
            (
                one.id,
                one.reference,
                one.trade_date,
                one.isd,
                "deliver" if delivers else "receive",
                one.receive_participant if delivers else one.deliver_participant,
                one.deliver_account if delivers else one.receive_account,
                one.isin,
                from_units(one.quantity, scale),
                one.currency,
                from_units(one.amount, register.scale(work, one.currency)) if one.amount else None,
                one.status.value,
                one.reason,
            )
        )
    return tuple(rows)


def _report(
    work: Work,
    code: str,
    due: Sequence[Instruction],
    cash: Sequence[Obligation],
    securities: Sequence[Obligation],
    ahead: Forecast,
    would_settle: set[str],
) -> Report:
    mine = [one for one in due if code in (one.deliver_participant, one.receive_participant)]
    deadline = moment(work.business_date, work.market.timetable(work.business_date).funding_deadline, work.market.zone)
    missing = [o for o in [*cash, *securities] if o.participant == code and o.missing]
    facts = (
        ("Fund by", deadline),
        ("Instructions due today", len(mine)),
        ("Would settle if the cycle ran now", sum(one.id in would_settle for one in mine)),
        ("Still to fund or deliver", len(missing)),
        ("Challenge until", "16:00 of the business day after the trade (CSD-5.2.13-a)"),
    )
    tables = (
        table(
            "Cash", "Cash per currency", MONEY, _rows(work, code, cash, by_holder=False), "No cash obligation today."
        ),
        table(
            "Securities",
            "Securities per account",
            SECURITIES,
            _rows(work, code, securities, by_holder=True),
            "No securities obligation today.",
        ),
        table(
            "Release",
            "What your funding would release",
            RELEASES,
            _releases(work, code, ahead),
            "Nothing of yours is missing.",
        ),
        table("Instructions", "Instructions due today", INSTRUCTIONS, instruction_rows(work, code, mine)),
    )
    return Report(
        "funding", "Obligations and funding report", code, work.business_date, work.market.local(work.at), facts, tables
    )


def _rows(
    work: Work, code: str, obligations: Sequence[Obligation], *, by_holder: bool
) -> tuple[tuple[str | Decimal, ...], ...]:
    rows = []
    for o in obligations:
        if o.participant != code:
            continue
        scale = register.scale(work, o.asset)
        numbers = (o.available, o.to_receive, o.to_give) if by_holder else (o.available, o.to_receive, o.to_give, o.net)
        head = (o.holder, o.asset) if by_holder else (o.asset,)
        rows.append((*head, *(from_units(n, scale) for n in (*numbers, o.missing))))
    return tuple(rows)


def _releases(work: Work, code: str, ahead: Forecast) -> tuple[tuple[str | int | Decimal, ...], ...]:
    return tuple(
        (
            r.asset,
            r.holder,
            from_units(r.short_by, register.scale(work, r.asset)),
            r.instructions,
            decimal(r.value).quantize(CENT),
        )
        for r in ahead.ranked
        if r.participant == code
    )
