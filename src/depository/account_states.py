"""The end and the block of an account: closed at request when it is empty (CSD-3.4.1-a), blocked by order of a body (KCSD-97).

Nothing leaves a blocked account: new instructions are refused, open ones wait. What arrives stays on it. A security interest that was
recorded before keeps its rank: discharge and enforcement go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from depository.amounts import in_words
from depository.answers import LineOutcome, Verdict
from depository.business_days import OutsideCalendar
from depository.ledger import AVAILABLE
from depository.notices import Notice, notify, notify_by_letter
from depository.register import Account, AccountState, PartyKind
from depository.rejects import Reject, RejectionReason
from depository.requests import ClosureRequest, Header
from depository.store import account_changes as store
from depository.store import instructions, interests, journal, register
from depository.store.account_changes import AccountChange
from depository.store.work import Work

CLOSURE = "CSD-3.4.1-a"
SHOWN = 5
"""Balances or instructions that a refusal names."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A block or its end: our number, the notices to owner and exchange, and the letter to the body that ordered it."""

    number: str
    notices: tuple[Notice, ...]
    letter: Notice


def record_closure(work: Work, header: Header, request: ClosureRequest) -> LineOutcome:
    """Takes an ACR: closes the account at once when it is empty and nothing is outstanding."""
    fault = check_closure(work, header.participant, request.account)
    if fault is not None:
        return LineOutcome(1, Verdict.REFUSED, header.reference, "", "", (fault,))
    register.set_state(work, request.account, AccountState.CLOSED)
    number = _keep(work, request.account, store.CLOSED, "", header.reference, request.reason)
    note = f"{request.account} is closed from {work.business_date} on"
    return LineOutcome(1, Verdict.ACCEPTED, header.reference, number, store.CLOSED, note=note)


def check_closure(work: Work, participant: str, number: str) -> Reject | None:
    """The first thing that is in the way: no such account, not open, a balance, an instruction, a security interest."""
    account = register.account(work, number)
    if account is None or account.participant != participant:
        return _reject(number, f"{participant} has no account with this number; give one of your own")
    if account.state is not AccountState.OPEN:
        return _reject(number, f"this account is {account.state.value}")
    held = [
        f"{in_words(work, asset, n)}{f' ({part})' if part != AVAILABLE else ''}"
        for (_, asset, part), n in sorted(journal.balances(work, [number]).items())
        if n
    ]
    if held:
        return _reject(number, f"it holds {_some(held)}; move everything off it first", RejectionReason.QUANTITY)
    waiting = [one.id for one in instructions.open_of_account(work, number)]
    if waiting:
        why = f"instructions on it are outstanding: {_some(waiting)}; have them settled, withdrawn or lapsed first"
        return _reject(number, why, RejectionReason.RULE)
    secured = [one.number for one in interests.of_party(work, participant) if one.secured_account == number]
    if secured:
        why = f"security interests are recorded in its favour: {_some(secured)}; have them discharged first"
        return _reject(number, why, RejectionReason.RULE)
    return None


def block(work: Work, number: str, body: str, document: str, reason: str, channel: str) -> Blocked:
    """Blocks an account by order of a body; tells owner and exchange, and writes to the body (KCSD-97).

    Raises LookupError, changing nothing, for an account that is unknown or not open.
    """
    account = _account(work, number)
    if account.state is not AccountState.OPEN:
        raise LookupError(f"{number} is {account.state.value}, and only an open account can be blocked")
    _set_state(work, number, AccountState.BLOCKED)
    ours = _keep(work, number, store.BLOCKED, body, document, reason)
    what = f"Account {number} of {account.participant} is blocked by order of {body}, {document}"
    more = "Nothing leaves it: new instructions are refused and open ones wait. What arrives stays on it."
    return _told(work, account, ours, body, channel, f"Block of account {number}", f"{what}. {more}")


def unblock(work: Work, number: str, document: str, channel: str) -> Blocked:
    """Lifts the block of an account; tells the same parties. Raises LookupError when it is not blocked."""
    account = _account(work, number)
    known = store.block_of(work, number)
    if known is None:
        raise LookupError(f"{number} is not blocked")
    store.lift(work, known.number)
    _set_state(work, number, AccountState.OPEN)
    what = f"The block of account {number} of {account.participant} by order of {known.body}, {known.document}, is lifted: {document}."
    return _told(work, account, known.number, known.body, channel, f"End of the block of account {number}", what)


def blocked_accounts(work: Work) -> frozenset[str]:
    """The accounts that nothing leaves."""
    return frozenset(one.account for one in store.blocks(work))


def _set_state(work: Work, number: str, state: AccountState) -> None:
    register.set_state(work, number, state)
    # What can settle changes as if everything on the account had moved away, or back.
    work.moved.add((number, ""))


def _told(work: Work, account: Account, number: str, body: str, channel: str, subject: str, text: str) -> Blocked:
    """Owner and exchange have it at once; the letter to the body is to be handed over within a business day (KCSD-97)."""
    exchange = register.party_of_kind(work, PartyKind.EXCHANGE)
    facts = (
        ("Block", number),
        ("Account", account.number),
        ("Since", f"{work.market.local(work.at):%Y-%m-%d %H:%M:%S}"),
    )
    to = [account.participant, *([exchange.code] if exchange is not None else [])]
    notices = tuple(notify(work, one, subject, text, facts) for one in to)
    try:
        by = str(register.calendar(work).business_day_after(work.business_date, 1))
    except OutsideCalendar:
        by = "the next business day"
    letter = notify_by_letter(work, body, subject, text, channel, (("To", body), *facts, ("To be handed over by", by)))
    return Blocked(number, notices, letter)


def _account(work: Work, number: str) -> Account:
    account = register.account(work, number)
    if account is None:
        raise LookupError(f"there is no account {number}")
    return account


def _keep(work: Work, account: str, action: str, body: str, document: str, reason: str) -> str:
    number = f"K{work.next_number('account change'):06d}"
    change = AccountChange(number, account, action, body, document, reason, store.IN_FORCE, work.business_date, work.at)
    store.add(work, change)
    return number


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _reject(found: str, why: str, code: RejectionReason = RejectionReason.ACCOUNT) -> Reject:
    return Reject(code, CLOSURE, "account", found, why)
