"""Operators put openings on hold for KYC documents, and lift the hold (CSD-3.1.2-f)."""

from datetime import datetime

from depository.openings import EVERY_CLIENT, place_hold, release_hold
from depository.register import PartyKind
from depository.store import openings, register
from depository.store.events import EventKind
from flows.steps.inputs import note
from flows.steps.outgoing import queue_notices
from flows.steps.sites import Site


def place(site: Site, participant: str, nin: str, reason: str, operator: str, at: datetime) -> None:
    """Places a hold; openings that come from now on wait. Raises LookupError when there is no such participant."""
    with site.writing(at) as work:
        party = register.party(work, participant)
        if party is None or party.kind is not PartyKind.PARTICIPANT:
            known = ", ".join(one.code for one in register.participants(work))
            raise LookupError(f"there is no participant {participant}: they are {known}")
        place_hold(work, participant, nin, reason, operator)
        said = {"participant": participant, "nin": nin, "reason": reason, "operator": operator}
        note(work, site.archive, EventKind.HOLD, said)


def lift(site: Site, participant: str, nin: str, at: datetime) -> list[str]:
    """Lifts a hold, opens what waited, tells the participant; returns the numbers of the accounts.

    Raises LookupError when there is no such hold.
    """
    with site.writing(at) as work:
        holds = openings.holds(work, participant)
        if nin not in holds:
            there = ", ".join("every client" if one == EVERY_CLIENT else f"--nin {one}" for one in holds) or "none"
            raise LookupError(f"{participant} has no such hold; its holds are: {there}")
        accounts, notices = release_hold(work, participant, nin)
        queue_notices(work, site.archive, notices, f"hold/{participant}/{nin}")
        note(work, site.archive, EventKind.RELEASE, {"participant": participant, "nin": nin})
    return accounts
