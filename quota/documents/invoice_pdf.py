"""Invoices and credit notes as PDF: A4, embedded fonts, as many pages as it takes."""

from collections.abc import Sequence
from functools import cache
from html import escape
from io import BytesIO
from pathlib import Path

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    LongTable,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

from quota.pages.invoices import Paper

FONTS = Path(__file__).parent.parent / "data" / "fonts"
SANS, BOLD, EAST = "DejaVuSans", "DejaVuSans-Bold", "STSong-Light"
# Longer words than this are cut: a page is bounded whatever is typed into a form.
LONGEST, LONGEST_OF_PARTY = 200, 150
# Name, six lines of address, tax identifier.
PARTY_LINES = 8
MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN
GREY, LINE = colors.HexColor("#4b5463"), colors.HexColor("#c9ced8")
COLUMNS = [WIDTH * part for part in (0.36, 0.23, 0.13, 0.13, 0.15)]


@cache
def _fonts() -> TTFont:
    """Register the fonts once; returns the plain one, which knows what it can draw."""
    sans = TTFont(SANS, str(FONTS / "DejaVuSans.ttf"))
    pdfmetrics.registerFont(sans)
    pdfmetrics.registerFont(TTFont(BOLD, str(FONTS / "DejaVuSans-Bold.ttf")))
    pdfmetrics.registerFont(UnicodeCIDFont(EAST))
    pdfmetrics.registerFontFamily(SANS, normal=SANS, bold=BOLD, italic=SANS)
    return sans


def _style(
    *, size: float = 9, bold: bool = False, right: bool = False
) -> ParagraphStyle:
    return ParagraphStyle(
        f"{size}{bold}{right}",
        fontName=BOLD if bold else SANS,
        fontSize=size,
        leading=size * 1.4,
        alignment=TA_RIGHT if right else 0,
        splitLongWords=1,
    )


def _words(text: str, **style: bool | float) -> Paragraph:
    """A paragraph of plain text: bounded, nothing in it is markup, and what the
    embedded font lacks is drawn with the one every reader has for East Asia."""
    drawn = _fonts().face.charToGlyph
    runs: list[str] = []
    for character in text[:LONGEST]:
        known = character.isspace() or ord(character) in drawn
        safe = escape(character)
        runs.append(safe if known else f'<font name="{EAST}">{safe}</font>')
    return Paragraph("".join(runs), _style(**style))  # type: ignore[arg-type]


def _block(lines: Sequence[str]) -> list[Paragraph]:
    return [
        _words(line[:LONGEST_OF_PARTY], bold=number == 0)
        for number, line in enumerate(lines[:PARTY_LINES])
    ]


def _paper(paper: Paper) -> list[Flowable]:
    return [
        _words(f"{paper.title} {paper.number}", size=16, bold=True),
        Spacer(0, 4 * mm),
        _facts(paper),
        Spacer(0, 6 * mm),
        Table(
            [[_block(paper.seller), _block(paper.buyer)]],
            colWidths=[WIDTH / 2] * 2,
            style=[
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (0, 0), 0),
            ],
        ),
        Spacer(0, 8 * mm),
        _lines(paper),
        Spacer(0, 4 * mm),
        _sums(paper),
        Spacer(0, 8 * mm),
        *[_words(note) for note in paper.notes],
    ]


def _facts(paper: Paper) -> Table:
    return Table(
        [[_words(name), _words(value)] for name, value in paper.facts],
        colWidths=[WIDTH * 0.2, WIDTH * 0.8],
        style=[
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
        ],
    )


def _lines(paper: Paper) -> LongTable:
    head = [
        _words(name, bold=True, right=number > 1)
        for number, name in enumerate(paper.columns)
    ]
    rows = [
        [_words(cell, right=number > 1) for number, cell in enumerate(row)]
        for row in paper.rows
    ]
    return LongTable(
        [head, *rows],
        colWidths=COLUMNS,
        repeatRows=1,
        style=[
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE),
            ("LEFTPADDING", (0, 0), (0, -1), 0),
            ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
        ],
    )


def _sums(paper: Paper) -> Table:
    last = len(paper.sums) - 1
    rows = [
        [
            _words(name, bold=at == last, right=True),
            _words(sum_, bold=at == last, right=True),
        ]
        for at, (name, sum_) in enumerate(paper.sums)
    ]
    return Table(
        rows,
        colWidths=[WIDTH * 0.8, WIDTH * 0.2],
        style=[
            ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
            ("LINEABOVE", (1, last), (1, last), 0.8, colors.black),
        ],
    )


def _foot(canvas: Canvas, document: BaseDocTemplate) -> None:
    canvas.saveState()
    canvas.setFont(SANS, 8)
    canvas.setFillColor(GREY)
    canvas.drawRightString(A4[0] - MARGIN, 10 * mm, f"Page {document.page}")
    canvas.restoreState()


def draw(papers: Sequence[Paper]) -> bytes:
    """Draw the papers of an order, each from a new page. The same papers give the same
    bytes."""
    _fonts()
    out = BytesIO()
    document = BaseDocTemplate(
        out,
        pagesize=A4,
        title=", ".join(paper.number for paper in papers),
        author=papers[0].seller[0],
        invariant=1,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
    )
    frame = Frame(MARGIN, MARGIN, WIDTH, A4[1] - 2 * MARGIN, 0, 0, 0, 0)
    document.addPageTemplates(PageTemplate("page", [frame], onPage=_foot))
    story: list[Flowable] = []
    for paper in papers:
        story += [*([PageBreak()] if story else []), *_paper(paper)]
    document.build(story)
    return out.getvalue()
