"""Exchange trades become matched instructions against payment, and follow the exchange's cancellations (CSD-4.1.1-b, 5.1.10-a)."""

from collections.abc import Sequence

from depository.answers import LineOutcome, Verdict
from depository.business_days import OutsideCalendar
from depository.feeds import Trade
from depository.instructions import OPEN, Instruction, InstructionKind, Side, Status
from depository.register import AccountState, PartyKind, Product
from depository.rejects import Reject, RejectionReason
from depository.store import instructions as store
from depository.store import register
from depository.store.work import Work
from depository.units import TooFine, to_units

TRADED = (AccountState.OPEN, AccountState.BLOCKED)
"""A trade is official also when one of its accounts is blocked; it waits for the end of the block (KCSD-97)."""


def record_trades(work: Work, venue: str, trades: Sequence[Trade], cause: str) -> list[LineOutcome]:
    """Takes the trades of a file in order; each is recorded or refused on its own."""
    known = store.references_used(work, venue, [t.trade_id for t in trades])
    ids = iter(store.new_ids(work, sum(not t.cancelled for t in trades)))
    fresh: list[Instruction] = []
    outcomes: list[LineOutcome] = []
    for trade in trades:
        if trade.cancelled:
            store.add(work, fresh, cause)
            fresh = []
            outcomes.append(_cancel(work, venue, trade, cause))
            continue
        checked = check_trade(work, trade, known)
        if isinstance(checked, Reject):
            outcomes.append(LineOutcome(trade.line, Verdict.REFUSED, trade.trade_id, "", "", (checked,)))
            continue
        quantity, amount = checked
        known.add(trade.trade_id)
        fresh.append(_instruction(work, venue, trade, next(ids), quantity, amount))
        outcomes.append(LineOutcome(trade.line, Verdict.ACCEPTED, trade.trade_id, fresh[-1].id, Status.MATCHED.value))
    store.add(work, fresh, cause)
    return outcomes


def check_trade(work: Work, trade: Trade, known: set[str]) -> tuple[int, int] | Reject:
    """Quantity and amount in smallest units, or the first fault."""
    if trade.trade_id in known:
        return Reject(
            RejectionReason.REFERENCE, "CSD-4.1.1-b", "trade_id", trade.trade_id, "this trade is recorded already"
        )
    for field, code, number in (
        ("buyer", trade.buyer, trade.buyer_account),
        ("seller", trade.seller, trade.seller_account),
    ):
        party = register.party(work, code)
        if party is None or party.kind is not PartyKind.PARTICIPANT or not party.active:
            return Reject(
                RejectionReason.COUNTERPARTY, "CSD-4.1.1-b", field, code, "no active participant has this code"
            )
        account = register.account(work, number)
        if account is None or account.participant != code or account.state not in TRADED:
            return Reject(
                RejectionReason.ACCOUNT,
                "CSD-4.1.1-b",
                f"{field}_account",
                number,
                f"{code} has no open account {number}",
            )
    product = register.product(work, trade.isin)
    if product is None or not product.admitted:
        return Reject(RejectionReason.SECURITY, "CSD-7.1.1-a", "isin", trade.isin, "not an admitted product")
    currency = work.market.currency(trade.currency)
    if currency is None:
        return Reject(
            RejectionReason.MONEY,
            "CSD-5.1.5-a",
            "currency",
            trade.currency,
            "no settlement-bank arrangement for this currency",
        )
    if currency.code != product.currency:
        return Reject(
            RejectionReason.MONEY,
            "CSD-5.1.5-a",
            "currency",
            trade.currency,
            f"{trade.isin} settles in {product.currency}",
        )
    try:
        wrong_date = _date_fault(work, trade)
    except OutsideCalendar as outside:
        wrong_date = str(outside)
    if wrong_date:
        return Reject(RejectionReason.DATE, "CSD-4.1.1-b", "settlement_date", str(trade.settlement_date), wrong_date)
    return _units(trade, product, currency.digits)


def _date_fault(work: Work, trade: Trade) -> str:
    """A trade settles on T+2; any other leg on a settlement day that the exchange names."""
    calendar = register.calendar(work)
    day = trade.traded_at.date()
    expected = calendar.settlement_day_after(day, work.market.number("settlement_cycle_days", day))
    if trade.kind == "TRADE" and trade.settlement_date != expected:
        return f"a trade of {day} settles on {expected}"
    if not calendar.is_settlement_day(trade.settlement_date):
        return "not a settlement day of the calendar"
    return ""


def _units(trade: Trade, product: Product, digits: int) -> tuple[int, int] | Reject:
    try:
        quantity = to_units(trade.quantity, product.scale)
    except TooFine as fault:
        return Reject(RejectionReason.QUANTITY, "CSD-4.1.1-b", "quantity", str(trade.quantity), str(fault))
    try:
        amount = to_units(trade.amount, digits)
    except TooFine as fault:
        return Reject(RejectionReason.MONEY, "CSD-4.1.1-b", "amount", str(trade.amount), str(fault))
    return quantity, amount


def _cancel(work: Work, venue: str, trade: Trade, cause: str) -> LineOutcome:
    """CSD-5.1.10-a: on the trade day alone; later the trade is official and stays."""
    old = store.by_reference(work, venue, trade.trade_id)
    if old is None:
        reject = Reject(
            RejectionReason.REFERENCE, "CSD-5.1.10-a", "trade_id", trade.trade_id, "no such trade is recorded"
        )
        return LineOutcome(trade.line, Verdict.REFUSED, trade.trade_id, "", "", (reject,))
    if old.trade_date != work.business_date or old.status not in OPEN:
        reject = Reject(
            RejectionReason.DEADLINE,
            "CSD-5.1.10-a",
            "state",
            "CANCELLED",
            f"limit passed: a trade can be cancelled on its trade day {old.trade_date} alone",
        )
        return LineOutcome(trade.line, Verdict.REFUSED, trade.trade_id, old.id, old.status.value, (reject,))
    store.change(work, [old], Status.CANCELLED, "cancelled by the exchange on the trade day", cause)
    return LineOutcome(trade.line, Verdict.ACCEPTED, trade.trade_id, old.id, Status.CANCELLED.value)


def _instruction(work: Work, venue: str, trade: Trade, id_: str, quantity: int, amount: int) -> Instruction:
    return Instruction(
        id=id_,
        kind=InstructionKind.EXCHANGE,
        side=Side.BOTH,
        sender=venue,
        reference=trade.trade_id,
        deliver_participant=trade.seller,
        deliver_account=trade.seller_account,
        receive_participant=trade.buyer,
        receive_account=trade.buyer_account,
        isin=trade.isin,
        quantity=quantity,
        currency=trade.currency,
        amount=amount,
        isd=trade.settlement_date,
        trade_date=trade.traded_at.date(),
        netting="net",
        purpose=trade.kind,
        alternative_currency=trade.alternative_currency,
        status=Status.MATCHED,
        received_at=work.at,
    )
