"""What a file says, carried into the books: forms of participants, trades, bank statements, registry positions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from zoneinfo import ZoneInfo

from depository.account_states import record_closure
from depository.answers import LineOutcome, Verdict
from depository.authority import check_authority, check_date
from depository.bank import check_statement, record_statement
from depository.bank_details import record_bank_details
from depository.cancellations import record_cancellation
from depository.challenges import record_challenge
from depository.day import batches_of
from depository.feeds import BankStatement, RefusedLine, RegistryFile, TradeFile
from depository.indemnities import record_indemnity
from depository.instructions import Status
from depository.interests import record_interest
from depository.notices import Notice
from depository.openings import CLOCKS, check_cover, record_openings
from depository.own_accounts import record_own_accounts
from depository.reconciliation import record_positions
from depository.register import PartyKind
from depository.rejects import FileRefused, Reject, RejectionReason
from depository.reports import Report
from depository.requests import (
    BankDetailsRequest,
    CancellationRequest,
    ChallengeRequest,
    ClosureRequest,
    Header,
    IndemnityRequest,
    InterestRequest,
    OpeningRequest,
    OwnAccountRequest,
    TransferRequest,
    WithdrawalRequest,
)
from depository.signatories import SignatureCheck
from depository.store import files, payments
from depository.store.work import Work
from depository.timetable import BatchKind
from depository.trades import record_trades
from depository.transfers import record_transfers
from depository.withdrawals import record_withdrawal
from forms.form import Form, Request
from parsers.camt import read_statement
from parsers.csv_table import place_of
from parsers.registry_csv import read_positions
from parsers.sandbox import Sandbox
from parsers.trades_csv import read_trades

Feed = TradeFile | tuple[BankStatement, ...] | RegistryFile
Content = Form | Feed
UNSIGNED = SignatureCheck()
"""No signature, and none needed."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a file's content."""

    form: str
    reference: str
    rejects: tuple[Reject, ...] = ()
    """Faults of the file or form as a whole: then nothing of it is taken."""
    places: tuple[str, ...] = ()
    lines: tuple[LineOutcome, ...] = ()
    reports: tuple[Report, ...] = ()
    notices: tuple[Notice, ...] = ()
    message: str = ""
    batch: str = ""
    cut_off: datetime | None = None
    copies: tuple[str, ...] = ()
    """Parties that get a copy of the sender's form."""
    same_as: int = 0
    """Number of the file that carried the same form before."""
    signed_by: tuple[str, ...] = ()
    """Whose signatures beside the file were found right."""

    @property
    def verdict(self) -> Verdict:
        """Of the file as a whole."""
        if self.rejects:
            return Verdict.REFUSED
        refused = sum(line.verdict is Verdict.REFUSED for line in self.lines)
        if refused == 0:
            return Verdict.ACCEPTED
        return Verdict.REFUSED if refused == len(self.lines) else Verdict.PARTLY


def parse(sandbox: Sandbox, zone: ZoneInfo, kind: PartyKind, name: str, data: bytes) -> Content:
    """The content by the kind of its sender, local times being of the market's `zone`.

    Raises FileRefused when it is not what that sender sends.
    """
    readers: dict[PartyKind, Callable[[], Content]] = {
        PartyKind.PARTICIPANT: lambda: sandbox.read_form(data, name),
        PartyKind.EXCHANGE: lambda: sandbox.read_feed(read_trades, data, zone),
        PartyKind.BANK: lambda: sandbox.read_feed(read_statement, data, zone),
        PartyKind.REGISTRY: lambda: sandbox.read_feed(read_positions, data),
    }
    if kind not in readers:
        raise FileRefused("no-input", "Files from this folder are not taken in.")
    return readers[kind]()


def record(work: Work, sender: str, file: int, content: Content, signed: SignatureCheck) -> Recorded:
    """Carries the content into the books within the open transaction, if its signature allows it (`flows.steps.signatures`)."""
    if isinstance(content, Form):
        recorded = _record_form(work, sender, file, content, f"file/{file}", signed)
    elif signed.rejects:
        recorded = Recorded(_feed_code(content), "", signed.rejects, tuple("" for _ in signed.rejects))
    else:
        recorded = _record_feed(work, sender, content, f"file/{file}")
    return replace(recorded, signed_by=signed.signed_by)


