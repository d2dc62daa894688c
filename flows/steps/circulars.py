"""Operators send a notice to one party, to a class of participants or to all (CSD-1.5-c)."""

from datetime import datetime

from depository.notices import Addressing, Notice, send
from depository.register import AccountType
from depository.store import events
from depository.store.events import EventKind
from flows.steps.inputs import note, noted_last
from flows.steps.outgoing import queue_notices
from flows.steps.sites import Site


def send_notice(
    site: Site, addressing: Addressing, subject: str, body: str, operator: str, at: datetime
) -> list[Notice]:
    """Registers a notice and queues its files for the outboxes, all or none; returns one notice for each addressee.

    The very same notice twice in a row on a business day is a command given twice: nothing is sent then, and nothing returned.
    Raises LookupError for an addressee that cannot be told, ValueError for a text that cannot be sent.
    """
    said = {
        "subject": subject,
        "body": body,
        "operator": operator,
        "parties": list(addressing.parties),
        "account_type": addressing.account_type.value if addressing.account_type else "",
    }
    with site.writing(at) as work:
        last = events.newest_of(work, EventKind.NOTICE)
        same_day = last is not None and last.business_date == work.business_date
        if same_day and noted_last(work, site.archive, EventKind.NOTICE, said):
            return []
        sent = send(work, addressing, subject, body)
        queue_notices(work, site.archive, sent, f"notice/{sent[0].number}")
        note(work, site.archive, EventKind.NOTICE, said)
    return sent


def addressing_of(parties: list[str], account_type: str) -> Addressing:
    """The addressing of plain words; raises LookupError for a type of account that there is not."""
    if account_type and account_type not in list(AccountType):
        raise LookupError(f"there is no type of account {account_type}: the types are {', '.join(AccountType)}")
    return Addressing(tuple(parties), AccountType(account_type) if account_type else None)
