"""Reading a form: what is tolerated, what is refused, and that one wrong line never holds up a right one."""

import io
import re
from datetime import date
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from depository.rejects import FileRefused, RejectionReason
from depository.requests import (
    Action,
    InterestAction,
    InterestRequest,
    Movement,
    OpeningRequest,
    Signatory,
    TransferRequest,
    WithdrawalRequest,
)
from forms import samples
from forms.form import Form
from parsers.blank_workbook import fill
from parsers.workbook_form import read_form
from tests.support.form_cases import edited, repacked


def _ist(*lines: object, **header: object) -> Form:
    return read_form(fill("IST", samples.header(**header), {}, lines or [samples.ist_line()]), "ist.xlsx")  # type: ignore[arg-type]


@pytest.mark.rule("CSD-4.1.1-a", "CSD-4.1.2-b")
def test_an_ist_becomes_transfer_requests() -> None:
    form = _ist(
        samples.ist_line("T-000001", action="replace", previous="T-000000"), samples.ist_revocation("T-000002", "T-9")
    )
    assert form.header is not None
    assert (form.header.participant, form.header.reference, form.header.form_date) == (
        "A01",
        "A01-2026-0147",
        date(2026, 11, 23),
    )
    assert form.header.signatories == (Signatory("Test Signatory One", "Head of operations"),)
    replaced, revoked = (line.request for line in form.lines)
    assert isinstance(replaced, TransferRequest)
    assert isinstance(revoked, TransferRequest)
    assert (replaced.action, replaced.movement, replaced.previous) == (Action.REPLACE, Movement.DELIVER, "T-000000")
    assert (replaced.quantity, replaced.quantity_type, replaced.due_date) == (Decimal(1000), "UNIT", date(2026, 11, 25))
    assert (revoked.action, revoked.previous, revoked.quantity, revoked.isin) == (Action.REVOKE, "T-9", Decimal(0), "")


@pytest.mark.rule("CSD-3.3.2-b")
def test_a_wrn_becomes_one_withdrawal_request() -> None:
    form = read_form(fill("WRN", samples.header(), samples.wrn_body(mode="all available, at most"), ()), "wrn.xlsx")
    (line,) = form.lines
    assert isinstance(line.request, WithdrawalRequest)
    assert line.number == 1
    assert line.request.all_available
    assert line.request.amount == Decimal(1500000)
    assert line.request.iban == "KZ86125KZT5004100100"


@pytest.mark.rule("CSD-4.3-1-a", "CSD-4.3-1-b", "CSD-4.3-1-f")
def test_a_sin_becomes_one_interest_request_with_the_additional_information() -> None:
    header = samples.header(additional_information="Votes stay with the debtor.")
    form = read_form(fill("SIN", header, samples.sin_body(quantity="All"), ()), "sin.xlsx")
    request = form.lines[0].request
    assert isinstance(request, InterestRequest)
    assert request.action is InterestAction.CREATE
    assert request.quantity is None
    assert request.additional_information == "Votes stay with the debtor."
    enforce = samples.sin_body(action="enforce", enforcement="yes", interest="SI-1")
    request = read_form(fill("SIN", header, enforce, ()), "sin.xlsx").lines[0].request
    assert isinstance(request, InterestRequest)
    assert (request.action, request.interest) == (InterestAction.ENFORCE, "SI-1")


@pytest.mark.rule("CSD-3.1.2-e", "CSD-3.1.2-c")
def test_a_buna_refuses_wrong_rows_one_by_one_and_right_rows_go_on() -> None:
    rows = [
        samples.buna_client(1),
        samples.buna_client(2, iin="900101100015"),
        samples.buna_client(3, nin=None),
        samples.buna_client(4),
    ]
    form = read_form(fill("BUNA", samples.header(), samples.buna_cover(4), rows), "buna.xlsx")
    assert form.rejects == ()
    assert form.cover is not None
    assert form.cover.accounts_stated == 4
    assert [line.request is not None for line in form.lines] == [True, False, False, True]
    assert [one.field for line in form.lines for one in line.rejects] == ["iin", "nin"]
    opened = form.lines[3].request
    assert isinstance(opened, OpeningRequest)
    assert (opened.line, opened.change, opened.reference, opened.client.nin) == (4, False, "N-000004", "KZ00000004")
    assert opened.client.resident is True


