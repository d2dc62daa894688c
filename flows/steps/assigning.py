"""Operators give money that no participant was found for to the one whose it is, two of them (CSD-3.3.1-a)."""

from datetime import datetime

from depository.bank import assign
from depository.store.events import EventKind
from flows.steps.approval import two_persons
from flows.steps.forecasts import refresh_forecasts
from flows.steps.inputs import note
from flows.steps.outgoing import queue_notices
from flows.steps.sites import Site


def assign_money(
    site: Site, reference: str, participant: str, reason: str, operator: str, approved_by: str, at: datetime
) -> str:
    """Books it, tells the participant, and makes funding reports anew that it changes; returns our number of it.

    Raises LookupError, changing nothing, for one person alone, no reason, a credit that is not nobody's, or no participant.
    """
    two_persons("giving money to a participant", operator, approved_by)
    if not reason.strip():
        raise LookupError("giving money to a participant needs its reason: how it is known whose money it is")
    with site.writing(at) as work:
        number, notice = assign(work, reference, participant)
        queue_notices(work, site.archive, [notice], f"assignment/{number}")
        because = f"the credit {reference}, found to be money of {participant}"
        refresh_forecasts(work, site.archive, f"funding-{number}", f"forecast/{number}", because)
        said = {
            "reference": reference,
            "participant": participant,
            "reason": reason,
            "operator": operator,
            "approved_by": approved_by,
        }
        note(work, site.archive, EventKind.ASSIGNMENT, said)
    return number
