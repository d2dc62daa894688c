"""What each participant still has to deliver and pay today, and what it has for it (CSD-3.3.1-b)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from depository.instructions import Instruction, InstructionKind, Status
from depository.ledger import AVAILABLE
from depository.store import instructions as store
from depository.store import journal
from depository.store.work import Work


@dataclass(frozen=True, slots=True)
class Obligation:
    """One holder's day in one asset, in smallest units; a holder is a participant (cash) or an account (securities)."""

    participant: str
    holder: str
    asset: str
    available: int
    to_receive: int
    to_give: int

    @property
    def net(self) -> int:
        """The net obligation: positive when the holder has to bring something."""
        return max(0, self.to_give - self.to_receive)

    @property
    def missing(self) -> int:
        """What has to be brought on top of what is there (CSD-3.3.1-b, CSD-A2-3.2)."""
        return max(0, self.to_give - self.to_receive - self.available)

    @property
    def free(self) -> int:
        """What is there and not needed for the unsettled net obligation (CSD-3.3.2-b)."""
        return max(0, self.available - self.net)


def due_today(work: Work) -> list[Instruction]:
    """Unsettled exchange instructions whose intended settlement date has come."""
    return store.due(work, [InstructionKind.EXCHANGE], [Status.MATCHED, Status.FAILING], work.business_date)


def cash_obligations(work: Work, due: Sequence[Instruction]) -> list[Obligation]:
    """Per participant and currency, everyone with money or an obligation, in order."""
    receive: dict[tuple[str, str], int] = defaultdict(int)
    give: dict[tuple[str, str], int] = defaultdict(int)
    for one in due:
        if one.amount:
            receive[one.deliver_participant, one.currency] += one.amount
            give[one.receive_participant, one.currency] += one.amount
    keys = sorted(set(receive) | set(give))
    balances = journal.balances(work, {who for who, _ in keys})
    return [
        Obligation(
            who, who, currency, balances.get((who, currency, AVAILABLE), 0), receive[who, currency], give[who, currency]
        )
        for who, currency in keys
    ]


def security_obligations(work: Work, due: Sequence[Instruction]) -> list[Obligation]:
    """Per account and ISIN with an obligation, in order."""
    receive: dict[tuple[str, str, str], int] = defaultdict(int)
    give: dict[tuple[str, str, str], int] = defaultdict(int)
    for one in due:
        receive[one.receive_participant, one.receive_account, one.isin] += one.quantity
        give[one.deliver_participant, one.deliver_account, one.isin] += one.quantity
    keys = sorted(set(receive) | set(give))
    balances = journal.balances(work, {account for _, account, _ in keys})
    return [
        Obligation(
            who,
            account,
            isin,
            balances.get((account, isin, AVAILABLE), 0),
            receive[who, account, isin],
            give[who, account, isin],
        )
        for who, account, isin in keys
    ]


def free_cash(work: Work, participant: str, currency: str) -> int:
    """Money of a participant that no unsettled obligation of today needs (CSD-3.3.2-b)."""
    due = [one for one in due_today(work) if one.currency == currency]
    mine = [o for o in cash_obligations(work, due) if o.participant == participant]
    return mine[0].free if mine else journal.amount(work, participant, currency)
