"""A report or notice as a PDF on A4 for people: letterhead, facts, tables that wrap, page numbers.

The fonts come with the package (DejaVu Sans, which has Cyrillic and Kazakh letters), so no system font matters; equal
reports give equal bytes. The fact "From" is printed as the letterhead, a notice's fact "Text" as the letter's body.
"""

import io
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from importlib.resources import as_file, files
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from depository.reports import Column, Kind, Report, Table, Value

_FONT, _BOLD = "DejaVuSans", "DejaVuSans-Bold"
_INK = colors.HexColor("#1F3864")
_SOFT = colors.HexColor("#595959")
_LINE = colors.HexColor("#D9D9D9")
_MARGIN = 18 * mm
_FRAME = 6
_WIDE_FROM = 6
"""A report with a table of so many columns is printed in landscape."""
_NOTICE, _FROM, _TEXT = "notice", "From", "Text"
_NUMERIC = (Kind.COUNT, Kind.QUANTITY, Kind.MONEY, Kind.PERCENT)


@lru_cache(maxsize=1)
def _register_fonts() -> None:
    for name in (_FONT, _BOLD):
        with as_file(files("parsers") / "fonts" / f"{name}.ttf") as path:
            pdfmetrics.registerFont(TTFont(name, str(path)))
    pdfmetrics.registerFontFamily(_FONT, normal=_FONT, bold=_BOLD, italic=_FONT, boldItalic=_BOLD)


def render(report: Report, depository: str = "") -> bytes:
    """The bytes of the PDF; `depository` is the name in the letterhead, by default the report's fact "From".

    Raises ValueError when a row does not fit its columns.
    """
    _register_fonts()
    body = " ".join(str(value) for label, value in report.facts if label == _TEXT and report.code == _NOTICE)
    depository = depository or next((str(value) for label, value in report.facts if label == _FROM), "")
    elsewhere = (_TEXT, _FROM) if report.code == _NOTICE else (_FROM,)
    facts = [(label, value) for label, value in report.facts if label not in elsewhere]
    wide = any(len(table.columns) >= _WIDE_FROM for table in report.tables)
    page = landscape(A4) if wide else A4
    room = page[0] - 2 * _MARGIN
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=page,
        # The frame inside the margins has a padding of its own.
        leftMargin=_MARGIN - _FRAME,
        rightMargin=_MARGIN - _FRAME,
        topMargin=24 * mm,
        bottomMargin=20 * mm,
        title=report.title,
        author=depository,
        subject=report.addressee,
        # Fixes the dates and identifiers inside the file, so that equal reports give equal bytes.
        invariant=1,
    )
    story = _opening(report, facts, body, room)
    for table in report.tables:
        story += _table(table, room)
    foot = f"{report.title[:70]} · {report.addressee[:50]} · {report.business_date.isoformat()}"

    def numbered(*arguments: Any, **options: Any) -> _NumberedCanvas:
        return _NumberedCanvas(*arguments, letterhead=depository, foot=foot, **options)

    document.build(story, canvasmaker=numbered)
    return out.getvalue()


