"""The report of obligations from the last trading day, and its challenge until 16:00 of the business day after it (CSD-5.2.13-a)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime

from depository.answers import LineOutcome, Verdict
from depository.business_days import OutsideCalendar
from depository.instruction_rows import INSTRUCTIONS, instruction_rows
from depository.instructions import Instruction, Status, by_participant
from depository.notices import Notice, Taken, notify
from depository.register import PartyKind
from depository.rejects import Reject, RejectionReason
from depository.reports import Column, Kind, Report, Value, table
from depository.requests import ChallengeRequest, Header
from depository.store import challenges as store
from depository.store import instructions, register
from depository.store.challenges import Challenge
from depository.store.work import Work
from depository.timetable import moment
from depository.units import from_units

RULE = "CSD-5.2.13-a"
OBLIGATIONS = (
    Column("settles", "Settles on", Kind.DATE),
    Column("asset", "Currency or security"),
    Column("to_receive", "To receive", Kind.QUANTITY),
    Column("to_give", "To deliver or pay", Kind.QUANTITY),
)


def trading_reports(work: Work) -> list[Report]:
    """To each participant its obligations from the trading since the last business day, with the moment until which to challenge it."""
    try:
        since = register.calendar(work).business_day_before(work.business_date)
    except OutsideCalendar:
        # The first day of the first published year follows no trading that is known.
        return []
    traded = instructions.traded_from(work, since)
    return [_report(work, who, since, mine) for who, mine in sorted(by_participant(traded).items())]


def _report(work: Work, who: str, since: date, mine: Sequence[Instruction]) -> Report:
    sums: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0])
    for one in mine:
        if one.status is not Status.CANCELLED:
            for asset, amount, giver in (
                (one.isin, one.quantity, one.deliver_participant),
                (one.currency, one.amount, one.receive_participant),
            ):
                if amount:
                    sums[one.isd, asset][giver == who] += amount
    rows: list[tuple[Value, ...]] = []
    for (isd, asset), numbers in sorted(sums.items()):
        scale = register.scale(work, asset)
        rows.append((isd, asset, *(from_units(n, scale) for n in numbers)))
    facts: tuple[tuple[str, Value], ...] = (
        ("Trading day", since),
        ("Trades", len(mine)),
        ("Challenge until", work.market.local(_until(work, work.business_date))),
        ("How to challenge", "form OBC, one for each trade that is wrong or missing"),
    )
    tables = (
        table("Obligations", "Obligations from this trading", OBLIGATIONS, tuple(rows), "Every trade was cancelled."),
        table("Trades", "Trades as the exchange reported them", INSTRUCTIONS, instruction_rows(work, who, mine)),
    )
    title = "Report of obligations from trading"
    return Report("trading", title, who, work.business_date, work.market.local(work.at), facts, tables)


def record_challenge(work: Work, header: Header, request: ChallengeRequest) -> Taken:
    """Takes an OBC: registers it and tells the operators, who answer by notice."""
    fault = check_challenge(work, header.participant, request)
    if fault is not None:
        return Taken(LineOutcome(1, Verdict.REFUSED, header.reference, "", "", (fault,)))
    number = f"Q{work.next_number('challenge'):06d}"
    said = (number, header.participant, header.reference, request.trading_day, request.trade, request.statement)
    store.add(work, Challenge(*said, store.OPEN, "", work.business_date, work.at))
    operators = register.party_of_kind(work, PartyKind.OPERATOR)
    body = (
        f"{header.participant} challenges the report of its obligations from the trading of {request.trading_day} (trade {request.trade}): "
        f"{request.statement}\nLook into it with the exchange and answer with `csd answer {number}`."
    )
    told = () if operators is None else (notify(work, operators.code, f"Challenge {number} of {request.trade}", body),)
    note = "operators look into it and answer by notice"
    return Taken(LineOutcome(1, Verdict.ACCEPTED, header.reference, number, store.OPEN, note=note), told)


def check_challenge(work: Work, participant: str, request: ChallengeRequest) -> Reject | None:
    """The first fault: the day, the deadline, or a trade that is of that day and of others alone."""
    found = str(request.trading_day)
    if request.trading_day >= work.business_date:
        return Reject(
            RejectionReason.DATE,
            RULE,
            "trading_day",
            found,
            "its report comes on the business day after the trading; challenge it then",
        )
    try:
        until = _until(work, register.calendar(work).business_day_after(request.trading_day, 1))
    except OutsideCalendar as outside:
        return Reject(RejectionReason.DATE, RULE, "trading_day", found, str(outside))
    if work.at >= until:
        why = f"limit passed: the report could be challenged until {work.market.local(until):%H:%M on %Y-%m-%d}"
        return Reject(RejectionReason.DEADLINE, RULE, "trading_day", found, why)
    exchange = register.party_of_kind(work, PartyKind.EXCHANGE)
    one = instructions.by_reference(work, exchange.code, request.trade) if exchange is not None else None
    if one is not None and participant not in (one.deliver_participant, one.receive_participant):
        # Of a trade of others nothing is told; one that is missing cannot be known.
        return Reject(RejectionReason.REFERENCE, RULE, "trade", request.trade, "you have no part in this trade")
    return None


def answer(work: Work, number: str, text: str) -> Notice:
    """Answers a challenge; raises LookupError when it does not wait for one."""
    one = store.get(work, number)
    if one is None or one.state != store.OPEN:
        waiting = ", ".join(each.number for each in store.open_ones(work)) or "none"
        raise LookupError(f"{number} is no challenge that waits for an answer: they are {waiting}")
    store.answer(work, number, text)
    body = f"Your challenge {number} (your number {one.reference}) of trade {one.trade} of {one.trading_day}: {text}"
    return notify(work, one.participant, f"Answer to your challenge of {one.trade}", body)


def _until(work: Work, day: date) -> datetime:
    return moment(day, work.market.timetable(day).challenge_until, work.market.zone)
