"""The form IAO: one line that is judged like a row of a BUNA, the form's own number being its reference (CSD-3.1.2-d)."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depository.requests import ClientData, OpeningRequest
from forms import samples
from forms.buna import BunaRow
from forms.client import ActionRow, ClientRow
from forms.field import Kind, fields_of
from forms.form import Form, Line
from forms.header import HeaderRow
from forms.iao import IaoBody
from parsers.blank_workbook import fill
from parsers.marked_workbook import mark
from parsers.workbook_form import read_form
from tests.unit.parsers.test_workbook_marked import receipt_of


def read(**changes: object) -> Form:
    """What is read of the right form with these changes."""
    return read_form(fill("IAO", samples.header(), samples.iao_body(1, **changes), ()), "iao.xlsx")


def line_of(form: Form) -> Line:
    assert form.rejects == ()
    assert form.cover is None
    (line,) = form.lines
    return line


@pytest.mark.rule("CSD-3.1.2-d", "CSD-3.1.2-c")
def test_a_form_is_one_request_for_one_client_under_the_form_s_own_number() -> None:
    line = line_of(read())
    request = line.request
    assert isinstance(request, OpeningRequest)
    assert (line.number, line.reference) == (1, "A01-2026-0147")
    assert (request.line, request.change, request.reference) == (1, False, "A01-2026-0147")
    assert (request.client.nin, request.client.surname, request.client.born) == (
        "KZ00000001",
        "Testov",
        date(1990, 1, 1),
    )


@pytest.mark.rule("CSD-3.1.2-d")
def test_the_form_asks_for_what_a_row_of_the_bulk_form_asks_for_but_a_reference() -> None:
    bulk = {field.name: field for field in fields_of(BunaRow)}
    assert list(bulk)[:2] == ["action", "reference"]
    assert fields_of(IaoBody) == tuple(field for name, field in bulk.items() if name != "reference")
    assert {*ActionRow.model_fields, *ClientRow.model_fields} == set(IaoBody.model_fields)
    assert set(ClientRow.model_fields) == set(ClientData.__slots__)


@pytest.mark.rule("CSD-3.1.2-g")
def test_a_change_carries_only_what_is_given() -> None:
    body = {"action": "change", "nin": "KZ00000001", "town": "Astana"}
    request = line_of(read_form(fill("IAO", samples.header(), body, ()), "iao.xlsx")).request
    assert isinstance(request, OpeningRequest)
    assert request.change
    assert request.client == ClientData(nin="KZ00000001", town="Astana")


# No control characters and line separators: a sheet keeps none.
TEXTS = st.text(st.characters(exclude_categories=("C", "Zl")), max_size=20)
CELLS: st.SearchStrategy[object] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 10**13),
    st.dates(date(1901, 1, 1), date(2150, 1, 1)),
    TEXTS,
    st.sampled_from(
        ["individual", "legal entity", "resident", "non-resident", "yes", "no", "KZ", "KZ86125KZT5004100100"]
    ),
)


@pytest.mark.rule("CSD-3.1.2-d", "CSD-3.1.2-e")
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["open", "change", "close"]),
    st.dictionaries(st.sampled_from(list(ClientRow.model_fields)), CELLS, max_size=6),
)
def test_whatever_is_filled_in_one_account_s_form_judges_it_like_a_row_of_the_bulk_form(
    action: str, changes: dict[str, object]
) -> None:
    alone = line_of(read(action=action, **changes))
    row = samples.buna_client(1, action=action, **changes)
    bulk = line_of_bulk(read_form(fill("BUNA", samples.header(), samples.buna_cover(1), [row]), "buna.xlsx"))
    assert [(one.code, one.field, one.found, one.message) for one in alone.rejects] == [
        (one.code, one.field, one.found, one.message) for one in bulk.rejects
    ]
    if bulk.request is None:
        assert alone.request is None
    else:
        assert isinstance(alone.request, OpeningRequest)
        assert isinstance(bulk.request, OpeningRequest)
        assert (alone.request.change, alone.request.client) == (bulk.request.change, bulk.request.client)


def line_of_bulk(form: Form) -> Line:
    assert form.rejects == ()
    (line,) = form.lines
    return line


LABELS = sorted({field.label for model in (HeaderRow, IaoBody) for field in fields_of(model)})
"""Every label of the sheet; many are Latin words and may be the name of a person, town or street."""


@pytest.mark.rule("CSD-A3")
@pytest.mark.parametrize("label", LABELS)
def test_a_value_that_reads_like_a_label_is_a_value(label: str) -> None:
    form = read(street=label)
    assert form.rejects == ()
    (line,) = form.lines
    assert isinstance(line.request, OpeningRequest)
    assert line.request.client.street == label


@pytest.mark.rule("CSD-A3")
def test_every_field_at_fault_has_its_cell_and_a_marked_form_sent_again_is_the_same_form() -> None:
    data = fill("IAO", samples.header(), {}, ())
    form = read_form(data, "iao.xlsx")
    (line,) = form.lines
    assert [form.place(1, one.field) for one in line.rejects] == ["IAO!B13", "IAO!B18"]
    again = read_form(mark(data, form, receipt_of(form)), "iao.xlsx")
    assert (again.content_sha256, again.lines) == (form.content_sha256, form.lines)


def test_dates_are_measured_against_the_form_s_date() -> None:
    dates = [name for name, kind in ((one.name, one.kind) for one in fields_of(IaoBody)) if kind is Kind.DATE]
    assert dates == ["document_issued", "document_expires", "born", "kyc_completed"]
    late = read(
        document_issued=date(2026, 11, 24),
        document_expires=date(2026, 11, 22),
        born=date(2026, 11, 24),
        kyc_completed=date(2026, 11, 24),
    )
    named = {one.field for one in line_of(late).rejects if "form's date" in one.message}
    assert named == set(dates)
