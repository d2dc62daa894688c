"""A form that binds is taken only with the signature of a registered signatory: CSD-2.3.1-c, KCSD-85."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from depository.answers import Receipt
from depository.rejects import FileRefused
from depository.store import schema
from flows.steps.export import export_participant
from flows.steps.reference import load_contents
from parsers.sandbox import Sandbox
from tests.support.books import BOND, DAY, FRIDAY, Desk, at, form, ist_line, load_sample_reference, open_site
from tests.support.databases import SqliteTemplate
from tests.support.pki import Authority, Person
from tools import sample_keys

HEADER = "party,name,certificate_sha256,valid_from,valid_to,revoked_at,revoked_because\n"
LOCK = {
    "action": "create",
    "debtor": "B02",
    "debtor_account": "B02-HO",
    "secured_party": "B01",
    "secured_account": "B01-HO",
    "isin": BOND,
    "quantity": Decimal(300_000),
    "agreement_number": "SA-11/2026",
    "agreement_date": FRIDAY,
    "agreement_attached": "yes",
    "indemnity_attached": "yes",
}
SAME = ("debtor", "secured_party", "isin", "quantity", "agreement_number", "agreement_date")
INDEMNITY = {**{name: LOCK[name] for name in SAME}, "given_by": "debtor", "text_version": "1"}
PERSON = "Authorised Person B02"
TEN = at("10:00")

pytestmark = pytest.mark.rule("CSD-2.3.1-c", "KCSD-85")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def signatory(authority: Authority) -> Person:
    return authority.person(PERSON)


@pytest.fixture
def desk(
    sqlite_template: SqliteTemplate, tmp_path: Path, sandbox: Sandbox, authority: Authority, signatory: Person
) -> Desk:
    """The sample's depository, where B02 has registered a certificate of another authority and sent the indemnity for its SIN."""
    site = open_site(sqlite_template.copy_to(tmp_path / "csd.sqlite"), tmp_path, sandbox)
    load_sample_reference(site)
    anchors = sample_keys.certificate_pem(sample_keys.AUTHORITY) + authority.pem
    load_contents(site, {"trust_anchors.pem": anchors}, at("08:00"))
    made = Desk(site)
    register(made, signatory)
    made.plan()
    data = ind()
    receipt = made.drop("B02", "IND.xlsx", data, "08:56", signature=signatory.sign(data))
    assert receipt.verdict.value == "accepted"
    return made


def register(
    desk: Desk,
    person: Person,
    party: str = "B02",
    since: str = "2026-01-01",
    until: str = "2027-12-31",
    revoked: str = ",",
    local: str = "08:10",
) -> None:
    line = f"{party},{person.name},{person.fingerprint},{since},{until},{revoked}\n"
    load_contents(desk.site, {"signatories.csv": (HEADER + line).encode()}, at(local))


def sin(reference: str = "B02-SIN-0077", **changes: Any) -> bytes:
    return form("SIN", "B02", reference, LOCK, **changes)


def ind(sin: str = "B02-SIN-0077", reference: str = "B02-IND-0077", **changes: Any) -> bytes:
    return form("IND", "B02", reference, {**INDEMNITY, "sin_number": sin, **changes})


def refused(receipt: Receipt, words: str) -> None:
    """Refused with the signature's code and rule, in words; nothing of it is in the books."""
    assert receipt.verdict.value == "refused", receipt
    assert receipt.signed_by == ()
    [reject] = receipt.rejects
    assert (reject.code.value, reject.rule, reject.field) == ("SETR", "CSD-2.3.1-c", "signature")
    assert words in reject.message, reject.message


def locks(desk: Desk) -> int:
    with desk.work() as work:
        return int(work.connection.execute(select(func.count()).select_from(schema.interest)).scalar_one())


def test_a_signed_form_is_taken_and_the_receipt_says_who_signed(desk: Desk, signatory: Person) -> None:
    data = sin()
    signature = signatory.sign(data)
    receipt = desk.drop("B02", "SIN.xlsx", data, signature=signature)
    assert receipt.verdict.value == "accepted"
    assert receipt.signed_by == (f"{PERSON}, certificate {signatory.fingerprint}",)
    assert locks(desk) == 1
    with desk.work() as work:
        row = work.connection.execute(select(schema.file).where(schema.file.c.form == "SIN")).one()
    assert row.signed_by == receipt.signed_by[0]
    assert desk.site.archive.get(row.signature) == signature


