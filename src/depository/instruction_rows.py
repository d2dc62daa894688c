"""Instructions as rows of a participant's report; apart from the funding report, so that the settlement engine is not loaded with them."""

from collections.abc import Sequence

from depository.amounts import shown
from depository.instructions import Instruction, Status
from depository.reports import Column, Kind, Value
from depository.store import register
from depository.store.work import Work
from depository.units import from_units

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


def instruction_rows(
    work: Work, participant: str, instructions: Sequence[Instruction], now: Status | None = None
) -> tuple[tuple[Value, ...], ...]:
    """Rows under `INSTRUCTIONS`, seen from one participant; `now` is a status that they have all got meanwhile."""
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
                shown(work, one.currency, one.amount) if one.amount else None,
                (now or one.status).value,
                "" if now else one.reason,
            )
        )
    return tuple(rows)
