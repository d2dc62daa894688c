"""An instruction and its life: unmatched, matched, failing, settled, cancelled, lapsed (sese.024 statuses in the field's words)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class InstructionKind(StrEnum):
    """Where an instruction comes from."""

    EXCHANGE = "exchange trade"
    TRANSFER = "transfer between participants"
    OWN_TRANSFER = "transfer within one participant"


class Side(StrEnum):
    """Whose side an instruction states. BOTH: matched from the start, as exchange trades are (CSD-4.1.1-b)."""

    DELIVER = "deliver"
    RECEIVE = "receive"
    BOTH = "both"


class Status(StrEnum):
    """Where an instruction stands."""

    UNMATCHED = "unmatched"
    MATCHED = "matched"
    FAILING = "failing"
    """Not settled on its intended settlement date; tried again (CSD-4.1.4-a)."""
    SETTLED = "settled"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"


OPEN = (Status.UNMATCHED, Status.MATCHED, Status.FAILING)
"""Statuses from which an instruction can still settle or be cancelled; the others are final."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. `quantity` and `amount` are whole smallest units of the security and the currency; amount 0 and
    currency "" = free of payment. The receiving participant pays the delivering one."""

    id: str
    kind: InstructionKind
    side: Side
    sender: str
    reference: str
    """The sender's reference, unique per sender; the trade id for exchange trades."""
    deliver_participant: str
    deliver_account: str
    receive_participant: str
    receive_account: str
    isin: str
    quantity: int
    isd: date
    received_at: datetime
    currency: str = ""
    amount: int = 0
    trade_date: date | None = None
    priority: int = 5
    netting: str = ""
    """net, gross, or "" for free of payment outside the cycles."""
    link: str = ""
    purpose: str = ""
    agreement: str = ""
    alternative_currency: str = ""
    status: Status = Status.UNMATCHED
    reason: str = ""
    """Pending or final reason: an ISO code and words."""
    matched_with: str = ""
    settled_at: datetime | None = None


def by_participant(instructions: Iterable[Instruction]) -> dict[str, list[Instruction]]:
    """The instructions of each participant, in their order: every one belongs to its deliverer and to its receiver."""
    found: dict[str, list[Instruction]] = {}
    for one in instructions:
        for participant in {one.deliver_participant, one.receive_participant}:
            found.setdefault(participant, []).append(one)
    return found
