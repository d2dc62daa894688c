"""The depository's own key, with which every file that it gives out is signed: read once, kept out of every log."""

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from depository.rejects import FileRefused
from parsers.cms_signer import Signer, load_signer

PAGE = "docs/operating/signatures.md"
TRIAL_YEARS = 5


def read_signer(key_file: Path, certificate_file: Path) -> Signer:
    """The signer of a site; raises FileRefused when the key is missing, open to others, or does not fit its certificate."""
    for path, what in ((key_file, "key"), (certificate_file, "certificate")):
        if not path.is_file():
            raise FileRefused(
                "signing-key",
                f"the depository's signing {what} {path} is not there: every file is given out signed ({PAGE})",
            )
    mode = stat.S_IMODE(key_file.stat().st_mode)
    if mode & 0o077:
        raise FileRefused(
            "signing-key", f"the signing key {key_file} is open to others (mode {mode:04o}): chmod 600 it ({PAGE})"
        )
    try:
        return load_signer(key_file.read_bytes(), certificate_file.read_bytes())
    except (ValueError, TypeError, IndexError) as fault:
        raise FileRefused("signing-key", f"the signing key {key_file} cannot be used: {fault} ({PAGE})") from None


def create_trial_key(key_file: Path, certificate_file: Path, name: str, since: datetime) -> None:
    """Makes a P-256 key with a certificate signed by itself, for a trial site; those there are kept.

    Valid from the beginning of the year of `since` for five years.
    """
    if key_file.exists() and certificate_file.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name), x509.NameAttribute(NameOID.COMMON_NAME, "Trial key")]
    )
    start = datetime(since.year, 1, 1, tzinfo=UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=TRIAL_YEARS * 366))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, SHA256())
    )
    key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_file.unlink(missing_ok=True)
    # Created with its final rights: a key must not be readable by others even for a moment.
    with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
