"""Trusted authorities and revocation lists as PEM files: each holds the whole set that is in force from its loading on."""

from collections.abc import Callable
from typing import Any, TypeVar

from asn1crypto import crl, pem, x509

from depository.feeds import RefusedLine
from depository.rejects import Reject, RejectionReason
from depository.signatories import RevocationList, TrustAnchor
from parsers.reference_csv import Reference

RULE = "CSD-2.3.1-c"

T = TypeVar("T")


def read_trust_anchors(data: bytes) -> Reference[TrustAnchor]:
    """Certificates of the authorities whose certificates are trusted."""

    def record(der: bytes) -> TrustAnchor:
        one = x509.Certificate.load(der, strict=True)
        # Reads every part now, so that a damaged file is refused when it is loaded and not when it is needed.
        assert one.native
        return TrustAnchor(der, str(one.subject.human_friendly), one.sha256.hex())

    return _read(data, "CERTIFICATE", record)


def read_revocation_lists(data: bytes) -> Reference[RevocationList]:
    """Certificate revocation lists, one or more of each authority."""

    def record(der: bytes) -> RevocationList:
        one = crl.CertificateList.load(der, strict=True)
        assert one.native
        return RevocationList(der, str(one.issuer.human_friendly), one.sha256.hex())

    return _read(data, "X509 CRL", record)


def _read(data: bytes, kind: str, record: Callable[[bytes], T]) -> Reference[T]:
    """Every block of the kind; any other block, and a file without one, is refused."""
    records: list[T] = []
    faults: list[str] = []
    try:
        blocks: list[Any] = list(pem.unarmor(data, multiple=True))
    except ValueError:
        blocks = []
    for number, (found, _, der) in enumerate(blocks, 1):
        if found != kind:
            faults.append(f"block {number} is a {found}: only blocks of {kind} belong here.")
            continue
        try:
            records.append(record(der))
        except (ValueError, TypeError, AssertionError) as fault:
            faults.append(
                f"block {number} is damaged ({type(fault).__name__}): take the file from its authority again."
            )
    if not blocks:
        faults.append(f"the file has no PEM block of {kind} in it.")
    refused = tuple(
        RefusedLine(number, "", (Reject(RejectionReason.SIGNATURE, RULE, "", "", words),), ("",))
        for number, words in enumerate(faults, 1)
    )
    return Reference(tuple(dict.fromkeys(records)), refused)
