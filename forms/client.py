"""A client of a nominee account as the opening forms ask for it: one table of fields and one set of checks for BUNA and IAO.

The same form opens an account and changes its client's data (CSD-3.1.2-g).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any

from depository import identifiers
from depository.rejects import RejectionReason
from depository.requests import OpeningRequest, client_to_json
from forms.field import YES_NO, CellFault, Row, choice, code, day, email, latin, pattern, plain_email, plain_name, text

_OPEN = "the action is open"
_DOCUMENTS = ("passport", "identity card", "residence permit", "registration certificate")

_document_number = pattern(
    "[A-Za-z0-9][A-Za-z0-9/ -]{0,29}", "a document number is letters, digits, spaces, / and -, at most 30 characters."
)
_plain_document_number = re.compile("[A-Za-z0-9][A-Za-z0-9/-]{0,29}").fullmatch
_postcode = pattern("[A-Za-z0-9][A-Za-z0-9 -]{1,9}", "a postcode is 2 to 10 letters, digits, spaces and hyphens.")
_phone = pattern(
    r"\+[0-9][0-9 ()-]{5,20}", "a phone number is written with + and the country code, such as +7 700 000 00 00."
)
_plain_phone = re.compile(r"\+[0-9](?: ?[0-9()-]){5,10}").fullmatch


class ActionRow(Row):
    """What is asked for. A table that has the bases `ClientRow, ..., ActionRow` begins with it: bases stand from right to left."""

    action: Annotated[
        bool, choice("Action", "open or change", {"open": False, "change": True}, width=9, example="open")
    ]


class ClientRow(Row):
    """The client's data."""

    person_type: Annotated[
        str,
        choice(
            "Person type",
            "individual or legal entity",
            {"individual": "INDIVIDUAL", "legal entity": "LEGAL"},
            mandatory=False,
            empty="",
            when=_OPEN,
            width=12,
            example="individual",
        ),
    ]
    surname: Annotated[
        str,
        text(
            "Surname or company name",
            "In Latin letters, as in the passport or charter.",
            max_length=140,
            repeats=True,
            mandatory=False,
            when=_OPEN,
            check=latin,
            as_is=plain_name,
            width=24,
            example="Testov",
        ),
    ]
    first_name: Annotated[
        str,
        text(
            "First name",
            "In Latin letters; individuals only.",
            max_length=70,
            repeats=True,
            mandatory=False,
            when="an individual",
            check=latin,
            as_is=plain_name,
            width=14,
            example="Ivan",
        ),
    ]
    middle_name: Annotated[
        str,
        text("Middle name", "In Latin letters.", max_length=70, repeats=True, mandatory=False, check=latin, width=14),
    ]
    nin: Annotated[
        str,
        code(
            "NIN",
            identifiers.nin,
            "The client's national investor number.",
            as_is=identifiers.is_nin,
            max_length=20,
            width=14,
            rule="CSD-3.1.2-c",
            example="KZ00000001",
        ),
    ]
    iin: Annotated[
        str,
        code(
            "IIN or BIN",
            identifiers.iin_bin,
            "Twelve digits; for residents.",
            as_is=identifiers.is_iin_bin,
            max_length=12,
            mandatory=False,
            when="a resident",
            width=14,
            example="900101100014",
        ),
    ]
    document_type: Annotated[
        str,
        choice(
            "Document type",
            "The identity document, or the certificate of registration.",
            {d: d for d in _DOCUMENTS},
            mandatory=False,
            empty="",
            when=_OPEN,
            width=16,
            example="passport",
        ),
    ]
    document_number: Annotated[
        str,
        code(
            "Document number",
            _document_number,
            "As printed.",
            as_is=_plain_document_number,
            max_length=30,
            mandatory=False,
            when=_OPEN,
            width=15,
            example="N00000001",
        ),
    ]
    document_country: Annotated[
        str,
        code(
            "Document country",
            identifiers.country,
            "Two letters, such as KZ.",
            max_length=2,
            mandatory=False,
            when=_OPEN,
            width=10,
            repeats=True,
            example="KZ",
        ),
    ]
    document_issued: Annotated[date | None, day("Document issued", "Date of issue.", mandatory=False, width=12)]
    document_expires: Annotated[
        date | None,
        day(
            "Document expires",
            "Not before the day on which the form is recorded.",
            mandatory=False,
            when="an individual",
            width=12,
        ),
    ]
    born: Annotated[
        date | None,
        day(
            "Birth or registration date",
            "Date of birth, or of the company's registration.",
            mandatory=False,
            when=_OPEN,
            width=12,
        ),
    ]
    citizenship: Annotated[
        str,
        code(
            "Citizenship or incorporation",
            identifiers.country,
            "Country, two letters.",
            max_length=2,
            mandatory=False,
            when=_OPEN,
            width=13,
            repeats=True,
            example="KZ",
        ),
    ]
    tax_residence: Annotated[
        str,
        code(
            "Tax residence",
            identifiers.country,
            "Country, two letters.",
            max_length=2,
            mandatory=False,
            when=_OPEN,
            width=10,
            repeats=True,
            example="KZ",
        ),
    ]
    resident: Annotated[
        bool | None,
        choice(
            "Residency",
            "resident or non-resident of Kazakhstan",
            {"resident": True, "non-resident": False},
            mandatory=False,
            when=_OPEN,
            width=13,
            example="resident",
        ),
    ]
    country: Annotated[
        str,
        code(
            "Address country",
            identifiers.country,
            "Country, two letters.",
            max_length=2,
            mandatory=False,
            when=_OPEN,
            width=10,
            repeats=True,
            example="KZ",
        ),
    ]
    town: Annotated[
        str,
        text(
            "Town",
            "Town or village.",
            max_length=70,
            repeats=True,
            mandatory=False,
            when=_OPEN,
            width=14,
            example="Almaty",
        ),
    ]
    street: Annotated[
        str, text("Street", "Street, house, flat.", max_length=140, repeats=True, mandatory=False, width=24)
    ]
    postcode: Annotated[
        str,
        code(
            "Postcode",
            _postcode,
            "As text: leading zeros count.",
            max_length=10,
            repeats=True,
            mandatory=False,
            width=10,
        ),
    ]
    email: Annotated[
        str,
        text("E-mail", "One address.", max_length=254, mandatory=False, check=email, as_is=plain_email, width=22),
    ]
    phone: Annotated[
        str,
        code("Phone", _phone, "With + and country code.", as_is=_plain_phone, max_length=22, mandatory=False, width=17),
    ]
    iban: Annotated[
        str,
        code(
            "IBAN",
            identifiers.iban,
            "The client's bank account.",
            max_length=42,
            mandatory=False,
            width=24,
            code=RejectionReason.CASH_ACCOUNT,
        ),
    ]
    bank_bic: Annotated[
        str,
        code(
            "Bank BIC",
            identifiers.bic,
            "BIC of the client's bank.",
            max_length=11,
            mandatory=False,
            when="an IBAN is given",
            width=12,
            repeats=True,
            code=RejectionReason.CASH_ACCOUNT,
        ),
    ]
    politically_exposed: Annotated[
        bool | None,
        choice("Politically exposed", "yes or no", YES_NO, mandatory=False, when=_OPEN, width=11, example="no"),
    ]
    kyc_completed: Annotated[
        date | None,
        day("KYC completed on", "Not after the form's date.", mandatory=False, when=_OPEN, width=12),
    ]


