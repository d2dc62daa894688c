"""Detached signatures made by openssl, as participants make them: what each of them proves about a file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms as asn1
from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.hashes import SHA256, SHA512, Hash
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from depository.rejects import FileRefused
from depository.signatories import Evidence, Trust
from flows.steps.signing import create_trial_key, read_signer
from parsers.cms import MOST_BYTES, check, fault_of_own
from parsers.cms_signer import load_signer
from parsers.sandbox import Sandbox
from tests.support.pki import SINCE, UNTIL, Authority, Person, make_key, openssl

FILE = b"PK\x03\x04 a workbook\r\nwith line ends of all kinds\n"
AT = datetime(2026, 11, 23, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def person(authority: Authority) -> Person:
    return authority.person("Aida Model")


@pytest.fixture(scope="module")
def signature(person: Person) -> bytes:
    return person.sign(FILE)


def trusting(*authorities: Authority, lists: tuple[bytes, ...] = ()) -> Trust:
    def der(block: bytes) -> bytes:
        return bytes(pem.unarmor(block)[2])

    return Trust(tuple(der(a.pem) for a in authorities), tuple(der(one) for one in lists))


def refused(evidence: Evidence, words: str) -> None:
    assert evidence.signers == ()
    assert words in evidence.fault, evidence


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("form", ["DER", "PEM"])
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_a_good_signature_proves_whose_certificate_made_it(
    authority: Authority, kind: str, form: str, digest: str
) -> None:
    signer = authority.person("Aida Model", key=make_key(kind))
    evidence = check(signer.sign(FILE, digest=digest, form=form), FILE, trusting(authority), AT)
    assert evidence.fault == ""
    assert [one.certificate for one in evidence.signers] == [signer.fingerprint]
    assert "Aida Model" in evidence.signers[0].subject


def test_rsa_with_pss_padding_is_taken(authority: Authority) -> None:
    signer = authority.person("Aida Model", key=make_key("rsa"))
    signed = signer.sign(FILE, "-keyopt", "rsa_padding_mode:pss")
    assert [one.certificate for one in check(signed, FILE, trusting(authority), AT).signers] == [signer.fingerprint]


def test_an_ed25519_signature_is_taken(tmp_path: Path) -> None:
    """openssl 3.0 makes none, later releases do (RFC 8419); this one is put together by hand."""
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name.from_rfc4514_string("CN=Edward Model")
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    certificate = made.not_valid_before(SINCE).not_valid_after(UNTIL).sign(key, None)
    der = certificate.public_bytes(Encoding.DER)
    digest = Hash(SHA512())
    digest.update(FILE)
    attributes = asn1.CMSAttributes(
        [
            asn1.CMSAttribute({"type": "content_type", "values": ["data"]}),
            asn1.CMSAttribute({"type": "message_digest", "values": [digest.finalize()]}),
        ]
    )
    loaded = asn1.Certificate.load(der) if hasattr(asn1, "Certificate") else asn1.CertificateChoices.load(der).chosen
    info = {
        "version": "v1",
        "sid": {"issuer_and_serial_number": {"issuer": loaded.issuer, "serial_number": 7}},
        "digest_algorithm": {"algorithm": "sha512"},
        "signed_attrs": attributes,
        "signature_algorithm": {"algorithm": "ed25519"},
        "signature": key.sign(attributes.dump()),
    }
    signed = {
        "version": "v1",
        "digest_algorithms": [{"algorithm": "sha512"}],
        "encap_content_info": {"content_type": "data"},
        "certificates": [loaded],
        "signer_infos": [info],
    }
    p7s = asn1.ContentInfo({"content_type": "signed_data", "content": asn1.SignedData(signed)}).dump()
    evidence = check(p7s, FILE, Trust((der,), ()), AT)
    assert evidence.fault == ""
    assert [one.certificate for one in evidence.signers] == [certificate.fingerprint(SHA256()).hex()]


def test_two_persons_sign_one_file(authority: Authority, person: Person, signature: bytes) -> None:
    second = authority.person("Berik Model")
    evidence = check(second.sign_too(signature, FILE), FILE, trusting(authority), AT)
    assert evidence.fault == ""
    assert {one.certificate for one in evidence.signers} == {person.fingerprint, second.fingerprint}


def test_the_second_signature_must_hold_as_well(authority: Authority, tmp_path: Path, signature: bytes) -> None:
    stranger = Authority(tmp_path / "other", "Other authority").person("Berik Model")
    refused(check(stranger.sign_too(signature, FILE), FILE, trusting(authority), AT), "authority")


def test_three_signatures_and_the_same_one_twice_are_refused(
    authority: Authority, person: Person, signature: bytes
) -> None:
    two = authority.person("Berik Model").sign_too(signature, FILE)
    refused(check(authority.person("Cyril Model").sign_too(two, FILE), FILE, trusting(authority), AT), "3 signatures")
    doubled = asn1.ContentInfo.load(signature)
    doubled["content"]["signer_infos"].append(doubled["content"]["signer_infos"][0])
    refused(check(doubled.dump(force=True), FILE, trusting(authority), AT), "twice")


def test_an_altered_file_is_refused(authority: Authority, signature: bytes) -> None:
    refused(check(signature, FILE.replace(b"workbook", b"workb00k"), trusting(authority), AT), "changed after signing")
    refused(check(signature, FILE + b"\n", trusting(authority), AT), "changed after signing")
    refused(check(signature, b"", trusting(authority), AT), "changed after signing")


def test_no_byte_of_a_signature_can_be_altered_into_another_signer(
    authority: Authority, person: Person, signature: bytes
) -> None:
    """Each byte flipped: it is refused, or (a byte that nothing hangs on) still proves the very same certificate."""
    for place in range(0, len(signature), 7):
        altered = bytearray(signature)
        altered[place] ^= 0x55
        evidence = check(bytes(altered), FILE, trusting(authority), AT)
        assert evidence.fault or [one.certificate for one in evidence.signers] == [person.fingerprint], place


def test_an_altered_signature_value_is_refused(authority: Authority, signature: bytes) -> None:
    altered = signature[:-1] + bytes([signature[-1] ^ 1])
    refused(check(altered, FILE, trusting(authority), AT), "not made with the key of its certificate")


def test_a_certificate_counts_from_its_first_to_its_last_moment(authority: Authority) -> None:
    signer = authority.person("Aida Model", since=AT - HOUR, until=AT + HOUR)
    signed = signer.sign(FILE)
    for at, words in (
        (AT - HOUR - timedelta(seconds=1), "valid only from"),
        (AT - HOUR, ""),
        (AT + HOUR, ""),
        (AT + HOUR + timedelta(seconds=1), "expired on"),
    ):
        evidence = check(signed, FILE, trusting(authority), at)
        assert (words in evidence.fault) if words else evidence.fault == "", at


def test_a_revoked_certificate_counts_until_the_moment_of_its_revocation(authority: Authority, tmp_path: Path) -> None:
    own = Authority(tmp_path / "own", "Revoking authority")
    lost, kept = own.person("Aida Model"), own.person("Berik Model")
    own.revoked[lost.certificate.serial_number] = AT
    # Issued after the file arrived: it tells when the certificate was revoked all the same.
    trust = trusting(own, lists=(own.revocation_list(AT + HOUR, AT + 48 * HOUR),))
    assert check(lost.sign(FILE), FILE, trust, AT - HOUR).fault == ""
    refused(check(lost.sign(FILE), FILE, trust, AT + HOUR), "revoked by its authority on 2026-11-23T05:00:00+00:00")
    assert check(kept.sign(FILE), FILE, trust, AT + HOUR).fault == ""


def test_where_an_authority_has_a_revocation_list_only_one_in_force_counts(tmp_path: Path) -> None:
    own = Authority(tmp_path / "own", "Listing authority")
    signed = own.person("Aida Model").sign(FILE)
    stale = trusting(own, lists=(own.revocation_list(AT - 48 * HOUR, AT - HOUR),))
    refused(check(signed, FILE, stale, AT), "no revocation list in force")
    named = own.person("Berik Model", list_at="http://crl.example/list.crl").sign(FILE)
    refused(check(named, FILE, trusting(own), AT), "no revocation list in force")
    fresh = trusting(own, lists=(own.revocation_list(AT - HOUR, AT + HOUR),))
    assert check(named, FILE, fresh, AT).fault == ""


def test_a_revocation_list_of_an_imitated_authority_does_not_count(tmp_path: Path) -> None:
    own = Authority(tmp_path / "own", "Listing authority")
    false = Authority(tmp_path / "false", "Listing authority")
    signed = own.person("Aida Model").sign(FILE)
    refused(
        check(signed, FILE, trusting(own, lists=(false.revocation_list(AT - HOUR, AT + HOUR),)), AT), "revocation list"
    )


def test_a_stranger_a_self_signed_imitation_and_an_imitated_authority_are_not_trusted(
    authority: Authority, tmp_path: Path
) -> None:
    imitation = Authority(tmp_path / "self", "Aida Model").certificate
    assert imitation.issuer == imitation.subject
    for name in ("Other authority", authority.name):
        signer = Authority(tmp_path / name, name).person("Aida Model")
        assert check(signer.sign(FILE), FILE, trusting(authority), AT).fault != ""
    key, certificate = tmp_path / "self.key", tmp_path / "self.pem"
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", "/CN=Aida Model", "-days", "700", "-keyout", key, "-out", certificate),
    )
    (tmp_path / "f").write_bytes(FILE)
    signed = openssl(
        *("cms", "-sign", "-binary", "-md", "sha256", "-in", tmp_path / "f", "-signer", certificate),
        *("-inkey", key, "-outform", "DER"),
    )
    assert check(signed, FILE, trusting(authority), AT).fault != ""
    assert check(signed, FILE, Trust((), ()), AT).fault != ""


def test_a_certificate_that_is_not_for_signing_is_refused(authority: Authority) -> None:
    signer = authority.person("Aida Model", signing=False)
    refused(check(signer.sign(FILE), FILE, trusting(authority), AT), "not trusted for signing")


def test_weak_digests_and_weak_keys_are_refused(authority: Authority, person: Person) -> None:
    for signer, digest in ((person, "sha1"), (authority.person("Aida Model", key=make_key("rsa")), "md5")):
        refused(
            check(signer.sign(FILE, digest=digest), FILE, trusting(authority), AT), f"the digest {digest} is not taken"
        )
    weak = authority.person("Weak Model", key=make_key("rsa", 1024))
    refused(check(weak.sign(FILE), FILE, trusting(authority), AT), "2048 bits")


def test_what_is_no_plain_detached_signature_is_refused_in_words(
    authority: Authority, person: Person, tmp_path: Path
) -> None:
    trust = trusting(authority)
    source, certificate = tmp_path / "f", person.certificate_file
    source.write_bytes(FILE)
    refused(check(person.sign(FILE, "-nodetach"), FILE, trust, AT), "without -nodetach")
    refused(check(person.sign(FILE, "-nocerts"), FILE, trust, AT), "without -nocerts")
    refused(check(person.sign(FILE, "-noattr"), FILE, trust, AT), "without -noattr")
    refused(check(person.sign(FILE, form="SMIME"), FILE, trust, AT), "neither DER nor PEM")
    refused(check(person.sign(FILE, "-econtent_type", "1.2.3.4"), FILE, trust, AT), "not plain data")
    encrypted = openssl("cms", "-encrypt", "-aes256", "-binary", "-in", source, "-outform", "DER", certificate)
    refused(check(encrypted, FILE, trust, AT), "another kind")
    for empty in (b"", b" \r\n"):
        refused(check(empty, FILE, trust, AT), "is empty")
    refused(check(b"0" * (MOST_BYTES + 1), FILE, trust, AT), "at most 65536 bytes")
    refused(check(FILE, FILE, trust, AT), "neither DER nor PEM")
    refused(check(b"-----BEGIN CMS-----\nnonsense\n-----END CMS-----\n", FILE, trust, AT), "cannot be read")
    refused(check(person.sign(FILE) + b"\0", FILE, trust, AT), "cannot be read")


def test_more_certificates_than_a_chain_has_are_refused(authority: Authority, person: Person, tmp_path: Path) -> None:
    many = tmp_path / "many.pem"
    many.write_bytes(b"".join(authority.person(f"P{n}").certificate_file.read_bytes() for n in range(10)))
    refused(
        check(person.sign(FILE, "-certfile", str(many)), FILE, trusting(authority), AT), "more than 10 certificates"
    )


def test_nested_lengths_without_end_are_refused(authority: Authority) -> None:
    for bomb in (b"\x30\x80" * 20_000, b"\x30\x84\xff\xff\xff\xff" + b"\x30" * 60_000, b"\x24\x80" * 30_000):
        assert check(bomb, FILE, trusting(authority), AT).fault != ""


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_are_answered_and_prove_nothing(data: bytes) -> None:
    for garbage in (data, b"\x30" + data):
        evidence = check(garbage, FILE, Trust((), ()), AT)
        assert evidence.fault != ""
        assert evidence.signers == ()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_signature_never_proves_another_signer(
    authority: Authority, person: Person, signature: bytes, data: st.DataObject
) -> None:
    """Cut, doubled and overwritten pieces of a good signature."""
    start = data.draw(st.integers(0, len(signature)))
    end = data.draw(st.integers(start, len(signature)))
    piece = data.draw(st.one_of(st.just(b""), st.just(signature[start:end] * 2), st.binary(max_size=40)))
    damaged = signature[:start] + piece + signature[end:]
    evidence = check(damaged, FILE, trusting(authority), AT)
    assert evidence.fault or {one.certificate for one in evidence.signers} == {person.fingerprint}


def test_the_child_process_gives_the_same_answers(authority: Authority, person: Person, signature: bytes) -> None:
    with Sandbox() as sandbox:
        assert [
            one.certificate for one in sandbox.check_signature(signature, FILE, trusting(authority), AT).signers
        ] == [person.fingerprint]
        refused(sandbox.check_signature(b"garbage", FILE, trusting(authority), AT), "neither DER nor PEM")


# --- our own ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_openssl_verifies_what_we_sign(authority: Authority, tmp_path: Path, kind: str) -> None:
    """The command of the participants' page, on our certificate from an authority."""
    own = authority.person("The depository", key=make_key(kind))
    signer = load_signer(own.key_file.read_bytes(), own.certificate_file.read_bytes())
    content, p7s, anchors = tmp_path / "receipt.json", tmp_path / "receipt.json.p7s", tmp_path / "authority.pem"
    content.write_bytes(FILE)
    p7s.write_bytes(signer.sign(FILE, AT))
    anchors.write_bytes(authority.pem)
    command = (
        *("cms", "-verify", "-binary", "-inform", "DER", "-in", p7s, "-content", content, "-nointern"),
        *("-certfile", own.certificate_file, "-CAfile", anchors, "-out", tmp_path / "out"),
    )
    openssl(*command)
    assert signer.sign(FILE, AT) == signer.sign(FILE, AT)
    content.write_bytes(FILE + b" ")
    with pytest.raises(AssertionError, match=r"(?i)verification failure|digest"):
        openssl(*command)
    printed = openssl("cms", "-cmsout", "-print", "-inform", "DER", "-in", p7s)
    assert b"Nov 23 05:00:00 2026 GMT" in printed


