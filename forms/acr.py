"""ACR, account closure request: an empty account with nothing outstanding is closed (CSD-3.4.1-a).

The rulebook asks for the request through SFTP and gives it no form of its own; this is the depository's.
"""

from typing import Annotated

from depository import identifiers
from depository.rejects import RejectionReason
from depository.requests import ClosureRequest
from forms.field import Row, code, text
from forms.spec import FormSpec


class AcrBody(Row):
    """The body of an ACR."""

    account: Annotated[
        str,
        code(
            "Account to close",
            identifiers.account,
            "One of your own accounts, with no balance, no open instruction and no security interest.",
            max_length=11,
            code=RejectionReason.ACCOUNT,
            example="A01-N000001",
        ),
    ]
    reason: Annotated[str, text("Reason", "For the record.", max_length=140, mandatory=False)]


def to_request(_line: int, row: AcrBody) -> ClosureRequest:
    """Turn the validated body into the core's record."""
    return ClosureRequest(row.account, row.reason)


ACR = FormSpec(
    code="ACR",
    title="Account closure request",
    rule="CSD-3.4.1-a",
    body=AcrBody,
    to_request=to_request,
    notes=(
        "The account is closed at once, or the answer says what is still on it. A closed nominee account is not opened again.",
    ),
)
