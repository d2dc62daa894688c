"""IND, indemnity: goes before the SIN that it belongs to (CSD-4.3-1-a, CSD-4.3-1-f)."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from depository import identifiers
from depository.identifiers import BadIdentifier
from depository.rejects import RejectionReason
from depository.requests import Giver, IndemnityRequest
from forms.field import CellFault, Row, choice, code, day, number, text
from forms.spec import FormSpec

TEXT_VERSION = "1"
"""The version of the text that is in force, printed on the blank."""


def _version(value: str) -> str:
    if value != TEXT_VERSION:
        raise BadIdentifier(f"the text in force is version {TEXT_VERSION}: fill in the blank that has it.")
    return value


class IndBody(Row):
    """The body of an IND."""

    given_by: Annotated[
        Giver,
        choice(
            "Given by",
            "The debtor when the interest is created, the secured party when it is enforced.",
            {giver.value: giver for giver in Giver},
            code=RejectionReason.SENDER,
            example="debtor",
        ),
    ]
    sin_number: Annotated[
        str,
        code(
            "No. of the SIN",
            identifiers.reference,
            "Your number of the SIN that this indemnity goes with; the SIN is sent after it.",
            max_length=35,
            code=RejectionReason.REFERENCE,
            example="A01-2026-0147",
        ),
    ]
    interest: Annotated[
        str,
        code(
            "Interest reference",
            identifiers.reference,
            "The depository's reference of the recorded interest.",
            max_length=35,
            mandatory=False,
            when="it is given by the secured party",
            code=RejectionReason.REFERENCE,
            rule="CSD-4.3-1-f",
        ),
    ]
    debtor: Annotated[
        str,
        code(
            "Debtor (participant code)",
            identifiers.participant,
            "The participant whose securities are locked.",
            max_length=3,
            example="A01",
        ),
    ]
    secured_party: Annotated[
        str,
        code(
            "Secured party (participant code)",
            identifiers.participant,
            "The participant in whose favour.",
            max_length=3,
            code=RejectionReason.COUNTERPARTY,
            example="B02",
        ),
    ]
    isin: Annotated[
        str,
        code(
            "ISIN",
            identifiers.isin,
            "ISIN of the security, 12 characters.",
            max_length=12,
            code=RejectionReason.SECURITY,
            example="KZ1C00000009",
        ),
    ]
    quantity: Annotated[
        Decimal | None,
        number(
            "Quantity (or ALL)",
            "As on the SIN.",
            decimals=6,
            all_word="all",
            code=RejectionReason.QUANTITY,
            example="500",
        ),
    ]
    agreement_number: Annotated[
        str, text("Security agreement number", "Number of the security agreement.", max_length=70, example="SA-17/2026")
    ]
    agreement_date: Annotated[date, day("Security agreement date", "Date of the security agreement.")]
    text_version: Annotated[
        str,
        code(
            "Version of the text",
            _version,
            "Version of the text that is printed below.",
            max_length=8,
            example=TEXT_VERSION,
        ),
    ]


_TEXT = (
    "Text, version 1: The party named under Given by asks the depository to act on the SIN named above. It holds the depository "
    "harmless from every claim, loss and cost that arises because the depository recorded, kept, discharged or enforced the "
    "interest as that SIN asks, save where the depository acted wilfully or with gross negligence."
)


def checks(values: Mapping[str, Any]) -> list[tuple[str, CellFault]]:
    """Compare the fields of the body with each other."""
    faults: list[tuple[str, CellFault]] = []
    giver = values.get("given_by")
    if giver is Giver.DEBTOR and values.get("interest"):
        faults.append(
            ("interest", CellFault("a debtor's indemnity is for a new interest, which has no reference yet; clear it."))
        )
    if giver is Giver.SECURED_PARTY and values.get("interest") == "":
        faults.append(("interest", CellFault("is missing; name the recorded interest that is to be enforced.")))
    if values.get("debtor") and values.get("debtor") == values.get("secured_party"):
        faults.append(
            ("secured_party", CellFault("is the debtor too; name the participant in whose favour the lock is."))
        )
    return faults


def to_request(_line: int, row: IndBody) -> IndemnityRequest:
    """Turn the validated body into the core's record."""
    return IndemnityRequest(
        given_by=row.given_by,
        sin_number=row.sin_number,
        interest=row.interest,
        debtor=row.debtor,
        secured_party=row.secured_party,
        isin=row.isin,
        quantity=row.quantity,
        agreement_number=row.agreement_number,
        agreement_date=row.agreement_date,
        text_version=row.text_version,
    )


IND = FormSpec(
    code="IND",
    title="Indemnity",
    rule="CSD-4.3-1-a",
    body=IndBody,
    table=None,
    table_sheet="",
    max_lines=1,
    checks=checks,
    to_request=to_request,
    notes=(
        "Send it before its SIN, signed; send the SIN when the receipt of this form says accepted.",
        "A new IND for the same SIN takes the place of the earlier one until the SIN is recorded.",
        f"Who names version {TEXT_VERSION} gives this text, whatever else stands in the file.",
        _TEXT,
    ),
)
