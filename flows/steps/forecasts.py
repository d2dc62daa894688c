"""Between the first funding report and the main cycle, whoever's forecast changes gets a fresh report (CSD-3.3.1-b)."""

from depository.day import DONE, PLANNED, batches_of
from depository.points import reached
from depository.store.archive import Archive
from depository.store.work import Work
from depository.timetable import BatchKind
from flows.steps.outgoing import queue_reports


def refresh_forecasts(work: Work, archive: Archive, slot: str, cause: str, because: str) -> int:
    """Queues a fresh funding report to every participant whose figures this piece of work has changed; returns how many.

    Nothing is looked at unless the work has moved an available balance, so that most files cost nothing. `because` says in
    the report what moved it.
    """
    if not work.moved or not _awaited(work):
        return 0
    # Loaded by the first file that moves a balance: the settlement engine takes as much memory as all else of the intake.
    from depository.funding_report import changed_reports

    reports = changed_reports(work, because)
    queue_reports(work, archive, reports, slot, cause)
    reached("forecast.refreshed")
    return len(reports)


def _awaited(work: Work) -> bool:
    """Have participants been told today's forecast, and is the cycle it is about still to come?"""
    today = [(b.batch.kind, b.state) for b in batches_of(work, work.business_date)]
    return (BatchKind.FUNDING, DONE) in today and (BatchKind.MAIN_CYCLE, PLANNED) in today
