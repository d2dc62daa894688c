"""Operators cancel an unsettled trade for the good of the side that did not fail, two of them (CSD-5.1.10-b)."""

from datetime import datetime

from depository.cancellations import cancel_ourselves
from depository.store.events import EventKind
from flows.steps.approval import two_persons
from flows.steps.forecasts import refresh_forecasts
from flows.steps.inputs import note
from flows.steps.outgoing import queue_notices
from flows.steps.sites import Site


def cancel_trade(site: Site, instruction: str, reason: str, operator: str, approved_by: str, at: datetime) -> str:
    """Cancels it, tells both sides, and makes funding reports anew that it changes; returns our number of it.

    Raises LookupError, changing nothing, for one person alone, no reason, or a trade that cannot be cancelled now.
    """
    two_persons("cancelling a trade", operator, approved_by)
    if not reason.strip():
        raise LookupError("cancelling a trade needs its reason: why the side that did not fail is better off")
    with site.writing(at) as work:
        number, notices = cancel_ourselves(work, instruction, reason)
        queue_notices(work, site.archive, notices, f"cancellation/{number}")
        because = f"the cancellation of {instruction}"
        refresh_forecasts(work, site.archive, f"funding-{number}", f"forecast/{number}", because)
        said = {"instruction": instruction, "reason": reason, "operator": operator, "approved_by": approved_by}
        note(work, site.archive, EventKind.CANCELLATION, said)
    return number
