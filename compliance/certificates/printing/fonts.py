"""The typefaces of a certificate, embedded in it: Inter for words and figures (with ₹), a mono for digests."""

from functools import cache
from pathlib import Path

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

FONTS = Path(__file__).resolve().parents[1] / "fonts"
INK, QUIET, LINE = HexColor("#1b1f24"), HexColor("#575d66"), HexColor("#d9d3c7")
PAPER, TEAL, AMBER = HexColor("#faf8f4"), HexColor("#0f5c57"), HexColor("#7d5200")
FACES = {"Inter": "Inter-Regular", "Inter-Bold": "Inter-SemiBold", "Mono": "DejaVuSansMono"}


@cache
def styles() -> dict[str, ParagraphStyle]:
    """Every style a page uses, by name."""
    for name, file in FACES.items():
        pdfmetrics.registerFont(TTFont(name, FONTS / f"{file}.ttf"))
    pdfmetrics.registerFontFamily("Inter", normal="Inter", bold="Inter-Bold", italic="Inter", boldItalic="Inter-Bold")
    body = ParagraphStyle("body", fontName="Inter", fontSize=8.6, leading=12, textColor=INK)

    def like(name: str, **more: object) -> ParagraphStyle:
        return ParagraphStyle(name, parent=body, **more)

    return {
        "body": body,
        "title": like("title", fontName="Inter-Bold", fontSize=21, leading=26),
        "brand": like("brand", fontName="Inter-Bold", fontSize=9, leading=12, textColor=TEAL),
        "lead": like("lead", fontSize=10, leading=14.5),
        "head": like("head", fontName="Inter-Bold", fontSize=9.4, leading=12, spaceBefore=9, spaceAfter=3.5),
        "label": like("label", fontSize=7.4, leading=10, textColor=QUIET),
        "label_right": like("label_right", fontSize=7.4, leading=10, textColor=QUIET, alignment=TA_RIGHT),
        "cell": like("cell", fontSize=8, leading=10.6),
        "figure": like("figure", fontSize=8, leading=10.6, alignment=TA_RIGHT),
        "small": like("small", fontSize=7.4, leading=10.2, textColor=QUIET),
        "warn": like("warn", fontSize=8, leading=11, textColor=AMBER),
        "mono": like(
            "mono", fontName="Mono", fontSize=6.4, leading=8.8, textColor=QUIET, splitLongWords=1, wordWrap="CJK"
        ),
    }
