"""Openings of nominee accounts that wait for KYC documents, and the holds that keep them (CSD-3.1.2-f)."""

from datetime import date
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from depository.requests import OpeningRequest
from depository.store import schema
from depository.store.work import Work

ON_HOLD = "on hold"
OPENED = "opened"

T = schema.opening
H = schema.kyc_hold


def add(
    work: Work, number: str, participant: str, form: str, request: OpeningRequest, why: str, answer_by: date
) -> None:
    """Writes an opening request that is on hold."""
    work.connection.execute(
        insert(T).values(
            number=number,
            participant=participant,
            form_reference=form,
            line=request.line,
            reference=request.reference,
            nin=request.nin,
            data=request.data,
            state=ON_HOLD,
            reason=why,
            account="",
            requested_at=work.at,
            answer_by=answer_by,
            changed_at=work.at,
        )
    )


def waiting(work: Work, participant: str | None = None) -> list[Row[Any]]:
    """Openings on hold, of one participant or of all, by number."""
    query = select(T).where(T.c.state == ON_HOLD).order_by(T.c.number)
    if participant is not None:
        query = query.where(T.c.participant == participant)
    return list(work.connection.execute(query))


def waiting_nins(work: Work, participant: str) -> set[str]:
    """The NINs for which a participant has an opening on hold."""
    query = select(T.c.nin).where(T.c.participant == participant, T.c.state == ON_HOLD)
    return set(work.connection.execute(query).scalars())


def opened(work: Work, number: str, account: str) -> None:
    """Marks an opening that has led to an account."""
    work.connection.execute(
        update(T).where(T.c.number == number).values(state=OPENED, account=account, reason="", changed_at=work.at)
    )


def holds(work: Work, participant: str) -> dict[str, str]:
    """NIN to reason of the holds in force."""
    rows = work.connection.execute(select(H.c.nin, H.c.reason).where(H.c.participant == participant))
    return {r.nin: r.reason for r in rows}


def lift(work: Work, participant: str, nin: str) -> None:
    """Removes a hold."""
    work.connection.execute(delete(H).where(H.c.participant == participant, H.c.nin == nin))


def place(work: Work, participant: str, nin: str, reason: str, operator: str) -> None:
    """Writes a hold, replacing one on the same client."""
    lift(work, participant, nin)
    work.connection.execute(
        insert(H).values(participant=participant, nin=nin, reason=reason, placed_by=operator, placed_at=work.at)
    )
