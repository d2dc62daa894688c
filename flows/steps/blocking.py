"""Operators block an account by order of a body, or lift the block, two of them; owner, exchange and body are told (KCSD-97)."""

from datetime import datetime

from depository.account_states import Blocked, block, unblock
from depository.register import PartyKind
from depository.rejects import Broken
from depository.store import notices, register
from depository.store.events import EventKind
from depository.store.work import Work
from flows.steps.approval import two_persons
from flows.steps.forecasts import refresh_forecasts
from flows.steps.inputs import note
from flows.steps.outgoing import queue_letter, queue_notices
from flows.steps.sites import Site


def block_account(
    site: Site,
    account: str,
    body: str,
    document: str,
    reason: str,
    channel: str,
    operator: str,
    approved_by: str,
    at: datetime,
) -> Blocked:
    """Blocks it, tells owner and exchange, and puts the letter to the body into the operators' outbox to be handed over.

    Raises LookupError, changing nothing, for one person alone, a missing order, or an account that is not open.
    """
    two_persons("blocking an account", operator, approved_by)
    for what, value in (("body that orders it", body), ("order's number", document), ("way of the letter", channel)):
        if not value.strip():
            raise LookupError(f"blocking an account needs the {what}")
    with site.writing(at) as work:
        done = block(work, account, body, document, reason, channel)
        _tell(site, work, done)
        said = {"account": account, "body": body, "document": document, "reason": reason, "channel": channel}
        note(work, site.archive, EventKind.BLOCK, {**said, "operator": operator, "approved_by": approved_by})
    return done


def unblock_account(
    site: Site, account: str, document: str, channel: str, operator: str, approved_by: str, at: datetime
) -> Blocked:
    """Lifts the block and tells the same parties. Raises LookupError like `block_account`, or when it is not blocked."""
    two_persons("lifting a block", operator, approved_by)
    if not document.strip():
        raise LookupError("lifting a block needs the order that lifts it")
    with site.writing(at) as work:
        done = unblock(work, account, document, channel)
        _tell(site, work, done)
        said = {"account": account, "document": document, "channel": channel}
        note(work, site.archive, EventKind.UNBLOCK, {**said, "operator": operator, "approved_by": approved_by})
    return done


def hand_over(site: Site, number: str, operator: str, at: datetime) -> None:
    """Notes that a letter was handed over, which is when it counts as received (CSD-1.5-b); raises LookupError when none waits."""
    if not operator.strip():
        raise LookupError("name who handed the letter over")
    with site.writing(at) as work:
        if number not in {one.number for one in notices.letters(work)}:
            raise LookupError(f"{number} is no letter that waits to be handed over")
        notices.received(work, number)
        note(work, site.archive, EventKind.HANDED_OVER, {"number": number, "operator": operator})


def _tell(site: Site, work: Work, done: Blocked) -> None:
    cause = f"block/{done.number}"
    operators = register.party_of_kind(work, PartyKind.OPERATOR)
    if operators is None:
        raise Broken("a letter is due but no party of kind operator is registered: load the operators with `csd load`")
    queue_notices(work, site.archive, done.notices, cause)
    queue_letter(work, site.archive, done.letter, operators.code, cause)
    refresh_forecasts(
        work, site.archive, f"funding-{done.letter.number}", f"forecast/{done.letter.number}", "a block of an account"
    )