def _record_feed(work: Work, sender: str, content: Feed, cause: str) -> Recorded:
    if isinstance(content, TradeFile):
        outcomes = record_trades(work, sender, content.trades, cause)
        return Recorded("TRADES", "", lines=_with_refused(outcomes, content.refused, content.columns))
    if isinstance(content, RegistryFile):
        outcomes = record_positions(work, content.positions)
        kept = sum(o.verdict is Verdict.ACCEPTED for o in outcomes)
        lines = _with_refused(outcomes, content.refused, content.columns)
        return Recorded("POSITIONS", "", lines=lines, message=f"{kept} positions kept for reconciliation")
    return _record_statements(work, content)


def _feed_code(content: Feed) -> str:
    if isinstance(content, TradeFile):
        return "TRADES"
    return "POSITIONS" if isinstance(content, RegistryFile) else "CAMT"


def _record_form(work: Work, sender: str, file: int, form: Form, cause: str, signed: SignatureCheck) -> Recorded:
    if form.rejects or form.header is None:
        return replace(_refused(form, form.reference, form.rejects), message=_notes(form))
    header = form.header
    rejects = (*check_authority(work, sender, header), *check_date(work, header), *signed.rejects)
    if rejects:
        return _refused(form, header.reference, rejects)
    known = files.known_form(work, sender, header.reference)
    if known is not None and known[0] == form.content_sha256:
        return Recorded(form.code, header.reference, same_as=known[1])
    if known is not None:
        used = Reject(
            RejectionReason.REFERENCE,
            "CSD-A3",
            "reference",
            header.reference,
            "you have used this number on another form with other content; give every form a number of its own",
        )
        return _refused(form, header.reference, (used,))
    recorded = _record_lines(work, header, form, cause)
    if not recorded.rejects and recorded.verdict is not Verdict.REFUSED:
        # A form of which nothing was taken may come again under its number, mended.
        files.add_form(work, sender, header.reference, form.code, form.content_sha256, file)
    return recorded


def _refused(form: Form, reference: str, rejects: tuple[Reject, ...]) -> Recorded:
    """A form that is refused as a whole, with the lines that are wrong in form as well: its sender mends all at once."""
    wrong = tuple(
        LineOutcome(
            line.number, Verdict.REFUSED, line.reference, "", "", line.rejects, _places(form, line.number, line.rejects)
        )
        for line in form.lines
        if line.rejects
    )
    return Recorded(form.code, reference, rejects, _places(form, 0, rejects), lines=wrong)


def _record_lines(work: Work, header: Header, form: Form, cause: str) -> Recorded:
    if form.cover is not None:
        # The cover counts what is to be opened; a change is none, whether it is right in form or not (CSD-3.1.2-e).
        fault = check_cover(form.cover, len(form.lines) - form.actions.get("change", 0))
        if fault is not None:
            return _refused(form, header.reference, (fault,))
    refused: list[LineOutcome] = []
    recorded = _record_requests(work, header, form.code, _requests(form, refused), cause)
    lines = sorted([*recorded.lines, *refused], key=attrgetter("line"))
    placed = (o._replace(places=_places(form, o.line, o.rejects)) if o.rejects else o for o in lines)
    return replace(recorded, lines=tuple(placed), message=_notes(form))


def _requests(form: Form, refused: list[LineOutcome]) -> Iterator[Request]:
    """The requests of the lines that are right in form, one by one; the other lines go to `refused`."""
    for line in form.lines:
        if line.request is not None:
            yield line.request
        else:
            refused.append(LineOutcome(line.number, Verdict.REFUSED, line.reference, "", "", line.rejects))