@pytest.mark.rule("CSD-3.1.2-g")
def test_a_change_of_client_data_carries_only_what_is_given() -> None:
    change = {"action": "change", "reference": "C-1", "nin": "KZ00000001", "email": "new@example.com"}
    form = read_form(fill("BUNA", samples.header(), samples.buna_cover(1), [change]), "buna.xlsx")
    request = form.lines[0].request
    assert isinstance(request, OpeningRequest)
    assert request.change
    given = {name: getattr(request.client, name) for name in request.client.__dataclass_fields__}
    assert {name: value for name, value in given.items() if value not in ("", None)} == {
        "nin": "KZ00000001",
        "email": "new@example.com",
    }


def test_every_fault_of_a_line_is_reported_at_once_in_the_order_of_the_columns() -> None:
    form = _ist(
        samples.ist_line(
            isin="KZ1C00000008", quantity="1,234", due_date="soon", reason="lending", counterparty_account="C03-HO"
        )
    )
    faults = [(form.place(1, one.field), one.code) for one in form.lines[0].rejects]
    assert faults == [
        ("IST!H12", RejectionReason.COUNTERPARTY),
        ("IST!I12", RejectionReason.SECURITY),
        ("IST!K12", RejectionReason.QUANTITY),
        ("IST!M12", RejectionReason.DATE),
        ("IST!P12", RejectionReason.RULE),
    ]


def test_places_are_known_for_header_table_and_unknown_fields() -> None:
    form = _ist()
    assert form.place(0, "participant") == "IST!D7"
    assert form.place(1, "quantity") == "IST!K12"
    assert form.place(2, "quantity") == ""
    assert form.place(0, "quantity") == "IST!K11"
    assert form.place(1, "no such field") == ""
    wrn = read_form(fill("WRN", samples.header(), samples.wrn_body(), ()), "wrn.xlsx")
    assert wrn.place(1, "iban") == wrn.place(0, "iban") == "WRN!B16"


def test_a_fault_in_the_header_refuses_the_form_but_lines_are_checked_all_the_same() -> None:
    form = _ist(samples.ist_line(isin="KZ1C00000008"), participant="A1")
    assert form.header is None
    assert [one.field for one in form.rejects] == ["participant"]
    assert [one.field for one in form.lines[0].rejects] == ["isin"]
    assert form.reference == "A01-2026-0147"


def test_the_content_hash_follows_the_content_and_not_the_bytes() -> None:
    plain = fill("IST", samples.header(), {}, [samples.ist_line(due_date=date(2026, 11, 25), quantity=Decimal(1000))])
    as_text = fill(
        "IST", samples.header(form_date="23.11.2026"), {}, [samples.ist_line(due_date="25.11.2026", quantity="1000.00")]
    )
    resaved = edited(plain, lambda book: book.create_sheet("Scratch") and None)
    other = fill("IST", samples.header(), {}, [samples.ist_line(quantity=Decimal(1001))])
    assert len({plain, as_text, resaved}) == 3
    hashes = [read_form(data, "x.xlsx").content_sha256 for data in (plain, as_text, resaved, other)]
    assert len(set(hashes[:3])) == 1
    assert hashes[3] != hashes[0]


def test_moving_text_between_neighbouring_fields_changes_the_hash() -> None:
    one = _ist(samples.ist_line(agreement="AB", counterparty_reference=None))
    two = _ist(samples.ist_line(agreement=None, counterparty_reference="AB"))
    assert one.content_sha256 != two.content_sha256


def test_more_lines_than_a_form_may_have_refuse_the_form() -> None:
    lines = [samples.ist_revocation(f"T-{n:06d}", "X-1") for n in range(5_001)]
    form = _ist(*lines)
    assert [one.message for one in form.rejects] == [
        "The table has more than 5,000 lines: split it into several forms."
    ]
    assert len(form.lines) == 5_000
    assert _ist(*lines[:5_000]).rejects == ()


def test_formatted_but_empty_rows_at_the_end_are_no_lines() -> None:
    def spaces(book: object) -> None:
        for row in range(13, 400):
            book["IST"].cell(row, 2).value = "  \u00a0"  # type: ignore[index]

    form = read_form(edited(fill("IST", samples.header(), {}, [samples.ist_line()]), spaces), "x.xlsx")
    assert len(form.lines) == 1


def test_labels_are_found_whatever_their_case_stars_and_spaces() -> None:
    def relabel(book: object) -> None:
        sheet = book["WRN"]  # type: ignore[index]
        for row in sheet.iter_rows(max_col=1):
            for cell in row:
                if isinstance(cell.value, str):
                    cell.value = f"  {cell.value.upper().rstrip(' *°')}\u00a0:"
        sheet["A1"].value = "Cash withdrawal"
        sheet["A7"].value = "no."

    data = edited(fill("WRN", samples.header(), samples.wrn_body(), ()), relabel)
    form = read_form(data, "x.xlsx")
    assert form.rejects == ()
    assert form.lines[0].request is not None


