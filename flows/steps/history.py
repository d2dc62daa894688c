"""The history of a form, printed for operators or sent to its sender (KCSD-86)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from depository import histories
from depository.reports import Report, Value
from depository.requests import OpeningRequest
from depository.store import histories as store
from depository.store.events import EventKind
from depository.store.work import Work
from flows.steps.inputs import note
from flows.steps.making import make_answers, make_left
from flows.steps.outgoing import queue_report
from flows.steps.sites import Site
from forms.form import Form, Request
from parsers import receipt_json, report_json, report_pdf

NOT_ASKED = ("line", "data", "expires")
"""Fields of a request that are no wish of the sender's, or are told by another: its number in the form, the client's data in one piece."""


def history_of(site: Site, party: str, reference: str, at: datetime) -> Report:
    """The history of a party's form with this number; raises LookupError when none came under it."""
    make_answers(site, at)
    with site.reading(at) as work:
        taken = _taken(site, work, party, reference)
        return histories.history(work, party, taken, _order(site, taken))


def write_history(report: Report, reference: str, folder: Path) -> list[Path]:
    """Writes it as PDF and JSON into a folder; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for ending, data in (("pdf", report_pdf.render(report)), ("json", report_json.render(report))):
        written.append(folder / f"history_{report.addressee}_{_in_name(reference)}.{ending}")
        written[-1].write_bytes(data)
    return written


def send_history(site: Site, party: str, reference: str, at: datetime) -> str:
    """Queues it for the sender as PDF and JSON; returns the files' name without ending. Raises LookupError like `history_of`."""
    with site.reading(at) as work:
        # Not while others wait to write: a long form takes a while to read.
        order = _order(site, _taken(site, work, party, reference))
    make_answers(site, at)
    with site.writing(at) as work:
        make_left(site, work)
        report = histories.history(work, party, _taken(site, work, party, reference), order)
        name = f"{work.business_date:%Y%m%d}_history_{_in_name(reference)}_{site.market.local(at):%H%M%S}"
        queue_report(work, site.archive, report, name, f"history/{reference}", printed=True)
        note(work, site.archive, EventKind.HISTORY, {"party": party, "reference": reference})
    return name


def _in_name(reference: str) -> str:
    return re.sub("[/:]", "_", reference)


def _taken(site: Site, work: Work, party: str, reference: str) -> list[histories.Checked]:
    found = store.files_of(work, party, reference)
    if not found:
        raise LookupError(f"no form of {party} came under the number {reference}")
    return [(one, receipt_json.parse(site.archive.get(one.receipt))) for one in found]


def _order(site: Site, taken: Sequence[histories.Checked]) -> tuple[histories.Asked, ...]:
    """What the form asks for, read anew from the file as it came."""
    file, _ = histories.deciding(taken)
    form = site.sandbox.read_form(site.archive.get(file.sha256), file.name)
    return (*_header(form), *_lines(form))


def _lines(form: Form) -> Iterator[histories.Asked]:
    for number, line in enumerate(form.lines):
        if number == histories.FEW:
            yield None, "lines", f"{len(form.lines)} in all; the others are in the file"
            return
        if line.request is None:
            yield line.number, "not right in form", "; ".join(reject.message for reject in line.rejects)
        else:
            yield from ((line.number, field, value) for field, value in _asked(line.request))


def _header(form: Form) -> Iterator[histories.Asked]:
    if form.header is None:
        return
    yield None, "form date", form.header.form_date.isoformat()
    yield None, "participant", f"{form.header.participant} {form.header.participant_name}"
    for signatory in form.header.signatories:
        yield None, "signatory", f"{signatory.name}, {signatory.position}"
    if form.header.additional_information:
        yield None, "additional information", form.header.additional_information
    if form.cover is not None:
        yield None, "accounts stated", str(form.cover.accounts_stated)


def _asked(request: Request) -> Iterator[tuple[str, Value]]:
    if isinstance(request, OpeningRequest):
        # The client's data has the NIN, too.
        asked: dict[str, Any] = {**request._asdict(), **asdict(request.client)}
    else:
        asked = asdict(request)
    for name, value in asked.items():
        if name in NOT_ASKED or value in ("", None):
            continue
        yield name.replace("_", " "), ("yes" if value else "no") if isinstance(value, bool) else str(value)
