"""Blanks: complete, protected, printable, repeatable; `fill` writes what it is given and nothing else."""

import io
import re
import zipfile
from datetime import date
from decimal import Decimal

import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from depository.requests import Action, Movement
from forms import samples
from forms.catalog import FORMS
from forms.field import Kind, fields_of
from forms.header import HeaderRow
from parsers.blank_workbook import fill, render_blank
from parsers.workbook_form import read_form

CODES = list(FORMS)


def _sheets(code: str) -> list[Worksheet]:
    return list(load_workbook(io.BytesIO(render_blank(code))).worksheets)


@pytest.mark.rule("CSD-A3")
@pytest.mark.parametrize("code", list(FORMS))
def test_a_blank_has_every_label_and_is_refused_only_for_what_is_not_filled_in(code: str) -> None:
    form = read_form(render_blank(code), "blank.xlsx")
    assert form.code == code
    for reject in [*form.rejects, *(one for line in form.lines for one in line.rejects)]:
        assert "missing; fill it in" in reject.message or "has no line" in reject.message, reject


@pytest.mark.parametrize("code", CODES)
def test_the_same_blank_has_the_same_bytes(code: str) -> None:
    assert render_blank(code) == render_blank(code)


@pytest.mark.parametrize("code", CODES)
def test_labels_are_locked_and_input_cells_are_not(code: str) -> None:
    for sheet in _sheets(code):
        assert sheet.protection.sheet
        labels = [cell for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]
        assert all(cell.protection.locked for cell in labels)
        assert any(not cell.protection.locked for row in sheet.iter_rows() for cell in row)


@pytest.mark.parametrize("code", CODES)
def test_every_input_has_a_hint_and_every_choice_a_drop_down(code: str) -> None:
    hints: dict[str, str] = {}
    for sheet in _sheets(code):
        for rule in sheet.data_validations.dataValidation:
            hints[rule.promptTitle or ""] = rule.prompt or ""
            if rule.type == "list":
                assert rule.formula1
    spec = FORMS[code]
    for model in filter(None, (HeaderRow, spec.body, spec.table)):
        for field in fields_of(model):
            assert field.hint[:40] in hints[field.label[:32]], field.label


def test_drop_downs_fit_into_excels_list_of_255_characters_separated_by_commas() -> None:
    for spec in FORMS.values():
        for model in filter(None, (spec.body, spec.table)):
            for field in fields_of(model):
                assert not any("," in choice for choice in field.choices), field.label
                assert len(",".join(field.choices)) <= 255, field.label


@pytest.mark.parametrize("code", CODES)
def test_sheets_print_on_a4_and_have_frozen_labels(code: str) -> None:
    for sheet in _sheets(code):
        assert str(sheet.page_setup.paperSize) == "9"
        assert sheet.sheet_properties.pageSetUpPr
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.freeze_panes


def test_columns_of_codes_are_formatted_as_text_down_to_the_last_line() -> None:
    blank = render_blank("BUNA")
    with zipfile.ZipFile(io.BytesIO(blank)) as package:
        sheet = package.read("xl/worksheets/sheet2.xml").decode()
        styles = package.read("xl/styles.xml").decode()
    formats = re.findall(r'<xf numFmtId="(\d+)"', styles[styles.index("<cellXfs") :])
    by_column = {
        column: formats[int(style)]
        for first, last, style in re.findall(r'<col min="(\d+)" max="(\d+)"[^>]* style="(\d+)"', sheet)
        for column in range(int(first), int(last) + 1)
    }
    table = FORMS["BUNA"].table
    assert table
    for column, field in enumerate(fields_of(table), 2):
        if field.kind is Kind.CODE:
            assert by_column[column] == "49", field.label


def test_filling_in_takes_texts_or_meanings_of_choices() -> None:
    by_text = fill("IST", samples.header(), {}, [samples.ist_line()])
    by_meaning = fill(
        "IST",
        samples.header(),
        {},
        [samples.ist_line(action=Action.NEW, movement=Movement.DELIVER, quantity_type="UNIT")],
    )
    assert by_text == by_meaning
    wrn = read_form(fill("WRN", samples.header(), samples.wrn_body(mode=True), ()), "w.xlsx")
    assert wrn.lines[0].request.all_available is True  # type: ignore[union-attr]


def test_filling_in_an_unknown_field_or_form_is_an_error() -> None:
    with pytest.raises(KeyError, match="isim"):
        fill("IST", samples.header(), {}, [{"isim": "x"}])
    with pytest.raises(KeyError, match="nmae"):
        fill("IST", {"nmae": "x"}, {}, [])
    with pytest.raises(KeyError, match="XYZ"):
        fill("XYZ", {}, {}, [])


def test_a_quantity_with_more_digits_than_a_sheet_keeps_is_written_as_text() -> None:
    exact = Decimal("123456789012345.123456")
    form = read_form(fill("IST", samples.header(), {}, [samples.ist_line(quantity=exact)]), "i.xlsx")
    assert form.lines[0].request.quantity == exact  # type: ignore[union-attr]


def test_text_that_looks_like_a_formula_is_stored_as_text() -> None:
    data = fill("WRN", samples.header(), samples.wrn_body(details="=HYPERLINK(1)"), ())
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        assert b"<f>" not in package.read("xl/worksheets/sheet1.xml")
    assert read_form(data, "w.xlsx").lines[0].request.details == "=HYPERLINK(1)"  # type: ignore[union-attr]


def test_a_date_before_excels_first_is_written_as_text_and_read_back() -> None:
    client = samples.buna_client(1, born=date(1899, 12, 31), person_type="legal entity", first_name=None)
    form = read_form(fill("BUNA", samples.header(), samples.buna_cover(1), [client]), "b.xlsx")
    assert form.lines[0].rejects == ()
    assert form.lines[0].request.client.born == date(1899, 12, 31)  # type: ignore[union-attr]


def test_large_forms_are_streamed_and_hold_the_same_as_small_ones() -> None:
    lines = [samples.ist_line(f"T-{n:06d}") for n in range(1, 2_102)]
    streamed = read_form(fill("IST", samples.header(), {}, lines), "i.xlsx")
    assert [line.number for line in streamed.lines if line.request] == list(range(1, 2_102))
    first = read_form(fill("IST", samples.header(), {}, lines[:1]), "i.xlsx")
    assert streamed.lines[0] == first.lines[0]
    assert streamed.header == first.header


def test_the_text_that_an_indemnity_gives_is_printed_on_its_blank() -> None:
    texts = " ".join(
        str(cell.value) for sheet in _sheets("IND") for row in sheet.iter_rows() for cell in row if cell.value
    )
    assert "holds the depository harmless" in texts