def test_a_value_may_stand_further_right_when_cells_are_merged() -> None:
    def merge(book: object) -> None:
        sheet = book["WRN"]  # type: ignore[index]
        value = sheet["B16"].value
        sheet["B16"].value = None
        sheet["C16"].value = value
        sheet.merge_cells("A16:B16")
        sheet["B17"].value = None
        sheet.merge_cells("A17:B17")

    form = read_form(edited(fill("WRN", samples.header(), samples.wrn_body(), ()), merge), "x.xlsx")
    assert [one.field for one in form.lines[0].rejects] == ["bank_bic"]
    assert form.place(0, "iban") == "WRN!C16"
    assert form.place(0, "bank_bic") == "WRN!C17"


def test_a_file_of_another_kind_is_refused_with_its_code() -> None:
    with pytest.raises(FileRefused) as caught:
        read_form(b"a;b;c\n", "form.xlsx")
    assert caught.value.code == "wrong-type"


def test_the_same_bytes_always_give_the_same_form() -> None:
    data = fill("BUNA", samples.header(), samples.buna_cover(2), [samples.buna_client(1), samples.buna_client(1)])
    assert read_form(data, "x.xlsx") == read_form(data, "x.xlsx")


def test_a_sheet_of_the_form_may_be_named_in_lower_case() -> None:
    def rename(book: object) -> None:
        book["IST"].title = " ist"  # type: ignore[index]

    form = read_form(edited(fill("IST", samples.header(), {}, [samples.ist_line()]), rename), "x.xlsx")
    assert form.rejects == ()
    assert form.place(1, "isin") == " ist!I12"
    assert load_workbook(io.BytesIO(fill("IST", {}, {}, ()))).sheetnames == ["IST"]


@pytest.mark.parametrize("quote", ['"', "'"])
def test_lines_that_nobody_sees_are_taken_and_told(quote: str) -> None:
    """A list that was filtered is easily sent whole by mistake; whatever program hid the rows, the receipt names them."""
    lines = [samples.ist_line(f"T-{number}") for number in range(1, 5)]
    book = load_workbook(io.BytesIO(fill("IST", samples.header(), {}, lines)))
    for row in (13, 15, 30):
        book["IST"].row_dimensions[row].hidden = True
    memory = io.BytesIO()
    book.save(memory)

    def quoted(parts: dict[str, bytes]) -> None:
        sheet = "xl/worksheets/sheet1.xml"
        parts[sheet] = re.sub(rb"<row [^>]*>", lambda row: row[0].replace(b'"', quote.encode()), parts[sheet])

    form = read_form(repacked(memory.getvalue(), quoted), "form.xlsx")
    assert len(form.lines) == 4
    assert form.notes == ("Hidden on the sheet 'IST' and taken like the others: 2 of the lines (row 13, 15).",)


@pytest.mark.rule("CSD-A3")
def test_of_a_cell_that_is_missing_because_it_is_merged_the_answer_says_so() -> None:
    """Whoever merged five cells sees its value in each of them, and the file has it in the first alone."""

    def merge(book: object) -> None:
        sheet = book["IST"]  # type: ignore[index]
        for row in (13, 14):
            sheet[f"I{row}"].value = None
        sheet["M14"].value = None
        sheet.merge_cells("I12:I14")

    lines = [samples.ist_line(f"T-{number}") for number in range(1, 4)]
    form = read_form(edited(fill("IST", samples.header(), {}, lines), merge), "ist.xlsx")
    told = "The cell is one of the merged cells I12:I14, which have one value, in I12: unmerge them and fill in each."
    assert form.lines[0].rejects == ()
    assert [one.message for one in form.lines[1].rejects] == [f"ISIN: is missing; fill it in. {told}"]
    assert [one.message.endswith(told) for one in form.lines[2].rejects] == [True, False]


@pytest.mark.rule("CSD-A3")
def test_so_it_does_of_a_field_beside_its_label() -> None:
    def merge(book: object) -> None:
        sheet = book["WRN"]  # type: ignore[index]
        sheet["B15"].value = None
        sheet.merge_cells("B14:B15")

    form = read_form(edited(fill("WRN", samples.header(), samples.wrn_body(), ()), merge), "wrn.xlsx")
    (reject,) = form.lines[0].rejects
    assert reject.message.endswith("which have one value, in B14: unmerge them and fill in each.")
