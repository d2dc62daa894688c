"""The header that every form shares: who sends it, under which reference and date, signed by whom."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from depository import identifiers
from depository.rejects import RejectionReason
from depository.requests import Header, Signatory
from forms.field import CellFault, Row, code, day, pattern, text

LAYOUT_VERSION = "1"

_layout = pattern(LAYOUT_VERSION, f"this layout is not taken any more; fill in the blank of layout {LAYOUT_VERSION}.")


class HeaderRow(Row):
    """The header's fields; rule CSD-A3 unless a field says otherwise."""

    form: Annotated[str, code("Form", str, "The form's code; printed, leave it as it is.", max_length=8)]
    layout: Annotated[
        str,
        code("Layout version", _layout, "The blank's version; printed, leave it as it is.", max_length=8),
    ]
    reference: Annotated[
        str,
        code(
            "No.",
            identifiers.reference,
            "Your own number of this form, at most 35 characters, never used before by you.",
            max_length=35,
            code=RejectionReason.REFERENCE,
            example="A01-2026-0147",
        ),
    ]
    form_date: Annotated[
        date,
        day("Date", "The day on which it is signed; not after the day on which it is sent.", code=RejectionReason.DATE),
    ]
    participant: Annotated[
        str,
        code(
            "Participant code",
            identifiers.participant,
            "Your code at the depository: one letter and two digits.",
            max_length=3,
            code=RejectionReason.SENDER,
            example="A01",
        ),
    ]
    participant_name: Annotated[
        str, text("Participant's full name", "Full name as registered with the depository.", max_length=140)
    ]
    additional_information: Annotated[
        str, text("Additional information", "Anything the depository should know.", max_length=500, mandatory=False)
    ]
    signatory: Annotated[
        str,
        text(
            "Authorised person",
            "First and last name of the person who signs.",
            max_length=70,
            code=RejectionReason.SIGNATURE,
        ),
    ]
    signatory_position: Annotated[
        str, text("Position", "Position of the authorised person.", max_length=70, code=RejectionReason.SIGNATURE)
    ]
    signature: Annotated[
        str,
        text(
            "Signature",
            "The name typed, or the subject of the certificate that signs beside the file.",
            max_length=140,
            code=RejectionReason.SIGNATURE,
        ),
    ]
    second_signatory: Annotated[
        str,
        text(
            "Second authorised person",
            "Only if the power of attorney asks for two.",
            max_length=70,
            mandatory=False,
            code=RejectionReason.SIGNATURE,
        ),
    ]
    second_position: Annotated[
        str,
        text(
            "Second person's position",
            "Position of the second authorised person.",
            max_length=70,
            mandatory=False,
            when="a second authorised person is named",
            code=RejectionReason.SIGNATURE,
        ),
    ]
    second_signature: Annotated[
        str,
        text(
            "Second signature",
            "The name typed, or the subject of the second certificate.",
            max_length=140,
            mandatory=False,
            when="a second authorised person is named",
            code=RejectionReason.SIGNATURE,
        ),
    ]


def checks(values: Mapping[str, Any]) -> list[tuple[str, CellFault]]:
    """Compare the header's fields: a second authorised person comes with position and signature, or not at all."""
    given = {name: values.get(name) for name in ("second_signatory", "second_position", "second_signature")}
    if not any(given.values()):
        return []
    return [
        (name, CellFault("is missing; a second authorised person needs name, position and signature."))
        for name, value in given.items()
        if value == ""
    ]


def to_header(row: HeaderRow) -> Header:
    """Turn the header's row into the core's record."""
    signatories = [Signatory(row.signatory, row.signatory_position)]
    if row.second_signatory:
        signatories.append(Signatory(row.second_signatory, row.second_position))
    return Header(
        form=row.form.upper(),
        reference=row.reference,
        form_date=row.form_date,
        participant=row.participant,
        participant_name=row.participant_name,
        signatories=tuple(signatories),
        additional_information=row.additional_information,
    )
