"""A participant's own accounts, form PAOF: house, omnibus, settlement and market-maker accounts (CSD-3.1.2-b)."""

from collections.abc import Iterable

from depository.answers import LineOutcome, Verdict
from depository.register import Account, AccountState
from depository.rejects import Reject, RejectionReason
from depository.requests import Header, OwnAccountRequest
from depository.store import register
from depository.store.work import Work

RULE = "CSD-3.1.2-b"
OPENED = "opened"
AGAIN = "it was closed and is open again"


def record_own_accounts(work: Work, header: Header, requests: Iterable[OwnAccountRequest]) -> list[LineOutcome]:
    """Takes a PAOF: opens each account that the participant has not; one that was closed is opened again under its number."""
    return [_record(work, header.participant, one) for one in requests]


def _record(work: Work, participant: str, request: OwnAccountRequest) -> LineOutcome:
    number = f"{participant}-{request.type.value}"
    known = register.account(work, number)
    if known is not None and known.state is not AccountState.CLOSED:
        why = f"you have the account {number} already ({known.state.value}), and a participant has one of each type; leave this line out"
        fault = Reject(RejectionReason.ACCOUNT, RULE, "type", request.type.in_words, why)
        return LineOutcome(request.line, Verdict.REFUSED, request.reference, "", "", (fault,))
    if known is not None:
        register.set_state(work, number, AccountState.OPEN)
        return LineOutcome(request.line, Verdict.ACCEPTED, request.reference, number, OPENED, note=AGAIN)
    register.open_accounts(work, [Account(number, participant, request.type, AccountState.OPEN, work.business_date)])
    return LineOutcome(request.line, Verdict.ACCEPTED, request.reference, number, OPENED)
