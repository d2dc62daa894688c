"""The report and the notice as PDF: text in every language we use, page numbers, the same bytes again."""

import subprocess
import sys
from pathlib import Path

import pytest

from depository.reports import Report
from parsers.report_pdf import render
from tests.support.feed_builders import DAY, NOON
from tests.support.pdf_text import pages
from tests.support.report_samples import ROW, report, table, texts

NOTICE = Report(
    code="notice",
    title="Settlement fail",
    addressee="B01",
    business_date=DAY,
    made_at=NOON,
    facts=(
        ("Notice", "N00000001"),
        ("From", "Model Central Securities Depository"),
        ("Text", "Delivery of 100 KZX000009014 did not settle.\nЖеткізілім орындалмады: ғ қ ң ө ұ ү һ і ә."),
        ("Missing", 100),
    ),
    tables=(),
)


def test_a_report_prints_depository_title_facts_and_table() -> None:
    (page,) = pages(render(report(table()), "Model Central Securities Depository"))
    for piece in (
        "Model Central Securities Depository",
        "Statement of holdings",
        "Journal head",
        "ab" * 32,
        "Holdings",
    ):
        assert piece in page
    for piece in ("B01-HO", "1,000.5", "-1,234,567.10", "5.25%", "2026-11-25", "2026-11-23 12:00:00", "Page 1 of 1"):
        assert piece in page
    assert "Asia/Almaty" in page


def test_a_notice_reads_as_a_letter() -> None:
    (page,) = pages(render(NOTICE))
    assert page.index("Settlement fail") < page.index("did not settle") < page.index("N00000001")
    assert "Model Central Securities Depository" in page
    assert "From" not in page


def test_who_sends_a_report_stands_in_its_letterhead() -> None:
    sent = report(code="interest", facts=(("From", "Model Central Securities Depository"), ("Interest", "S000001")))
    (page,) = pages(render(sent))
    assert page.count("Model Central Securities Depository") == 1
    assert "From" not in page


def test_kazakh_letters_are_printed() -> None:
    (page,) = pages(render(NOTICE))
    assert "ғ қ ң ө ұ ү һ і ә" in page


def test_every_page_repeats_the_heading_and_says_how_many_there_are() -> None:
    found = pages(render(report(table(*[ROW] * 120))))
    assert len(found) > 2
    for number, page in enumerate(found, start=1):
        assert f"Page {number} of {len(found)}" in page
        assert "Instructions" in page
    assert sum(page.count("-1,234,567.10") for page in found) == 120


def test_long_words_wrap_inside_the_page() -> None:
    found = " ".join(pages(render(report(texts("x" * 400, "w " * 400)))))
    assert found.count("x") >= 400


@pytest.mark.parametrize(
    "text",
    [
        "<img src='/etc/hostname'/>",
        "<b>not bold",
        "a & b < c",
        "]]>",
        "<para>",
        "&#x41;",
        "<a href='http://example.org'>x</a>",
    ],
)
def test_nothing_in_a_text_is_taken_for_markup(text: str) -> None:
    (page,) = pages(render(report(texts(text), title=text, facts=((text, text),))))
    assert page.replace(" ", "").count(text.replace(" ", "")) >= 4


def test_an_empty_table_says_so_and_why() -> None:
    (page,) = pages(render(report(table(rows=(), note="Nothing failed."))))
    assert "Nothing failed." in page
    (page,) = pages(render(report(table(rows=(), note=""))))
    assert "No lines." in page


def test_control_characters_do_no_harm() -> None:
    assert pages(render(report(texts("a\x00b\u202ec"))))


def test_the_same_report_gives_the_same_bytes_in_another_process() -> None:
    program = (
        "import sys; from tests.unit.parsers.test_report_pdf import NOTICE; from parsers.report_pdf import render;"
        "sys.stdout.buffer.write(render(NOTICE))"
    )
    root = Path(__file__).parents[3]
    again = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, cwd=root, env={"PYTHONPATH": "src:."}
    )
    assert again.stdout == render(NOTICE) == render(NOTICE)


def test_a_row_that_does_not_fit_its_columns_is_never_written() -> None:
    with pytest.raises(ValueError, match="zip"):
        render(report(table(ROW[:-1])))
