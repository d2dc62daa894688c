"""IAO, opening of one nominee account: a row of a BUNA as a form of its own (CSD-3.1.2-d, -g)."""

from depository.requests import OpeningRequest
from forms.client import ActionRow, ClientRow, checks, date_checks, to_opening
from forms.spec import FormSpec


class IaoBody(ClientRow, ActionRow):
    """The body of an IAO: action and the client's data; the form's own number is the reference."""


def to_request(line: int, row: IaoBody) -> OpeningRequest:
    """Turn the validated body into the core's record; the reader gives it the form's number as its reference."""
    return to_opening(line, "", row.action, row)


IAO = FormSpec(
    code="IAO",
    title="Opening of one nominee account",
    rule="CSD-3.1.2-d",
    body=IaoBody,
    checks=checks,
    to_request=to_request,
    date_checks=date_checks,
    notes=(
        "A client has at most one nominee account with you. For many accounts send a BUNA.",
        "To change a client's data, choose change, name the client by NIN and fill in only what changes.",
        "A client's account that was closed is opened again under its number, with the data of the form.",
    ),
)