@pytest.mark.rule("CSD-4.3-1-a")
def test_an_indemnity_is_taken_only_signed_and_its_security_interest_names_it(desk: Desk, signatory: Person) -> None:
    data = ind("B02-SIN-0078", "B02-IND-0078")
    refused(desk.drop("B02", "IND.xlsx", data), "openssl cms -sign -binary -md sha256 -in IND.xlsx")
    stranger = signatory.sign(ind("B02-SIN-0079", "B02-IND-0078"))
    refused(desk.drop("B02", "IND.xlsx", data, signature=stranger), "changed after signing")
    taken = desk.drop("B02", "IND.xlsx", data, signature=signatory.sign(data))
    assert (taken.verdict.value, taken.lines[0].record) == ("accepted", "IND000002")
    assert taken.signed_by == (f"{PERSON}, certificate {signatory.fingerprint}",)
    late = sin("B02-SIN-0079")
    nothing = desk.drop("B02", "SIN.xlsx", late, "10:05", signature=signatory.sign(late))
    assert [(r.rule, r.field) for r in nothing.lines[0].rejects] == [("CSD-4.3-1-a", "indemnity_attached")]
    good = sin("B02-SIN-0078")
    receipt = desk.drop("B02", "SIN.xlsx", good, "10:06", signature=signatory.sign(good))
    assert receipt.verdict.value == "accepted"
    report = desk.outbox("B02")[f"{DAY:%Y%m%d}_interest_{receipt.number}.json"]
    assert b"IND000002 of B02" in report


def test_without_a_signature_it_is_refused_and_the_answer_says_how_to_sign(desk: Desk) -> None:
    receipt = desk.drop("B02", "SIN.xlsx", sin())
    refused(receipt, "openssl cms -sign -binary -md sha256 -in SIN.xlsx")
    assert receipt.places != ("",)
    assert locks(desk) == 0


@pytest.mark.rule("KCSD-84")
def test_the_same_bytes_first_unsigned_and_then_signed_are_taken(desk: Desk, signatory: Person) -> None:
    data = sin()
    refused(desk.drop("B02", "SIN.xlsx", data), "there is none")
    signature = signatory.sign(data)
    accepted = desk.drop("B02", "SIN.xlsx", data, "10:05", signature=signature)
    assert accepted.verdict.value == "accepted"
    again = desk.drop("B02", "SIN.xlsx", data, "10:10", signature=signature)
    assert again == accepted
    anew = desk.drop("B02", "SIN.xlsx", data, "10:15", signature=signatory.sign(data, digest="sha512"))
    assert "came before" in anew.message
    assert locks(desk) == 1


def test_a_form_that_needs_none_is_taken_without_and_with_one_but_not_with_a_bad_one(
    desk: Desk, signatory: Person
) -> None:
    def transfer(number: int) -> bytes:
        return form("IST", "B02", f"B02-IST-9{number}", lines=[ist_line(f"X-{number}", "B02-HO", "B01-HO")])

    unsigned, signed, bad = transfer(1), transfer(2), transfer(3)
    assert desk.drop("B02", "1.xlsx", unsigned).verdict.value == "accepted"
    assert desk.drop("B02", "2.xlsx", signed, signature=signatory.sign(signed)).signed_by
    refused(desk.drop("B02", "3.xlsx", bad, signature=signatory.sign(signed)), "changed after signing")


def test_an_altered_file_and_an_altered_signature_are_refused(desk: Desk, signatory: Person) -> None:
    data = sin()
    signature = signatory.sign(data)
    refused(desk.drop("B02", "SIN.xlsx", sin("B02-SIN-0078"), signature=signature), "changed after signing")
    altered = signature[:-1] + bytes([signature[-1] ^ 1])
    refused(desk.drop("B02", "SIN.xlsx", data, signature=altered), "not made with the key")
    for garbage in (b"", b"garbage", b"\x30\x80" * 5_000, b"\x30" * 70_000):
        assert desk.drop("B02", "SIN.xlsx", data, signature=garbage).verdict.value == "refused"
    assert locks(desk) == 0