def _record_requests(work: Work, header: Header, code: str, requests: Iterator[Request], cause: str) -> Recorded:
    """The lines that are right in form, by the rules of their form."""
    if code in CLOCKS:
        openings = (request for request in requests if isinstance(request, OpeningRequest))
        return Recorded(code, header.reference, lines=tuple(record_openings(work, header, openings)))
    others = list(requests)
    transfers = [request for request in others if isinstance(request, TransferRequest)]
    if transfers:
        taken = record_transfers(work, header, transfers, cause)
        recorded = Recorded(code, header.reference, lines=taken.outcomes, notices=taken.notices)
        waits = any(o.status in (Status.MATCHED, Status.UNMATCHED) for o in taken.outcomes)
        return _in_next(work, BatchKind.FOP_WINDOW, recorded) if waits else recorded
    own = [request for request in others if isinstance(request, OwnAccountRequest)]
    if own:
        return Recorded(code, header.reference, lines=tuple(record_own_accounts(work, header, own)))
    for request in others:
        if isinstance(request, WithdrawalRequest):
            outcome = record_withdrawal(work, header, request)
            recorded = Recorded(code, header.reference, lines=(outcome,))
            paid = payments.get(work, outcome.record)
            today = paid is not None and paid.pay_on == work.business_date
            return _in_next(work, BatchKind.PAYOUT, recorded) if today else recorded
        if isinstance(request, BankDetailsRequest):
            outcome = record_bank_details(work, header, request, cause)
            return Recorded(code, header.reference, lines=(outcome,))
        if isinstance(request, CancellationRequest):
            asked = record_cancellation(work, header, request)
            return _in_next(
                work,
                BatchKind.SETTLEMENT_FAIL,
                Recorded(code, header.reference, lines=(asked.outcome,), notices=asked.notices),
            )
        if isinstance(request, ChallengeRequest):
            challenged = record_challenge(work, header, request)
            return Recorded(code, header.reference, lines=(challenged.outcome,), notices=challenged.notices)
        if isinstance(request, ClosureRequest):
            return Recorded(code, header.reference, lines=(record_closure(work, header, request),))
        if isinstance(request, IndemnityRequest):
            return Recorded(code, header.reference, lines=(record_indemnity(work, header, request),))
        if isinstance(request, InterestRequest):
            answer = record_interest(work, header, request)
            return Recorded(
                code,
                header.reference,
                lines=(answer.outcome,),
                reports=answer.reports,
                notices=answer.notices,
                copies=(answer.copy_to,) if answer.copy_to else (),
            )
    return Recorded(code, header.reference)


def _record_statements(work: Work, statements: tuple[BankStatement, ...]) -> Recorded:
    """CSD-3.3.1-a: one statement that is not ours refuses the file, so that nothing of it is taken by half."""
    rejects = tuple(fault for s in statements if (fault := check_statement(work, s)) is not None)
    reference = statements[0].message_id if statements else ""
    if rejects:
        return Recorded("CAMT", reference, rejects, tuple("" for _ in rejects))
    lines: list[LineOutcome] = []
    notices: list[Notice] = []
    for statement in statements:
        recorded = record_statement(work, statement)
        lines += _with_refused(recorded.outcomes, statement.refused, {})
        notices += recorded.notices
    remarks = " ".join(remark for s in statements for remark in s.remarks)
    return Recorded("CAMT", reference, lines=tuple(lines), notices=tuple(notices), message=remarks)


def _with_refused(
    outcomes: Sequence[LineOutcome], refused: Sequence[RefusedLine], columns: Mapping[str, int]
) -> tuple[LineOutcome, ...]:
    placed = [
        o._replace(places=tuple(place_of(o.line, r.field, columns) for r in o.rejects)) if o.rejects else o
        for o in outcomes
    ]
    lines = [
        *placed,
        *(LineOutcome(r.line, Verdict.REFUSED, r.reference, "", "", r.rejects, r.places) for r in refused),
    ]
    return tuple(sorted(lines, key=lambda line: line.line))


def _in_next(work: Work, kind: BatchKind, recorded: Recorded) -> Recorded:
    """With the next batch of a kind and its moment, for the receipt; unchanged when the day has none left."""
    ahead = [
        b.batch for b in batches_of(work, work.business_date) if b.batch.kind is kind and b.batch.due_at >= work.at
    ]
    if not ahead:
        return recorded
    return replace(recorded, batch=f"{ahead[0].business_date}/{ahead[0].slot}", cut_off=ahead[0].due_at)


def _places(form: Form, line: int, rejects: Sequence[Reject]) -> tuple[str, ...]:
    return tuple(form.place(line, reject.field) for reject in rejects)


def _notes(form: Form) -> str:
    return " ".join(form.notes)
