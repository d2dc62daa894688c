"""TCR, trade cancellation request: the side that did not fail has an unsettled trade cancelled (CSD-5.1.10-b).

The rulebook asks for the request through SFTP and gives it no form of its own; this is the depository's.
"""

from typing import Annotated

from depository import identifiers
from depository.rejects import RejectionReason
from depository.requests import CancellationRequest
from forms.field import Row, code, pattern, text
from forms.spec import FormSpec

_instruction = pattern(
    "I[0-9]{9}", "our number of an instruction is I and nine digits, as the notice of the fail says."
)


class TcrBody(Row):
    """The body of a TCR."""

    instruction: Annotated[
        str,
        code(
            "Instruction",
            _instruction,
            "Our number of the instruction that failed, as the notice of the fail says.",
            max_length=10,
            code=RejectionReason.REFERENCE,
            example="I000000123",
        ),
    ]
    trade: Annotated[
        str,
        code(
            "Trade",
            identifiers.reference,
            "The exchange's number of the trade, as the same notice says.",
            max_length=35,
            code=RejectionReason.REFERENCE,
            example="T-2026-004711",
        ),
    ]
    reason: Annotated[str, text("Reason", "For the other side to read.", max_length=140, mandatory=False)]


def to_request(_line: int, row: TcrBody) -> CancellationRequest:
    """Turn the validated body into the core's record."""
    return CancellationRequest(row.instruction, row.trade, row.reason)


TCR = FormSpec(
    code="TCR",
    title="Trade cancellation request",
    rule="CSD-5.1.10-b",
    body=TcrBody,
    to_request=to_request,
    notes=(
        "Only from the side that is not failing, from the fail until the last cycle of the first settlement day after the intended one.",
        "The trade is tried in every cycle of that day; if it is unsettled after the last, it is cancelled with no further effect.",
    ),
)
