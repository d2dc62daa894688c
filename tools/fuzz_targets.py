"""What is fuzzed: each parser as a function of bytes, what it may raise, and right files to begin with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from depository.answers import Receipt, Verdict
from depository.rejects import FileRefused
from depository.reports import Payment
from depository.signatories import Trust
from parsers import cms, pain001, receipt_json, reference_csv, reference_pem, report_json, solve_files
from parsers.camt import read_statement
from parsers.marked_workbook import mark
from parsers.registry_csv import read_positions
from parsers.trades_csv import read_trades
from parsers.workbook_form import read_form
from tests.support.report_samples import ROW, report, table
from tools import sample_keys

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "sample_files"
ZONE = ZoneInfo("Asia/Almaty")
PERSON = "Authorised Person B01"
KNOWN = {sample_keys.fingerprint(PERSON)}
"""Whose signature is worth something; the other one is revoked."""
SEPARATOR = b"\n=== "
"""Before the name of each file in the input of the parser of several files."""
LONGEST_MESSAGE = 2_000
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Target:
    """A parser under test; it may read the bytes or raise one of `refusals`, anything else is a finding."""

    read: Callable[[bytes], object]
    seeds: Callable[[], Iterator[bytes]]
    refusals: tuple[type[Exception], ...] = (FileRefused,)


def samples(*patterns: str, largest: int = 100_000) -> Callable[[], Iterator[bytes]]:
    """The sample files by pattern."""

    def found() -> Iterator[bytes]:
        for pattern in patterns:
            for path in sorted(SAMPLES.glob(pattern)):
                if path.stat().st_size <= largest:
                    yield path.read_bytes()

    return found


def read_and_mark(data: bytes) -> None:
    """Reads a form and marks the workbook as its answer, which opens it by another library."""
    form = read_form(data, "form.xlsx")
    rejects = form.rejects
    receipt = Receipt(
        number="R1",
        sender="B01",
        file_name="form.xlsx",
        sha256="0" * 64,
        size=len(data),
        arrived_at=NOW,
        business_date=date(2026, 11, 23),
        channel="SFTP",
        form=form.code,
        reference=form.reference,
        verdict=Verdict.REFUSED,
        batch="",
        cut_off=None,
        rejects=rejects,
        places=tuple(form.place(0, reject.field) for reject in rejects),
        lines=(),
    )
    mark(data, form, receipt)


def read_reference(data: bytes) -> None:
    """By every reader of reference data; all but one refuse it by its header."""
    refused = 0
    readers = (
        reference_csv.read_parties,
        reference_csv.read_powers,
        reference_csv.read_bank_accounts,
        reference_csv.read_accounts,
        reference_csv.read_products,
        reference_csv.read_calendar,
        reference_csv.read_opening_positions,
        reference_csv.read_signatories,
        reference_csv.read_rates,
        reference_pem.read_trust_anchors,
        reference_pem.read_revocation_lists,
    )
    for read in readers:
        try:
            read(data)
        except FileRefused:
            refused += 1


def read_solve(data: bytes) -> None:
    """The files of `csd solve`, one after the other in one input."""
    texts = {}
    for piece in (b"\n" + data).split(SEPARATOR)[1:]:
        name, _, text = piece.decode("utf-8", "replace").partition("\n")
        if name in solve_files.FILES:
            texts[name] = text
    solve_files.read(texts)


def solve_seeds() -> Iterator[bytes]:
    """Small inputs with every file."""
    files = {
        "securities.csv": "account,isin,available\nA1,KZ1C00000009,100\nA2,KZ1C00000009,5.5\n",
        "cash.csv": "participant,currency,available\nP1,KZT,100.25\nP2,KZT,0\n",
        "instructions.csv": (
            "id,deliver_account,receive_account,isin,quantity,payer,payee,currency,amount,priority,isd,netting,link\n"
            "1,A1,A2,KZ1C00000009,10,P2,P1,KZT,100.25,1,2026-11-23,net,\n"
            "2,A2,A1,KZ1C00000009,1.5,P1,P2,KZT,3,5,,gross,L\n"
        ),
        "rates.csv": "currency,rate\nKZT,1\nUSD,450.5\n",
    }
    yield b"".join(SEPARATOR + name.encode() + b"\n" + text.encode() for name, text in files.items())


def orders() -> Iterator[bytes]:
    """Payment orders of one payment and of three in two groups."""
    payment = Payment(
        end_to_end="W000001",
        debtor_iban="KZ86125KZT5004100100",
        currency="KZT",
        amount=Decimal("1250000.50"),
        creditor_name="A & Co <LLP>",
        creditor_bin="180140000018",
        creditor_iban="KZ418560000000001001",
        creditor_bic="MBNKKZKA",
        purpose="1517KZT710",
        details="Proceeds",
        execution_date=NOW.date(),
    )
    other = replace(payment, end_to_end="W000002", purpose="", creditor_bin="")
    debtor = pain001.Debtor("A Depository", "180140000018", "TESTKZKA", "MBNKKZKA")
    yield pain001.render([payment], "P1", NOW, debtor)
    third = replace(other, end_to_end="W000003", execution_date=date(2026, 11, 24))
    yield pain001.render([payment, other, third], "P2", NOW, debtor)


def receipts() -> Iterator[bytes]:
    """Receipts of the sample forms."""
    for path in sorted(SAMPLES.glob("IST/wrong-*.xlsx"))[:5]:
        form = read_form(path.read_bytes(), path.name)
        receipt = Receipt(
            "R1", "B01", path.name, "0" * 64, 1, NOW, NOW.date(), "SFTP", form.code, form.reference, Verdict.REFUSED, "",
            None, form.rejects, tuple(form.place(0, r.field) for r in form.rejects), (),
        )  # fmt: skip
        yield receipt_json.render(receipt)


def reports() -> Iterator[bytes]:
    """Reports of every kind of value."""
    yield report_json.render(report(table(ROW, ROW)))
    yield report_json.render(report())


SIGNED = b"a file that is signed"
ANCHORS = (
    x509.load_pem_x509_certificate(sample_keys.certificate_pem(sample_keys.AUTHORITY)).public_bytes(Encoding.DER),
)
LISTS = (x509.load_pem_x509_crl(sample_keys.revocation_list()).public_bytes(Encoding.DER),)
TRUST = Trust(ANCHORS, LISTS)


def check_signature(data: bytes) -> None:
    """Judges a signature; raises AssertionError when bytes that nobody signed with a trusted key prove anything."""
    evidence = cms.check(data, SIGNED, TRUST, NOW)
    assert bool(evidence.signers) != bool(evidence.fault)
    told = [evidence.fault, evidence.found, *(one.subject for one in evidence.signers)]
    assert sum(map(len, told)) < LONGEST_MESSAGE, evidence
    assert all(map(str.isprintable, told)), evidence
    assert {one.certificate for one in evidence.signers} <= KNOWN, evidence


def signatures() -> Iterator[bytes]:
    """Right signatures as DER and PEM, one by somebody revoked and one over another file."""
    right = sample_keys.signer(PERSON).sign(SIGNED, NOW)
    yield right
    yield pem.armor("CMS", right)
    yield sample_keys.signer(sample_keys.LEFT).sign(SIGNED, NOW)
    yield sample_keys.signer(PERSON).sign(b"another file", NOW)


TARGETS = {
    "form": Target(lambda data: read_form(data, "form.xlsx"), samples("*/*.xlsx", largest=40_000)),
    "marked": Target(read_and_mark, samples("*/wrong-*.xlsx", largest=40_000)),
    "camt": Target(lambda data: read_statement(data, ZONE), samples("camt05*/*.xml")),
    "pain": Target(pain001.read_orders, orders),
    "trades": Target(lambda data: read_trades(data, ZONE), samples("trades/*.csv")),
    "registry": Target(read_positions, samples("registry/*.csv")),
    "reference": Target(read_reference, samples("reference/*.csv", "day/reference/*.*")),
    "receipt": Target(receipt_json.parse, receipts, (ValueError, KeyError)),
    "report": Target(report_json.parse, reports, (ValueError, KeyError)),
    "cms": Target(check_signature, signatures, ()),
    "solve": Target(read_solve, solve_seeds, (solve_files.BadInput,)),
}


def one_input(target: Target, data: bytes) -> None:
    """Reads once; raises whatever is a finding, also a refusal that says nothing or too much."""
    try:
        target.read(data)
    except target.refusals as refused:
        if isinstance(refused, FileRefused) and not (refused.code and 10 < len(refused.message) < LONGEST_MESSAGE):
            raise AssertionError(
                f"a refusal that says nothing, or too much: {refused.code} {refused.message}"
            ) from None
