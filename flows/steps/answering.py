"""The answers for people to a form: the sender's own workbook marked, or of many lines short tables (design §4).

They are queued by name in the transaction that records the form, and made of its receipt afterwards (`flows.steps.making`), so that
nobody waits to write while a workbook is made.
"""

from enum import StrEnum

from depository.answers import LINES_TABLE, REFUSED_TABLE, Receipt, Verdict, answer_report, refusals_report
from depository.garbage import no_search_for_garbage
from depository.register import PartyKind
from depository.rejects import FileRefused
from depository.store.archive import Archive
from flows.steps.recording import Content
from forms.form import Form
from parsers import receipt_json, report_csv, report_workbook
from parsers.sandbox import Sandbox

MANY_LINES = 5_000
"""A form with more lines is answered with tables: a copy of a workbook of 100,000 lines takes longer than all else."""


class Answer(StrEnum):
    """What is made of a receipt; as the books keep it."""

    MARKED = "marked"
    """The sender's own workbook with the faults marked."""
    LINES = "lines"
    """A short workbook of the lines."""
    LINES_TABLE = "lines table"
    """The lines as CSV, which any spreadsheet program opens."""
    REFUSED = "refused"
    """A workbook of what is refused alone."""
    REFUSED_TABLE = "refused table"
    """The same as CSV."""


ENDINGS = {
    Answer.MARKED: "xlsx",
    Answer.LINES: "xlsx",
    Answer.LINES_TABLE: "csv",
    Answer.REFUSED: "refused.xlsx",
    Answer.REFUSED_TABLE: "refused.csv",
}
"""How the names of the answers end."""


def answers(content: Content | FileRefused, receipt: Receipt, sender: PartyKind) -> list[Answer]:
    """What answers a file besides its receipt.

    The sender's own workbook with the faults marked, or when all was accepted a short workbook. Of a form with many lines a CSV table of
    its lines, and a workbook of what is refused alone, or where that is long as well a table. Of a file in which no form could be read
    a workbook that says why. Nothing for the files of exchange, bank and registry, whose programs read the receipt.
    """
    if isinstance(content, FileRefused):
        return [Answer.REFUSED] if sender is PartyKind.PARTICIPANT else []
    if not isinstance(content, Form):
        return []
    if len(content.lines) > MANY_LINES:
        return _of_many(receipt)
    return [Answer.LINES if receipt.verdict is Verdict.ACCEPTED else Answer.MARKED]


def _of_many(receipt: Receipt) -> list[Answer]:
    given = []
    refused = len(receipt.rejects) + sum(len(line.rejects) for line in receipt.lines)
    if refused:
        given.append(Answer.REFUSED_TABLE if refused > MANY_LINES else Answer.REFUSED)
    if receipt.verdict is not Verdict.REFUSED:
        given.append(Answer.LINES_TABLE)
    return given


def make(sandbox: Sandbox, archive: Archive, answer: Answer, receipt_sha256: str) -> bytes:
    """The bytes of an answer, by the archived receipt and file alone: whenever it is made, they are the same.

    Raises FileRefused for a workbook that cannot be marked, Broken when the archive lacks receipt or file.
    """
    # A receipt may have 100,000 lines, and all of them are wanted to the end.
    with no_search_for_garbage():
        receipt = receipt_json.parse(archive.get(receipt_sha256))
        if answer is Answer.LINES:
            return report_workbook.render(answer_report(receipt))
        if answer is Answer.LINES_TABLE:
            return report_csv.render(answer_report(receipt), LINES_TABLE)
        if answer is Answer.REFUSED_TABLE:
            return report_csv.render(refusals_report(receipt), REFUSED_TABLE)
        if answer is Answer.REFUSED:
            return report_workbook.render(refusals_report(receipt))
    return sandbox.mark(archive.get(receipt.sha256), receipt)
