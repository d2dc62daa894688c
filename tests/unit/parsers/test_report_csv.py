"""One table of a report as CSV: exact, and no cell that a spreadsheet program would run."""

import csv
import io

import pytest

from parsers.report_csv import render
from tests.support.report_samples import FORMULAS, report, table, texts


def rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def test_a_table_is_its_keys_and_its_exact_values() -> None:
    assert rows(render(report(texts("x"), table()), "holdings")) == [
        ["account", "count", "quantity", "amount", "share", "day", "at"],
        ["B01-HO", "12", "1000.5", "-1234567.10", "5.25", "2026-11-25", "2026-11-23T12:00:00+05:00"],
    ]


@pytest.mark.parametrize("text", [*FORMULAS, " =1+1", "\u00a0=1", "'=1"])
def test_no_text_is_a_formula(text: str) -> None:
    assert rows(render(report(texts(text)), "texts"))[1] == [f"'{text}"]


def test_commas_quotes_line_ends_and_cyrillic_survive() -> None:
    text = 'Құрылыс, "жай"\nакция'
    assert rows(render(report(texts(text)), "texts"))[1] == [text]


def test_nothing_and_flags_are_plain() -> None:
    odd = table(("B01", None, True, False, None, "", None))
    assert rows(render(report(odd), "holdings"))[1] == ["B01", "", "yes", "no", "", "", ""]


def test_a_table_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LookupError, match="no table x"):
        render(report(table()), "x")
