"""The exchange's trades as CSV with a control trailer, and back (CSD-4.1.1-b, CSD-5.1.10-a).

One line per trade or cancellation, `trade_id` being its identity; the last line, over all lines, is
`TRAILER,count,total_quantity,total_amount`. A file without a right trailer may be cut off, and nothing of it is taken;
a faulty line is refused by itself.
"""

import re
from collections.abc import Sequence
from datetime import datetime, time
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from depository import identifiers
from depository.feeds import RefusedLine, Trade, TradeFile
from depository.rejects import RejectionReason
from parsers.csv_table import (
    EXACT,
    Cells,
    check_total,
    decimals,
    exact_sum,
    plain,
    read_table,
    too_fine,
    trailer_numbers,
    write_table,
)

RULE = "CSD-4.1.1-b"
COLUMNS = (
    "trade_id",
    "trade_date",
    "trade_time",
    "kind",
    "isin",
    "quantity",
    "price",
    "amount",
    "currency",
    "alternative_currency",
    "buyer",
    "buyer_account",
    "seller",
    "seller_account",
    "settlement_date",
    "repo_rate",
    "repo_end",
    "state",
)
TRADE, REPO_OPEN, REPO_CLOSE = "TRADE", "REPO_OPEN", "REPO_CLOSE"
NEW, CANCELLED = "NEW", "CANCELLED"

_WHAT = "trades"
_OPTIONAL = ("alternative_currency", "repo_rate", "repo_end")
_TOTALS = ("count", "total_quantity", "total_amount")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?")


def read_trades(data: bytes, zone: ZoneInfo) -> TradeFile:
    """The trades of a file and the lines that are refused, each with every fault; `line` counts the lines of the file.

    Times of trading are local to `zone`, the market's. Raises FileRefused when the file cannot be read or its control trailer
    is missing or disagrees.
    """
    table = read_table(data, COLUMNS, what=_WHAT, rule=RULE, optional=_OPTIONAL, trailer=True)
    trades: list[Trade] = []
    refused: list[RefusedLine] = list(table.refused)
    totals = {"total_quantity": Decimal(0), "total_amount": Decimal(0)}
    unread = {name: bool(table.refused) for name in totals}
    seen: dict[tuple[str, str], int] = {}
    for row in table.rows:
        cells = Cells(row, RULE)
        quantity = cells.number("quantity", RejectionReason.QUANTITY)
        amount = cells.number("amount", RejectionReason.MONEY)
        for name, number in (("total_quantity", quantity), ("total_amount", amount)):
            totals[name] = EXACT.add(totals[name], number or Decimal(0))
            unread[name] |= number is None
        trade = _trade(cells, quantity, amount, zone)
        identity = (row.cells["trade_id"], row.cells["state"])
        if seen.setdefault(identity, row.line) != row.line:
            message = f"The trade stands on line {seen[identity]} already: send a trade or its cancellation once."
            cells.fault(RejectionReason.REFERENCE, "trade_id", message)
        if cells.rejects or trade is None:
            refused.append(cells.refused(row.cells["trade_id"]))
        else:
            trades.append(trade)
    count, *stated = trailer_numbers(table.trailer, _TOTALS, _WHAT)
    check_total("count", count, Decimal(len(table.rows) + len(table.refused)), _WHAT)
    for name, total in zip(totals, stated, strict=True):
        check_total(name, total, totals[name], _WHAT, complete=not unread[name])
    return TradeFile(tuple(trades), tuple(sorted(refused, key=lambda line: line.line)), table.columns)


