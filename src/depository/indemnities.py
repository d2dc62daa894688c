"""Indemnities, form IND: recorded before the SIN that they belong to, and asked for by it (CSD-4.3-1-a, CSD-4.3-1-f)."""

from collections.abc import Mapping

from depository.answers import LineOutcome, Verdict
from depository.register import PartyKind
from depository.rejects import Reject, RejectionReason
from depository.requests import Giver, Header, IndemnityRequest, InterestAction, InterestRequest
from depository.store import files, interests, register
from depository.store import indemnities as store
from depository.store.work import Work
from depository.units import TooFine, from_units, to_units

CREATION, ENFORCEMENT = "CSD-4.3-1-a", "CSD-4.3-1-f"
COMPARED = ("debtor", "secured_party", "isin", "agreement_number", "agreement_date")


def record_indemnity(work: Work, header: Header, request: IndemnityRequest) -> LineOutcome:
    """Takes an IND; the first fault refuses it."""
    quantity = _checked(work, header, request)
    if isinstance(quantity, Reject):
        return LineOutcome(1, Verdict.REFUSED, header.reference, "", "", (quantity,))
    number = f"IND{work.next_number('indemnity'):06d}"
    store.add(
        work,
        store.Indemnity(
            number=number,
            reference=header.reference,
            giver=header.participant,
            given_by=request.given_by.value,
            sin=request.sin_number,
            debtor=request.debtor,
            secured_party=request.secured_party,
            isin=request.isin,
            quantity=quantity,
            agreement_number=request.agreement_number,
            agreement_date=request.agreement_date,
            text_version=request.text_version,
            interest=request.interest,
            enforcement="",
            state=store.GIVEN,
            recorded_at=work.at,
        ),
    )
    note = f"it counts for your SIN {request.sin_number} alone; send that form now"
    return LineOutcome(1, Verdict.ACCEPTED, header.reference, number, store.GIVEN, note=note)


def check_indemnity(work: Work, header: Header, request: InterestRequest) -> store.Indemnity | Reject:
    """The indemnity that lies recorded for a SIN, or why there is none: it is missing, or says something else than the SIN."""
    rule = CREATION if request.action is InterestAction.CREATE else ENFORCEMENT
    giver = Giver.DEBTOR if request.action is InterestAction.CREATE else Giver.SECURED_PARTY
    one = store.given(work, header.participant, header.reference)
    if one is None:
        why = (
            f"no indemnity of yours for the SIN {header.reference} is recorded: send the form IND, signed, with this number under No. "
            "of the SIN; when its receipt says accepted, send this form again with a fresh signature"
        )
        return Reject(RejectionReason.RULE, rule, "indemnity_attached", "yes", why)
    if one.given_by != giver.value:
        why = (
            f"your indemnity {one.number} is given by the {one.given_by}, to {request.action} takes one of the {giver}"
        )
        return Reject(RejectionReason.RULE, rule, "action", request.action.value, f"{why}; send another IND")
    said = {name: getattr(request, name) for name in COMPARED}
    recorded = {name: getattr(one, name) for name in COMPARED}
    if request.action is InterestAction.ENFORCE:
        said["interest"], recorded["interest"] = request.interest, one.interest
    scale = register.scale(work, one.isin)
    said["quantity"] = request.quantity if request.quantity is not None else "all"
    recorded["quantity"] = from_units(one.quantity, scale) if one.quantity is not None else "all"
    for name, value in said.items():
        if value and value != recorded[name]:
            why = (
                f"your indemnity {one.number} for this SIN says {recorded[name]}; mend the form that is wrong: a new IND for the same SIN "
                "takes the place of the earlier one"
            )
            return Reject(RejectionReason.RULE, rule, name, str(value), why)
    return one


def interest_of(
    work: Work, participant: str, number: str, said: Mapping[str, str], rule: str
) -> interests.Interest | Reject:
    """The interest in force that its secured party names in a form; `said` is what the form says of it, "" where it is silent."""
    interest = interests.get(work, number)
    if interest is None or participant not in (interest.debtor, interest.secured_party):
        return Reject(RejectionReason.REFERENCE, rule, "interest", number, "no interest of yours has this number")
    if interest.secured_party != participant:
        why = "only the secured party can discharge or enforce an interest"
        return Reject(RejectionReason.SENDER, rule, "interest", number, why)
    if interest.state != interests.LOCKED:
        return Reject(RejectionReason.REFERENCE, rule, "interest", number, f"this interest is {interest.state}")
    for field, value in said.items():
        recorded = getattr(interest, field)
        if value and value != recorded:
            why = f"interest {interest.number} was recorded with {recorded}"
            return Reject(RejectionReason.REFERENCE, rule, field, value, why)
    return interest


def _checked(work: Work, header: Header, request: IndemnityRequest) -> int | Reject | None:
    """The quantity in smallest units, None for all; or the first fault in order of precedence."""
    creates = request.given_by is Giver.DEBTOR
    rule = CREATION if creates else ENFORCEMENT
    side = "debtor" if creates else "secured_party"
    if getattr(request, side) != header.participant:
        why = f"an indemnity of the {request.given_by} is sent by the {request.given_by} itself; put your own code here"
        return Reject(RejectionReason.SENDER, rule, side, getattr(request, side), why)
    if files.known_form(work, header.participant, request.sin_number) is not None:
        why = "your form with this number is recorded already; an indemnity comes before its SIN, for a number that is not used yet"
        return Reject(RejectionReason.REFERENCE, rule, "sin_number", request.sin_number, why)
    if not creates:
        said = {"debtor": request.debtor, "isin": request.isin}
        interest = interest_of(work, header.participant, request.interest, said, rule)
        if isinstance(interest, Reject):
            return interest
    other = "secured_party" if creates else "debtor"
    party = register.party(work, getattr(request, other))
    if party is None or party.kind is not PartyKind.PARTICIPANT:
        why = "no participant has this code; correct it"
        return Reject(RejectionReason.COUNTERPARTY, rule, other, getattr(request, other), why)
    product = register.product(work, request.isin)
    # What is locked can be enforced also when the security is admitted no more.
    if product is None or (creates and not product.admitted):
        return Reject(RejectionReason.SECURITY, "CSD-7.1.1-a", "isin", request.isin, "not an admitted product")
    try:
        return None if request.quantity is None else to_units(request.quantity, product.scale)
    except TooFine as fault:
        return Reject(RejectionReason.QUANTITY, rule, "quantity", str(request.quantity), str(fault))
