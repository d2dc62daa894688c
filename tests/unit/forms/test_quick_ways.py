"""What is taken quickly in a long form is what the long way would have taken, with the same value."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depository.requests import CLIENT_FIELDS, client_from_json, client_to_json, clients_to_json
from forms.buna import BUNA, BunaRow
from forms.client import checks, date_checks, usual
from forms.columns import validate_columns
from forms.field import CellFault, Field, fields_of

FORM_DATE = date(2026, 11, 23)
QUICK = [one for one in fields_of(BunaRow) if one.as_is]
LETTERS = "aZ09 -_.@+'/()\u00a0й\n"
DATES = st.sampled_from(
    [None, date(1890, 1, 1), date(1906, 5, 1), date(1990, 1, 1), date(2021, 3, 1), FORM_DATE, date(2031, 2, 28)]
)
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "action": st.booleans(),
    "person_type": st.sampled_from(["", "INDIVIDUAL", "LEGAL"]),
    "resident": st.sampled_from([None, True, False]),
    "politically_exposed": st.sampled_from([None, True, False]),
    **dict.fromkeys(("document_issued", "document_expires", "born", "kyc_completed"), DATES),
}
USUAL = {
    "action": False,
    "person_type": "INDIVIDUAL",
    "resident": True,
    "politically_exposed": False,
    "born": date(1990, 1, 1),
    "document_issued": date(2021, 3, 1),
    "document_expires": date(2031, 2, 28),
    "kyc_completed": date(2026, 11, 20),
    "iban": "",
    "bank_bic": "",
    "middle_name": "",
}


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """A usual row of a BUNA as it is after each field was read by itself, with up to three values changed."""
    row = {one.name: USUAL.get(one.name, "x") for one in fields_of(BunaRow)}
    for name in draw(st.lists(st.sampled_from(sorted(row)), max_size=3)):
        row[name] = draw(VALUES.get(name, st.sampled_from(["", "x", 'two "words"'])))
    return row


@given(st.lists(rows(), min_size=1, max_size=5))
def test_of_a_usual_row_the_checks_have_nothing_to_say(some: list[dict[str, Any]]) -> None:
    columns = {name: [row[name] for row in some] for name in some[0]}
    for row, is_usual in zip(some, usual(columns, FORM_DATE), strict=True):
        assert not (is_usual and [*checks(row), *date_checks(row, FORM_DATE)])


def test_the_sample_client_is_usual_and_so_the_quick_way_is_taken() -> None:
    row = {one.name: USUAL.get(one.name, "x") for one in fields_of(BunaRow)}
    assert usual({name: [value] for name, value in row.items()}, FORM_DATE) == [True]


@given(st.lists(rows(), min_size=1, max_size=5))
def test_rows_have_the_same_faults_with_the_quick_way_and_without(some: list[dict[str, Any]]) -> None:
    def all_checks(values: Mapping[str, Any]) -> list[tuple[str, CellFault]]:
        return [*checks(values), *date_checks(values, FORM_DATE)]

    words: Mapping[str, Mapping[Any, str]] = {
        "action": {False: "open", True: "change"},
        "person_type": {"INDIVIDUAL": "individual", "LEGAL": "legal entity"},
        "resident": {True: "resident", False: "non-resident"},
        "politically_exposed": {True: "yes", False: "no"},
    }
    cells = [[words.get(name, {}).get(row[name], row[name]) for row in some] for name in some[0]]
    quick = validate_columns(BunaRow, cells, BUNA.rule, all_checks, lambda columns: usual(columns, FORM_DATE))
    assert quick == validate_columns(BunaRow, cells, BUNA.rule, all_checks)


@pytest.mark.parametrize("one", QUICK, ids=lambda one: one.name)
@given(st.text(LETTERS, max_size=260) | st.from_regex(r"[A-Za-z0-9 .@+'/-]{1,70}", fullmatch=True))
def test_a_text_taken_as_it_is_is_what_converting_it_gives(one: Field, text: str) -> None:
    assert one.as_is
    if one.as_is(text):
        assert one.convert(text) == text


RIGHT = {
    "reference": "N-000001",
    "surname": "O'Neil-Testov",
    "first_name": "Ivan",
    "nin": "KZ00000001",
    "iin": "900101110001",
    "document_number": "N00000001",
    "email": "client.one@mail.example.com",
    "phone": "+7 700 000 00 00",
}


def test_right_texts_are_taken_as_they_are() -> None:
    assert {one.name for one in QUICK if one.as_is and one.as_is(RIGHT[one.name])} == set(RIGHT)


@given(st.lists(rows(), min_size=1, max_size=5))
def test_clients_written_together_are_written_as_one_by_one_and_come_back(some: list[dict[str, Any]]) -> None:
    columns = {name: [row[name] for row in some] for name in CLIENT_FIELDS}
    written = clients_to_json(columns)
    assert written == [client_to_json(row) for row in some]
    for text, row in zip(written, some, strict=True):
        client = client_from_json(text)
        assert {name: getattr(client, name) for name in CLIENT_FIELDS} == {name: row[name] for name in CLIENT_FIELDS}
