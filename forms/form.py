"""A form as read: its header, its lines as requests to the depository, and every fault of form with its place."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from depository.rejects import Reject
from depository.requests import (
    BankDetailsRequest,
    CancellationRequest,
    ChallengeRequest,
    ClosureRequest,
    Header,
    IndemnityRequest,
    InterestRequest,
    OpeningCover,
    OpeningRequest,
    OwnAccountRequest,
    TransferRequest,
    WithdrawalRequest,
)

Request: TypeAlias = (
    TransferRequest
    | WithdrawalRequest
    | InterestRequest
    | IndemnityRequest
    | OpeningRequest
    | BankDetailsRequest
    | CancellationRequest
    | ClosureRequest
    | OwnAccountRequest
    | ChallengeRequest
)

ToRequests: TypeAlias = Callable[[int, Mapping[str, Sequence[Any]]], Sequence[Request]]
"""Turns rows, given as columns by field with the number of the first line, into requests.

Where a row is not right, a value may be None, and what becomes of the row is left aside.
"""


class Line(NamedTuple):
    """One line: either a request, or the rejects that say why not. Lines are numbered from 1; empty rows do not count."""

    number: int
    request: Request | None
    rejects: tuple[Reject, ...]
    reference: str = ""
    """The sender's reference of the line, also of a rejected one; "" when it has none or it cannot be read."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the fields stand in the sender's workbook."""

    single: Mapping[str, str] = field(default_factory=dict)
    """Field outside the table -> "IST!B5"."""
    sheet: str = ""
    """The sheet of the table."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Field of the table -> column letters."""
    rows: Sequence[int] = field(default_factory=lambda: array("i"))
    """Row of each line, line 1 first."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Field of the table -> cell of its label."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form as read. Any reject in `rejects` refuses the whole form; `header` is None when the header itself is at fault."""

    code: str
    header: Header | None
    rejects: tuple[Reject, ...]
    lines: Sequence[Line]
    """Of a long form they are packed (`forms.lines`): go through them rather than pick some."""
    cover: OpeningCover | None
    content_sha256: str
    """SHA-256 of the values in canonical form: equal for the same content, however and by whatever program it was saved."""
    places: Places = field(default_factory=Places)
    reference: str = ""
    """The sender's number of the form, also when the header is at fault; "" when it cannot be read."""
    notes: tuple[str, ...] = ()
    """What was seen and left aside, for the receipt: hidden sheets, sheets that belong to no form."""
    actions: Mapping[str, int] = field(default_factory=dict)
    """What the lines of a table say that they do, in small letters, and how many say so, rejected ones too."""

    def place(self, line: int, field: str) -> str:
        """Give sheet and cell of a field, such as "IST!H12"; line 0 is the header; "" when unknown."""
        if line == 0 or (field in self.places.single and field not in self.places.columns):
            return self.places.single.get(field) or self.places.labels.get(field, "")
        if not 1 <= line <= len(self.places.rows):
            return ""
        column = self.places.columns.get(field)
        return f"{self.places.sheet}!{column}{self.places.rows[line - 1]}" if column else ""
