"""What always holds of forms: values survive the workbook, both readers agree, marking keeps the content, no bytes crash the reader."""

import io
import zipfile
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import isin as stdnum_isin

from depository.identifiers import iin_bin, iin_bin_check_digit, lookalikes
from depository.rejects import FileRefused
from depository.requests import Action, Movement, OpeningRequest, TransferRequest
from forms import samples
from forms.field import CellFault, Kind, fields_of, tidy
from forms.form import Form
from forms.header import HeaderRow
from forms.ist import IstLine
from forms.refusals import REFUSALS
from parsers.blank_workbook import fill
from parsers.marked_workbook import mark
from parsers.workbook_form import read_form
from parsers.workbook_guard import inspect
from parsers.workbook_rows import calamine_rows, openpyxl_rows
from tests.unit.parsers.test_workbook_marked import receipt_of

references = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9/._:-]{0,33}[A-Za-z0-9])?", fullmatch=True)
days = st.dates(date(1900, 3, 1), date(2199, 12, 31))
texts = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), max_size=60).map(tidy)
quantities = st.decimals(Decimal("0.000001"), Decimal(999999999999999), places=6)
isins = st.from_regex(r"KZ[0-9A-Z]{9}", fullmatch=True).map(lambda body: body + str(stdnum_isin.calc_check_digit(body)))
accounts = st.one_of(
    st.sampled_from(["B02-HO", "B02-DO", "B02-FO", "B02-ST", "B02-MM"]),
    st.integers(0, 999_999).map(lambda n: f"B02-N{n:06d}"),
)


dated_cells = st.one_of(
    st.none(),
    # openpyxl cannot tell the text _x0007_ from a control character, so that the two readers may differ on it.
    st.text(max_size=40).filter(lambda text: "_x" not in text),
    st.booleans(),
    days,
    st.sampled_from(["=1+1", "+7", "-1", "@x", "#N/A", "  new ", "deliver free", "1,234", "A01–HO"]),
)
numbers = st.one_of(st.integers(-(10**18), 10**18), st.floats(allow_nan=False, allow_infinity=False, width=32))


@st.composite
def ist_lines(draw: st.DrawFn) -> dict[str, object]:
    """Draw a right line of an IST, with dates and numbers as cells or as text."""
    traded = draw(days)
    due = draw(days.filter(lambda day: day >= traded)) if traded < date(2199, 12, 31) else traded
    quantity = draw(quantities)
    return dict(
        samples.ist_line(
            draw(references),
            movement=draw(st.sampled_from(list(Movement))),
            counterparty_account=draw(accounts),
            isin=draw(isins),
            security_name=draw(texts),
            quantity=draw(st.sampled_from([quantity, format(quantity, "f")])),
            due_date=draw(
                st.sampled_from([due, due.isoformat(), f"{due:%d.%m.%Y}" if due.year > 999 else due.isoformat()])
            ),
            trade_date=traded,
            reason="transfer",
        )
    )


def _in(value: object) -> Decimal:
    return Decimal(str(value))


@settings(max_examples=60, deadline=None)
@given(st.lists(ist_lines(), min_size=1, max_size=8, unique_by=lambda line: str(line["reference"])))
def test_a_filled_in_form_reads_back_with_the_same_values(lines: list[dict[str, object]]) -> None:
    form = read_form(fill("IST", samples.header(), {}, lines), "x.xlsx")
    assert form.rejects == ()
    for given_line, line in zip(lines, form.lines, strict=True):
        assert line.rejects == ()
        request = line.request
        assert isinstance(request, TransferRequest)
        assert request.action is Action.NEW
        assert request.reference == given_line["reference"]
        assert request.movement is given_line["movement"]
        assert request.isin == given_line["isin"]
        assert request.quantity == _in(given_line["quantity"])
        assert request.trade_date == given_line["trade_date"]
        due = given_line["due_date"]
        assert due in (request.due_date, f"{request.due_date:%Y-%m-%d}", f"{request.due_date:%d.%m.%Y}")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                field.name: dated_cells if field.kind is Kind.DATE else st.one_of(dated_cells, numbers)
                for field in fields_of(IstLine)
            },
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_is_filled_in_is_answered_alike_by_both_readers_and_can_be_marked(
    lines: list[dict[str, object]],
) -> None:
    data = fill("IST", samples.header(), {}, lines)
    form = read_form(data, "x.xlsx")
    facts = inspect(data, "x.xlsx").sheets[0]
    for (small_row, small), (large_row, large) in zip(
        openpyxl_rows(data, facts), calamine_rows(data, facts), strict=False
    ):
        assert small_row == large_row
        for one, other in zip(small, large, strict=False):
            assert (one in (None, "") and other in (None, "")) or _alike(one, other)
    for line in form.lines:
        assert (line.request is None) == bool(line.rejects)
        for reject in line.rejects:
            assert form.place(line.number, reject.field)
            assert reject.rule
            assert reject.message
    marked = mark(data, form, receipt_of(form))
    again = read_form(marked, "x.xlsx")
    assert again.content_sha256 == form.content_sha256
    assert [line.rejects for line in again.lines] == [line.rejects for line in form.lines]


