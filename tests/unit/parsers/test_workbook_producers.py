"""The same form saved by LibreOffice, openpyxl, XlsxWriter and pandas reads the same."""

import io
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from forms import samples
from forms.field import fields_of
from forms.form import Form
from forms.header import HeaderRow
from forms.ist import IstLine
from parsers.blank_workbook import fill
from parsers.workbook_form import read_form
from parsers.workbook_rows import openpyxl_rows
from tests.support.programs import program

HEADER = samples.header(form="IST", layout="1", additional_information="Қазақ тілі, кириллица")
LINES = [
    samples.ist_line("000123", quantity=Decimal("0.1")),
    samples.ist_line("T-000002", due_date="25.11.2026", quantity="12345.678901", security_name="  Test\u00a0share "),
    samples.ist_line("T-000003", isin="KZ1C00000008"),
    samples.ist_revocation("T-000004", "T-000001"),
]


def _cells() -> list[list[object]]:
    """Give the form as a plain grid, without any format: labels beside and above their cells."""
    grid: list[list[object]] = [[f.label, HEADER.get(f.name)] for f in fields_of(HeaderRow)]
    grid += [[], [f.label for f in fields_of(IstLine)]]
    grid += [[_plain(line.get(f.name)) for f in fields_of(IstLine)] for line in LINES]
    return grid


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


def xlsxwriter_file(folder: Path) -> bytes:
    return fill("IST", HEADER, {}, LINES)


def openpyxl_file(folder: Path) -> bytes:
    book = Workbook()
    book.active.title = "IST"  # type: ignore[union-attr]
    for row in _cells():
        book["IST"].append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def openpyxl_resaved_file(folder: Path) -> bytes:
    target = io.BytesIO()
    load_workbook(io.BytesIO(xlsxwriter_file(folder))).save(target)
    return target.getvalue()


def pandas_file(folder: Path) -> bytes:
    target = io.BytesIO()
    width = len(fields_of(IstLine))
    pd.DataFrame([row + [None] * (width - len(row)) for row in _cells()]).to_excel(
        target, sheet_name="IST", header=False, index=False
    )
    return target.getvalue()


def libreoffice_file(folder: Path) -> bytes:
    return _resaved(xlsxwriter_file(folder), folder)


def _resaved(data: bytes, folder: Path) -> bytes:
    """Open a workbook in LibreOffice and save it again."""
    (folder / "in.xlsx").write_bytes(data)
    command = [program("soffice"), "--headless", f"-env:UserInstallation={(folder / 'profile').as_uri()}"]
    command += ["--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(folder / "out"), str(folder / "in.xlsx")]
    subprocess.run(command, check=True, capture_output=True, timeout=280)
    return (folder / "out" / "in.xlsx").read_bytes()


PRODUCERS = (xlsxwriter_file, openpyxl_file, openpyxl_resaved_file, pandas_file, libreoffice_file)


def _content(form: Form) -> tuple[object, ...]:
    """Give everything but the places, which differ with the layout; messages name places, so they are left out too."""
    rejects = [tuple(replace(one, message="") for one in line.rejects) for line in form.lines]
    return form.code, form.header, form.rejects, [line.request for line in form.lines], rejects, form.content_sha256


@pytest.mark.rule("CSD-A3")
@pytest.mark.parametrize("produce", PRODUCERS, ids=lambda produce: produce.__name__)
@pytest.mark.parametrize("by_calamine", [False, True], ids=["openpyxl reads", "calamine reads"])
def test_a_form_reads_the_same_whatever_program_saved_it(
    produce: Callable[[Path], bytes], by_calamine: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not by_calamine:
        monkeypatch.setattr("parsers.workbook_rows.calamine_rows", openpyxl_rows)
    expected = read_form(xlsxwriter_file(tmp_path), "form.xlsx")
    assert [line.request is not None for line in expected.lines] == [True, True, False, True]
    assert _content(read_form(produce(tmp_path), "form.xlsx")) == _content(expected)


def test_leading_zeros_and_exact_decimals_survive_every_program(tmp_path: Path) -> None:
    for produce in PRODUCERS:
        first = read_form(produce(tmp_path), "form.xlsx").lines[0].request
        assert first is not None
        assert (first.reference, first.quantity) == ("000123", Decimal("0.1"))  # type: ignore[union-attr]


def test_a_formula_counts_with_the_value_that_libreoffice_calculated(tmp_path: Path) -> None:
    book = load_workbook(io.BytesIO(fill("WRN", samples.header(), samples.wrn_body(), ())))
    place = next(c for row in book["WRN"].iter_rows() for c in row if c.value == "Amount *").offset(column=1)
    place.value = "=1000*3+0.5"
    never = io.BytesIO()
    book.save(never)
    before = read_form(never.getvalue(), "form.xlsx")
    assert [one.field for one in before.lines[0].rejects] == ["amount"]
    assert "never calculated" in before.lines[0].rejects[0].message
    after = read_form(_resaved(never.getvalue(), tmp_path), "form.xlsx")
    assert after.lines[0].request.amount == Decimal("3000.5")  # type: ignore[union-attr]


def test_a_blank_survives_libreoffice_with_its_drop_downs(tmp_path: Path) -> None:
    saved = load_workbook(io.BytesIO(_resaved(fill("BUNA", {}, {}, ()), tmp_path)))
    rules = saved["Accounts"].data_validations.dataValidation
    assert any(rule.type == "list" and "open" in (rule.formula1 or "") for rule in rules)
    assert saved["Accounts"].protection.sheet


def test_dates_are_read_in_both_date_systems_of_excel() -> None:
    book = load_workbook(io.BytesIO(fill("WRN", samples.header(), samples.wrn_body(value_date=None), ())))
    book.epoch = CALENDAR_MAC_1904
    place = next(c for row in book["WRN"].iter_rows() for c in row if c.value == "Value date *").offset(column=1)
    place.value = date(2026, 11, 25)
    date_cell = next(c for row in book["WRN"].iter_rows() for c in row if c.value == "Date *").offset(column=1)
    date_cell.value = date(2026, 11, 23)
    target = io.BytesIO()
    book.save(target)
    form = read_form(target.getvalue(), "form.xlsx")
    assert form.header is not None
    assert form.header.form_date == date(2026, 11, 23)
    assert form.lines[0].request.value_date == date(2026, 11, 25)  # type: ignore[union-attr]
