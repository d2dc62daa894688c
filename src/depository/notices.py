"""Notices to parties, each in the register of notices (CSD-1.5-a…c)."""

from dataclasses import dataclass
from enum import StrEnum

from depository.store import notices as store
from depository.store.work import Work


class Audience(StrEnum):
    """CSD-1.5-c: to whom a notice goes."""

    ONE = "one participant"
    CLASS = "circular"
    ALL = "broadcast"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as registered; `facts` are label and value pairs for the printed form."""

    number: str
    addressee: str
    subject: str
    body: str
    facts: tuple[tuple[str, str], ...] = ()


def notify(
    work: Work,
    addressee: str,
    subject: str,
    body: str,
    facts: tuple[tuple[str, str], ...] = (),
    audience: Audience = Audience.ONE,
) -> Notice:
    """Registers a notice that goes by SFTP, deemed received the moment it is made available (CSD-1.5-a, CSD-1.5-b)."""
    number = f"N{work.next_number('notice'):08d}"
    store.add(work, number, addressee, audience.value, subject, body, "SFTP")
    return Notice(number, addressee, subject, body, facts)
