"""Security interests, form SIN: lock, discharge, enforce, report (CSD-4.3-1-a…f)."""

from dataclasses import dataclass

from depository.amounts import shown
from depository.answers import LineOutcome, Verdict
from depository.business_days import OutsideCalendar
from depository.indemnities import check_indemnity, interest_of
from depository.ledger import Entry, block, move, release
from depository.notices import Notice, notify
from depository.register import AccountState
from depository.rejects import Broken, Reject, RejectionReason
from depository.reports import Column, Kind, Report, table
from depository.requests import Header, InterestAction, InterestRequest
from depository.store import indemnities, journal, register
from depository.store import interests as store
from depository.store.work import Work
from depository.units import TooFine, from_units, to_units


@dataclass(frozen=True, slots=True)
class InterestAnswer:
    """The outcome of a SIN, with the reports (SIR) and notices that it causes."""

    outcome: LineOutcome
    reports: tuple[Report, ...] = ()
    notices: tuple[Notice, ...] = ()
    copy_to: str = ""
    """The debtor, who gets a copy of a secured party's notice of enforcement (CSD-4.3-1-f)."""


def record_interest(work: Work, header: Header, request: InterestRequest) -> InterestAnswer:
    """Takes a SIN; the first fault refuses it."""
    act = {InterestAction.CREATE: _create, InterestAction.DISCHARGE: _discharge, InterestAction.ENFORCE: _enforce}
    answer = act[request.action](work, header, request)
    if isinstance(answer, Reject):
        return InterestAnswer(LineOutcome(1, Verdict.REFUSED, header.reference, "", "", (answer,)))
    return answer


def carry_out_enforcements(work: Work) -> tuple[list[store.Enforcement], list[Notice], list[Report]]:
    """Moves the securities of every enforcement whose day has come to the secured party (CSD-4.3-1-f: 11th business day)."""
    done, notices, reports = [], [], []
    for one in store.enforcements(work, due_by=work.business_date):
        interest = _existing(work, one.interest)
        part = store.blocked_part(interest.number)
        journal.post(
            work,
            [
                Entry(
                    "enforcement",
                    one.number,
                    move(interest.isin, one.quantity, interest.debtor_account, interest.secured_account, part),
                )
            ],
        )
        left = interest.locked - one.quantity
        store.set_locked(work, interest.number, left, store.LOCKED if left else store.ENFORCED)
        store.close_enforcement(work, one.number)
        done.append(one)
        quantity = shown(work, interest.isin, one.quantity)
        for party in (interest.debtor, interest.secured_party):
            notices.append(
                notify(
                    work,
                    party,
                    f"Security interest {interest.number} was enforced",
                    f"{quantity} of {interest.isin} moved from {interest.debtor_account} to {interest.secured_account} on "
                    f"{work.business_date} under enforcement {one.number} (CSD-4.3-1-f).",
                    (("Interest", interest.number), ("Enforcement", one.number)),
                )
            )
            reports.append(interest_report(work, party, interest.number))
    return done, notices, reports


def interest_report(work: Work, addressee: str, number: str) -> Report:
    """Form SIR: the record as it stands, with the additional information (CSD-4.3-1-b, CSD-4.3-1-c)."""
    one = _existing(work, number)
    scale = register.scale(work, one.isin)
    product = register.product(work, one.isin)
    facts = (
        ("From", work.market.depository_name),
        ("Interest", one.number),
        ("Debtor's reference", one.reference),
        ("State", one.state),
        ("Debtor", f"{one.debtor} {_name(work, one.debtor)}"),
        ("Debtor's account", one.debtor_account),
        ("Secured party", f"{one.secured_party} {_name(work, one.secured_party)}"),
        ("Secured party's account", one.secured_account),
        ("Security", f"{one.isin} {product.name if product else ''}"),
        ("Quantity locked at first", from_units(one.quantity, scale)),
        ("Quantity locked now", from_units(one.locked, scale)),
        ("Security agreement", f"{one.agreement_number} of {one.agreement_date or ''}"),
        ("Indemnity", ", ".join(f"{i.number} of {i.giver}" for i in indemnities.of_interest(work, number))),
        ("Additional information", one.additional_information),
        ("Holder for corporate actions", f"{one.debtor} (CSD-4.3-1-d)"),
        ("Recorded at", work.market.local(one.recorded_at)),
    )
    pending = store.enforcements(work, interest=number)
    columns = (
        Column("number", "Enforcement"),
        Column("reference", "Secured party's reference"),
        Column("quantity", "Quantity", Kind.QUANTITY),
        Column("received_on", "Received on", Kind.DATE),
        Column("transfer_on", "Transfer on", Kind.DATE),
    )
    rows = tuple((e.number, e.reference, from_units(e.quantity, scale), e.received_on, e.transfer_on) for e in pending)
    pending_table = table("Enforcements", "Enforcements to be carried out", columns, rows, "No enforcement is pending.")
    return Report(
        "interest",
        "Security Interest Report (SIR)",
        addressee,
        work.business_date,
        work.market.local(work.at),
        facts,
        (pending_table,),
    )


