"""Is this form from whom it says, and signed by somebody who may sign it? (CSD-2.3.1-c, KCSD-85)"""

from depository.register import PartyKind
from depository.rejects import Reject, RejectionReason
from depository.requests import Header
from depository.store import register
from depository.store.work import Work


def check_authority(work: Work, sender: str, header: Header) -> tuple[Reject, ...]:
    """What speaks against taking the form at all: sender, participant, powers of the signatories."""
    party = register.party(work, header.participant)
    if header.participant != sender:
        return (
            Reject(
                RejectionReason.SENDER,
                "CSD-1.5-d",
                "participant",
                header.participant,
                f"this folder belongs to {sender}; put your own participant code {sender} on the form",
            ),
        )
    if party is None or party.kind is not PartyKind.PARTICIPANT or not party.active:
        return (
            Reject(
                RejectionReason.SENDER,
                "KCSD-85",
                "participant",
                header.participant,
                "this participant is not admitted or not active",
            ),
        )
    if header.participant_name.casefold() != party.name.casefold():
        return (
            Reject(
                RejectionReason.SENDER,
                "CSD-A3",
                "participant_name",
                header.participant_name,
                f"the registered name of {party.code} is {party.name!r}",
            ),
        )
    return _check_signatories(work, header)


def check_date(work: Work, header: Header) -> tuple[Reject, ...]:
    """A form is dated on or before the business date on which it is recorded (docs/decisions/0014-form-date.md)."""
    if header.form_date <= work.business_date:
        return ()
    why = f"the form is dated after {work.business_date}, the business date on which the form came; write the day on which it is signed"
    return (Reject(RejectionReason.DATE, "CSD-A3", "form_date", str(header.form_date), why),)


def _check_signatories(work: Work, header: Header) -> tuple[Reject, ...]:
    """CSD-2.3.1-c: every person who signs holds a power for this form that is valid today."""
    today = work.business_date
    powers = register.powers(work, header.participant)
    rejects = []
    for number, signatory in enumerate(header.signatories, 1):
        held = [p for p in powers if p.name.casefold() == signatory.name.casefold()]
        valid = [p for p in held if p.valid_from <= today <= p.valid_to]
        if any("*" in p.forms or header.form in p.forms for p in valid):
            continue
        if not held:
            why = "this person holds no power of attorney of yours"
        elif not valid:
            why = f"this person's power of attorney is not valid on {today}"
        else:
            why = f"this person's power of attorney does not cover form {header.form}"
        rejects.append(
            Reject(
                RejectionReason.SIGNATURE,
                "CSD-2.3.1-c",
                "signatory" if number == 1 else "second_signatory",
                signatory.name,
                f"{why}; have an authorised person sign, or send a new PoA first",
            )
        )
    return tuple(rejects)
