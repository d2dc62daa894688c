"""Operators put openings on hold for KYC documents, and lift the hold (CSD-3.1.2-f)."""

from datetime import datetime

from depository.openings import place_hold, release_hold
from depository.store.events import EventKind
from flows.steps.inputs import note
from flows.steps.outgoing import queue_notices
from flows.steps.sites import Site


def place(site: Site, participant: str, nin: str, reason: str, operator: str, at: datetime) -> None:
    """Places a hold; openings that come from now on wait."""
    with site.writing(at) as work:
        place_hold(work, participant, nin, reason, operator)
        said = {"participant": participant, "nin": nin, "reason": reason, "operator": operator}
        note(work, site.archive, EventKind.HOLD, said)


def lift(site: Site, participant: str, nin: str, at: datetime) -> list[str]:
    """Lifts a hold, opens what waited, tells the participant; returns the numbers of the accounts."""
    with site.writing(at) as work:
        accounts, notices = release_hold(work, participant, nin)
        queue_notices(work, site.archive, notices, f"hold/{participant}/{nin}")
        note(work, site.archive, EventKind.RELEASE, {"participant": participant, "nin": nin})
    return accounts
