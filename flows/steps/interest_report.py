"""A security interest report on request, at any time (CSD-4.3-1-c)."""

from datetime import datetime

from depository.interests import interest_report
from depository.store import interests
from depository.store.events import EventKind
from flows.steps.inputs import note
from flows.steps.outgoing import queue_report
from flows.steps.sites import Site


def send_interest_report(site: Site, number: str, participant: str, at: datetime) -> str:
    """Queues the report (SIR) for its debtor or secured party; returns the file's name.

    Raises LookupError when there is no such interest, or when the participant is neither of the two.
    """
    with site.writing(at) as work:
        interest = interests.get(work, number)
        if interest is None or participant not in (interest.debtor, interest.secured_party):
            raise LookupError(f"{participant} is neither debtor nor secured party of an interest {number}")
        name = f"{work.business_date:%Y%m%d}_interest_{number}_{site.market.local(at):%H%M%S}"
        queue_report(
            work, site.archive, interest_report(work, participant, number), name, f"sir/{number}", printed=True
        )
        note(work, site.archive, EventKind.INTEREST_REPORT, {"interest": number, "participant": participant})
    return name
