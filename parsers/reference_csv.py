"""Reference data as CSV: parties, powers, signatories, bank accounts, accounts, products, calendar, rates, opening positions.

Each reader gives the records of the lines that are right and every faulty line with its faults; the caller decides
whether to load a file with faults. What one file cannot show (does the participant exist?) is for the loader to check.
"""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from depository import identifiers
from depository.business_days import DayKind
from depository.feeds import CalendarDay, OpeningPosition, RefusedLine
from depository.register import (
    Account,
    AccountState,
    AccountType,
    BankAccount,
    ExchangeRate,
    LendingAgreement,
    Party,
    PartyKind,
    Power,
    Product,
)
from depository.rejects import RejectionReason
from depository.signatories import Signatory
from parsers.csv_table import Cells, read_table

PARTIES = ("code", "name", "kind", "bic", "bin", "active")
POWERS = ("participant", "name", "position", "forms", "valid_from", "valid_to")
SIGNATORIES = ("party", "name", "certificate_sha256", "valid_from", "valid_to", "revoked_at", "revoked_because")
BANK_ACCOUNTS = ("participant", "currency", "iban", "bank_bic", "beneficiary_name", "beneficiary_bin")
ACCOUNTS = ("number", "participant", "type", "state", "opened_on", "nin")
PRODUCTS = (
    "isin",
    "name",
    "currency",
    "quantity_type",
    "scale",
    "cfi",
    "fisn",
    "registry",
    "market",
    "admitted",
)
CALENDAR = ("date", "kind", "reason", "source")
LENDING_AGREEMENTS = ("reference", "lender", "borrower", "kind", "valid_from", "valid_to")
RATES = ("currency", "valid_from", "rate", "source")
POSITIONS = ("account", "isin", "quantity", "registry_reference")

_FOLDER = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,19}")
_FORMS = re.compile(r"\*|[A-Z]{2,5}(;[A-Z]{2,5})*")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_SCALE = re.compile(r"[0-8]")
_LONGEST_NAME = 140
_ONE_CLIENT = "CSD-3.1.2-c"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reference(Generic[T]):
    """The records of a reference file, and its lines that were not taken."""

    records: tuple[T, ...]
    refused: tuple[RefusedLine, ...]


def _read(
    data: bytes,
    columns: tuple[str, ...],
    what: str,
    rule: str,
    record: Callable[[Cells], T | None],
    key: tuple[str, ...],
    optional: tuple[str, ...] = (),
) -> Reference[T]:
    """Read each line with `record`; a line whose `key` columns stand on an earlier line is refused."""
    table = read_table(data, columns, what=what, rule=rule, optional=optional)
    records: list[T] = []
    refused = list(table.refused)
    seen: dict[Hashable, int] = {}
    for row in table.rows:
        cells = Cells(row, rule)
        found = record(cells)
        identity = tuple(row.cells[column].replace(" ", "").upper() for column in key)
        if seen.setdefault(identity, row.line) != row.line:
            message = f"{', '.join(key)} stand on line {seen[identity]} already: keep one of the two lines."
            cells.fault(RejectionReason.REFERENCE, key[0], message)
        if cells.rejects or found is None:
            refused.append(cells.refused(row.cells[key[0]]))
        else:
            records.append(found)
    return Reference(tuple(records), tuple(sorted(refused, key=lambda line: line.line)))


def read_parties(data: bytes) -> Reference[Party]:
    """Parties: a participant's code is a letter and two digits, any other code is the name of its folder."""

    def record(cells: Cells) -> Party | None:
        kind = cells.choice("kind", [k.value for k in PartyKind])
        code = cells.row.cells["code"]
        if kind == PartyKind.PARTICIPANT:
            code = cells.identifier("code", identifiers.participant)
        elif not _FOLDER.fullmatch(code):
            cells.fault(
                RejectionReason.OTHER, "code", "code is 2 to 20 Latin letters, digits and hyphens, a letter first."
            )
        name = cells.text("name", _LONGEST_NAME)
        bic = cells.identifier("bic", identifiers.bic, mandatory=False)
        bin_ = cells.identifier("bin", identifiers.iin_bin, mandatory=False)
        active = cells.flag("active", True)
        return Party(code, name, PartyKind(kind), bic, bin_, active) if kind else None

    return _read(data, PARTIES, "parties", "KCSD-85", record, ("code",), ("bic", "bin", "active"))


def read_powers(data: bytes) -> Reference[Power]:
    """Powers of attorney: `forms` are form codes with semicolons between them, or * for every form (CSD-2.3.1-c)."""

    def record(cells: Cells) -> Power | None:
        participant = cells.identifier("participant", identifiers.participant)
        name = cells.text("name", _LONGEST_NAME)
        position = cells.text("position", _LONGEST_NAME)
        forms = cells.row.cells["forms"].replace(" ", "")
        if not _FORMS.fullmatch(forms):
            cells.fault(RejectionReason.OTHER, "forms", "forms are codes such as IST;WRN, or * for every form.")
        start, end = cells.day("valid_from"), cells.day("valid_to")
        if start is None or end is None:
            return None
        if end < start:
            cells.fault(RejectionReason.DATE, "valid_to", "valid_to is before valid_from.")
        return Power(participant, name, position, tuple(forms.split(";")), start, end)

    return _read(data, POWERS, "powers", "CSD-2.3.1-c", record, ("participant", "name", "forms", "valid_from"))


