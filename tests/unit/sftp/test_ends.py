"""Which files say themselves where they end: cut anywhere, none of them does."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import parser, pem
from hypothesis import given
from hypothesis import strategies as st

from depository.sftp.ends import ZEROS, bytes_to_read, ends_there

SAMPLES = Path(__file__).resolve().parents[3] / "sample_files"
SIGNATURE = next(SAMPLES.rglob("*.p7s")).read_bytes()


def without_lengths(der: bytes, levels: int = 3) -> bytes:
    """The same signature as streaming programs write it: its outermost elements end with two zero bytes instead of saying their length."""
    if not levels:
        return der
    inner, rest = b"", parser.parse(der)[4]
    while rest:
        one = parser.parse(rest, strict=False)
        whole = one[3] + one[4] + one[5]
        inner += without_lengths(whole, levels - 1) if one[1] else whole
        rest = rest[len(whole) :]
    return der[:1] + b"\x80" + inner + b"\0\0"


def says(name: str, data: bytes) -> bool:
    """As a look finds it: only so many of the last bytes are read."""
    length = bytes_to_read(name, len(data))
    return bool(length) and ends_there(name, data[-length:], len(data))


def right(pattern: str, name: str) -> list[object]:
    return [pytest.param(name, one.read_bytes(), id=one.name) for one in sorted(SAMPLES.glob(pattern))]


WHOLE = [
    *right("IST/right-*.xlsx", "form.xlsx")[:2],
    *right("trades/right-*.csv", "trades.csv"),
    *right("registry/right-*.csv", "positions.csv"),
    *right("camt053/right-*.xml", "statement.XML"),
    *right("camt054/right-*.xml", "advice.xml"),
    pytest.param("sin.xlsx.p7s", SIGNATURE, id="signature in DER"),
    pytest.param("sin.xlsx.p7s", without_lengths(SIGNATURE), id="signature in BER"),
    pytest.param("sin.xlsx.p7s", pem.armor("CMS", SIGNATURE), id="signature in PEM"),
    pytest.param("sin.xlsx.p7s", b"\n" + pem.armor("PKCS7", SIGNATURE).replace(b"\n", b"\r\n"), id="PEM from Windows"),
]


@pytest.mark.parametrize(("name", "data"), WHOLE)
def test_a_file_ends_there_when_it_is_whole_and_cut_at_any_byte_it_does_not(name: str, data: bytes) -> None:
    assert says(name, data)
    for size in range(len(data)):
        assert not says(name, data[:size]) or data[size:].strip() == b"", f"cut at {size} of {len(data)}"


@pytest.mark.parametrize(("name", "data"), WHOLE)
def test_a_file_with_more_behind_it_does_not_end_there(name: str, data: bytes) -> None:
    assert not says(name, data + b"x")
    assert not says(name, data + b"\0" * 100)
    # It grew or shrank between the listing and the reading.
    length = bytes_to_read(name, len(data))
    assert not ends_there(name, data[-length:] + b"\n", len(data))
    assert not ends_there(name, data[-length:][:-1], len(data))


@pytest.mark.parametrize(("name", "data"), right("camt053/right-*.xml", "statement.xml") + WHOLE[-3:])
def test_where_all_of_a_file_is_read_one_without_its_first_half_does_not_look_whole(name: str, data: bytes) -> None:
    """Clients that write several parts side by side can have the end there before the beginning."""
    assert not says(name, b"\0" * (len(data) // 2) + data[len(data) // 2 :])


def test_a_workbook_behind_another_or_with_a_comment_is_not_proved() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as package:
        package.writestr("xl/workbook.xml", "<workbook/>" * 100)
    whole = target.getvalue()
    assert says("form.xlsx", whole)
    assert not ends_there("form.xlsx", whole[-22:], 2 * len(whole))
    with zipfile.ZipFile(target, "a") as package:
        package.comment = b"made by a program"
    assert not says("form.xlsx", target.getvalue())


@pytest.mark.parametrize(
    "data",
    [
        b"<a><Document>1</Document>",
        b"<!-- <a></a>",
        b"<a><![CDATA[</a>",
        b"<a/><b/>",
        b"<a>&unknown;</a>",
        b'<!DOCTYPE a [<!ENTITY e "e">]><a>&e;</a>',
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
        '<!DOCTYPE a [<!ENTITY e "e">]><a>&e;</a>'.encode("utf-16"),
        b"",
        b" ",
    ],
)
def test_xml_that_is_open_twofold_or_not_to_be_understood_does_not_end(data: bytes) -> None:
    assert not says("statement.xml", data)


@pytest.mark.parametrize(
    "data",
    [b"TRAILER,0,0\n", b"a,b\nTRAILER,1,12", b"a,b\nTRAILER,1,1\n1,2\n", b"a,b\n1,2\n", b"a,b\nTRAILERS,1\n", b"\n"],
)
def test_a_table_ends_with_its_control_trailer_and_a_line_end_and_nothing_else(data: bytes) -> None:
    assert not says("trades.csv", data)


@pytest.mark.parametrize(
    "data",
    [
        b"0\x80\x02\x01\x01\0",
        b"0\x80\x24\x80\x04\x01\x01\0\0",
        b"0\x80\x04\x80\0\0\0\0",
        b"0",
        b"1\x01\x01",
        b"0\x84\0\0",
        b"0\x81",
        b"-----BEGIN CMS-----\n",
    ],
)
def test_a_signature_without_a_length_or_last_line_does_not_end(data: bytes) -> None:
    assert not says("sin.xlsx.p7s", data)


@given(st.sampled_from(WHOLE[-4:]), st.data())
def test_a_signature_of_which_some_blocks_are_not_written_yet_never_looks_whole(
    whole: Any, draw: st.DataObject
) -> None:
    """Preallocated, or written out of order: zeros stand where nothing was written."""
    name, data = whole.values
    first = draw.draw(st.integers(0, len(data) - 1))
    last = draw.draw(st.integers(first + 1, len(data)))
    holed = data[:first] + b"\0" * (last - first) + data[last:]
    big = last - first >= ZEROS or last == len(data)
    if big and holed != data:
        assert not says(name, holed)


@pytest.mark.parametrize("name", ["notes.txt", "form", "xlsx", "form.xlsx.done", ".xls", "İ.csvx"])
def test_a_file_of_another_kind_says_nothing(name: str) -> None:
    assert not says(name, b"a,b\nTRAILER,1,1\n")


def test_of_a_large_message_nothing_is_read() -> None:
    assert bytes_to_read("statement.xml", 2_000_000) == 2_000_000
    assert bytes_to_read("statement.xml", 2_000_001) == bytes_to_read("sin.xlsx.p7s", 65_537) == 0
    assert bytes_to_read("form.xlsx", 60_000_000) == 22


@given(st.sampled_from(["a.xlsx", "a.xml", "a.csv", "a.xlsx.p7s"]), st.binary(max_size=200))
def test_whatever_the_bytes_the_question_has_an_answer(name: str, data: bytes) -> None:
    assert says(name, data) in (True, False)