def _create(work: Work, header: Header, request: InterestRequest) -> InterestAnswer | Reject:
    """CSD-4.3-1-a: from the debtor, with agreement and indemnity, both sides with an account; locks the quantity."""
    if request.debtor != header.participant:
        return Reject(
            RejectionReason.SENDER, "CSD-4.3-1-a", "debtor", request.debtor, "the debtor itself sends a new interest"
        )
    for attached, field, what in (
        (request.agreement_attached, "agreement_attached", "a copy of the security agreement"),
        (request.indemnity_attached, "indemnity_attached", "the debtor's indemnity (form IND)"),
    ):
        if not attached:
            return Reject(RejectionReason.RULE, "CSD-4.3-1-a", field, "no", f"attach {what}")
    for party, number, field in (
        (request.debtor, request.debtor_account, "debtor_account"),
        (request.secured_party, request.secured_account, "secured_account"),
    ):
        account = register.account(work, number)
        if account is None or account.participant != party or account.state is not AccountState.OPEN:
            return Reject(
                RejectionReason.ACCOUNT, "CSD-4.3-1-a", field, number, f"{party} has no open account {number}"
            )
    if request.debtor_account == request.secured_account:
        return Reject(
            RejectionReason.ACCOUNT,
            "CSD-4.3-1-a",
            "secured_account",
            request.secured_account,
            "debtor and secured party differ",
        )
    quantity = _quantity_to_lock(work, request)
    if isinstance(quantity, Reject):
        return quantity
    indemnity = check_indemnity(work, header, request)
    if isinstance(indemnity, Reject):
        return indemnity
    number = f"S{work.next_number('interest'):06d}"
    journal.post(
        work,
        [Entry("block", number, block(request.isin, quantity, request.debtor_account, store.blocked_part(number)))],
    )
    store.add(
        work,
        store.Interest(
            number=number,
            reference=header.reference,
            debtor=request.debtor,
            debtor_account=request.debtor_account,
            secured_party=request.secured_party,
            secured_account=request.secured_account,
            isin=request.isin,
            quantity=quantity,
            locked=quantity,
            agreement_number=request.agreement_number,
            agreement_date=request.agreement_date,
            additional_information=request.additional_information,
            state=store.LOCKED,
            recorded_at=work.at,
        ),
    )
    indemnities.use(work, indemnity.number, number)
    return _answer(work, header, number, store.LOCKED, "the quantity is locked in favour of the secured party")


def _quantity_to_lock(work: Work, request: InterestRequest) -> int | Reject:
    product = register.product(work, request.isin)
    if product is None or not product.admitted:
        return Reject(RejectionReason.SECURITY, "CSD-7.1.1-a", "isin", request.isin, "not an admitted product")
    there = journal.amount(work, request.debtor_account, request.isin)
    try:
        quantity = there if request.quantity is None else to_units(request.quantity, product.scale)
    except TooFine as fault:
        return Reject(RejectionReason.QUANTITY, "CSD-4.3-1-a", "quantity", str(request.quantity), str(fault))
    if not 0 < quantity <= there:
        return Reject(
            RejectionReason.QUANTITY,
            "CSD-4.3-1-a",
            "quantity",
            "all" if request.quantity is None else str(request.quantity),
            f"{request.debtor_account} has {from_units(there, product.scale)} of {request.isin} available to lock",
        )
    return quantity


def _discharge(work: Work, header: Header, request: InterestRequest) -> InterestAnswer | Reject:
    """CSD-4.3-1-e: from the secured party alone; lifts the lock, but not what an enforcement has been asked for."""
    interest = _interest_of(work, header, request)
    if isinstance(interest, Reject):
        return interest
    if store.enforcements(work, interest=interest.number):
        return Reject(
            RejectionReason.RULE,
            "CSD-4.3-1-e",
            "interest",
            request.interest,
            "an enforcement of this interest is pending; it can be discharged after the transfer",
        )
    scale = register.scale(work, interest.isin)
    if request.quantity is not None and request.quantity != from_units(interest.locked, scale):
        return Reject(
            RejectionReason.QUANTITY,
            "CSD-4.3-1-e",
            "quantity",
            str(request.quantity),
            f"a discharge lifts the whole lock, now {from_units(interest.locked, scale)}; give that quantity or all",
        )
    part = store.blocked_part(interest.number)
    journal.post(
        work,
        [Entry("release", interest.number, release(interest.isin, interest.locked, interest.debtor_account, part))],
    )
    store.set_locked(work, interest.number, 0, store.DISCHARGED)
    return _answer(work, header, interest.number, store.DISCHARGED, "the lock is lifted")


