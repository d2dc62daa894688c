"""The report as a workbook: exact, safe, printable, the same bytes for the same report."""

import io
import re
import subprocess
import zipfile
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from depository.reports import Column, Kind, Table
from parsers import report_workbook
from parsers.report_workbook import excel_number, render
from tests.support.feed_builders import NOON
from tests.support.programs import program
from tests.support.report_samples import FORMULAS, ROW, report, table, texts


def opened(data: bytes) -> Workbook:
    """The workbook as a spreadsheet program sees it, formulas and all."""
    return openpyxl.load_workbook(io.BytesIO(data))


def test_the_cover_has_title_addressee_day_and_every_fact() -> None:
    cover = opened(render(report(table())))["Report"]
    assert (cover["A1"].value, cover["A2"].value) == ("Statement of holdings", "B01")
    facts = {row[0]: row[1] for row in cover.iter_rows(min_row=3, values_only=True) if row[0]}
    assert facts["Business date"] == datetime.combine(date(2026, 11, 23), time.min)
    assert facts["Made at"] == NOON.replace(tzinfo=None)
    assert facts["Times are local to"] == "Asia/Almaty"
    assert (facts["Account"], facts["Entries"], facts["Projected"], facts["Final"]) == ("B01-HO", 412, 1250000.5, "yes")
    assert facts["Next day"] == datetime.combine(date(2026, 11, 24), time.min)
    assert facts["Holdings"] == 1


def test_a_table_has_its_own_sheet_with_typed_cells_and_formats() -> None:
    sheet = opened(render(report(table())))["Holdings"]
    assert [cell.value for cell in sheet[5]] == [
        "Account",
        "Instructions",
        "Quantity",
        "Amount",
        "Share",
        "Settles on",
        "Settled at",
    ]
    values = [cell.value for cell in sheet[6]]
    settles, settled = datetime.combine(date(2026, 11, 25), time.min), NOON.replace(tzinfo=None)
    assert values == ["B01-HO", 12, 1000.5, -1234567.1, 5.25, settles, settled]
    formats = [cell.number_format.split(";")[0] for cell in sheet[6]]
    assert formats == ["@", "#,##0", "#,##0.0", "#,##0.00", '#,##0.00"%"', "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"]
    assert sheet["A3"].value == "At the end of the day."


def test_a_sheet_is_ready_to_filter_scroll_and_print() -> None:
    sheet = opened(render(report(table())))["Holdings"]
    assert sheet.freeze_panes == "A6"
    assert sheet.auto_filter.ref == "A5:G6"
    assert (sheet.page_setup.paperSize, sheet.page_setup.orientation) == (9, "landscape")
    assert 'fitToPage="1"' in _part(render(report(table())), "xl/worksheets/sheet2.xml")
    assert sheet.page_setup.fitToHeight == 0
    assert sheet.print_title_rows == "$5:$5"
    assert "&amp;P of &amp;N" in _part(render(report(table())), "xl/worksheets/sheet2.xml")


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_becomes_a_formula_or_a_link(text: str) -> None:
    hostile = report(texts(text), title=text, addressee=text, facts=((text, text),))
    book = opened(render(hostile))
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f"
                assert cell.hyperlink is None or cell.hyperlink.location
    assert book["Texts"]["A5"].value == text
    with zipfile.ZipFile(io.BytesIO(render(hostile))) as parts:
        sheets = [name for name in parts.namelist() if name.startswith("xl/worksheets/sheet")]
        assert sheets
        assert not any(b"<f>" in parts.read(name) for name in sheets)
        assert not any("externalLink" in name or b"TargetMode" in parts.read(name) for name in parts.namelist())


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("0", True),
        ("0.1", True),
        ("-1234567890123.45", True),
        ("999999999999999", True),
        ("9999999999999.99", True),
        ("12345678901234.567", False),
        ("1234567890123456", False),
        ("0.12345678901234567", False),
        ("1E+20", True),
        ("NaN", False),
    ],
)
def test_a_number_is_a_number_only_when_excel_keeps_every_digit(value: str, kept: bool) -> None:
    assert (excel_number(Decimal(value)) is not None) is kept


def test_a_number_that_excel_would_round_is_written_as_text_in_full() -> None:
    long = Decimal("12345678901234567.25")
    rows = ((*ROW[:3], long, *ROW[4:]), (ROW[0], 10**18, *ROW[2:]))
    sheet = opened(render(report(table(*rows))))["Holdings"]
    assert sheet["D6"].value == "12,345,678,901,234,567.25"
    assert sheet["B7"].value == 10**18
    assert sheet["D7"].value == -1234567.1


