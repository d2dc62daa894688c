"""The report as JSON: exact there and back."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from depository.reports import Column, Kind
from parsers.report_json import parse, render
from tests.support.feed_builders import NOON
from tests.support.report_samples import COLUMNS, ROW, report, table, texts


def test_a_report_comes_back_as_it_was() -> None:
    first = report(table(), texts("=1+1", "Ә"), table(rows=()))
    assert parse(render(first)) == first
    assert render(parse(render(first))) == render(first)


def test_money_is_text_so_that_no_reader_rounds_it() -> None:
    long = table((*ROW[:3], Decimal("12345678901234567.25"), *ROW[4:]))
    found = json.loads(render(report(long)))["tables"][0]["rows"][0]
    assert found["amount"] == "12345678901234567.25"
    assert found["at"] == "2026-11-23T12:00:00+05:00"
    assert found["day"] == "2026-11-25"
    assert found["count"] == 12


def test_an_exponent_is_never_written() -> None:
    tiny = table((*ROW[:2], Decimal("1E-8"), Decimal("1E+3"), *ROW[4:]))
    found = json.loads(render(report(tiny)))["tables"][0]["rows"][0]
    assert (found["quantity"], found["amount"]) == ("0.00000001", "1000")


def test_a_word_in_a_column_of_numbers_or_dates_stays_a_word() -> None:
    odd = table(("B01-HO", None, "all", "n/a", None, "until further notice", ""))
    assert parse(render(report(odd))).tables == (odd,)


def test_a_report_that_cannot_be_told_apart_is_never_written() -> None:
    twice = table(columns=(*COLUMNS[:-1], Column("account", "Account again", Kind.MOMENT)))
    with pytest.raises(ValueError, match="twice"):
        render(report(twice))
    with pytest.raises(ValueError, match="zip"):
        render(report(table(ROW[:-1])))
    with pytest.raises(ValueError, match="no zone"):
        render(report(made_at=NOON.replace(tzinfo=None)))


@pytest.mark.parametrize("data", [b"{}", b"1", b'{"layout": "report-9"}'])
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"layout|object"):
        parse(data)


def test_another_business_date_is_another_content() -> None:
    assert render(report()) != render(replace(report(), business_date=date(2026, 11, 24)))
