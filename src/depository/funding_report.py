"""The obligations and funding report that each participant gets before 11:00 (CSD-3.3.1-b, CSD-5.2.13-a)."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from depository.amounts import shown
from depository.cycles import BLOCKED_PLACE, decimal, pose
from depository.identifiers import participant_of
from depository.instruction_rows import INSTRUCTIONS, instruction_rows
from depository.instructions import Instruction, InstructionKind, by_participant
from depository.obligations import Obligation, cash_obligations, due_today, security_obligations
from depository.rates import Weighing, remarks_in
from depository.reports import Column, Kind, Report, Value, table
from depository.settlement import ENOUGH, LEAST, NO_LINE_LESS, Forecast, Late, Release, Runs, forecast
from depository.store import batches, forecasts, register
from depository.store import instructions as store
from depository.store.work import Work
from depository.timetable import moment
from depository.units import from_units

CENT = Decimal("0.01")
SECONDS, LEAST_SECONDS = 60, 10
"""What a forecast may take where the market does not say, and what it may always take."""

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
DUE = (*INSTRUCTIONS, Column("would_settle", "Would settle if the cycle ran now"))
RELEASES = (
    Column("asset", "Asset"),
    Column("holder", "Holder"),
    Column("missing", "Missing", Kind.QUANTITY),
    Column("instructions", "Instructions released", Kind.COUNT),
    # Of all currencies, at the day's rates.
    Column("value", "Value released, {}", Kind.MONEY),
)
SMALLEST = {
    LEAST: "no line could be less",
    NO_LINE_LESS: "no line alone could be less",
    ENOUGH: "it is enough",
}


def funding_reports(work: Work) -> tuple[list[Report], dict[str, str], Report | None]:
    """A report for each participant with an obligation today, with a forecast of the cycle as things stand now.

    Also what operators have to know about the rates of exchange, while there is time to load them, and for their page whose funding
    would release the most.
    """
    ahead = _look_ahead(work, due_today(work))
    if ahead is None:
        return [], {}, None
    remarks = {**remarks_in(ahead.weighing), **_attention(ahead)}
    return _reports(work, ahead, sorted(ahead.mine), ""), remarks, _ranking(work, ahead)


def changed_reports(work: Work, because: str) -> list[Report]:
    """Fresh reports to those alone whose figures are not those of their last one: what would settle, what is missing, what is due."""
    holders = {participant_of(holder) for holder, _ in work.moved}
    if not store.any_due(work, InstructionKind.EXCHANGE, holders):
        return []
    ahead = _look_ahead(work, due_today(work))
    if ahead is None:
        return []
    told = forecasts.told(work)
    changed = [who for who in sorted(ahead.mine) if told.get(who, (0, ""))[1] != _figures(ahead, who)]
    return _reports(work, ahead, changed, because)


@dataclass(frozen=True, slots=True)
class _Ahead:
    """The cycle as it would be now, by participant."""

    forecast: Forecast
    would_settle: frozenset[str]
    mine: Mapping[str, Sequence[Instruction]]
    cash: Mapping[str, Sequence[Obligation]]
    securities: Mapping[str, Sequence[Obligation]]
    releases: Mapping[str, Sequence[Release]]
    weighing: Weighing
    told: tuple[str, ...]
    """What became of the engine's runs that did not go to their end."""


def _look_ahead(work: Work, due: Sequence[Instruction]) -> _Ahead | None:
    if not due:
        return None
    posed = pose(work, due)
    runs = Runs(_late(work), work.marks)
    found = forecast(posed.problem, posed.weighing.objective, runs=runs)
    work.marks.update(runs.told)
    return _Ahead(
        found,
        frozenset(one.id for one, done in zip(due, found.outcome.settled, strict=True) if done),
        by_participant(due),
        _by_participant(cash_obligations(work, due)),
        _by_participant(security_obligations(work, due)),
        _by_participant(fundable(found)),
        posed.weighing,
        tuple(runs.told),
    )


def _late(work: Work) -> Late | None:
    """Has the time for a forecast that begins now run out, by the machine's clock? None where there is no clock.

    It may take `forecast_seconds` of the market, and no next batch of the day waits for it.
    """
    clock = work.clock
    if clock is None:
        return None
    coming = [
        (state.batch.due_at - work.at).total_seconds()
        for state in batches.batches_of(work, work.business_date)
        if state.state == batches.PLANNED and state.batch.due_at > work.at
    ]
    allowed = int(work.market.parameter("forecast_seconds", work.business_date, SECONDS))
    ends = clock() + min(allowed, max(min(coming, default=allowed), LEAST_SECONDS))
    return lambda: clock() > ends


def _attention(ahead: _Ahead) -> dict[str, str]:
    """What operators have to know of a forecast that did not go to its end."""
    if not ahead.told:
        return {}
    return {
        "attention": f"{'; '.join(ahead.told)}: more might settle than is forecast, and less of the funding is proven; "
        "the cycle is not concerned; raise forecast_seconds of the market"
    }


def fundable(found: Forecast) -> list[Release]:
    """The ranked list without what no funding helps: what is short on a blocked account."""
    return [one for one in found.ranked if not one.holder.endswith(BLOCKED_PLACE)]


