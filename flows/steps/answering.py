"""The answer for people to a form: the sender's own workbook marked, or of many lines short tables (design §4)."""

from depository.answers import LINES_TABLE, REFUSED_TABLE, Receipt, Verdict, answer_report, refusals_report
from depository.rejects import FileRefused
from flows.steps.recording import Content
from flows.steps.sites import Site
from forms.form import Form
from parsers import report_csv, report_workbook

MANY_LINES = 5_000
"""A form with more lines is answered with tables: a copy of a workbook of 100,000 lines takes longer than all else."""


def answers(site: Site, data: bytes, content: Content | FileRefused, receipt: Receipt) -> list[tuple[str, bytes]]:
    """Each answer with the ending of its name.

    The sender's own workbook with the faults marked, or when all was accepted a short workbook. Of a form with many lines a CSV table of
    its lines, which any spreadsheet program opens, and a workbook of what is refused alone, or where that is long as well a table. None
    for feeds and unreadable files, whose receipt says everything.
    """
    if not isinstance(content, Form):
        return []
    if len(content.lines) > MANY_LINES:
        return _of_many(receipt)
    if receipt.verdict is Verdict.ACCEPTED:
        return [("xlsx", report_workbook.render(answer_report(receipt)))]
    try:
        return [("xlsx", site.sandbox.mark(data, content, receipt))]
    except FileRefused:
        # The receipt says everything; a workbook that cannot be marked must not hold up its own answer or other files.
        return []


def _of_many(receipt: Receipt) -> list[tuple[str, bytes]]:
    given: list[tuple[str, bytes]] = []
    refusals = refusals_report(receipt)
    (refused,) = refusals.tables
    if len(refused.rows) > MANY_LINES:
        given.append(("refused.csv", report_csv.render(refusals, REFUSED_TABLE)))
    elif refused.rows:
        given.append(("refused.xlsx", report_workbook.render(refusals)))
    if receipt.verdict is not Verdict.REFUSED:
        given.append(("csv", report_csv.render(answer_report(receipt), LINES_TABLE)))
    return given
