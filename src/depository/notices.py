"""Notices to parties, each in the register of notices (CSD-1.5-a…c)."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import insert

from depository.store import schema
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
    work.connection.execute(
        insert(schema.notice).values(
            number=number,
            sender=work.market.depository_name,
            addressee=addressee,
            audience=audience.value,
            subject=subject,
            body=body,
            channel="SFTP",
            file="",
            business_date=work.business_date,
            sent_at=work.at,
            received_at=work.at,
        )
    )
    return Notice(number, addressee, subject, body, facts)