def read_signatories(data: bytes) -> Reference[Signatory]:
    """Who signs for a party with which certificate (CSD-2.3.1-c): its SHA-256 in hexadecimal, colons between the bytes allowed."""

    def record(cells: Cells) -> Signatory | None:
        party = cells.row.cells["party"]
        if not _FOLDER.fullmatch(party):
            cells.fault(RejectionReason.OTHER, "party", "party is the party's code, which is its folder.")
        name = cells.text("name", _LONGEST_NAME)
        certificate = cells.row.cells["certificate_sha256"].replace(":", "").replace(" ", "").lower()
        if not _FINGERPRINT.fullmatch(certificate):
            how = "`openssl x509 -in certificate.pem -noout -fingerprint -sha256` prints it"
            cells.fault(
                RejectionReason.SIGNATURE, "certificate_sha256", f"certificate_sha256 has 64 hexadecimal digits: {how}."
            )
        start, end = cells.day("valid_from"), cells.day("valid_to")
        revoked_at = cells.moment("revoked_at")
        why = cells.text("revoked_because", _LONGEST_NAME, mandatory=cells.given("revoked_at"))
        if why and not cells.given("revoked_at"):
            cells.fault(RejectionReason.DATE, "revoked_at", "a revocation needs its moment: give revoked_at.")
        if start is None or end is None:
            return None
        if end < start:
            cells.fault(RejectionReason.DATE, "valid_to", "valid_to is before valid_from.")
        return Signatory(party, name, certificate, start, end, revoked_at, why)

    return _read(
        data,
        SIGNATORIES,
        "signatories",
        "CSD-2.3.1-c",
        record,
        ("party", "certificate_sha256"),
        ("revoked_at", "revoked_because"),
    )


def read_bank_accounts(data: bytes) -> Reference[BankAccount]:
    """Participants' registered bank accounts, one per participant and currency (CSD-3.3.2-c)."""

    def record(cells: Cells) -> BankAccount:
        return BankAccount(
            participant=cells.identifier("participant", identifiers.participant),
            currency=cells.identifier("currency", identifiers.currency, RejectionReason.MONEY),
            iban=cells.identifier("iban", identifiers.iban, RejectionReason.CASH_ACCOUNT),
            bank_bic=cells.identifier("bank_bic", identifiers.bic, RejectionReason.CASH_ACCOUNT),
            beneficiary_name=cells.text("beneficiary_name", _LONGEST_NAME),
            beneficiary_bin=cells.identifier("beneficiary_bin", identifiers.iin_bin),
        )

    return _read(data, BANK_ACCOUNTS, "bank accounts", "CSD-3.3.2-c", record, ("participant", "currency"))


def read_accounts(data: bytes) -> Reference[Account]:
    """Securities accounts; participant and type may be left out, since the number holds them (CSD-3.1.2-a).

    A nominee account carries its client's NIN, others have none; a NIN stands once per participant (CSD-3.1.2-c).
    """
    clients: dict[tuple[str, str], int] = {}

    def record(cells: Cells) -> Account | None:
        number = cells.identifier("number", identifiers.account, RejectionReason.ACCOUNT)
        opened_on = cells.day("opened_on")
        # Blocked by order of a body alone (KCSD-97), never by reference data.
        states = [s.value for s in AccountState if s is not AccountState.BLOCKED]
        state = cells.choice("state", states, default=AccountState.OPEN.value)
        nin = cells.identifier("nin", identifiers.nin, mandatory=False)
        if not number:
            return None
        participant, suffix = number.split("-")
        kind = AccountType.NOMINEE if suffix[0] == "N" else AccountType(suffix)
        if cells.row.cells["participant"] not in ("", participant):
            cells.fault(RejectionReason.ACCOUNT, "participant", f"The account number says {participant}.")
        if cells.row.cells["type"] not in ("", kind.value):
            cells.fault(RejectionReason.ACCOUNT, "type", f"The account number says {kind.value}.")
        if kind is AccountType.NOMINEE and not cells.given("nin"):
            cells.fault(RejectionReason.OTHER, "nin", "A nominee account needs its client's NIN: give it.", _ONE_CLIENT)
        if kind is not AccountType.NOMINEE and cells.given("nin"):
            cells.fault(RejectionReason.OTHER, "nin", "Only a nominee account has a NIN: leave it empty.", _ONE_CLIENT)
        if nin and clients.setdefault((participant, nin), cells.row.line) != cells.row.line:
            line = clients[participant, nin]
            message = f"{participant} has an account of this client on line {line}: one account per client."
            cells.fault(RejectionReason.REFERENCE, "nin", message, _ONE_CLIENT)
        if opened_on is None or not state:
            return None
        return Account(number, participant, kind, AccountState(state), opened_on, nin)

    return _read(
        data, ACCOUNTS, "accounts", "CSD-3.1.2-a", record, ("number",), ("participant", "type", "state", "nin")
    )