def _trade(cells: Cells, quantity: Decimal | None, amount: Decimal | None, zone: ZoneInfo) -> Trade | None:
    """The trade of a line; None when a value of it is missing, the faults being in `cells`."""
    trade_id = cells.identifier("trade_id", identifiers.reference, RejectionReason.REFERENCE)
    trade_date = cells.day("trade_date")
    trade_time = _time(cells)
    kind = cells.choice("kind", (TRADE, REPO_OPEN, REPO_CLOSE))
    isin = cells.identifier("isin", identifiers.isin, RejectionReason.SECURITY)
    price = cells.number("price", RejectionReason.MONEY)
    currency = cells.identifier("currency", identifiers.currency, RejectionReason.MONEY)
    alternative = cells.identifier("alternative_currency", identifiers.currency, RejectionReason.MONEY, mandatory=False)
    buyer, buyer_account = _side(cells, "buyer")
    seller, seller_account = _side(cells, "seller")
    if buyer_account and buyer_account == seller_account:
        cells.fault(RejectionReason.ACCOUNT, "seller_account", "Buyer and seller have the same account: name two.")
    settlement_date = cells.day("settlement_date")
    if trade_date and settlement_date and settlement_date < trade_date:
        cells.fault(RejectionReason.DATE, "settlement_date", "The settlement date is before the trade date.")
    repo_rate = cells.number("repo_rate", RejectionReason.MONEY, positive=False) if cells.given("repo_rate") else None
    repo_end = cells.day("repo_end") if cells.given("repo_end") else None
    _check_repo(cells, kind)
    if repo_end and settlement_date and repo_end < settlement_date:
        cells.fault(RejectionReason.DATE, "repo_end", "The repo ends before this leg settles.")
    state = cells.choice("state", (NEW, CANCELLED))
    _check_amount(cells, kind, currency, quantity, price, amount)
    if not (trade_date and trade_time and settlement_date) or quantity is None or price is None or amount is None:
        return None
    return Trade(
        line=cells.row.line,
        trade_id=trade_id,
        traded_at=datetime.combine(trade_date, trade_time, zone),
        kind=kind,
        isin=isin,
        quantity=quantity,
        price=price,
        amount=amount,
        currency=currency,
        alternative_currency=alternative,
        buyer=buyer,
        buyer_account=buyer_account,
        seller=seller,
        seller_account=seller_account,
        settlement_date=settlement_date,
        repo_rate=repo_rate,
        repo_end=repo_end,
        cancelled=state == CANCELLED,
    )


def _time(cells: Cells) -> time | None:
    found = cells.row.cells["trade_time"]
    try:
        if not _TIME.fullmatch(found):
            raise ValueError
        return time.fromisoformat(found)
    except ValueError:
        cells.fault(RejectionReason.DATE, "trade_time", "trade_time is no time: write it as HH:MM:SS, local time.")
        return None


def _side(cells: Cells, side: str) -> tuple[str, str]:
    """Participant and account of a side; the account must be one of that participant's."""
    participant = cells.identifier(side, identifiers.participant, RejectionReason.COUNTERPARTY)
    account = cells.identifier(f"{side}_account", identifiers.account, RejectionReason.ACCOUNT)
    if participant and account and not account.startswith(f"{participant}-"):
        cells.fault(
            RejectionReason.ACCOUNT,
            f"{side}_account",
            f"The account is another participant's than {side} {participant}.",
        )
    return participant, account


def _check_repo(cells: Cells, kind: str) -> None:
    """An opening leg says rate and end; a plain trade has neither."""
    for column in ("repo_rate", "repo_end"):
        if kind == REPO_OPEN and not cells.given(column):
            cells.fault(RejectionReason.OTHER, column, f"An opening repo leg needs {column}: give it.")
        if kind == TRADE and cells.given(column):
            cells.fault(RejectionReason.OTHER, column, f"A trade has no {column}: leave it empty, or send a repo leg.")


def _check_amount(
    cells: Cells, kind: str, currency: str, quantity: Decimal | None, price: Decimal | None, amount: Decimal | None
) -> None:
    """A trade's amount is quantity times price, rounded to the currency's smallest unit; a repo's need not be."""
    if amount is None or not currency:
        return
    if too_fine(amount, currency):
        cells.fault(RejectionReason.MONEY, "amount", f"The amount has more decimals than {currency} knows.")
    elif kind == TRADE and quantity is not None and price is not None:
        product = EXACT.multiply(quantity, price)
        half_a_unit = Decimal("0.5").scaleb(-decimals(currency))
        if abs(EXACT.subtract(product, amount)) > half_a_unit:
            cells.fault(
                RejectionReason.MONEY,
                "amount",
                f"The amount is not quantity times price, {_rounded(product, currency)}.",
            )


def _rounded(amount: Decimal, currency: str) -> str:
    return plain(amount.quantize(Decimal(1).scaleb(-decimals(currency)), ROUND_HALF_UP, EXACT))


def render_trades(trades: Sequence[Trade]) -> bytes:
    """The file of the trades with its trailer, as read_trades takes it in the zone that the moments carry; lines in the order given."""
    rows = [
        (
            trade.trade_id,
            trade.traded_at.date().isoformat(),
            trade.traded_at.time().isoformat(),
            trade.kind,
            trade.isin,
            plain(trade.quantity),
            plain(trade.price),
            plain(trade.amount),
            trade.currency,
            trade.alternative_currency,
            trade.buyer,
            trade.buyer_account,
            trade.seller,
            trade.seller_account,
            trade.settlement_date.isoformat(),
            "" if trade.repo_rate is None else plain(trade.repo_rate),
            "" if trade.repo_end is None else trade.repo_end.isoformat(),
            CANCELLED if trade.cancelled else NEW,
        )
        for trade in trades
    ]
    quantity = exact_sum(trade.quantity for trade in trades)
    amount = exact_sum(trade.amount for trade in trades)
    return write_table(COLUMNS, rows, (str(len(rows)), plain(quantity), plain(amount)))
