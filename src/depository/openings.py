"""Nominee accounts, one by form IAO or many by form BUNA: open, hold, change (CSD-3.1.2-c, d, e, f, g)."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date

from depository.answers import LineOutcome, Verdict
from depository.notices import Notice, notify
from depository.own_accounts import AGAIN
from depository.pieces import pieces
from depository.points import reached
from depository.rejects import Reject, RejectionReason
from depository.requests import CLIENT_FIELDS, ClientData, Header, OpeningCover, OpeningRequest, client_to_json
from depository.store import openings as store
from depository.store import register
from depository.store.openings import ON_HOLD, OPENED
from depository.store.work import Work

CHANGED = "changed"
EVERY_CLIENT = "*"
"""A hold on every opening of a participant."""

BATCH = 2_000
"""Requests that are taken together."""

RULES: Mapping[str, str] = {"IAO": "CSD-3.1.2-d", "BUNA": "CSD-3.1.2-e"}
"""Form code -> rule by which it is taken."""

CLOCKS: Mapping[str, str] = {"IAO": "single_opening_business_days", "BUNA": "bulk_opening_business_days"}
"""Form code -> parameter of the market: business days within which an opening is answered (CSD-3.1.2-d, CSD-3.1.2-e)."""


@dataclass(frozen=True, slots=True)
class Opening:
    """An opening request on hold, with the day by which it has to be answered."""

    number: str
    participant: str
    reference: str
    nin: str
    reason: str
    requested_on: date
    answer_by: date


def check_cover(cover: OpeningCover, rows: int) -> Reject | None:
    """CSD-3.1.2-e: the number that the account-opening request states and the number of rows agree."""
    if cover.accounts_stated == rows:
        return None
    return Reject(
        RejectionReason.RULE,
        "CSD-3.1.2-e",
        "accounts",
        str(cover.accounts_stated),
        f"the request states {cover.accounts_stated} accounts but the table has {rows} rows to open; make the two agree",
    )


def record_openings(work: Work, header: Header, requests: Iterable[OpeningRequest]) -> list[LineOutcome]:
    """Takes an IAO or the right rows of a BUNA: opens an account, changes client data, puts an opening on hold, or refuses.

    The requests are taken `BATCH` at a time, so that many of them need not be in memory together.
    """
    taken = store.waiting_nins(work, header.participant)
    holds = store.holds(work, header.participant)
    outcomes: list[LineOutcome] = []
    for batch in pieces(requests, BATCH):
        outcomes += _record_batch(work, header, batch, taken, holds)
        reached("openings.batch taken")
    return outcomes


def _record_batch(
    work: Work, header: Header, batch: Sequence[OpeningRequest], taken: set[str], holds: Mapping[str, str]
) -> list[LineOutcome]:
    """Takes some requests; adds to `taken` the NINs for which they ask for an account."""
    participant = header.participant
    by_nin, closed = register.accounts_by_nin(work, participant, [request.nin for request in batch])
    outcomes: dict[int, LineOutcome] = {}
    to_open: list[OpeningRequest] = []
    to_hold: list[OpeningRequest] = []
    for request in batch:
        line, change, reference, nin = request[:4]
        reject = check_opening(participant, request, by_nin, taken) or check_document(work, header.form, request)
        if reject is not None:
            outcomes[line] = LineOutcome(line, Verdict.REFUSED, reference, "", "", (reject,))
        elif change:
            outcomes[line] = _change(work, request, by_nin[nin])
        else:
            taken.add(nin)
            held = nin in holds or EVERY_CLIENT in holds
            (to_hold if held else to_open).append(request)
    for request, account in zip(to_open, _open(work, participant, to_open, closed), strict=True):
        note = AGAIN if request.nin in closed else ""
        outcomes[request.line] = LineOutcome(
            request.line, Verdict.ACCEPTED, request.reference, account, OPENED, note=note
        )
    for outcome in _hold(work, header, to_hold, holds):
        outcomes[outcome.line] = outcome
    return [outcomes[request.line] for request in batch]


def check_opening(
    participant: str, request: OpeningRequest, by_nin: Mapping[str, str], taken: Set[str]
) -> Reject | None:
    """CSD-3.1.2-c: at most one nominee account per client and participant; a change needs the account (CSD-3.1.2-g).

    `by_nin` are the accounts that the participant had for these NINs before and that are not closed; `taken` are the NINs with an
    opening on hold, or opened by an earlier row.
    """
    nin = request.nin
    if request.change and nin not in by_nin:
        return Reject(
            RejectionReason.ACCOUNT,
            "CSD-3.1.2-g",
            "nin",
            nin,
            f"{participant} has no nominee account that is open for this NIN; a change needs one",
        )
    account = by_nin.get(nin)
    if not request.change and (account or nin in taken):
        why = f"has the nominee account {account}" if account else "has asked for a nominee account"
        return Reject(
            RejectionReason.ACCOUNT,
            "CSD-3.1.2-c",
            "nin",
            nin,
            f"{participant} {why} for this client already; send a change to alter its data",
        )
    return None


def check_document(work: Work, form: str, request: OpeningRequest) -> Reject | None:
    """An identity document is valid on the business date of recording, whatever date the sender has written on the form."""
    if request.expires is None or request.expires >= work.business_date:
        return None
    return Reject(
        RejectionReason.RULE,
        RULES[form],
        "document_expires",
        str(request.expires),
        f"the document expired before {work.business_date}, the business date on which the form came; send a valid one",
    )


def place_hold(work: Work, participant: str, nin: str, reason: str, operator: str) -> None:
    """Stops the openings of a client, or of every client of a participant, for KYC documents (CSD-3.1.2-f)."""
    store.place(work, participant, nin, reason, operator)


def release_hold(work: Work, participant: str, nin: str) -> tuple[list[str], list[Notice]]:
    """Lifts a hold and opens what waited for it; returns the numbers of the new accounts."""
    store.lift(work, participant, nin)
    still = store.holds(work, participant)
    rows = store.waiting(work, participant)
    free = [r for r in rows if r.nin not in still and EVERY_CLIENT not in still]
    requests = [OpeningRequest(r.line, False, r.reference, r.nin, r.data) for r in free]
    _, closed = register.accounts_by_nin(work, participant, [r.nin for r in free])
    opened = _open(work, participant, requests, closed)
    for row, account in zip(free, opened, strict=True):
        store.opened(work, row.number, account)
    numbers = ", ".join(opened)
    notices = (
        [notify(work, participant, "Nominee accounts were opened", f"The hold is lifted; opened: {numbers}.")]
        if opened
        else []
    )
    return opened, notices


def on_hold(work: Work, participant: str | None = None) -> list[Opening]:
    """Openings that wait for KYC documents, with their clock (CSD-3.1.2-f)."""
    return [
        Opening(
            r.number, r.participant, r.reference, r.nin, r.reason, work.market.local(r.requested_at).date(), r.answer_by
        )
        for r in store.waiting(work, participant)
    ]


def _change(work: Work, request: OpeningRequest, account: str) -> LineOutcome:
    """CSD-3.1.2-g: touches only the data given."""
    before = register.client_data(work, account) or ClientData()
    client = request.client
    given = {name: value for name in CLIENT_FIELDS if (value := getattr(client, name)) not in ("", None)}
    after = {**{name: getattr(before, name) for name in CLIENT_FIELDS}, **given}
    register.change_client(work, account, client_to_json(after))
    changed = sorted(name for name in given if name != "nin")
    return LineOutcome(
        request.line,
        Verdict.ACCEPTED,
        request.reference,
        account,
        CHANGED,
        note=f"changed: {', '.join(changed) or 'nothing'}",
    )


def _open(work: Work, participant: str, requests: Sequence[OpeningRequest], closed: Mapping[str, str]) -> list[str]:
    """Opens a nominee account for each request, numbered without gaps; returns the numbers.

    A client whose account was closed has it again under its number, with the data of the request: there is one for each (CSD-3.1.2-c).
    """
    new = [request for request in requests if request.nin not in closed]
    numbers: list[str] = []
    if new:
        first = work.next_number(f"nominee/{participant}", len(new))
        numbers = [f"{participant}-N{number:06d}" for number in range(first, first + len(new))]
        opened = ((number, r.nin, r.reference, r.data) for number, r in zip(numbers, new, strict=True))
        register.open_nominee_accounts(work, participant, opened)
    if len(new) == len(requests):
        return numbers
    for request in (one for one in requests if one.nin in closed):
        register.open_again(work, closed[request.nin], request.reference, request.data)
    fresh = iter(numbers)
    return [closed[request.nin] if request.nin in closed else next(fresh) for request in requests]


def _hold(
    work: Work, header: Header, requests: Sequence[OpeningRequest], holds: Mapping[str, str]
) -> list[LineOutcome]:
    """CSD-3.1.2-f: keeps the requests with their clock until the hold is lifted."""
    answer_by = register.calendar(work).business_day_after(
        work.business_date, work.market.number(CLOCKS[header.form], work.business_date)
    )
    outcomes = []
    for request in requests:
        number = f"O{work.next_number('opening'):08d}"
        why = holds.get(request.nin) or holds[EVERY_CLIENT]
        store.add(work, number, header.participant, header.reference, request, why, answer_by)
        note = f"held for KYC documents: {why}; to be answered by {answer_by}"
        outcomes.append(LineOutcome(request.line, Verdict.ACCEPTED, request.reference, number, ON_HOLD, note=note))
    return outcomes
