"""Who may sign a file with which certificate, and whether a file that came is signed as it must be (CSD-2.3.1-c, KCSD-85).

That a signature is intact and its certificate trusted is found from the bytes (`parsers.cms`); here it is pinned to the sender's record: a
valid signature by somebody is not enough.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from depository.rejects import Reject, RejectionReason
from depository.requests import Header

RULE = "CSD-2.3.1-c"
FIELD = "signature"


@dataclass(frozen=True, slots=True)
class Signatory:
    """A person of a party and the certificate this person signs with."""

    party: str
    name: str
    """As in the power of attorney and on the form."""
    certificate: str
    """SHA-256 of the certificate's DER bytes, 64 small hexadecimal digits."""
    valid_from: date
    valid_to: date
    revoked_at: datetime | None = None
    """From this moment on nothing signed with the certificate is taken."""
    revoked_because: str = ""


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """A certificate of an authority that the depository trusts, DER."""

    der: bytes
    subject: str
    sha256: str


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A certificate revocation list (CRL) of an authority, DER."""

    der: bytes
    issuer: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Trust:
    """What certificates are judged by, DER: the authorities trusted and the revocation lists loaded."""

    anchors: tuple[bytes, ...]
    revocation_lists: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SignedBy:
    """A certificate that made a signature."""

    certificate: str
    """SHA-256 of its DER bytes."""
    subject: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a signature file proves about the bytes of its file."""

    signers: tuple[SignedBy, ...]
    """Whose signatures are intact, valid and trusted at the moment of arrival; empty with a fault."""
    fault: str = ""
    """Why the signature proves nothing, and what to do; "" when every signature in it holds."""
    found: str = ""


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """Signed by whom, or why the file is refused."""

    signed_by: tuple[str, ...] = ()
    """Name and certificate of each person, for the record."""
    rejects: tuple[Reject, ...] = ()


def check_signatures(
    evidence: Evidence | None,
    registered: Iterable[Signatory],
    sender: str,
    header: Header | None,
    required: bool,
    name: str,
    day: date,
    at: datetime,
) -> SignatureCheck:
    """Judges the signature beside a file at its moment of arrival `at`, on business date `day`.

    `registered` are the sender's signatories; `header` is the form's (None for a feed, which names nobody); `name` is the file's, for
    the command that mends it. A signature that is there is checked even where none is required; where one is, every person named on
    the form signs. Whether the persons named hold a power for the form is `authority`'s to say.
    """
    if evidence is None:
        return SignatureCheck(rejects=(_missing(header, name),)) if required else SignatureCheck()
    if evidence.fault:
        return SignatureCheck(rejects=(_reject(evidence.found, evidence.fault),))
    held = {one.certificate: one for one in registered}
    rejects: list[Reject] = []
    signed: list[Signatory] = []
    for signer in evidence.signers:
        person = held.get(signer.certificate)
        fault = _not_registered(sender) if person is None else _not_in_force(person, day, at)
        if person is not None and not fault and header is not None:
            fault = _not_named(person, header)
        if fault:
            rejects.append(_reject(f"{signer.subject}, certificate {signer.certificate}", fault))
        elif person is not None:
            signed.append(person)
    if rejects:
        return SignatureCheck(rejects=tuple(rejects))
    if required and header is not None:
        names = {one.name.casefold() for one in signed}
        absent = [one.name for one in header.signatories if one.name.casefold() not in names]
        if absent:
            why = (
                f"{' and '.join(absent)} is named on the form and has not signed the file; every person named signs it: "
                f"{_also_sign(name)}"
            )
            return SignatureCheck(rejects=(_reject(", ".join(one.name for one in signed), why),))
    return SignatureCheck(signed_by=tuple(f"{one.name}, certificate {one.certificate}" for one in signed))


def how_to_sign(name: str) -> str:
    """The command that signs a file."""
    return (
        f"openssl cms -sign -binary -md sha256 -in {name} -signer your-certificate.pem -inkey your-key.pem "
        f"-outform DER -out {name}.p7s"
    )


def _also_sign(name: str) -> str:
    return (
        f"openssl cms -resign -binary -md sha256 -inform DER -in {name}.p7s -signer second-certificate.pem -inkey second-key.pem "
        f"-outform DER -out both.p7s, and upload both.p7s as {name}.p7s"
    )


def _missing(header: Header | None, name: str) -> Reject:
    what = f"a form {header.form}" if header is not None else "this file"
    return _reject(
        "",
        f"{what} is taken only with a signature beside it, and there is none. Sign the file: {how_to_sign(name)} - then upload "
        f"{name}.p7s first and {name} after it",
    )


def _not_registered(sender: str) -> str:
    return f"this certificate is not registered for a signatory of {sender}; sign with a registered one, or have this one registered first"


def _not_in_force(person: Signatory, day: date, at: datetime) -> str:
    if person.revoked_at is not None and person.revoked_at <= at:
        since = person.revoked_at.isoformat(timespec="seconds")
        return f"the certificate of {person.name} was revoked at {since} ({person.revoked_because}); sign with a new certificate"
    if not person.valid_from <= day <= person.valid_to:
        return (
            f"the certificate of {person.name} is registered from {person.valid_from} to {person.valid_to}, and today is {day}; "
            "have its registration renewed, or sign with another registered certificate"
        )
    return ""


def _not_named(person: Signatory, header: Header) -> str:
    if person.name.casefold() in {one.name.casefold() for one in header.signatories}:
        return ""
    named = " and ".join(one.name for one in header.signatories)
    return (
        f"the file is signed by {person.name}, but the form names {named}; the person named on the form signs the file"
    )


def _reject(found: str, message: str) -> Reject:
    return Reject(RejectionReason.SIGNATURE, RULE, FIELD, found, message)
