"""A detached CMS signature (`.p7s`, RFC 5652) over a file's bytes: what it proves at a moment, found by pyHanko without any network.

To be run in the limited child process (`parsers.sandbox`): the bytes are a stranger's. Whose certificate it is, and whether that person may
sign, is for `depository.signatories` to say.
"""

import asyncio
import logging
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import cms, crl, pem, x509
from pyhanko.sign.validation.generic_cms import async_validate_detached_cms
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import StandardCMSSignatureStatus
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy, RevocationCheckingRule

from depository.signatories import Evidence, SignedBy, Trust

MOST_BYTES = 65_536
"""A signature with a chain of certificates has a few thousand."""
MOST_CERTIFICATES = 10
MOST_SIGNERS = 2
"""A form names at most two authorised persons."""
DIGESTS = ("sha256", "sha384", "sha512")
MECHANISMS = ("rsassa_pkcs1v15", "rsassa_pss", "ecdsa", "ed25519")
LONGEST_WORDS = 400
"""Characters of a remark or a name at most."""
SMALLEST_RSA = 2048
"""Bits."""
AGAIN = "sign the file again with `openssl cms -sign -binary -md sha256 … -outform DER`"

# The reasons are in the answers; the library's own remarks on strangers' bytes would only fill the log.
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)


