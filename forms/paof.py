"""PAOF, participant account opening request: the participant's own accounts, one a line (CSD-3.1.2-b)."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Annotated, Any

from depository import identifiers
from depository.register import AccountType
from depository.rejects import RejectionReason
from depository.requests import OwnAccountRequest
from forms.field import Row, choice, code, text
from forms.spec import FormSpec

TYPES = {one.in_words: one for one in AccountType if one is not AccountType.NOMINEE}


class PaofLine(Row):
    """One line of a PAOF."""

    reference: Annotated[
        str,
        code(
            "Line reference",
            identifiers.reference,
            "Your own reference of this line.",
            max_length=35,
            width=16,
            code=RejectionReason.REFERENCE,
            example="P-1",
        ),
    ]
    type: Annotated[
        AccountType,
        choice(
            "Type of account",
            ", ".join(TYPES),
            TYPES,
            width=20,
            code=RejectionReason.ACCOUNT,
            example="domestic omnibus",
        ),
    ]
    remark: Annotated[str, text("Remark", "For the record.", max_length=140, mandatory=False, width=40)]


def to_requests(first: int, columns: Mapping[str, Sequence[Any]]) -> list[OwnAccountRequest]:
    """Turn validated lines, given as columns, into the core's records; the first is line `first`."""
    return list(map(OwnAccountRequest, count(first), columns["reference"], columns["type"], columns["remark"]))


PAOF = FormSpec(
    code="PAOF",
    title="Participant account opening request",
    rule="CSD-3.1.2-b",
    body=None,
    table=PaofLine,
    table_sheet="PAOF",
    max_lines=len(TYPES),
    to_requests=to_requests,
    line_reference="reference",
    notes=(
        "One line an account; a participant has one of each type. Clients' nominee accounts are opened with IAO or BUNA.",
        "An account that was closed is opened again under its number.",
    ),
)
