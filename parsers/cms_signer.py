"""Makes a detached CMS signature (RFC 5652, with the certificate bound by RFC 5035) over bytes: ours, on what we give out.

What is the same in every signature is encoded once and put together here, as the libraries' own ways take 5 to 14 ms per file and this a
tenth of one; the cryptography is `cryptography`'s.
Equal bytes, moment and key give equal signatures (RSA PKCS#1 v1.5, ECDSA after RFC 6979).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms, core, tsp, x509
from asn1crypto.parser import emit
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

SMALLEST_RSA = 2048
"""Bits."""
_SEQUENCE, _SET, _OCTETS = (0, 1, 16), (0, 1, 17), (0, 0, 4)
_EXPLICIT = _ATTRIBUTES = (2, 1, 0)
"""Class, method and tag of DER; the last two are context-specific [0]: the content, and attributes or certificates in place of a set."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A key with its certificate, ready to sign; never shown or logged."""

    _key: "ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey"
    _parts: "_Parts"
    certificate: str
    """SHA-256 of the certificate's DER bytes."""
    subject: str
    valid_from: datetime
    valid_to: datetime

    def __repr__(self) -> str:
        return f"Signer({self.subject!r}, certificate {self.certificate})"

    def sign(self, data: bytes, at: datetime) -> bytes:
        """The DER bytes of a detached signature over `data`; the moment of signing is `at`, or the certificate's first if that is later."""
        fixed = self._parts
        moment = cms.CMSAttribute(
            {
                "type": "signing_time",
                "values": [cms.Time({"utc_time": max(at, self.valid_from).replace(microsecond=0)})],
            }
        )
        digest = emit(*_OCTETS, hashlib.sha256(data).digest())
        attributes = b"".join(
            # DER: a set is in the order of its members' bytes.
            sorted((*fixed.attributes, moment.dump(), emit(*_SEQUENCE, fixed.digest_type + emit(*_SET, digest))))
        )
        signature = emit(*_OCTETS, self._raw(emit(*_SET, attributes)))
        info = fixed.signer + emit(*_ATTRIBUTES, attributes) + fixed.mechanism + signature
        signed = emit(*_SEQUENCE, fixed.head + emit(*_SET, emit(*_SEQUENCE, info)))
        return bytes(emit(*_SEQUENCE, fixed.kind + emit(*_EXPLICIT, signed)))

    def _raw(self, attributes: bytes) -> bytes:
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(attributes, ec.ECDSA(SHA256(), deterministic_signing=True))
        return self._key.sign(attributes, padding.PKCS1v15(), SHA256())


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is the same in every signature, DER."""

    kind: bytes
    """The content type of the outermost structure."""
    head: bytes
    """Of the SignedData: version, digest algorithm, what is signed (elsewhere), certificates."""
    signer: bytes
    """Of the SignerInfo: version, whose certificate, digest algorithm."""
    attributes: tuple[bytes, ...]
    digest_type: bytes
    mechanism: bytes


def load_signer(key_pem: bytes, certificate_pem: bytes) -> Signer:
    """A signer from an unencrypted PEM key and the PEM certificate of it, chain behind it if any.

    Raises ValueError when they are of another kind, do not belong together, or are not for signing.
    """
    key = load_pem_private_key(key_pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError(
            "the signing key must be an RSA or an elliptic curve key: others cannot be checked by openssl everywhere"
        )
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < SMALLEST_RSA:
        raise ValueError(f"the signing key must have at least {SMALLEST_RSA} bits")
    chain = load_pem_x509_certificates(certificate_pem)
    own = chain[0]
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if own.public_key().public_bytes(*spki) != key.public_key().public_bytes(*spki):
        raise ValueError(
            "the signing certificate is not that of the signing key: the key's own certificate comes first in its file"
        )
    certificates = [x509.Certificate.load(one.public_bytes(Encoding.DER)) for one in chain]
    certificate = certificates[0]
    usage = certificate.key_usage_value
    if usage is not None and not usage.native & {"digital_signature", "non_repudiation"}:
        raise ValueError("the signing certificate is not for signing: its key usage has no digital signature")
    return Signer(
        key,
        _parts(certificates, "sha256_ecdsa" if isinstance(key, ec.EllipticCurvePrivateKey) else "sha256_rsa"),
        certificate.sha256.hex(),
        str(certificate.subject.human_friendly),
        own.not_valid_before_utc,
        own.not_valid_after_utc,
    )


def _parts(certificates: list[Any], mechanism: str) -> _Parts:
    own = certificates[0]
    version = core.Integer(1).dump()
    digest = cms.DigestAlgorithm({"algorithm": "sha256"}).dump()
    elsewhere = cms.EncapsulatedContentInfo({"content_type": "data"}).dump()
    chain = emit(*_ATTRIBUTES, b"".join(sorted(one.dump() for one in certificates)))
    names = cms.IssuerAndSerialNumber({"issuer": own.issuer, "serial_number": own.serial_number})
    bound = tsp.SigningCertificateV2({"certs": [{"cert_hash": own.sha256}]})
    return _Parts(
        kind=cms.ContentType("signed_data").dump(),
        head=version + emit(*_SET, digest) + elsewhere + chain,
        signer=version + names.dump() + digest,
        attributes=(
            cms.CMSAttribute({"type": "content_type", "values": ["data"]}).dump(),
            cms.CMSAttribute({"type": "signing_certificate_v2", "values": [bound]}).dump(),
        ),
        digest_type=cms.CMSAttributeType("message_digest").dump(),
        mechanism=cms.SignedDigestAlgorithm({"algorithm": mechanism}).dump(),
    )