class _Fault(Exception):
    """Why the signature proves nothing."""

    def __init__(self, message: str, found: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.found = found


def check(signature: bytes, data: bytes, trust: Trust, at: datetime) -> Evidence:
    """What `signature` (DER or PEM) proves about `data` at the moment `at`: every signer's certificate, or a fault in words.

    Every signature in it must be intact (the bytes are those signed), valid (made with the certificate's key) and trusted (a chain to an
    anchor, in force at `at`, not revoked by then). Never raises for what the bytes say.
    """
    try:
        signed = _read(signature)
        signers = [_signer(one, data, trust, at) for one in _apart(signed)]
        if len({one.certificate for one in signers}) != len(signers):
            raise _Fault(f"the same certificate signs twice; {AGAIN}, once for each person named on the form")
    except _Fault as fault:
        return Evidence((), _plain(fault.message), _plain(fault.found))
    except MemoryError:
        raise
    except Exception as fault:  # noqa: BLE001 - whatever the library trips over in a stranger's bytes: they are no signature of the file
        return Evidence((), f"the .p7s file cannot be read as a CMS signature; {AGAIN}", type(fault).__name__)
    return Evidence(tuple(signers))


def fault_of_own(signature: bytes, data: bytes) -> str:
    """Why a signature that we made ourselves does not fit the bytes, "" when it does: its own certificate is trusted here."""
    signed = cms.ContentInfo.load(signature)["content"]
    certificate = _certificate(signed)
    attributes = signed["signer_infos"][0]["signed_attrs"]
    at = next(one["values"][0].native for one in attributes if one["type"].native == "signing_time")
    return check(signature, data, Trust((certificate.dump(),), ()), at).fault


def _plain(text: str) -> str:
    """A stranger's words short and printable, as they go into receipts and logs."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    return printable if len(printable) <= LONGEST_WORDS else f"{printable[:LONGEST_WORDS]} …"


def _read(signature: bytes) -> Any:
    """The SignedData of the bytes; raises _Fault for what is no plain, detached signature, whatever the library thinks of it."""
    if not signature.strip():
        raise _Fault(f"the .p7s file is empty; {AGAIN}")
    if len(signature) > MOST_BYTES:
        raise _Fault(f"a .p7s file has at most {MOST_BYTES} bytes; {AGAIN}, detached", f"{len(signature)} bytes")
    if signature.lstrip()[:5] == b"-----":
        _, _, signature = pem.unarmor(signature.lstrip())
    elif signature[:1] != b"\x30":
        raise _Fault(f"the .p7s file is neither DER nor PEM; {AGAIN}")
    content = cms.ContentInfo.load(signature, strict=True)
    if content["content_type"].native != "signed_data":
        raise _Fault(f"the .p7s file is a CMS message of another kind; {AGAIN}", str(content["content_type"].native))
    signed = content["content"]
    inner = signed["encap_content_info"]
    if inner["content"].native is not None:
        raise _Fault(f"the .p7s file holds the file itself; it must be detached: {AGAIN}, without -nodetach")
    if inner["content_type"].native != "data":
        raise _Fault(f"what is signed is not plain data; {AGAIN}", str(inner["content_type"].native))
    certificates = len(signed["certificates"] or ())
    if not certificates:
        raise _Fault(f"the .p7s file has no certificate in it; {AGAIN}, without -nocerts")
    if certificates > MOST_CERTIFICATES:
        raise _Fault(
            f"the .p7s file has more than {MOST_CERTIFICATES} certificates; add only the chain of the signer's own",
            f"{certificates} certificates",
        )
    signers = len(signed["signer_infos"])
    if not 1 <= signers <= MOST_SIGNERS:
        raise _Fault(f"the .p7s file has {signers} signatures; one or two persons sign a file", f"{signers} signatures")
    return signed


def _apart(signed: Any) -> list[Any]:
    """One SignedData for each signer, as the library judges one at a time; every algorithm is one that is still safe."""
    apart = []
    for info in signed["signer_infos"]:
        digest = info["digest_algorithm"]["algorithm"].native
        if digest not in DIGESTS:
            raise _Fault(f"the digest {digest} is not taken, use one of {', '.join(DIGESTS)}: {AGAIN}", str(digest))
        mechanism = info["signature_algorithm"].signature_algo
        if mechanism not in MECHANISMS:
            raise _Fault(f"the signature algorithm is not taken; use RSA or ECDSA: {AGAIN}", str(mechanism))
        if not info["signed_attrs"].native:
            # Without them a signature over attributes could be shown as one over a file of the same bytes.
            raise _Fault(f"the signature has no signed attributes; {AGAIN}, without -noattr")
        apart.append(
            cms.SignedData(
                {
                    "version": signed["version"].native,
                    "digest_algorithms": [info["digest_algorithm"]],
                    "encap_content_info": {"content_type": "data"},
                    "certificates": signed["certificates"],
                    "signer_infos": [info],
                }
            )
        )
    return apart


def _signer(signed: Any, data: bytes, trust: Trust, at: datetime) -> SignedBy:
    certificate = _certificate(signed)
    # The fingerprint first: a name can be cut off.
    who = f"certificate {certificate.sha256.hex()} of {certificate.subject.human_friendly}"
    key = certificate.public_key
    if key.algorithm in ("rsa", "rsassa_pss") and key.bit_size < SMALLEST_RSA:
        raise _Fault(f"an RSA key must have at least {SMALLEST_RSA} bits; sign with a stronger key", who)
    status = asyncio.run(
        async_validate_detached_cms(
            data, signed, _context(certificate, trust, at), key_usage_settings=_usage(certificate)
        )
    )
    if not status.intact:
        raise _Fault(
            f"the file is not the one that was signed: its bytes were changed after signing, or before; {AGAIN}", who
        )
    if not status.valid:
        raise _Fault(f"the signature was not made with the key of its certificate, or was altered; {AGAIN}", who)
    if not status.trusted:
        raise _Fault(_distrust(status, certificate, trust, at), who)
    return SignedBy(certificate.sha256.hex(), _plain(certificate.subject.human_friendly))


def _certificate(signed: Any) -> x509.Certificate:
    """The certificate that the signature names as its own; the library finds it the same way."""
    sid = signed["signer_infos"][0]["sid"].chosen
    for choice in signed["certificates"]:
        one = choice.chosen
        if not isinstance(one, x509.Certificate):
            continue
        if isinstance(sid, cms.IssuerAndSerialNumber):
            if one.issuer == sid["issuer"] and one.serial_number == sid["serial_number"].native:
                return one
        elif one.key_identifier == sid.native:
            return one
    raise _Fault(f"the .p7s file does not hold the signer's own certificate; {AGAIN}, without -nocerts")


def _context(certificate: x509.Certificate, trust: Trust, at: datetime) -> ValidationContext:
    """Trust at the moment of arrival, by what the operator has loaded alone.

    A certificate that names a revocation list, or whose authority has one loaded, counts only with a list that is in force. A list that
    was issued after the arrival is taken, too: it tells the moment of each revocation.
    """
    lists = [crl.CertificateList.load(one) for one in trust.revocation_lists]
    needed = _needs_list(certificate, lists)
    rule = RevocationCheckingRule.CRL_REQUIRED if needed else RevocationCheckingRule.NO_CHECK
    policy = RevocationCheckingPolicy(rule, RevocationCheckingRule.CHECK_IF_DECLARED)
    return ValidationContext(
        trust_roots=[x509.Certificate.load(one) for one in trust.anchors],
        moment=at,
        allow_fetching=False,
        crls=lists,
        revinfo_policy=CertRevTrustPolicy(policy, retroactive_revinfo=True),
        time_tolerance=timedelta(0),
    )


def _needs_list(certificate: x509.Certificate, lists: list[crl.CertificateList]) -> bool:
    return bool(certificate.crl_distribution_points) or any(one.issuer == certificate.issuer for one in lists)


def _usage(certificate: x509.Certificate) -> KeyUsageConstraints:
    """A certificate that says what its key is for must say signing; one that says nothing is for anything (RFC 5280)."""
    signing = {"digital_signature", "non_repudiation"} if certificate.key_usage_value is not None else set()
    return KeyUsageConstraints(key_usage=signing)


def _distrust(status: StandardCMSSignatureStatus, certificate: x509.Certificate, trust: Trust, at: datetime) -> str:
    """Why the certificate is not trusted, in words."""
    if status.revocation_details is not None:
        details = status.revocation_details
        return (
            f"the certificate was revoked by its authority on {details.revocation_date.isoformat(timespec='seconds')} "
            f"({details.revocation_reason.human_friendly}); sign with a new certificate"
        )
    if at > certificate.not_valid_after:
        return f"the certificate expired on {certificate.not_valid_after.isoformat(timespec='seconds')}; sign with a new one"
    if at < certificate.not_valid_before:
        since = certificate.not_valid_before.isoformat(timespec="seconds")
        return f"the certificate is valid only from {since}; sign with one in force, or send the file after that moment"
    told = status.trust_problem_indic.standard_name if status.trust_problem_indic else "no chain"
    if told == "NO_CERTIFICATE_CHAIN_FOUND":
        return "the certificate does not come from an authority that the depository trusts; sign with a registered certificate"
    listed = _needs_list(certificate, [crl.CertificateList.load(one) for one in trust.revocation_lists])
    if listed and told in (
        "CERTIFICATE_CHAIN_GENERAL_FAILURE",
        "TRY_LATER",
        "REVOCATION_OUT_OF_BOUNDS_NO_POE",
        "NO_POE",
    ):
        return (
            "the depository has no revocation list in force of the certificate's authority; its operators have to load one "
            "(tell them), then send the file again"
        )
    return f"the certificate is not trusted for signing ({told}); sign with a registered certificate whose key usage is digital signature"
