"""Answers on their way: rendered, archived, queued in the transaction that causes them; put on SFTP by `deliver`."""

import re
from collections.abc import Iterable

from depository.notices import Notice
from depository.reports import Report
from depository.store import files
from depository.store.archive import Archive
from depository.store.files import Queued
from depository.store.work import Work
from parsers import report_json, report_workbook


def queue_bytes(work: Work, archive: Archive, party: str, name: str, data: bytes, cause: str) -> None:
    """Archives the bytes first, so that a queued name always has its content."""
    files.queue(work, party, name, archive.put(data), cause)


def queue_report(work: Work, archive: Archive, report: Report, name: str, cause: str, *, printed: bool = False) -> None:
    """A report as JSON for machines and as a workbook, or when `printed` a PDF, for people."""
    queue_bytes(work, archive, report.addressee, f"{name}.json", report_json.render(report), cause)
    if printed:
        # Loaded by the first report that is printed, for the sake of memory.
        from parsers import report_pdf

        queue_bytes(work, archive, report.addressee, f"{name}.pdf", report_pdf.render(report), cause)
    else:
        queue_bytes(work, archive, report.addressee, f"{name}.xlsx", report_workbook.render(report), cause)


def queue_reports(work: Work, archive: Archive, reports: Iterable[Report], slot: str, cause: str) -> None:
    """The reports of a batch, each as JSON and as a workbook."""
    answers = []
    for report in reports:
        name = f"{work.business_date:%Y%m%d}_{slot}_{report.code}"
        for ending, data in (("json", report_json.render(report)), ("xlsx", report_workbook.render(report))):
            answers.append(Queued(report.addressee, f"{name}.{ending}", archive.put(data)))
    files.queue_all(work, answers, cause)


def queue_notices(work: Work, archive: Archive, notices: Iterable[Notice], cause: str) -> None:
    """Each notice as PDF and JSON in its addressee's outbox (CSD-1.5-a)."""
    for notice in notices:
        name = f"{work.business_date:%Y%m%d}_notice_{notice.number}"
        queue_report(work, archive, _letter(work, notice, notice.addressee), name, cause, printed=True)


def queue_letter(work: Work, archive: Archive, notice: Notice, operators: str, cause: str) -> None:
    """A notice to somebody without a folder, as PDF and JSON in the operators' outbox, to be handed over."""
    name = f"{work.business_date:%Y%m%d}_letter_{notice.number}"
    queue_report(work, archive, _letter(work, notice, operators), name, cause, printed=True)


def _letter(work: Work, notice: Notice, folder: str) -> Report:
    facts = (("Notice", notice.number), ("From", work.market.depository_name), ("Text", notice.body), *notice.facts)
    return Report("notice", notice.subject, folder, work.business_date, work.market.local(work.at), facts, ())


def stem(name: str) -> str:
    """A file name without its ending."""
    return re.sub(r"\.[A-Za-z0-9]{1,10}$", "", name)