_CLIENT = tuple(ClientRow.model_fields)
_WHEN_OPENED = (
    "person_type",
    "surname",
    "document_type",
    "document_number",
    "document_country",
    "born",
    "citizenship",
    "tax_residence",
    "resident",
    "country",
    "town",
    "politically_exposed",
    "kyc_completed",
)
_MISSING = "is missing; fill it in."
_NOTHING = (None, "")


def checks(values: Mapping[str, Any]) -> list[tuple[str, CellFault]]:
    """Compare action and client data with each other.

    What opens needs all the marked fields; what changes touches only what is given (CSD-3.1.2-g).
    """
    faults: list[tuple[str, CellFault]] = []
    get = values.get
    change = get("action")
    person = get("person_type")
    issued, expires, born = get("document_issued"), get("document_expires"), get("born")
    if change is False:
        needed = [get(name, True) for name in _WHEN_OPENED]
        if None in needed or "" in needed:
            faults += [(name, CellFault(_MISSING)) for name in _WHEN_OPENED if get(name, True) in _NOTHING]
        if person == "INDIVIDUAL":
            if get("first_name") == "":
                faults.append(("first_name", CellFault("is missing; an individual has one.")))
            if expires is None and "document_expires" in values:
                faults.append(("document_expires", CellFault(_MISSING)))
        if get("resident") and get("iin") == "":
            faults.append(("iin", CellFault("is missing; a resident has an IIN (company: BIN) of 12 digits.")))
    elif change and not any(get(name) not in _NOTHING for name in _CLIENT if name != "nin"):
        faults.append(
            ("action", CellFault("changes nothing: give the data to change beside the NIN.", rule="CSD-3.1.2-g"))
        )
    if person == "LEGAL":
        for name in ("first_name", "middle_name"):
            if get(name):
                faults.append((name, CellFault("a legal entity has none; clear the cell, or choose individual.")))
    if issued and expires and issued > expires:
        faults.append(
            ("document_issued", CellFault(f"is after the document expires ({expires}); correct one of the two."))
        )
    if born and issued and issued < born:
        faults.append(
            ("document_issued", CellFault(f"is before the birth or registration ({born}); correct one of the two."))
        )
    if get("iban") and get("bank_bic") == "":
        faults.append(("bank_bic", CellFault("is missing; an IBAN comes with the bank's BIC.")))
    return faults