def _alike(one: object, other: object) -> bool:
    if isinstance(one, date) and isinstance(other, date):
        return str(one)[:10] == str(other)[:10]
    return one == other


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_change_of_bytes_makes_the_reader_fail_in_another_way_than_by_refusing(data: st.DataObject) -> None:
    original = fill("WRN", samples.header(), samples.wrn_body(), ())
    changed = bytearray(original)
    for _ in range(data.draw(st.integers(1, 6))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    _read_or_refused(bytes(changed))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_change_of_a_parts_text_makes_the_reader_fail_in_another_way_than_by_refusing(data: st.DataObject) -> None:
    original = fill("WRN", samples.header(), samples.wrn_body(), ())
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(original)) as source, zipfile.ZipFile(target, "w") as package:
        chosen = data.draw(st.sampled_from(source.namelist()))
        for name in source.namelist():
            content = bytearray(source.read(name))
            if name == chosen:
                at = data.draw(st.integers(0, len(content)))
                gone = data.draw(st.integers(0, 30))
                junk = data.draw(
                    st.sampled_from([b"", b"<", b">", b"&", b"\x00", b"1", b"</row>", b'r="ZZ9"', b"99999999", b"\xff"])
                )
                content[at : at + gone] = junk
            package.writestr(name, bytes(content))
    _read_or_refused(target.getvalue())


def _read_or_refused(data: bytes) -> None:
    form: Form | None
    try:
        form = read_form(data, "x.xlsx")
    except FileRefused as refused:
        if refused.code not in REFUSALS:
            raise
        form = None
    assert mark(data, form, receipt_of(form))


@given(st.text(max_size=40))
def test_lookalikes_never_name_an_ascii_character_and_give_ascii_instead(text: str) -> None:
    for position, name, latin in lookalikes(text):
        assert not (" " <= text[position - 1] <= "~")
        assert latin.isascii()
        assert name


@given(st.integers(0, 10**11 - 1))
def test_an_iin_is_right_with_its_check_digit_and_with_no_other(number: int) -> None:
    first = f"{number:011d}"
    digit = iin_bin_check_digit(first)
    for last in range(10):
        if last == digit:
            assert iin_bin(f"{first}{last}") == f"{first}{last}"
        else:
            with pytest.raises(ValueError, match="check"):
                iin_bin(f"{first}{last}")


@given(st.text(max_size=60))
def test_tidying_twice_is_tidying_once(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)
    assert tidy(f"\u00a0 {text}\t") == tidy(text)


@given(
    st.one_of(
        st.text(),
        st.integers(),
        st.floats(),
        st.booleans(),
        st.dates(),
        st.datetimes(),
        st.times(),
        st.timedeltas(),
        st.none(),
    )
)
def test_a_field_gives_a_value_or_a_fault_for_any_cell(cell: object) -> None:
    for model in (HeaderRow, IstLine):
        for field in fields_of(model):
            try:
                field.read(cell)
            except CellFault as fault:
                if not fault.message:
                    raise


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 250_000))
def test_a_test_clients_row_is_right(number: int) -> None:
    form = read_form(fill("BUNA", samples.header(), samples.buna_cover(1), [samples.buna_client(number)]), "x.xlsx")
    request = form.lines[0].request
    assert isinstance(request, OpeningRequest)
    assert request.client.iin == samples.client_iin(number)
    assert samples.client_iin(number) != samples.client_iin(number + 1)
