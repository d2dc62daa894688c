"""The marked workbook: the sender's own, with marks that are right, repeatable and never a formula."""

import hashlib
import io
import subprocess
import sys
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from openpyxl import Workbook, load_workbook

from depository.answers import LineOutcome, Receipt, Verdict
from depository.rejects import FileRefused, Reject, RejectionReason
from forms import samples
from forms.form import Form
from parsers.blank_workbook import fill
from parsers.marked_workbook import HEADS, mark
from parsers.workbook_form import ANSWER_SHEET, MARK, read_form
from tests.support.form_cases import CASES

MOMENT = datetime(2026, 11, 23, 10, 15, 30, tzinfo=ZoneInfo("Asia/Almaty"))
PINK = "FFFFC7CE"


def receipt_of(form: Form | None, *outcomes: LineOutcome) -> Receipt:
    """Give the receipt that an intake would write for what the reader found."""
    lines = outcomes or tuple(
        LineOutcome(
            line=line.number,
            verdict=Verdict.REFUSED if line.rejects else Verdict.ACCEPTED,
            reference=line.reference,
            record="" if line.rejects else f"I-{line.number:06d}",
            status="" if line.rejects else "pending: unmatched",
            rejects=line.rejects,
            places=tuple(form.place(line.number, one.field) for one in line.rejects) if form else (),
        )
        for line in (form.lines if form else ())
    )
    return Receipt(
        number="R-2026-000001",
        sender="A01",
        file_name="form.xlsx",
        sha256="0" * 64,
        size=1,
        arrived_at=MOMENT,
        business_date=date(2026, 11, 23),
        channel="sftp",
        form=form.code if form else "",
        reference=form.reference if form else "",
        verdict=Verdict.PARTLY if form else Verdict.QUARANTINED,
        batch="",
        cut_off=None,
        rejects=form.rejects if form else (),
        places=tuple(form.place(0, one.field) for one in form.rejects) if form else (),
        lines=lines,
        message="=This text begins like a formula.",
    )


def _book(data: bytes) -> Workbook:
    return load_workbook(io.BytesIO(data))