def date_checks(values: Mapping[str, Any], form_date: date) -> list[tuple[str, CellFault]]:
    """Measure the client's dates against the form's date."""
    faults: list[tuple[str, CellFault]] = []
    get = values.get
    expires, born, kyc, issued = get("document_expires"), get("born"), get("kyc_completed"), get("document_issued")
    if expires and expires < form_date:
        faults.append(
            ("document_expires", CellFault(f"expired before the form's date {form_date}; send a valid document."))
        )
    if born and born > form_date:
        faults.append(("born", CellFault(f"is after the form's date {form_date}; correct it.")))
    elif born and form_date.year - born.year > 120 and get("person_type") == "INDIVIDUAL":
        faults.append(("born", CellFault("makes the client more than 120 years old; correct it.")))
    if issued and issued > form_date:
        faults.append(("document_issued", CellFault(f"is after the form's date {form_date}; correct it.")))
    if kyc and kyc > form_date:
        faults.append(("kyc_completed", CellFault(f"is after the form's date {form_date}; complete KYC first.")))
    return faults


_ALL_GIVEN = (
    "surname",
    "first_name",
    "iin",
    "document_type",
    "document_number",
    "document_country",
    "document_issued",
    "document_expires",
    "born",
    "citizenship",
    "tax_residence",
    "country",
    "town",
    "kyc_completed",
)
_COMPARED = (
    "action",
    "person_type",
    "resident",
    "politically_exposed",
    "iban",
    "born",
    "document_issued",
    "document_expires",
    "kyc_completed",
)


def usual(columns: Mapping[str, Sequence[Any]], form_date: date) -> list[bool]:
    """Tell of rows, given as columns, which are the usual kind: a person with everything given, of whom the checks have nothing to say.

    Most rows of a long form are; to run the checks on each takes five times as long.
    """
    given = zip(*(columns[name] for name in _ALL_GIVEN), strict=True)
    compared = zip(*(columns[name] for name in _COMPARED), strict=True)
    oldest = form_date.year - 120
    return [
        all(texts)
        and change is False
        and person == "INDIVIDUAL"
        and resident is not None
        and exposed is not None
        and not iban
        and born <= issued <= expires
        and issued <= form_date <= expires
        and kyc <= form_date
        and born.year >= oldest
        for texts, (change, person, resident, exposed, iban, born, issued, expires, kyc) in zip(
            given, compared, strict=True
        )
    ]


def to_opening(line: int, reference: str, change: bool, row: ClientRow) -> OpeningRequest:
    """Turn a validated client into the core's record."""
    return OpeningRequest(line, change, reference, row.nin, client_to_json(row.__dict__), row.document_expires)
