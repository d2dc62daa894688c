"""What makes a form: its tables of fields, its rules of form, and how its rows become requests to the depository."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from depository.requests import OpeningCover
from forms.field import CellFault, Row
from forms.form import Request, ToRequests

Checks = Callable[[Mapping[str, Any]], list[tuple[str, CellFault]]]


def nothing_between(_values: Mapping[str, Any]) -> list[tuple[str, CellFault]]:
    """Of a form whose fields hang together by nothing but what the books know."""
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSpec:
    """A form. One with a `table` has many lines; one without has its one line in the body beside the labels."""

    code: str
    title: str
    rule: str
    """The rule of the rulebook that brings the form in; rejects carry it unless a field says otherwise."""
    body: type[Row] | None
    """Fields beside their labels, under the header."""
    table: type[Row] | None = None
    """Fields under their labels, one row a line."""
    table_sheet: str = ""
    """The sheet of the table; the form's own sheet has the header in any case."""
    max_lines: int = 1
    notes: tuple[str, ...] = ()
    """Sentences of guidance, printed on the blank's front sheet."""
    checks: Checks = nothing_between
    """Faults between the fields of one line."""
    to_request: Callable[[int, Any], Request] | None = None
    """Turn the validated body into the core's record, when the body is the form's only line."""
    to_requests: ToRequests | None = None
    """Turn the validated rows of the table into the core's records."""
    line_reference: str = ""
    """The field that is the sender's reference of a line; "" when there is none. No reference twice in a form."""
    date_checks: Callable[[Mapping[str, Any], date], list[tuple[str, CellFault]]] | None = None
    """Faults of a line measured against the form's date."""
    usual: Callable[[Mapping[str, Sequence[Any]], date], Sequence[bool]] | None = None
    """Of rows of the table, given as columns, those of which `checks` and `date_checks` surely have nothing to say; for many rows."""
    to_cover: Callable[[Any], OpeningCover] | None = None
    """Turn the validated body into the cover record, when the body is a cover and not a line."""
