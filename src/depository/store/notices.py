"""The register of notices (CSD-1.5-a)."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import insert, select, update

from depository.store import schema
from depository.store.work import Work


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice to somebody without a folder that has not been handed over."""

    number: str
    addressee: str
    subject: str
    channel: str
    business_date: date


def add(
    work: Work, number: str, addressee: str, audience: str, subject: str, body: str, channel: str, *, received: bool
) -> None:
    """Writes a notice of the depository; by SFTP it is received the moment it is made available (CSD-1.5-b)."""
    work.connection.execute(
        insert(schema.notice).values(
            number=number,
            sender=work.market.depository_name,
            addressee=addressee,
            audience=audience,
            subject=subject,
            body=body,
            channel=channel,
            business_date=work.business_date,
            sent_at=work.at,
            received_at=work.at if received else None,
        )
    )


def letters(work: Work) -> list[Letter]:
    """The notices that have not been received, by number."""
    t = schema.notice
    rows = work.connection.execute(select(t).where(t.c.received_at.is_(None)).order_by(t.c.number))
    return [Letter(r.number, r.addressee, r.subject, r.channel, r.business_date) for r in rows]


def received(work: Work, number: str) -> None:
    """Notes that a notice was received now."""
    t = schema.notice
    work.connection.execute(update(t).where(t.c.number == number).values(received_at=work.at))


def last_bodies(work: Work, subject: str) -> dict[str, str]:
    """The text of the last notice with this subject, by addressee."""
    t = schema.notice
    rows = work.connection.execute(select(t.c.addressee, t.c.body).where(t.c.subject == subject).order_by(t.c.number))
    return {row.addressee: row.body for row in rows}


def was_told(work: Work, addressee: str, subject: str) -> bool:
    """Has a party got a notice with this subject?"""
    t = schema.notice
    found = select(t.c.number).where(t.c.addressee == addressee, t.c.subject == subject).limit(1)
    return work.connection.execute(found).first() is not None
