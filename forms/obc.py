"""OBC, obligations challenge: a participant says what is wrong in the report of its obligations from trading (CSD-5.2.13-a).

The rulebook gives the challenge a deadline and no form of its own; this is the depository's.
"""

from datetime import date
from typing import Annotated

from depository import identifiers
from depository.rejects import RejectionReason
from depository.requests import ChallengeRequest
from forms.field import Row, code, day, text
from forms.spec import FormSpec


class ObcBody(Row):
    """The body of an OBC."""

    trading_day: Annotated[
        date, day("Trading day", "The day of the trading that the report is about.", code=RejectionReason.DATE)
    ]
    trade: Annotated[
        str,
        code(
            "Trade",
            identifiers.reference,
            "The exchange's number of the trade that is wrong or missing.",
            max_length=35,
            code=RejectionReason.REFERENCE,
            example="T-2026-004711",
        ),
    ]
    statement: Annotated[str, text("What is wrong", "In the report, and what is right.", max_length=500)]


def to_request(_line: int, row: ObcBody) -> ChallengeRequest:
    """Turn the validated body into the core's record."""
    return ChallengeRequest(row.trading_day, row.trade, row.statement)


OBC = FormSpec(
    code="OBC",
    title="Obligations challenge",
    rule="CSD-5.2.13-a",
    body=ObcBody,
    to_request=to_request,
    notes=(
        "Until the moment that the report names: 16:00 of the business day after the trading, unless a notice moves it.",
        "Operators look into it with the exchange and answer by notice. A challenge changes no trade by itself.",
    ),
)