def _no_formula(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        for name in package.namelist():
            if name.startswith("xl/worksheets/sheet"):
                content = package.read(name)
                assert b"<f>" not in content, name
                assert b"<f " not in content, name


IST_LINES = [
    samples.ist_line("T-000001"),
    samples.ist_line("T-000002", isin="KZ1C00000008", quantity="1,234", security_name="=1+1"),
    samples.ist_line("T-000003"),
]


def test_a_wrong_cell_is_coloured_and_the_reason_stands_beside_the_row() -> None:
    data = fill("IST", samples.header(), {}, IST_LINES)
    form = read_form(data, "form.xlsx")
    sheet = _book(mark(data, form, receipt_of(form)))["IST"]
    coloured = [cell.coordinate for row in sheet.iter_rows() for cell in row if cell.fill.fgColor.rgb == PINK]
    assert coloured == ["I13", "K13"]
    assert [sheet.cell(11, column).value for column in range(18, 23)] == list(HEADS)
    refused = [sheet.cell(13, column).value for column in range(18, 23)]
    assert refused[:4] == ["refused", None, "DSEC, DQUA", "CSD-4.1.2-b"]
    assert "check digit" in str(refused[4])
    assert "commas" in str(refused[4])
    assert [sheet.cell(12, column).value for column in range(18, 20)] == ["accepted", "I-000001"]
    assert sheet["J13"].value == "=1+1"
    assert sheet["J13"].data_type == "s"


def test_a_fault_in_the_header_is_told_to_the_right_of_its_cell() -> None:
    data = fill("WRN", samples.header(signatory=None), samples.wrn_body(amount=None), ())
    form = read_form(data, "form.xlsx")
    sheet = _book(mark(data, form, receipt_of(form)))["WRN"]
    remarks = {row[0].row: row[2].value for row in sheet.iter_rows(max_col=3) if row[2].value}
    assert len(remarks) == 2
    assert all(str(text).startswith(MARK) for text in remarks.values())
    assert sheet.cell(15, 2).fill.fgColor.rgb == PINK
    assert sheet.cell(15, 2).value is None


def test_the_senders_own_sheets_styles_and_drop_downs_stay() -> None:
    data = fill("IST", samples.header(), {}, IST_LINES)
    before, after = (
        _book(data)["IST"],
        _book(mark(data, read_form(data, "f.xlsx"), receipt_of(read_form(data, "f.xlsx"))))["IST"],
    )
    assert after.data_validations.count == before.data_validations.count
    assert after.column_dimensions["B"].width == before.column_dimensions["B"].width
    assert after.freeze_panes == before.freeze_panes
    for row in before.iter_rows():
        for cell in row:
            assert after[cell.coordinate].value == cell.value


def test_the_answer_sheet_lists_the_receipt_and_every_line_that_was_not_plainly_accepted() -> None:
    data = fill("IST", samples.header(), {}, IST_LINES)
    form = read_form(data, "form.xlsx")
    business = Reject(RejectionReason.QUANTITY, "CSD-5.2-dvp", "quantity", "1000", "=more than is free")
    outcomes = (
        LineOutcome(1, Verdict.ACCEPTED, "T-000001", "I-1", "matched"),
        LineOutcome(2, Verdict.REFUSED, "T-000002", "", "", form.lines[1].rejects, ("IST!I13", "IST!K13")),
        LineOutcome(3, Verdict.REFUSED, "T-000003", "", "", (business,), ()),
    )
    sheet = _book(mark(data, form, receipt_of(form, *outcomes)))[ANSWER_SHEET]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    facts = {row[0]: row[1] for row in rows if row[0] and row[1] is not None}
    assert facts["Receipt"] == "R-2026-000001"
    assert facts["Lines accepted"] == 1
    assert facts["Lines refused"] == 2
    assert facts["Arrived at"] == "2026-11-23 10:15:30+05:00"
    start = next(n for n, row in enumerate(rows) if row[0] == "Line")
    listed = [(row[0], row[5], row[8], row[10]) for row in rows[start + 1 :]]
    assert [one[:3] for one in listed] == [(2, "IST!I13", "DSEC"), (2, "IST!K13", "DQUA"), (3, "IST!K14", "DQUA")]
    assert listed[2][3] == "=more than is free"


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.form}-{case.name}") for case in CASES])
def test_any_workbook_can_be_marked_and_holds_no_formula(case: object) -> None:
    data = case.make()  # type: ignore[attr-defined]
    try:
        form = read_form(data, "form.xlsx")
    except FileRefused:
        form = None
    marked = mark(data, form, receipt_of(form))
    assert marked == mark(data, form, receipt_of(form))
    assert ANSWER_SHEET in _book(marked).sheetnames
    _no_formula(marked)


def test_a_marked_workbook_can_be_mended_and_sent_again() -> None:
    data = fill("IST", samples.header(participant="A1"), {}, IST_LINES)
    form = read_form(data, "form.xlsx")
    marked = mark(data, form, receipt_of(form))
    again = read_form(marked, "form.xlsx")
    assert again == form
    book = _book(marked)
    book["IST"]["D7"] = "A01"
    book["IST"]["I13"] = samples.ISIN
    book["IST"]["K13"] = 1234
    target = io.BytesIO()
    book.save(target)
    mended = read_form(target.getvalue(), "form.xlsx")
    assert mended.rejects == ()
    assert all(line.request for line in mended.lines)
    clean = _book(mark(target.getvalue(), mended, receipt_of(mended)))
    assert not [cell for row in clean["IST"].iter_rows() for cell in row if cell.fill.fgColor.rgb == PINK]
    assert not [cell for row in clean["IST"].iter_rows() for cell in row if str(cell.value).startswith(MARK)]
    assert [cell.value for cell in clean["IST"][11]].count(HEADS[0]) == 1