def test_a_stranger_with_a_valid_certificate_of_the_same_authority_is_refused(desk: Desk, authority: Authority) -> None:
    data = sin()
    stranger = authority.person(PERSON)
    refused(desk.drop("B02", "SIN.xlsx", data, signature=stranger.sign(data)), "not registered for a signatory of B02")


def test_another_participants_signatory_is_refused_without_saying_whose(desk: Desk, authority: Authority) -> None:
    data = sin()
    other = authority.person("Authorised Person B03")
    register(desk, other, "B03")
    receipt = desk.drop("B02", "SIN.xlsx", data, signature=other.sign(data))
    refused(receipt, "not registered for a signatory of B02")
    assert "B03" not in receipt.rejects[0].message


def test_a_registered_certificate_of_an_authority_no_longer_trusted_is_refused(desk: Desk, signatory: Person) -> None:
    data = sin()
    anchors = sample_keys.certificate_pem(sample_keys.AUTHORITY)
    load_contents(desk.site, {"trust_anchors.pem": anchors}, at("08:30"))
    assert desk.drop("B02", "SIN.xlsx", data, signature=signatory.sign(data)).verdict.value == "refused"


def test_the_person_named_on_the_form_is_the_one_who_signs(desk: Desk, authority: Authority) -> None:
    data = sin()
    second = authority.person("Second Person B02")
    register(desk, second)
    refused(desk.drop("B02", "SIN.xlsx", data, signature=second.sign(data)), f"the form names {PERSON}")


def test_a_signer_without_a_power_for_the_form_is_refused(desk: Desk, authority: Authority) -> None:
    """B06's cashier may sign withdrawals alone, and could until October."""
    cashier = authority.person("Authorised Person B06-2")
    register(desk, cashier, "B06")
    body = {**LOCK, "debtor": "B06", "debtor_account": "B06-HO"}
    data = form("SIN", "B06", "B06-SIN-0001", body, signatory=cashier.name, signature=cashier.name)
    receipt = desk.drop("B06", "SIN.xlsx", data, signature=cashier.sign(data))
    assert receipt.verdict.value == "refused"
    assert [(r.code.value, r.field) for r in receipt.rejects] == [("SETR", "signatory")]
    assert "power of attorney" in receipt.rejects[0].message


def test_every_person_named_on_the_form_signs_it(desk: Desk, authority: Authority, signatory: Person) -> None:
    second = authority.person("Second Person B02")
    register(desk, second)
    powers = (
        f"participant,name,position,forms,valid_from,valid_to\nB02,{second.name},Director,SIN,2026-01-01,2027-12-31\n"
    )
    load_contents(desk.site, {"powers.csv": powers.encode()}, at("08:20"))
    data = sin(second_signatory=second.name, second_position="Director", second_signature=second.name)
    one = signatory.sign(data)
    refused(desk.drop("B02", "SIN.xlsx", data, signature=one), f"{second.name} is named on the form and has not signed")
    both = desk.drop("B02", "SIN.xlsx", data, signature=second.sign_too(one, data))
    assert both.verdict.value == "accepted"
    assert len(both.signed_by) == 2


def test_a_certificate_counts_within_its_registration_and_its_own_validity(desk: Desk, authority: Authority) -> None:
    data = sin()
    over = authority.person(PERSON)
    register(desk, over, until=str(DAY - timedelta(days=1)))
    refused(
        desk.drop("B02", "SIN.xlsx", data, signature=over.sign(data)), f"to {DAY - timedelta(days=1)}, and today is"
    )
    early = authority.person(PERSON)
    register(desk, early, since=str(DAY + timedelta(days=1)), local="08:11")
    refused(desk.drop("B02", "SIN.xlsx", data, signature=early.sign(data)), "is registered from")
    expired = authority.person(PERSON, until=TEN.astimezone(UTC) - timedelta(seconds=1))
    register(desk, expired, local="08:12")
    refused(desk.drop("B02", "SIN.xlsx", data, signature=expired.sign(data)), "expired on")
    coming = authority.person(PERSON, since=TEN.astimezone(UTC) + timedelta(seconds=1))
    register(desk, coming, local="08:13")
    refused(desk.drop("B02", "SIN.xlsx", data, signature=coming.sign(data)), "valid only from")