def test_every_number_of_a_column_shows_as_many_decimals() -> None:
    rows = tuple((*ROW[:2], Decimal(text), *ROW[3:]) for text in ("1000", "0.125"))
    sheet = opened(render(report(table(*rows))))["Holdings"]
    assert {sheet["C6"].number_format, sheet["C7"].number_format} == {"#,##0.000;[Red]-#,##0.000"}


def test_an_empty_table_says_so_and_why() -> None:
    sheet = opened(render(report(table(note="Nothing failed.", rows=()))))["Holdings"]
    assert sheet["A3"].value == "Nothing failed."
    sheet = opened(render(report(table(note="", rows=()))))["Holdings"]
    assert sheet["A5"].value == "No lines."


def test_the_same_report_gives_the_same_bytes() -> None:
    assert render(report(table())) == render(report(table()))
    dates = re.findall(r"<dcterms:\w+[^>]*>([^<]*)<", _part(render(report(table())), "docProps/core.xml"))
    assert dates == ["2026-11-23T12:00:00Z"] * 2


def _part(data: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        return parts.read(name).decode()


def test_sheet_names_keep_to_the_rules_of_excel() -> None:
    titles = (
        "Settlement: [fails] / late?*\\",
        "settlement   fails    late",
        "History",
        "Report",
        "",
        "x" * 40,
        "x" * 41,
    )
    book = opened(render(report(*(table(title=title, name=f"t{n}") for n, title in enumerate(titles)))))
    names = book.sheetnames
    assert len(names) == 8
    assert len({name.lower() for name in names}) == 8
    assert all(0 < len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in names)
    links = [cell.hyperlink.location for row in book["Report"].iter_rows() for cell in row if cell.hyperlink]
    assert [str(link).split("!")[0].strip("'") for link in links] == names[1:]


def test_a_table_longer_than_a_sheet_goes_on_on_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_workbook, "SHEET_ROWS", 2)
    book = opened(render(report(table(*[ROW] * 5))))
    assert book.sheetnames == ["Report", "Holdings", "Holdings (2)", "Holdings (3)"]
    assert [book[name].max_row - 5 for name in book.sheetnames[1:]] == [2, 2, 1]


def test_dates_before_excel_and_moments_without_zone() -> None:
    old = table((*ROW[:5], date(1812, 1, 1), NOON))
    assert opened(render(report(old)))["Holdings"]["F6"].value == "1812-01-01"
    with pytest.raises(ValueError, match="no zone"):
        render(report(table((*ROW[:6], NOON.replace(tzinfo=None)))))


def test_a_row_that_does_not_fit_its_columns_is_never_written() -> None:
    with pytest.raises(ValueError, match="row 2 of table holdings"):
        render(report(table(ROW, ROW[:-1])))


def test_a_text_longer_than_a_cell_is_cut_and_says_so() -> None:
    value = opened(render(report(texts("x" * 40_000))))["Texts"]["A5"].value
    assert value.endswith("… (cut)")


def test_control_characters_and_names_in_cyrillic_survive() -> None:
    sheet = opened(render(report(texts("Қазақстан\x01 ёж \U0001f600"))))["Texts"]
    assert sheet["A5"].value.startswith("Қазақстан")


def test_an_ampersand_in_a_name_is_no_code_of_the_footer() -> None:
    sheet = _part(render(report(texts("x"), addressee="A&B")), "xl/worksheets/sheet2.xml")
    assert "A&amp;&amp;B" in sheet


def test_a_column_of_text_holds_numbers_as_they_are_written() -> None:
    plain = Table("t", "T", (Column("x", "X", Kind.TEXT),), ((Decimal("7.50"),), (3,)))
    sheet = opened(render(report(plain)))["T"]
    assert (sheet["A5"].value, sheet["A5"].number_format) == (7.5, "0.00")


def test_libreoffice_opens_it_and_finds_the_same_values_and_no_formula(tmp_path: Path) -> None:
    (tmp_path / "report.xlsx").write_bytes(render(report(table(), texts(*FORMULAS))))
    command = [program("soffice"), "--headless", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"]
    command += ["--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(tmp_path / "out")]
    subprocess.run([*command, str(tmp_path / "report.xlsx")], check=True, capture_output=True, timeout=280)
    book = opened((tmp_path / "out" / "report.xlsx").read_bytes())
    assert book.sheetnames == ["Report", "Holdings", "Texts"]
    values = [cell.value for cell in book["Holdings"][6]][:5]
    assert values == ["B01-HO", 12, 1000.5, -1234567.1, 5.25]
    cells = [row[0] for row in book["Texts"].iter_rows(min_row=5)]
    assert [cell.value for cell in cells] == list(FORMULAS)
    assert {cell.data_type for cell in cells} == {"s"}