def test_bytes_depend_on_the_moment_of_the_receipt_and_on_nothing_else() -> None:
    data = fill("IST", samples.header(), {}, IST_LINES)
    form = read_form(data, "form.xlsx")
    receipt = receipt_of(form)
    here = hashlib.sha256(mark(data, form, receipt)).hexdigest()
    script = (
        "import hashlib, sys\n"
        "from tests.unit.parsers.test_workbook_marked import *\n"
        "data = fill('IST', samples.header(), {}, IST_LINES); form = read_form(data, 'form.xlsx')\n"
        "print(hashlib.sha256(mark(data, form, receipt_of(form))).hexdigest())\n"
    )
    root = Path(__file__).parents[3]
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": f"{root / 'src'}:{root}", "PATH": "/usr/bin:/bin"}
        there = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment, cwd=root
        ).stdout.strip()
        assert there == here
    with zipfile.ZipFile(io.BytesIO(mark(data, form, receipt))) as package:
        assert {entry.date_time for entry in package.infolist()} == {(2026, 11, 23, 10, 15, 0)}
        assert b"2026-11-23T10:15:30Z" in package.read("docProps/core.xml")
    assert MOMENT + timedelta(0) == receipt.arrived_at


def test_a_senders_formula_comes_back_as_its_value() -> None:
    book = _book(fill("WRN", samples.header(), samples.wrn_body(), ()))
    book["WRN"]["B15"] = "=1+1"
    target = io.BytesIO()
    book.save(target)
    form = read_form(target.getvalue(), "form.xlsx")
    marked = mark(target.getvalue(), form, receipt_of(form))
    _no_formula(marked)
    assert _book(marked)["WRN"]["B15"].value == "=1+1"


@pytest.mark.parametrize("limit", ["_WHOLE_ROWS", "_WHOLE_BYTES"])
def test_a_large_form_is_copied_with_its_values_and_marks(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"parsers.marked_workbook.{limit}", 2)
    data = fill("IST", samples.header(participant="A1"), {}, IST_LINES)
    form = read_form(data, "form.xlsx")
    marked = mark(data, form, receipt_of(form))
    assert marked == mark(data, form, receipt_of(form))
    again = read_form(marked, "form.xlsx")
    assert (again.lines, again.rejects, again.content_sha256) == (form.lines, form.rejects, form.content_sha256)
    _no_formula(marked)
    sheet = _book(marked)["IST"]
    coloured = [cell.coordinate for row in sheet.iter_rows() for cell in row if cell.fill.fgColor.rgb == PINK]
    assert coloured == ["D7", "I13", "K13"]
    assert "DSEC, DQUA" in [cell.value for cell in sheet[13]]
    assert _book(marked)[ANSWER_SHEET]["A1"].value == "Answer of the depository"


def test_a_reason_on_several_lines_has_the_height_that_it_needs() -> None:
    """The blank's rows are as high as one line: a longer reason would run over its neighbours'."""
    data = fill("IST", samples.header(), {}, IST_LINES)
    form = read_form(data, "form.xlsx")
    sheet = _book(mark(data, form, receipt_of(form)))["IST"]
    long, short = sheet.cell(13, 22).value, sheet.cell(14, 22).value
    assert len(str(long)) > 150
    assert short is None
    assert sheet.row_dimensions[13].height >= 13 * len(str(long)) / 75
    assert sheet.row_dimensions[14].height == _book(data)["IST"].row_dimensions[14].height


def test_what_has_no_cell_is_on_the_sheet_with_which_the_workbook_opens() -> None:
    """A column that is not there cannot be coloured; one under another name can."""
    book = _book(fill("IST", samples.header(), {}, IST_LINES[:1]))
    book["IST"]["I11"] = "ISIN code"
    renamed = _saved(book)
    book["IST"]["I11"] = "?"
    gone = _saved(book)
    forms = [read_form(data, "form.xlsx") for data in (renamed, gone)]
    opened = [_book(mark(data, form, receipt_of(form))) for data, form in zip((renamed, gone), forms, strict=True)]
    assert opened[0].active is not None
    assert opened[1].active is not None
    assert [opened[0].active.title, opened[1].active.title] == ["IST", ANSWER_SHEET]
    assert opened[0]["IST"]["I11"].fill.fgColor.rgb == PINK
    assert [sheet.title for sheet in opened[1].worksheets if sheet.sheet_view.tabSelected] == [ANSWER_SHEET]


def _saved(book: Workbook) -> bytes:
    memory = io.BytesIO()
    book.save(memory)
    return memory.getvalue()