def test_our_signature_fits_its_bytes_and_no_others(authority: Authority) -> None:
    own = authority.person("The depository")
    signer = load_signer(own.key_file.read_bytes(), own.certificate_file.read_bytes())
    p7s = signer.sign(FILE, AT)
    assert fault_of_own(p7s, FILE) == ""
    assert "changed" in fault_of_own(p7s, FILE + b" ")


def test_a_trial_key_is_closed_to_others_and_openssl_verifies_its_signatures(tmp_path: Path) -> None:
    key, certificate = tmp_path / "keys" / "signing.key", tmp_path / "keys" / "signing.pem"
    create_trial_key(key, certificate, "Model Depository", AT)
    assert key.stat().st_mode & 0o777 == 0o600
    (tmp_path / "f").write_bytes(FILE)
    (tmp_path / "f.p7s").write_bytes(read_signer(key, certificate).sign(FILE, AT))
    openssl(
        *("cms", "-verify", "-binary", "-inform", "DER", "-in", tmp_path / "f.p7s", "-content", tmp_path / "f"),
        *("-nointern", "-certfile", certificate, "-CAfile", certificate, "-out", tmp_path / "out"),
    )
    before = key.read_bytes()
    create_trial_key(key, certificate, "Model Depository", AT)
    assert key.read_bytes() == before


def test_a_key_that_is_missing_open_or_of_another_certificate_is_a_clear_stop(
    authority: Authority, tmp_path: Path
) -> None:
    own, other = authority.person("The depository"), authority.person("Somebody else")
    own.key_file.chmod(0o600)
    with pytest.raises(FileRefused, match="is not there"):
        read_signer(tmp_path / "none.key", own.certificate_file)
    with pytest.raises(FileRefused, match="not that of the signing key"):
        read_signer(own.key_file, other.certificate_file)
    for mode in (0o640, 0o604, 0o644):
        own.key_file.chmod(mode)
        with pytest.raises(FileRefused, match="open to others"):
            read_signer(own.key_file, own.certificate_file)
    own.key_file.chmod(0o600)
    signer = read_signer(own.key_file, own.certificate_file)
    assert "PRIVATE" not in repr(signer)
    (tmp_path / "bad.key").write_bytes(b"nonsense")
    (tmp_path / "bad.key").chmod(0o600)
    with pytest.raises(FileRefused, match="cannot be used"):
        read_signer(tmp_path / "bad.key", own.certificate_file)
