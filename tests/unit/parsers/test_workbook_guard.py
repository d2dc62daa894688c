"""The guard: what it refuses, what it learns of a workbook, and what it costs."""

import io
import re
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from depository.rejects import FileRefused
from forms import samples
from forms.refusals import REFUSALS
from parsers import workbook_guard
from parsers.blank_workbook import fill
from parsers.workbook_form import read_form
from parsers.workbook_guard import column_letters, column_number, inspect
from parsers.workbook_rows import openpyxl_rows, rows
from tests.support.form_cases import CASES, repacked

IST = fill("IST", samples.header(), {}, [samples.ist_line()])
SHEET = "xl/worksheets/sheet1.xml"


def _refused(data: bytes, name: str = "form.xlsx") -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        inspect(data, name)
    assert caught.value.code in REFUSALS
    assert caught.value.message
    return caught.value


def _sheet_with(old: bytes, new: bytes) -> bytes:
    def change(parts: dict[str, bytes]) -> None:
        assert old in parts[SHEET]
        parts[SHEET] = parts[SHEET].replace(old, new, 1)

    return repacked(IST, change)


def test_each_code_of_refusal_has_a_sample_or_a_test_here() -> None:
    shown = {"too-large", "time-limit", "memory-limit", "reader-stopped", "wrong-name"}
    for case in CASES:
        if case.name.startswith("refused"):
            with pytest.raises(FileRefused) as caught:
                read_form(case.make(), case.path.name)
            shown.add(caught.value.code)
    assert shown == set(REFUSALS)


def test_a_file_over_the_limit_is_refused_by_its_size_alone() -> None:
    assert _refused(b"PK\x03\x04" + bytes(workbook_guard.MAX_FILE)).code == "too-large"


def test_a_name_of_another_type_is_refused() -> None:
    assert _refused(IST, "form.csv").code == "wrong-name"
    assert inspect(IST, "FORM.XLSX").sheets


def test_a_cell_in_the_last_corner_of_the_sheet_is_refused_however_its_reference_is_written() -> None:
    for reference in (
        b'r="XFD1048576"',
        b"r='XFD1048576'",
        b'r = "XFD1048576"',
        b'r="xfd1048576"',
        b'r="BM1"',
        b'r="A200000"',
    ):
        data = _sheet_with(b"</sheetData>", b"<row><c " + reference + b"><v>1</v></c></row></sheetData>")
        assert _refused(data).code == "too-many-cells", reference


def test_the_last_column_and_row_allowed_pass() -> None:
    data = _sheet_with(b"</sheetData>", b'<row r="199999"><c r="BL199999"><v>1</v></c></row></sheetData>')
    assert inspect(data, "form.xlsx").sheets[0].name == "IST"


def test_a_part_that_expands_beyond_its_stated_size_is_refused() -> None:
    lied = bytearray(IST)
    with zipfile.ZipFile(io.BytesIO(IST)) as package:
        entry = package.getinfo("xl/styles.xml")
    central = lied.rindex(b"xl/styles.xml") - 46
    lied[central + 24 : central + 28] = (entry.file_size - 100).to_bytes(4, "little")
    assert _refused(bytes(lied)).code == "expands-too-far"


def test_a_part_with_a_wrong_checksum_is_refused() -> None:
    lied = bytearray(IST)
    central = lied.rindex(b"xl/styles.xml") - 46
    lied[central + 16 : central + 20] = zlib.crc32(b"other").to_bytes(4, "little")
    assert _refused(bytes(lied)).code == "damaged"


def test_a_long_list_of_parts_is_refused_before_it_is_parsed() -> None:
    filler = b"<!--" + bytes(range(33, 45)) * 800_000 + b"-->"
    huge = repacked(IST, lambda parts: parts.update({"xl/workbook.xml": parts["xl/workbook.xml"] + filler}))
    assert _refused(huge).code == "expands-too-far"


def test_every_cut_of_a_workbook_is_refused_and_none_hangs_or_raises_otherwise() -> None:
    for length in range(0, len(IST) - 1, 97):
        assert _refused(IST[:length]).code in ("empty", "damaged", "wrong-type", "expands-too-far")


def test_links_that_a_spreadsheet_program_makes_of_e_mail_addresses_pass() -> None:
    book = load_workbook(io.BytesIO(IST))
    book["IST"]["T1"] = "client@example.com"
    book["IST"]["T1"].hyperlink = "mailto:client@example.com"
    target = io.BytesIO()
    book.save(target)
    assert read_form(target.getvalue(), "form.xlsx").rejects == ()


