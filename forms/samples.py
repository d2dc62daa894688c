"""Values of right forms, for samples, tests and the simulated business day; any of them can be overridden by field name.

They are filled into workbooks by `parsers.blank_workbook.fill`. Persons are of test: their IIN has the century digit 1.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from depository.identifiers import iin_bin_check_digit

FORM_DATE = date(2026, 11, 23)
ISIN = "KZ1C00000009"


def header(reference: object = "A01-2026-0147", participant: object = "A01", **changes: object) -> Mapping[str, object]:
    """Give a header signed by one person."""
    return {
        "reference": reference,
        "form_date": FORM_DATE,
        "participant": participant,
        "participant_name": "Alpha Test Brokers Ltd",
        "signatory": "Test Signatory One",
        "signatory_position": "Head of operations",
        "signature": "Test Signatory One",
        **changes,
    }


def ist_line(reference: object = "T-000001", **changes: object) -> Mapping[str, object]:
    """Give a line of an IST: A01 delivers 1,000 units free to B02."""
    return {
        "action": "new",
        "reference": reference,
        "movement": "deliver free",
        "own_account": "A01-HO",
        "counterparty": "B02",
        "counterparty_account": "B02-N000001",
        "isin": ISIN,
        "security_name": "Test ordinary share",
        "quantity": Decimal(1000),
        "quantity_type": "unit",
        "due_date": date(2026, 11, 25),
        "trade_date": date(2026, 11, 23),
        "reason": "transfer",
        **changes,
    }


def ist_revocation(reference: str, previous: str, **changes: object) -> Mapping[str, object]:
    """Give a line of an IST that revokes an earlier one."""
    return {"action": "revoke", "reference": reference, "previous": previous, **changes}


def wrn_body(**changes: object) -> Mapping[str, object]:
    """Give the body of a WRN: KZT 1,500,000 to the participant's own bank account."""
    return {
        "currency": "KZT",
        "mode": "exact amount",
        "amount": Decimal("1500000.00"),
        "iban": "KZ86125KZT5004100100",
        "bank_bic": "TESTKZKA",
        "beneficiary_name": "Alpha Test Brokers Ltd",
        "beneficiary_bin": iin_bin("90010110002"),
        "purpose": "1515KZT119",
        "value_date": FORM_DATE,
        "details": "Own funds",
        **changes,
    }


def tcr_body(**changes: object) -> Mapping[str, object]:
    """Give the body of a TCR: A01 has a trade cancelled that B02 failed to settle."""
    return {"instruction": "I000000123", "trade": "T-2026-004711", "reason": "no longer needed", **changes}


def acr_body(**changes: object) -> Mapping[str, object]:
    """Give the body of an ACR: A01 closes a nominee account."""
    return {"account": "A01-N000001", "reason": "the client has left", **changes}


def paof_line(**changes: object) -> Mapping[str, object]:
    """Give a line of a PAOF: A01 opens a domestic omnibus account."""
    return {"reference": "P-1", "type": "domestic omnibus", "remark": "for our clients", **changes}


def obc_body(**changes: object) -> Mapping[str, object]:
    """Give the body of an OBC: A01 says that a quantity is wrong."""
    return {
        "trading_day": date(2026, 11, 20),
        "trade": "T-2026-004711",
        "statement": "We bought 100, not 1,000.",
        **changes,
    }


def bdn_body(**changes: object) -> Mapping[str, object]:
    """Give the body of a BDN: A01 registers its own bank account for withdrawals in KZT."""
    return {
        "action": "add",
        "currency": "KZT",
        "iban": "KZ86125KZT5004100100",
        "bank_bic": "TESTKZKA",
        "beneficiary_name": "Alpha Test Brokers Ltd",
        "beneficiary_bin": iin_bin("90010110002"),
        "valid_from": FORM_DATE,
        **changes,
    }


def sin_body(**changes: object) -> Mapping[str, object]:
    """Give the body of a SIN: A01 locks 500 units in favour of B02."""
    return {
        "action": "create",
        "debtor": "A01",
        "debtor_account": "A01-HO",
        "secured_party": "B02",
        "secured_account": "B02-HO",
        "isin": ISIN,
        "quantity": Decimal(500),
        "agreement_number": "SA-17/2026",
        "agreement_date": date(2026, 11, 20),
        "agreement_attached": "yes",
        "indemnity_attached": "yes",
        **changes,
    }


def ind_body(**changes: object) -> Mapping[str, object]:
    """Give the body of an IND: A01's indemnity for its SIN."""
    return {
        "given_by": "debtor",
        "sin_number": "A01-2026-0147",
        "debtor": "A01",
        "secured_party": "B02",
        "isin": ISIN,
        "quantity": Decimal(500),
        "agreement_number": "SA-17/2026",
        "agreement_date": date(2026, 11, 20),
        "text_version": "1",
        **changes,
    }


def buna_cover(accounts: int, **changes: object) -> Mapping[str, object]:
    """Give the cover of a BUNA."""
    return {"accounts": accounts, **changes}


def buna_client(number: int = 1, **changes: object) -> Mapping[str, object]:
    """Give a row of a BUNA: client `number` (1 to 999,999), an individual and resident."""
    return {
        "action": "open",
        "reference": f"N-{number:06d}",
        "person_type": "individual",
        "surname": "Testov",
        "first_name": f"Client{_letters(number)}",
        "nin": f"KZ{number:08d}",
        "iin": client_iin(number),
        "document_type": "passport",
        "document_number": f"N{number:08d}",
        "document_country": "KZ",
        "document_issued": date(2021, 3, 1),
        "document_expires": date(2031, 2, 28),
        "born": date(1990, 1, 1),
        "citizenship": "KZ",
        "tax_residence": "KZ",
        "resident": "resident",
        "country": "KZ",
        "town": "Almaty",
        "street": "Test street 1",
        "postcode": "050000",
        "email": f"client{number}@example.com",
        "phone": "+7 700 000 00 00",
        "politically_exposed": "no",
        "kyc_completed": date(2026, 11, 20),
        **changes,
    }


def iao_body(number: int = 1, **changes: object) -> Mapping[str, object]:
    """Give the body of an IAO: client `number` as in a row of a BUNA."""
    row = buna_client(number, **changes)
    return {name: value for name, value in row.items() if name != "reference"}


def iin_bin(first_eleven: str) -> str:
    """Complete eleven digits to an IIN or BIN; raises ValueError when there is none."""
    digit = iin_bin_check_digit(first_eleven)
    if digit is None:
        raise ValueError(first_eleven)
    return f"{first_eleven}{digit}"


def client_iin(number: int) -> str:
    """Give the IIN of test client `number`: century digit 1, so that no living person is hit; distinct for distinct numbers."""
    month, rest = divmod(number, 28 * 10_000)
    day, serial = divmod(rest, 10_000)
    for year in (90, 91, 92, 93):
        first = f"{year}{month % 12 + 1:02d}{day + 1:02d}1{serial:04d}"
        digit = iin_bin_check_digit(first)
        if digit is not None:
            return f"{first}{digit}"
    raise ValueError(number)


def _letters(number: int) -> str:
    """Spell a number in letters, since a name has no digits: 1 = b, 26 = ba."""
    letters = ""
    while number:
        number, rest = divmod(number, 26)
        letters = chr(97 + rest) + letters
    return letters
