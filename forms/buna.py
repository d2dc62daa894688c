"""BUNA, bulk opening of nominee accounts: a cover with the number of accounts and a table of clients (CSD-3.1.2-e, -g)."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Annotated, Any

from depository import identifiers
from depository.rejects import RejectionReason
from depository.requests import OpeningCover, OpeningRequest, clients_to_json
from forms.client import ActionRow, ClientRow, checks, date_checks, usual
from forms.field import Row, code, whole
from forms.spec import FormSpec

MAX_ACCOUNTS = 100_000


class BunaCover(Row):
    """The cover: the account-opening request."""

    accounts: Annotated[
        int,
        whole(
            "Number of accounts",
            "How many rows the sheet Accounts has; the two must agree.",
            most=MAX_ACCOUNTS,
            example="2",
        ),
    ]


class ReferenceRow(Row):
    """The sender's reference of a row."""

    reference: Annotated[
        str,
        code(
            "Own reference",
            identifiers.reference,
            "Your own reference of this row.",
            as_is=identifiers.is_reference,
            max_length=35,
            width=16,
            code=RejectionReason.REFERENCE,
            example="N-000001",
        ),
    ]


class BunaRow(ClientRow, ReferenceRow, ActionRow):
    """One client: action, own reference and the client's data."""


def to_requests(first: int, columns: Mapping[str, Sequence[Any]]) -> list[OpeningRequest]:
    """Turn validated rows, given as columns, into the core's records; the first is line `first`."""
    data, expires = clients_to_json(columns), columns["document_expires"]
    given = (columns["action"], columns["reference"], columns["nin"], data, expires)
    return list(map(OpeningRequest, count(first), *given))


def to_cover(row: BunaCover) -> OpeningCover:
    """Turn the validated cover into the core's record."""
    return OpeningCover(accounts_stated=row.accounts)


BUNA = FormSpec(
    code="BUNA",
    title="Bulk opening of nominee accounts",
    rule="CSD-3.1.2-e",
    body=BunaCover,
    table=BunaRow,
    table_sheet="Accounts",
    max_lines=MAX_ACCOUNTS,
    checks=checks,
    to_requests=to_requests,
    line_reference="reference",
    date_checks=date_checks,
    usual=usual,
    to_cover=to_cover,
    notes=(
        "The sheet Accounts has one row a client. Rows that are right are opened even when others are refused.",
        "To change a client's data, choose change, name the client by NIN and fill in only what changes.",
        "A client's account that was closed is opened again under its number, with the data of the form.",
    ),
)