def test_the_guard_learns_sheets_states_merges_and_formulas() -> None:
    book = load_workbook(io.BytesIO(IST))
    book.create_sheet("Hidden").sheet_state = "hidden"
    book.create_sheet("Deep").sheet_state = "veryHidden"
    book["Hidden"]["A1"] = "=1+1"
    target = io.BytesIO()
    book.save(target)
    found = {sheet.name: sheet for sheet in inspect(target.getvalue(), "form.xlsx").sheets}
    assert [(name, sheet.visible, sheet.odd) for name, sheet in found.items()] == [
        ("IST", True, False),
        ("Hidden", False, True),
        ("Deep", False, False),
    ]
    assert found["IST"].merged[(5, 1)] == (5, 3)


def test_a_wrong_statement_of_the_sheets_size_drops_no_row() -> None:
    def change(parts: dict[str, bytes]) -> None:
        parts[SHEET] = re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:B2"', parts[SHEET])

    assert read_form(repacked(IST, change), "form.xlsx") == read_form(IST, "form.xlsx")


@pytest.mark.parametrize("by_calamine", [False, True], ids=["openpyxl", "calamine"])
def test_control_characters_errors_and_formulas_read_alike(by_calamine: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = (
        b'<row r="60"><c r="A60" t="inlineStr"><is><t>bell_x0007_</t></is></c><c r="B60" t="e"><v>#DIV/0!</v></c>'
        b'<c r="C60"><f>1+1</f></c><c r="D60"><f>1+1</f><v>2</v></c><c t="str"><f>"a"</f><v></v></c><c><f>2</f></c></row></sheetData>'
    )
    data = _sheet_with(b"</sheetData>", cells)
    facts = inspect(data, "form.xlsx").sheets[0]
    if not by_calamine:
        monkeypatch.setattr("parsers.workbook_rows.calamine_rows", openpyxl_rows)
    row = dict(rows(data, facts))[60]
    assert row[0] == "bell\x07"
    assert [str(cell) for cell in row[1:4]] == ["#DIV/0!", "=1+1", str(row[3])]
    assert float(str(row[3])) == 2
    assert row[4] in ("", None)
    assert str(row[5]) == "=2"


@pytest.mark.parametrize("by_calamine", [False, True], ids=["openpyxl", "calamine"])
@pytest.mark.filterwarnings("ignore:Cell .* is marked as a date")
def test_a_date_far_outside_the_calendar_costs_its_own_line_alone(
    by_calamine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not by_calamine:
        monkeypatch.setattr("parsers.workbook_rows.calamine_rows", openpyxl_rows)
    lines = [samples.ist_line("T-1"), samples.ist_line("T-2", trade_date=10**15), samples.ist_line("T-3")]
    form = read_form(fill("IST", samples.header(), {}, lines), "form.xlsx")
    assert [line.request is not None for line in form.lines] == [True, False, True]
    assert [one.field for one in form.lines[1].rejects] == ["trade_date"]


def test_column_letters_and_numbers_are_each_others_inverse() -> None:
    for number in range(1, 20_000):
        assert column_number(column_letters(number)) == number


@pytest.mark.timeout(240)
def test_a_workbook_with_hundreds_of_thousands_of_references_is_looked_through_in_a_second_or_two() -> None:
    """A search that goes back over what it has read takes hours for it."""
    filler = b"".join(b'<row r="%d"><c r="A%d"><v>1</v></c></row>' % (n, n) for n in range(100, 199_000))
    data = _sheet_with(b"</sheetData>", filler + b"</sheetData>")
    assert max(sheet.size for sheet in inspect(data, "form.xlsx").sheets) > len(filler)


@pytest.mark.parametrize("space", [b"\t", b"\n", b"\r", b" "])
def test_a_far_cell_is_found_whatever_space_stands_around_its_equals_sign(space: bytes) -> None:
    far = b"<c r" + space + b'="XFD1"><v>1</v></c></row>'
    assert _refused(_sheet_with(b"</row>", far)).code == "too-many-cells"
    far = b"<c r=" + space + b'"XFD1"><v>1</v></c></row>'
    assert _refused(_sheet_with(b"</row>", far)).code == "too-many-cells"


@given(st.from_regex(workbook_guard._FAR, fullmatch=True))
def test_the_quick_look_for_far_cells_misses_none_that_the_exact_one_finds(written: bytes) -> None:
    assert workbook_guard._reaches_far(b"<c " + written + b'" s="6"/>')


@given(st.integers(1, 52).map(column_letters), st.integers(1, 99_999))
def test_the_quick_look_passes_over_the_cells_of_any_usual_form(letters: str, row: int) -> None:
    assert workbook_guard._PERHAPS_FAR.search(f'<c r="{letters}{row}">'.encode()) is None
