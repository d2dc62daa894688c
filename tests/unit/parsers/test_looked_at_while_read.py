"""A long sheet is looked at while it is read: the form, or the refusal, is the one of a workbook that was looked at first."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from depository.rejects import FileRefused
from forms import samples
from forms.form import Form
from parsers import workbook_form, workbook_guard, workbook_rows
from parsers.blank_workbook import fill
from parsers.workbook_form import read_form
from tests.support.form_cases import FOLDER, Parts, repacked

LINES = 150
ACCOUNTS = "xl/worksheets/sheet2.xml"
SAMPLES = sorted(FOLDER.glob("*/*.xlsx"))


@pytest.fixture
def as_long(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Short sheets are taken for long ones, and go through in many pieces."""
    with monkeypatch.context() as patched:
        patched.setattr(workbook_form, "_LONG", 0)
        patched.setattr(workbook_guard, "_LARGE", 3_000)
        patched.setattr(workbook_guard, "_STEP", 2_000)
        patched.setattr(workbook_rows, "PIECE", 3_000)
        patched.setattr(workbook_rows, "_LAST_ROWS", 1_500)
        yield


def buna() -> bytes:
    header = samples.header(form="BUNA", participant="B03")
    clients = [dict(samples.buna_client(n), **({"iin": "123"} if n % 40 == 0 else {})) for n in range(1, LINES + 1)]
    return fill("BUNA", header, samples.buna_cover(LINES), clients)


def said(data: bytes, name: str) -> object:
    """The form with all its lines, or the refusal."""
    try:
        form = read_form(data, name)
    except FileRefused as refused:
        return refused.code, refused.message
    return [getattr(form, field) for field in Form.__slots__ if field != "lines"], list(form.lines)


def said_when_looked_at_first(data: bytes, name: str) -> object:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(workbook_form, "_LONG", 10**9)
        return said(data, name)


def in_row(number: int, old: bytes, new: bytes) -> Callable[[Parts], None]:
    """Changes the first place of a row of the table."""

    def change(parts: Parts) -> None:
        sheet = parts[ACCOUNTS]
        at = sheet.index(b'<row r="%d"' % number)
        changed, times = re.subn(old, new, sheet[at:], count=1)
        assert times == 1
        parts[ACCOUNTS] = sheet[:at] + changed

    return change


def before_end(more: bytes) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        parts[ACCOUNTS] = parts[ACCOUNTS].replace(b"</sheetData>", b"</sheetData>" + more)

    return change


ODD: dict[str, Callable[[Parts], None]] = {
    "a formula that was never calculated": in_row(90, rb' t="s"><v>\d+</v>', b"><f>A1</f>"),
    "an error": in_row(90, rb't="s"><v>\d+</v>', b't="e"><v>#N/A</v>'),
    "a hidden row": in_row(90, b'<row r="90"', b'<row r="90" hidden="1"'),
    "a comment": in_row(90, b"</row>", b'</row><!-- <row r="9"> -->'),
    "a document type": in_row(90, b"</row>", b"</row><!DOCTYPE x>"),
    "a row too far down": in_row(140, b'<row r="140"', b'<row r="1040140"'),
    "a column too far right": in_row(140, b'r="F140"', b'r="XFD140"'),
    "merged cells": before_end(b'<mergeCells count="1"><mergeCell ref="I41:I42"/></mergeCells>'),
    "rows that are not in order": in_row(140, b'<row r="140"', b'<row r="14"'),
    "XML that ends early": in_row(140, b"</row>", b""),
    "a date beyond the calendar": in_row(140, b"<v>44256</v>", b"<v>4425600000000</v>"),
}


@pytest.mark.parametrize("what", ODD)
def test_what_is_odd_far_down_is_told_as_by_a_look_before(as_long: None, what: str) -> None:
    data = repacked(buna(), ODD[what])
    assert said(data, "x.xlsx") == said_when_looked_at_first(data, "x.xlsx")


def test_a_part_that_is_not_what_the_package_says_is_told_as_by_a_look_before(as_long: None) -> None:
    whole = buna()
    with zipfile.ZipFile(io.BytesIO(whole)) as package:
        entry = package.getinfo(ACCOUNTS)
    check = entry.CRC.to_bytes(4, "little")
    data = whole.replace(check, bytes(4))
    assert data != whole
    assert said(data, "x.xlsx") == said_when_looked_at_first(data, "x.xlsx")
    assert said(data, "x.xlsx")[0] == "damaged"  # type: ignore[index]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_sample_is_read_as_by_a_look_before(as_long: None, path: Path) -> None:
    assert said(path.read_bytes(), path.name) == said_when_looked_at_first(path.read_bytes(), path.name)


def test_a_plain_long_sheet_is_expanded_once(as_long: None, monkeypatch: pytest.MonkeyPatch) -> None:
    data, expanded = buna(), []
    expand = workbook_guard._expanded

    def counted(data: bytes, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        expanded.append(entry.filename)
        return expand(data, entry)

    monkeypatch.setattr(workbook_guard, "_expanded", counted)
    found = said(data, "x.xlsx")
    assert expanded.count(ACCOUNTS) == 1
    assert found == said_when_looked_at_first(data, "x.xlsx")


def test_nothing_is_given_to_be_read_before_it_was_looked_at(as_long: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    look, package = workbook_guard._Look.at, workbook_rows._package

    def noted(self: workbook_guard._Look, piece: bytes) -> None:
        look(self, piece)
        seen.append(piece)

    def packed(needed: dict[str, bytes], part: str, piece: list[bytes]) -> io.BytesIO:
        numbers = re.findall(rb'<row r="\d+"', b"".join(map(bytes, piece)))
        assert all(any(number in one for one in seen) for number in numbers)
        return package(needed, part, piece)

    monkeypatch.setattr(workbook_guard._Look, "at", noted)
    monkeypatch.setattr(workbook_rows, "_package", packed)
    assert read_form(buna(), "x.xlsx").lines
    assert len(seen) > 10