class _NumberedCanvas(Canvas):  # type: ignore[misc]  # reportlab comes without types
    """Draws letterhead and foot on every page once the number of pages is known."""

    def __init__(self, *arguments: Any, letterhead: str, foot: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._letterhead = letterhead
        self._foot = foot
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802  # reportlab's own name
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for page in self._pages:
            self.__dict__.update(page)
            self._furnish(len(self._pages))
            super().showPage()
        super().save()

    def _furnish(self, pages: int) -> None:
        width, height = self._pagesize
        self.setFillColor(_INK)
        self.setFont(_BOLD, 10)
        self.drawString(_MARGIN, height - 15 * mm, self._letterhead)
        self.setStrokeColor(_INK)
        self.setLineWidth(0.8)
        self.line(_MARGIN, height - 18 * mm, width - _MARGIN, height - 18 * mm)
        self.setFillColor(_SOFT)
        self.setFont(_FONT, 7.5)
        self.drawString(_MARGIN, 11 * mm, self._foot)
        self.drawRightString(width - _MARGIN, 11 * mm, f"Page {self._pageNumber} of {pages}")


def _style(size: float, **properties: Any) -> ParagraphStyle:
    return ParagraphStyle("", fontName=_FONT, fontSize=size, leading=size * 1.3, **properties)


_TITLE = _style(16, textColor=_INK, spaceAfter=3)
_ADDRESSEE = _style(11, textColor=_SOFT, spaceAfter=10)
_BODY = _style(10, spaceBefore=4, spaceAfter=10)
_HEADING = _style(12, textColor=_INK, spaceBefore=12, spaceAfter=4)
_NOTE = _style(8.5, textColor=_SOFT, spaceAfter=4)
_CELL = _style(8)
_NUMBER = _style(8, alignment=TA_RIGHT)
_HEAD = _style(8, textColor=colors.white)
_HEAD_NUMBER = _style(8, textColor=colors.white, alignment=TA_RIGHT)
_LABEL = _style(8.5, textColor=_SOFT)
_FACT = _style(8.5)


def _paragraph(text: str, style: ParagraphStyle, *, bold: bool = False) -> Paragraph:
    """A paragraph of plain text: nothing in it is ever taken for markup."""
    plain = escape("".join(c if c.isprintable() or c == "\n" else " " for c in text)).replace("\n", "<br/>")
    return Paragraph(f"<b>{plain}</b>" if bold else plain, style)


def _opening(report: Report, facts: Sequence[tuple[str, Value]], body: str, room: float) -> list[Flowable]:
    story: list[Flowable] = [
        _paragraph(report.title, _TITLE, bold=True),
        _paragraph(report.addressee, _ADDRESSEE, bold=True),
    ]
    zone = str(report.made_at.tzinfo or "")
    made = f"{_shown(report.made_at, Kind.MOMENT)} {zone if '/' in zone else ''}".strip()
    rows = [("Business date", report.business_date.isoformat()), ("Made at", made)]
    rows += [(label, _shown(value, Kind.TEXT)) for label, value in facts]
    cells = [[_paragraph(label, _LABEL), _paragraph(value, _FACT)] for label, value in rows]
    grid = LongTable(cells, colWidths=[min(60 * mm, room * 0.35), room - min(60 * mm, room * 0.35)])
    grid.setStyle(
        TableStyle([("LINEBELOW", (0, 0), (-1, -1), 0.3, _LINE), ("VALIGN", (0, 0), (-1, -1), "TOP"), *_PADDING])
    )
    if body:
        story.append(_paragraph(body, _BODY))
    return [*story, grid, Spacer(1, 4 * mm)]


_PADDING = [
    ("TOPPADDING", (0, 0), (-1, -1), 2.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ("LEFTPADDING", (0, 0), (-1, -1), 4),
    ("RIGHTPADDING", (0, 0), (-1, -1), 4),
]


def _table(table: Table, room: float) -> list[Flowable]:
    # A heading never stands alone at the foot of a page.
    story: list[Flowable] = [CondPageBreak(40 * mm), _paragraph(table.title, _HEADING, bold=True)]
    if table.note:
        story.append(_paragraph(table.note, _NOTE))
    if not table.rows or not table.columns:
        return story if table.note else [*story, _paragraph("No lines.", _NOTE)]
    texts = [[_shown(value, c.kind) for value, c in zip(row, table.columns, strict=True)] for row in table.rows]
    head = [_paragraph(c.title, _HEAD_NUMBER if c.kind in _NUMERIC else _HEAD, bold=True) for c in table.columns]
    body = [
        [_paragraph(text, _NUMBER if c.kind in _NUMERIC else _CELL) for text, c in zip(row, table.columns, strict=True)]
        for row in texts
    ]
    grid = LongTable([head, *body], colWidths=_widths(table.columns, texts, room), repeatRows=1)
    grid.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, 0), _INK),
                ("LINEBELOW", (0, 1), (-1, -1), 0.3, _LINE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                *_PADDING,
            ]
        )
    )
    return [*story, grid]


def _widths(columns: Sequence[Column], texts: Sequence[Sequence[str]], room: float) -> list[float]:
    """Widths that fill the page: every column its longest word if that fits, and the rest by length of text."""
    least, wanted = [], []
    for number, column in enumerate(columns):
        cells = [row[number] for row in texts]
        longest = max((w for text in cells for w in text.split()), key=len, default="")
        titles = [pdfmetrics.stringWidth(word, _BOLD, 8) for word in column.title.split()]
        least.append(max([24.0, pdfmetrics.stringWidth(longest, _FONT, 8), *titles]) + 10)
        fullest = max(cells, key=len, default="")
        wanted.append(max(least[-1], min(220.0, pdfmetrics.stringWidth(fullest, _FONT, 8) + 10)))
    if sum(least) >= room:
        return [width * room / sum(least) for width in least]
    spare, asked = room - sum(least), sum(wanted) - sum(least)
    share = min(1.0, spare / asked) if asked else 0.0
    given = [low + (high - low) * share for low, high in zip(least, wanted, strict=True)]
    return [width * room / sum(given) for width in given]


def _shown(value: Value, kind: Kind) -> str:
    """A value as people read it: thousands apart by commas, money with two decimals at least."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        if not value.is_finite():
            return str(value)
        exponent = value.as_tuple().exponent
        decimals = max(0, -exponent) if isinstance(exponent, int) else 0
        decimals = max(2, decimals) if kind is Kind.MONEY else decimals
        return f"{value:,.{decimals}f}" + ("%" if kind is Kind.PERCENT else "")
    return f"{value:,}" if isinstance(value, int) else value