def test_a_revocation_counts_from_its_moment_on(desk: Desk, signatory: Person) -> None:
    """Judged by the moment of arrival, not by that of the registration."""
    data, later = sin(), sin("B02-SIN-0078")
    register(desk, signatory, revoked=f"{at('10:30').isoformat()},key lost", local="09:00")
    assert desk.drop("B02", "1.xlsx", data, "10:29", signature=signatory.sign(data)).verdict.value == "accepted"
    refused(desk.drop("B02", "2.xlsx", later, "10:30", signature=signatory.sign(later)), "was revoked at")


def test_a_revocation_is_not_taken_back_or_put_off(desk: Desk, signatory: Person) -> None:
    register(desk, signatory, revoked=f"{at('10:30').isoformat()},key lost", local="09:00")
    for revoked in (",", f"{at('11:30').isoformat()},later"):
        with pytest.raises(FileRefused, match="stays so: register a new certificate"):
            register(desk, signatory, revoked=revoked, local="09:10")
    register(desk, signatory, revoked=f"{at('10:00').isoformat()},lost earlier", local="09:20")


def test_a_certificate_that_its_authority_revoked_is_refused(desk: Desk, authority: Authority, tmp_path: Path) -> None:
    data = sin()
    own = Authority(tmp_path / "own", "Revoking authority")
    lost = own.person(PERSON)
    register(desk, lost, local="08:21")
    own.revoked[lost.certificate.serial_number] = at("10:30").astimezone(UTC)
    issued, until = at("10:40").astimezone(UTC), at("23:00").astimezone(UTC)
    contents = {"trust_anchors.pem": own.pem, "revocation_lists.pem": own.revocation_list(issued, until)}
    load_contents(desk.site, contents, at("10:45"))
    assert desk.drop("B02", "0.xlsx", data, "10:20", signature=lost.sign(data)).verdict.value == "accepted"
    later = sin("B02-SIN-0079")
    refused(desk.drop("B02", "1.xlsx", later, "10:50", signature=lost.sign(later)), "revoked by its authority")
    refused(desk.drop("B02", "2.xlsx", later, "23:30", signature=lost.sign(later)), "")


def test_a_dry_run_judges_the_signature_as_well(desk: Desk, signatory: Person) -> None:
    data = sin()
    refused(desk.drop("B02", "SIN.xlsx", data, folder="check"), "there is none")
    good = desk.drop("B02", "SIN.xlsx", data, folder="check", signature=signatory.sign(data))
    assert good.verdict.value == "accepted"
    assert good.signed_by
    assert locks(desk) == 0


def test_a_feed_may_come_signed_and_then_its_signature_is_checked(desk: Desk, authority: Authority) -> None:
    from depository.feeds import RegistryPosition
    from parsers.registry_csv import render_positions

    clerk = authority.person("Registry clerk")
    data = render_positions([RegistryPosition(1, BOND, Decimal(2_500_000), DAY)])
    refused(
        desk.drop("registry", "p1.csv", data, "18:30", signature=clerk.sign(data)), "not registered for a signatory"
    )
    register(desk, clerk, "registry", local="08:40")
    signed = desk.drop("registry", "p2.csv", data, "18:31", signature=clerk.sign(data, digest="sha512"))
    assert signed.signed_by == (f"Registry clerk, certificate {clerk.fingerprint}",)
    assert signed.verdict.value == "accepted"


