"""The made-up keys and certificates of the sample market: for demonstrations and tests, and for nothing else.

Every key follows from a name that anybody can read here, so it is no secret and protects nothing; in return the sample's certificates and
signatures are the same bytes wherever they are made.
"""

import hashlib
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from parsers.cms_signer import Signer, load_signer

AUTHORITY = "Model Market Certification Authority"
DEPOSITORY = "Model Central Securities Depository"
"""Its own key in tests; a demonstration's site makes one of its own."""
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = datetime(2035, 12, 31, tzinfo=UTC)
LEFT = "Former Person B06"
"""A signatory who has left: the authority has revoked the certificate."""
LEFT_ON = datetime(2026, 10, 31, 13, tzinfo=UTC)


def key_of(name: str) -> ec.EllipticCurvePrivateKey:
    """The key of a made-up person."""
    number = int.from_bytes(hashlib.sha512(f"sample market, not a secret: {name}".encode()).digest(), "big")
    # The order of P-256 is a little under 2**256; the remainder by 2**255 is always a key.
    return ec.derive_private_key(number % 2**255 + 1, ec.SECP256R1())


def certificate_of(name: str) -> x509.Certificate:
    """The certificate of a made-up person, or of the authority itself."""
    authority = name == AUTHORITY
    usage = x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(AUTHORITY))
        .public_key(key_of(name).public_key())
        .serial_number(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") >> 1)
        .not_valid_before(SINCE)
        .not_valid_after(UNTIL)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key_of(AUTHORITY), SHA256(), ecdsa_deterministic=True)
    )


def revocation_list() -> bytes:
    """The authority's revocation list, PEM; in force as long as its certificates, as nobody issues the next one."""
    revoked = (
        x509.RevokedCertificateBuilder()
        .serial_number(certificate_of(LEFT).serial_number)
        .revocation_date(LEFT_ON)
        .add_extension(x509.CRLReason(x509.ReasonFlags.affiliation_changed), critical=False)
        .build()
    )
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(_name(AUTHORITY))
        .last_update(LEFT_ON)
        .next_update(UNTIL)
        .add_revoked_certificate(revoked)
        .add_extension(x509.CRLNumber(1), critical=False)
        .sign(key_of(AUTHORITY), SHA256(), ecdsa_deterministic=True)
    )
    return made.public_bytes(Encoding.PEM)


def fingerprint(name: str) -> str:
    """SHA-256 of a certificate, in hexadecimal."""
    return certificate_of(name).fingerprint(SHA256()).hex()


def key_pem(name: str) -> bytes:
    """A key as PEM."""
    return key_of(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate_pem(name: str) -> bytes:
    """A certificate as PEM."""
    return certificate_of(name).public_bytes(Encoding.PEM)


def signer(name: str) -> Signer:
    """Signs as a made-up person."""
    return load_signer(key_pem(name), certificate_pem(name))


def _name(common: str) -> x509.Name:
    parts = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Model market"),
        x509.NameAttribute(NameOID.COMMON_NAME, common),
    ]
    return x509.Name(parts)
