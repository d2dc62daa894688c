"""A sheet of many rows: read in pieces, validated by columns, kept packed, and yet the same form as row by row."""

from dataclasses import replace

import pytest

from depository.rejects import FileRefused
from forms import samples
from forms.buna import BUNA, BunaRow
from forms.columns import validate_columns
from forms.field import fields_of, validate
from forms.lines import PackedLines
from parsers import workbook_rows
from parsers.blank_workbook import fill
from parsers.workbook_form import read_form
from parsers.workbook_guard import inspect
from parsers.workbook_rows import TOGETHER, openpyxl_rows, rows
from tests.support.form_cases import repacked

LINES = 400
WRONG = {"iin": "123", "nin": "", "born": 5, "first_name": "Иван"}
ACCOUNTS = "xl/worksheets/sheet2.xml"


def client(number: int) -> dict[str, object]:
    """A client; every seventh with a fault."""
    fault = dict([list(WRONG.items())[number % len(WRONG)]]) if number % 7 == 0 else {}
    return dict(samples.buna_client(number, **fault))


def buna(lines: int = LINES) -> bytes:
    header = samples.header(form="BUNA", participant="B03")
    return fill("BUNA", header, samples.buna_cover(lines), [client(n) for n in range(1, lines + 1)])


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_rows, "PIECE", 40_000)
    monkeypatch.setattr(workbook_rows, "_LAST_ROWS", 5_000)


def test_the_rows_of_all_pieces_are_the_rows_of_the_sheet(small_pieces: None) -> None:
    data = buna()
    facts = inspect(data, "x.xlsx").sheets[1]
    assert facts.size > 10 * workbook_rows.PIECE

    def plain(cells: object) -> list[object]:
        assert isinstance(cells, list | tuple)
        return [str(float(cell)) if isinstance(cell, int | float) else str(cell or "")[:10] for cell in cells]

    whole = [(number, plain(cells)) for number, cells in openpyxl_rows(data, facts)]
    assert [(number, plain(cells)) for number, cells in rows(data, facts)] == whole


def test_a_form_read_in_pieces_is_the_form_read_at_once(monkeypatch: pytest.MonkeyPatch, small_pieces: None) -> None:
    data = buna()
    in_pieces = read_form(data, "x.xlsx")
    monkeypatch.setattr(workbook_rows, "PIECE", 10**9)
    at_once = read_form(data, "x.xlsx")
    assert list(in_pieces.lines) == list(at_once.lines)
    assert replace(in_pieces, lines=()) == replace(at_once, lines=())
    assert sum(line.request is None for line in in_pieces.lines) == LINES // 7


def test_rows_that_are_left_out_in_the_file_keep_the_numbers_of_the_others(small_pieces: None) -> None:
    def without_some(parts: dict[str, bytes]) -> None:
        sheet = parts[ACCOUNTS]
        start, end = sheet.index(b'<row r="100"'), sheet.index(b'<row r="300"')
        parts[ACCOUNTS] = sheet[:start] + sheet[end:]

    form = read_form(repacked(buna(), without_some), "x.xlsx")
    assert list(form.places.rows)[97:100] == [99, 300, 301]
    assert len(form.lines) == LINES - 200


def test_what_only_looks_like_a_row_is_none(small_pieces: None) -> None:
    def with_comments(parts: dict[str, bytes]) -> None:
        parts[ACCOUNTS] = parts[ACCOUNTS].replace(b"</row>", b'</row><!-- <row r="9"> -->')

    with_them, without = read_form(repacked(buna(), with_comments), "x.xlsx"), read_form(buna(), "x.xlsx")
    assert list(with_them.lines) == list(without.lines)


def test_a_long_sheet_whose_rows_are_not_in_order_is_refused(small_pieces: None) -> None:
    def disorder(parts: dict[str, bytes]) -> None:
        sheet = parts[ACCOUNTS]
        cut = sheet.index(b'<row r="200"')
        end = sheet.index(b"</sheetData>")
        first = sheet.index(b'<row r="2"')
        parts[ACCOUNTS] = sheet[:first] + sheet[cut:end] + sheet[first:cut] + sheet[end:]

    with pytest.raises(FileRefused) as caught:
        read_form(repacked(buna(), disorder), "x.xlsx")
    assert caught.value.code == "damaged"


def test_columns_give_the_same_rows_and_rejects_as_row_by_row() -> None:
    names = [one.name for one in fields_of(BunaRow)]
    cells = [tuple(client(number).get(name) for name in names) for number in range(1, 60)]
    cells[3] = tuple(None for _ in names)
    found = validate_columns(BunaRow, list(zip(*cells, strict=True)), BUNA.rule, BUNA.checks)
    values = list(zip(*found.columns.values(), strict=True))
    for index, row in enumerate(cells):
        record, rejects = validate(BunaRow, dict(zip(names, row, strict=True)), BUNA.rule, BUNA.checks)
        assert found.rejects.get(index, ()) == rejects
        assert record is None or tuple(record.__dict__.values()) == values[index]
    assert len(found.rejects[3]) > 1


def test_many_lines_are_packed_and_come_back_as_they_were() -> None:
    few, many = read_form(buna(20), "x.xlsx").lines, read_form(buna(2 * TOGETHER + 20), "x.xlsx").lines
    assert isinstance(few, tuple)
    assert isinstance(many, PackedLines)
    assert (len(many), len(list(many))) == (2 * TOGETHER + 20, 2 * TOGETHER + 20)
    assert list(many[:20]) == list(few)
    assert [line.number for line in (many[0], many[TOGETHER], many[-1])] == [1, TOGETHER + 1, 2 * TOGETHER + 20]
    with pytest.raises(IndexError):
        many[2 * TOGETHER + 20]