def test_a_replay_checks_the_signatures_again_and_gives_the_same(desk: Desk, signatory: Person, tmp_path: Path) -> None:
    data = sin()
    desk.drop("B02", "SIN.xlsx", data)
    desk.drop("B02", "SIN.xlsx", data, "10:05", signature=b"garbage")
    desk.drop("B02", "SIN.xlsx", data, "10:06", signature=signatory.sign(data))
    register(desk, signatory, revoked=f"{at('10:30').isoformat()},key lost", local="11:00")
    later = sin("B02-SIN-0078")
    desk.drop("B02", "SIN.xlsx", later, "11:01", signature=signatory.sign(later))
    result = desk.replay(tmp_path / "replay")
    assert result.differences == ()
    assert result.outgoing >= 8


def test_an_export_has_the_signatures_beside_the_files(desk: Desk, signatory: Person, tmp_path: Path) -> None:
    import zipfile

    data = sin()
    signature = signatory.sign(data)
    desk.drop("B02", "SIN.xlsx", data, signature=signature)
    made = export_participant(desk.site, "B02", DAY, DAY, tmp_path / "B02.zip", at("20:00"))
    with zipfile.ZipFile(made.target) as archive:
        assert archive.read("in/B02/000002_SIN.xlsx") == data
        assert archive.read("in/B02/000002_SIN.xlsx.p7s") == signature
        assert signatory.fingerprint in archive.read("records/signatory.csv").decode("utf-8-sig")
    assert made.files_in == 2


def test_a_signature_nobody_has_to_give_before_the_policy_begins(desk: Desk) -> None:
    """The policy is dated configuration: SIN and IND by default, nothing before its first day."""
    market = desk.site.market
    assert market.signature_required("SIN", DAY)
    assert market.signature_required("IND", DAY)
    assert not market.signature_required("IST", DAY)
    assert not market.signature_required("SIN", date(2025, 12, 31))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("B02,A,xyz,2026-01-01,2027-01-01,,\n", "64 hexadecimal digits"),
        (f"B02,A,{'a' * 64},2026-01-01,2025-01-01,,\n", "before valid_from"),
        (f"B02,A,{'a' * 64},2026-01-01,2027-01-01,2026-11-23T10:00:00,lost\n", "with its zone"),
        (f"B02,A,{'a' * 64},2026-01-01,2027-01-01,2026-11-23T10:00:00+05:00,\n", "revoked_because is missing"),
        (f"B02,A,{'a' * 64},2026-01-01,2027-01-01,,lost\n", "give revoked_at"),
        (f"B99,A,{'a' * 64},2026-01-01,2027-01-01,,\n", "there is no party B99"),
        (f"B02,A,{'a' * 64},2026-01-01,2027-01-01,,\n" * 2, "keep one of the two lines"),
    ],
)
def test_a_wrong_line_of_the_register_loads_nothing(desk: Desk, content: str, words: str) -> None:
    with pytest.raises(FileRefused, match=words):
        load_contents(desk.site, {"signatories.csv": (HEADER + content).encode()}, at("08:50"))


def test_a_fingerprint_may_be_written_as_openssl_prints_it(desk: Desk, authority: Authority) -> None:
    person = authority.person(PERSON)
    data = sin()
    pairs = person.fingerprint.upper()
    colons = ":".join(pairs[i : i + 2] for i in range(0, 64, 2))
    line = f"B02,{PERSON},{colons},2026-01-01,2027-12-31,,\n"
    load_contents(desk.site, {"signatories.csv": (HEADER + line).encode()}, at("08:50"))
    assert desk.drop("B02", "SIN.xlsx", data, signature=person.sign(data)).verdict.value == "accepted"


@pytest.mark.parametrize("name", ["trust_anchors.pem", "revocation_lists.pem"])
def test_a_damaged_pem_file_loads_nothing(desk: Desk, authority: Authority, name: str) -> None:
    issued = datetime(2026, 11, 1, tzinfo=UTC)
    wrong = authority.pem if name == "revocation_lists.pem" else authority.revocation_list(issued, issued)
    broken = (
        wrong.replace(b"X509 CRL", b"CERTIFICATE")
        if name == "trust_anchors.pem"
        else b"-----BEGIN X509 CRL-----\nAAAA\n"
    )
    for content in (b"", b"nonsense", wrong, broken + b"-----END X509 CRL-----\n"):
        with pytest.raises(FileRefused, match="Nothing was loaded"):
            load_contents(desk.site, {name: content}, at("08:50"))