def read_products(data: bytes) -> Reference[Product]:
    """Admitted products (CSD-7.1.1-a) with ISIN check digit and the form of the CFI (KCSD-96); `scale` is the number of decimals of a
    quantity, 0 to 8.
    """

    def record(cells: Cells) -> Product | None:
        scale = cells.row.cells["scale"]
        if not _SCALE.fullmatch(scale):
            cells.fault(RejectionReason.QUANTITY, "scale", "scale is the number of decimals of a quantity, 0 to 8.")
            scale = ""
        product = Product(
            isin=cells.identifier("isin", identifiers.isin, RejectionReason.SECURITY),
            name=cells.text("name", _LONGEST_NAME),
            currency=cells.identifier("currency", identifiers.currency, RejectionReason.MONEY),
            quantity_type=cells.choice("quantity_type", ("UNIT", "FAMT"), RejectionReason.QUANTITY),
            scale=int(scale or 0),
            cfi=cells.identifier("cfi", identifiers.cfi, mandatory=False),
            fisn=cells.text("fisn", 35, mandatory=False),
            registry=cells.text("registry", _LONGEST_NAME, mandatory=False),
            market=cells.text("market", 35, mandatory=False),
            admitted=cells.flag("admitted", True),
        )
        return product if scale else None

    return _read(
        data, PRODUCTS, "products", "CSD-7.1.1-a", record, ("isin",), ("cfi", "fisn", "registry", "market", "admitted")
    )


def read_calendar(data: bytes) -> Reference[CalendarDay]:
    """Declared days of the settlement calendar, each with reason and source (CSD-7.6.5-a)."""

    def record(cells: Cells) -> CalendarDay | None:
        day = cells.day("date")
        kind = cells.choice("kind", [k.value for k in DayKind])
        reason = cells.text("reason", _LONGEST_NAME)
        source = cells.text("source", _LONGEST_NAME)
        return CalendarDay(day, DayKind(kind), reason, source) if day is not None and kind else None

    return _read(data, CALENDAR, "calendar", "CSD-7.6.5-a", record, ("date",))


def read_lending_agreements(data: bytes) -> Reference[LendingAgreement]:
    """Lending agreements whose two sides and text the depository has approved (CSD-6.2.2-a)."""

    def record(cells: Cells) -> LendingAgreement | None:
        reference = cells.identifier("reference", identifiers.reference, RejectionReason.REFERENCE)
        lender = cells.identifier("lender", identifiers.participant)
        borrower = cells.identifier("borrower", identifiers.participant)
        kind = cells.text("kind", _LONGEST_NAME)
        start, end = cells.day("valid_from"), cells.day("valid_to")
        if start is None or end is None:
            return None
        if end < start:
            cells.fault(RejectionReason.DATE, "valid_to", "valid_to is before valid_from.")
        if lender == borrower:
            cells.fault(RejectionReason.COUNTERPARTY, "borrower", "borrower is the lender itself.")
        return LendingAgreement(reference, lender, borrower, kind, start, end)

    return _read(data, LENDING_AGREEMENTS, "lending agreements", "CSD-6.2.2-a", record, ("reference",))


def read_rates(data: bytes) -> Reference[ExchangeRate]:
    """Rates of exchange to the market's reference currency, each in force from its day on (design §5)."""

    def record(cells: Cells) -> ExchangeRate | None:
        currency = cells.identifier("currency", identifiers.currency, RejectionReason.MONEY)
        valid_from = cells.day("valid_from")
        rate = cells.number("rate", RejectionReason.MONEY)
        source = cells.text("source", _LONGEST_NAME)
        if valid_from is None or rate is None:
            return None
        return ExchangeRate(currency, valid_from, rate, source)

    return _read(data, RATES, "exchange rates", "CSD-5.1.5-a", record, ("currency", "valid_from"))


def read_opening_positions(data: bytes) -> Reference[OpeningPosition]:
    """Holdings lodged before the first business day, each with the registry's reference (CSD-3.5.1-a)."""

    def record(cells: Cells) -> OpeningPosition:
        return OpeningPosition(
            line=cells.row.line,
            account=cells.identifier("account", identifiers.account, RejectionReason.ACCOUNT),
            isin=cells.identifier("isin", identifiers.isin, RejectionReason.SECURITY),
            quantity=cells.number("quantity", RejectionReason.QUANTITY) or Decimal(0),
            registry_reference=cells.identifier("registry_reference", identifiers.reference, RejectionReason.REFERENCE),
        )

    return _read(data, POSITIONS, "opening positions", "CSD-3.5.1-a", record, ("account", "isin"))
