"""IND, indemnity: the document that goes with a SIN (CSD-4.3-1-a, CSD-4.3-1-f). It is signed and attached, not read."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from depository import identifiers
from forms.field import Row, choice, code, day, number, text
from forms.spec import Blank


class IndBody(Row):
    """The body of an IND."""

    given_by: Annotated[
        str,
        choice(
            "Given by",
            "The debtor when the interest is created, the secured party when it is enforced.",
            {"debtor": "debtor", "secured party": "secured party"},
            example="debtor",
        ),
    ]
    sin_number: Annotated[
        str,
        code(
            "No. of the SIN",
            identifiers.reference,
            "The form that this indemnity goes with.",
            max_length=35,
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
            when="the interest is enforced",
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
            example="B02",
        ),
    ]
    isin: Annotated[
        str,
        code("ISIN", identifiers.isin, "ISIN of the security, 12 characters.", max_length=12, example="KZ1C00000009"),
    ]
    quantity: Annotated[
        Decimal | None,
        number("Quantity (or ALL)", "As on the SIN.", decimals=6, all_word="all", example="500"),
    ]
    agreement_number: Annotated[
        str, text("Security agreement number", "Number of the security agreement.", max_length=70, example="SA-17/2026")
    ]
    agreement_date: Annotated[date, day("Security agreement date", "Date of the security agreement.")]
    text_version: Annotated[
        str, code("Version of the text", str, "Version of the text that is printed below.", max_length=8, example="1")
    ]


_TEXT = (
    "Text, version 1: The party named under Given by asks the depository to act on the SIN named above. It holds the depository "
    "harmless from every claim, loss and cost that arises because the depository recorded, kept, discharged or enforced the "
    "interest as that SIN asks, save where the depository acted wilfully or with gross negligence."
)

IND = Blank(
    code="IND",
    title="Indemnity",
    rule="CSD-4.3-1-a",
    body=IndBody,
    notes=(_TEXT,),
)
