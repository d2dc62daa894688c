"""Authorities and persons made for a test, signing with the real openssl as a participant would."""

import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
_serial = count(1000)


def openssl(*arguments: str | Path, given: bytes = b"") -> bytes:
    """Runs openssl; raises AssertionError with what it says when it fails."""
    ran = subprocess.run(["openssl", *map(str, arguments)], input=given, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


def make_key(kind: str = "ec", bits: int = 2048) -> Key:
    """A fresh key: "ec" on P-256, or "rsa"."""
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, bits)


@dataclass(frozen=True)
class Person:
    """Somebody with a key and a certificate in a folder."""

    name: str
    folder: Path
    certificate: x509.Certificate

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(SHA256()).hex()

    @property
    def key_file(self) -> Path:
        return self.folder / f"{self.certificate.serial_number}.key"

    @property
    def certificate_file(self) -> Path:
        return self.folder / f"{self.certificate.serial_number}.pem"

    def sign(self, data: bytes, *more: str, digest: str = "sha256", form: str = "DER") -> bytes:
        """What the documented command writes."""
        source = self.folder / "signed.bin"
        source.write_bytes(data)
        options: tuple[str | Path, ...] = (
            *("-signer", self.certificate_file, "-inkey", self.key_file, "-outform", form),
            *more,
        )
        return openssl("cms", "-sign", "-binary", "-md", digest, "-in", source, *options)

    def sign_too(self, signature: bytes, data: bytes) -> bytes:
        """Adds this person's signature to another's."""
        source, first = self.folder / "signed.bin", self.folder / "first.p7s"
        source.write_bytes(data)
        first.write_bytes(signature)
        options = ("-signer", self.certificate_file, "-inkey", self.key_file, "-outform", "DER")
        return openssl(
            "cms", "-resign", "-binary", "-md", "sha256", "-inform", "DER", "-in", first, "-content", source, *options
        )


@dataclass
class Authority:
    """A certification authority."""

    folder: Path
    name: str = "Test authority"
    key: Key = field(default_factory=make_key)
    revoked: dict[int, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate = self._certificate(self.name, self.key, SINCE, UNTIL, authority=True)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def person(
        self,
        name: str,
        since: datetime = SINCE,
        until: datetime = UNTIL,
        key: Key | None = None,
        *,
        signing: bool = True,
        list_at: str = "",
    ) -> Person:
        """A person with a fresh certificate of this authority."""
        key = key or make_key()
        made = Person(name, self.folder, self._certificate(name, key, since, until, signing=signing, list_at=list_at))
        made.key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        made.certificate_file.write_bytes(made.certificate.public_bytes(Encoding.PEM))
        return made

    def revocation_list(self, issued: datetime, until: datetime) -> bytes:
        """The list with everybody revoked so far, PEM."""
        made = (
            x509.CertificateRevocationListBuilder().issuer_name(_name(self.name)).last_update(issued).next_update(until)
        )
        for serial, moment in self.revoked.items():
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment)
            one = one.add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
            made = made.add_revoked_certificate(one.build())
        return made.sign(self.key, SHA256()).public_bytes(Encoding.PEM)

    def _certificate(
        self,
        name: str,
        key: Key,
        since: datetime,
        until: datetime,
        *,
        authority: bool = False,
        signing: bool = True,
        list_at: str = "",
    ) -> x509.Certificate:
        person = not authority and signing
        usage = x509.KeyUsage(person, False, not signing, False, False, authority, authority, False, False)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(next(_serial))
            .not_valid_before(since)
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(usage, critical=True)
        )
        if list_at:
            point = x509.DistributionPoint([x509.UniformResourceIdentifier(list_at)], None, None, None)
            builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
        return builder.sign(self.key, SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