Owned = TypeVar("Owned", Obligation, Release)


def _by_participant(lines: Sequence[Owned]) -> dict[str, list[Owned]]:
    found: dict[str, list[Owned]] = defaultdict(list)
    for line in lines:
        found[line.participant].append(line)
    return found


def _figures(ahead: _Ahead, who: str) -> str:
    """The hash of what a participant is told of the cycle ahead."""
    due = [(one.id, one.id in ahead.would_settle) for one in ahead.mine[who]]
    lines = [*ahead.cash.get(who, ()), *ahead.securities.get(who, ())]
    told = json.dumps([due, [(o.holder, o.asset, o.net, o.missing) for o in lines]])
    return hashlib.sha256(told.encode()).hexdigest()


def _reports(work: Work, ahead: _Ahead, participants: Sequence[str], because: str) -> list[Report]:
    """Their reports, numbered through the day, and kept as what they have been told."""
    told = forecasts.told(work)
    now = {who: (told.get(who, (0, ""))[0] + 1, _figures(ahead, who)) for who in participants}
    forecasts.keep(work, now)
    return [_report(work, who, ahead, now[who][0], because) for who in participants]


def _report(work: Work, code: str, ahead: _Ahead, number: int, because: str) -> Report:
    mine = ahead.mine[code]
    cash, securities = ahead.cash.get(code, ()), ahead.securities.get(code, ())
    times = work.market.timetable(work.business_date)
    deadline = moment(work.business_date, times.funding_deadline, work.market.zone)
    facts: list[tuple[str, Value]] = [
        ("Fund by", deadline),
        ("Report of the day", number),
        ("Instructions due today", len(mine)),
        ("Would settle if the cycle ran now", sum(one.id in ahead.would_settle for one in mine)),
        ("Still to fund or deliver", sum(1 for o in (*cash, *securities) if o.missing)),
        ("Challenge until", f"{times.challenge_until:%H:%M} of the business day after the trade (CSD-5.2.13-a)"),
    ]
    if because:
        facts.insert(2, ("Made anew because of", because))
    tables = (
        table("Cash", "Cash per currency", MONEY, _rows(work, cash, by_holder=False), "No cash obligation today."),
        table(
            "Securities",
            "Securities per account",
            SECURITIES,
            _rows(work, securities, by_holder=True),
            "No securities obligation today.",
        ),
        table(
            "Release",
            "What your funding would release",
            _release_columns(work),
            _releases(work, ahead.releases.get(code, ())),
            "Nothing of yours is missing.",
        ),
        table("Instructions", "Instructions due today", DUE, _due_rows(work, code, ahead)),
    )
    return Report(
        "funding",
        "Obligations and funding report",
        code,
        work.business_date,
        work.market.local(work.at),
        tuple(facts),
        tables,
    )


def _ranking(work: Work, ahead: _Ahead) -> Report:
    """Whose funding would release the most value, for the operators."""
    found = ahead.forecast
    columns = (Column("participant", "Participant"), *_release_columns(work))
    lines = fundable(found)
    rows = tuple((one.participant, *row) for one, row in zip(lines, _releases(work, lines), strict=True))
    return Report(
        "funding",
        "Whose funding would release the most",
        "",
        work.business_date,
        work.market.local(work.at),
        (
            ("Due", len(found.outcome.settled)),
            ("Would settle if the cycle ran now", len(ahead.would_settle)),
            ("Funding with which all settles that funding can help, lines", len(rows)),
            ("Proven of this funding", SMALLEST[found.smallest]),
            ("Lines on blocked accounts, which no funding helps", len(found.ranked) - len(rows)),
        ),
        (table("Ranking", "Whose funding would release the most", columns, rows, "Nothing is missing."),),
    )


def _due_rows(work: Work, code: str, ahead: _Ahead) -> tuple[tuple[Value, ...], ...]:
    mine = ahead.mine[code]
    rows = instruction_rows(work, code, mine)
    return tuple((*row, one.id in ahead.would_settle) for one, row in zip(mine, rows, strict=True))


def _rows(work: Work, obligations: Sequence[Obligation], *, by_holder: bool) -> tuple[tuple[str | Decimal, ...], ...]:
    rows = []
    for o in obligations:
        scale = register.scale(work, o.asset)
        numbers = (o.available, o.to_receive, o.to_give) if by_holder else (o.available, o.to_receive, o.to_give, o.net)
        head = (o.holder, o.asset) if by_holder else (o.asset,)
        rows.append((*head, *(from_units(n, scale) for n in (*numbers, o.missing))))
    return tuple(rows)


def _release_columns(work: Work) -> tuple[Column, ...]:
    return tuple(replace(c, title=c.title.format(work.market.reference_currency)) for c in RELEASES)


def _releases(work: Work, releases: Sequence[Release]) -> tuple[tuple[str | int | Decimal, ...], ...]:
    return tuple(
        (
            r.asset,
            r.holder,
            shown(work, r.asset, r.short_by),
            r.instructions,
            decimal(r.value).quantize(CENT),
        )
        for r in releases
    )
