"""The signature beside a file: proved from the bytes before anything is carried out, then pinned to the sender's record (KCSD-85)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from depository.rejects import FileRefused
from depository.signatories import Evidence, SignatureCheck, Trust, check_signatures
from depository.store import signatories
from depository.store.work import Work
from flows.steps.recording import UNSIGNED, Content
from flows.steps.sites import Site
from forms.form import Form


@dataclass(frozen=True, slots=True)
class Proof:
    """What the signature proves, and by which authorities and revocation lists that was found."""

    evidence: Evidence
    trust: Trust


def identity(signature: bytes | None) -> str:
    """The signature as a part of the file's identity: its SHA-256, "" for none."""
    return "" if signature is None else hashlib.sha256(signature).hexdigest()


def prove(site: Site, signature: bytes | None, data: bytes, at: datetime) -> Proof | None:
    """Checks the signature's bytes in the limited child process; None when there is none.

    Raises FileRefused when a limit of time or memory stopped it.
    """
    if signature is None:
        return None
    with site.reading(at) as work:
        trust = signatories.trust(work)
    return Proof(site.sandbox.check_signature(signature, data, trust, at), trust)


def judge(
    site: Site,
    work: Work,
    party: str,
    name: str,
    content: Content | FileRefused,
    signature: bytes | None,
    data: bytes,
    proof: Proof | None,
) -> SignatureCheck:
    """Whose signature it is, or why the file is refused, within the open transaction; a file that cannot be read has none."""
    if isinstance(content, FileRefused):
        return UNSIGNED
    form = content if isinstance(content, Form) else None
    if form is not None and form.header is None:
        # Its faults of form refuse it, and nobody can say who should have signed it.
        return UNSIGNED
    evidence = None
    if proof is not None and signature is not None:
        evidence = proof.evidence
        trust = signatories.trust(work)
        if trust != proof.trust:
            # Loaded between the look at the signature and this transaction; a replay knows only what is in force here.
            evidence = site.sandbox.check_signature(signature, data, trust, work.at)
    return check_signatures(
        evidence,
        signatories.signatories(work, party) if evidence is not None else (),
        party,
        form.header if form is not None else None,
        form is not None and work.market.signature_required(form.code, work.business_date),
        name,
        work.business_date,
        work.at,
    )