def _enforce(work: Work, header: Header, request: InterestRequest) -> InterestAnswer | Reject:
    """CSD-4.3-1-f: from the secured party, with collateral-agreement details and its indemnity; all or part of the quantity."""
    interest = _interest_of(work, header, request)
    if isinstance(interest, Reject):
        return interest
    if not request.indemnity_attached:
        return Reject(
            RejectionReason.RULE,
            "CSD-4.3-1-f",
            "indemnity_attached",
            "no",
            "attach the secured party's indemnity (form IND)",
        )
    if not request.additional_information.strip():
        return Reject(
            RejectionReason.RULE,
            "CSD-4.3-1-f",
            "additional_information",
            "",
            "give the details of the financial collateral agreement that entitles you to enforce",
        )
    scale = register.scale(work, interest.isin)
    asked = sum(e.quantity for e in store.enforcements(work, interest=interest.number))
    open_ = interest.locked - asked
    try:
        quantity = open_ if request.quantity is None else to_units(request.quantity, scale)
    except TooFine as fault:
        return Reject(RejectionReason.QUANTITY, "CSD-4.3-1-f", "quantity", str(request.quantity), str(fault))
    if not 0 < quantity <= open_:
        return Reject(
            RejectionReason.QUANTITY,
            "CSD-4.3-1-f",
            "quantity",
            "all" if request.quantity is None else str(request.quantity),
            f"{from_units(open_, scale)} of this interest can still be enforced",
        )
    days = work.market.number("enforcement_business_days", work.business_date)
    try:
        transfer_on = register.calendar(work).business_day_after(work.business_date, days)
    except OutsideCalendar as outside:
        return Reject(
            RejectionReason.RULE,
            "CSD-4.3-1-f",
            "action",
            request.action.value,
            f"{outside}, so the day of the transfer is not known yet; send the notice again when it is published",
        )
    indemnity = check_indemnity(work, header, request)
    if isinstance(indemnity, Reject):
        return indemnity
    number = f"E{work.next_number('enforcement'):06d}"
    store.add_enforcement(
        work,
        store.Enforcement(
            number, interest.number, header.reference, quantity, work.business_date, transfer_on, store.PENDING,
            request.additional_information,
        ),
    )  # fmt: skip
    indemnities.use(work, indemnity.number, interest.number, number)
    notice = notify(
        work,
        interest.debtor,
        f"Enforcement of security interest {interest.number} is coming",
        f"{interest.secured_party} has asked to enforce {from_units(quantity, scale)} of {interest.isin} locked on your account "
        f"{interest.debtor_account}. The securities move to {interest.secured_account} on {transfer_on}, the {days}th business day "
        "from receipt (CSD-4.3-1-f). A copy of the notice lies beside this one.",
        (
            ("Interest", interest.number),
            ("Enforcement", number),
            ("Transfer on", transfer_on.isoformat()),
            ("Details given by the secured party", request.additional_information),
        ),
    )
    answer = _answer(
        work, header, number, f"transfer on {transfer_on}", "the debtor has been notified", interest.number
    )
    return InterestAnswer(answer.outcome, answer.reports, (notice,), interest.debtor)


def _interest_of(work: Work, header: Header, request: InterestRequest) -> store.Interest | Reject:
    said = {
        name: getattr(request, name)
        for name in ("debtor", "debtor_account", "secured_party", "secured_account", "isin")
    }
    return interest_of(work, header.participant, request.interest, said, "CSD-4.3-1-e")


def _answer(work: Work, header: Header, record: str, status: str, note: str, interest: str = "") -> InterestAnswer:
    one = _existing(work, interest or record)
    reports = tuple(interest_report(work, party, one.number) for party in (one.debtor, one.secured_party))
    return InterestAnswer(LineOutcome(1, Verdict.ACCEPTED, header.reference, record, status, note=note), reports)


def _existing(work: Work, number: str) -> store.Interest:
    one = store.get(work, number)
    if one is None:
        raise Broken(f"interest {number} does not exist")
    return one


def _name(work: Work, code: str) -> str:
    party = register.party(work, code)
    return party.name if party else ""
