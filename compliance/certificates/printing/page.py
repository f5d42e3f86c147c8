"""The first page of a certificate, which is the one that is framed: what, for whom, system by system, owed, signed."""

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from typing import Any

import segno
from bailiwick_proof.certificate import Certificate
from bailiwick_proof.erasure import System
from django.conf import settings
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Paragraph, Spacer, Table
from reportlab.platypus.paraparser import ParaFrag

from . import words
from .fonts import INK, LINE, PAPER, TEAL, styles

WIDTH = 174 * mm - 12  # a frame keeps six points free on either side
Rows = Sequence[Sequence[Any]]


class Words(Paragraph):  # type: ignore[misc]  # reportlab has no types
    """A paragraph that is broken into lines once a width: a table measures it before it is drawn, and again then."""

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        if getattr(self, "_wrapped_in", None) != width:
            super().wrap(width, height)
            self._wrapped_in = width
        return self.width, self.height


def text(said: str, style: str = "body") -> Paragraph:
    """Words without markup: what reportlab would have to parse, a hundred times a certificate, is one piece."""
    form = styles()[style]
    return Words("", form, frags=[_piece(form).clone(text=" ".join(said.split()))])


@cache
def _piece(style: ParagraphStyle) -> ParaFrag:
    return Paragraph("words", style).frags[0]


def pairs(rows: Sequence[tuple[str, str]], style: str = "body") -> Table:
    """Labelled values, one a line."""
    cells = [[text(label, "label"), text(value, style)] for label, value in rows]
    return _table(cells, (40 * mm, WIDTH - 40 * mm), [("TOPPADDING", (0, 0), (-1, -1), 1.2)])


def _table(cells: Rows, widths: Sequence[float], more: Sequence[Any] = (), head: int = 0) -> Table:
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 5),
        ("TOPPADDING", (0, 0), (-1, -1), 2.6),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.6),
        *more,
    ]
    return Table(cells, widths, style=style, repeatRows=head)


def listing(heads: Sequence[tuple[str, float, str]], rows: Rows) -> Table:
    """A table with hairlines; a head is its words, its share of the width and the style of its cells."""
    cells = [[text(label, "label_right" if style == "figure" else "label") for label, _, style in heads]]
    cells += [[text(str(value), style) for value, (_, _, style) in zip(row, heads, strict=True)] for row in rows]
    lines = [("LINEBELOW", (0, 0), (-1, 0), 0.7, INK), ("LINEBELOW", (0, 1), (-1, -1), 0.35, LINE)]
    return _table(cells, [WIDTH * share for _, share, _ in heads], lines, head=1)


def first(document: Certificate) -> list[Flowable]:
    """Everything up to the signature."""
    core = document.core
    erasure = core.erasure
    story: list[Flowable] = [_head(document), Spacer(1, 4 * mm), text(words.lead(core), "lead"), Spacer(1, 2 * mm)]
    story += [_simulated(core.simulated)] if core.simulated else []
    story += [
        pairs(_parties(document)),
        *_refused(document),
        text("Systems of record", "head"),
        _systems(erasure.systems),
    ]
    if apart := [one for one in erasure.systems if one.attestation]:
        story += [text("On the word of a processor, not verified", "head"), _attested(apart)]
    if erasure.obligations:
        owed = [(words.day(one.due_on), _title(erasure.systems, one.system), one.owed) for one in erasure.obligations]
        story += [
            text("Still owed", "head"),
            listing([("By", 0.16, "cell"), ("System", 0.28, "cell"), ("What", 0.56, "cell")], owed),
        ]
    if erasure.exemptions:
        kept = [
            (_title(erasure.systems, one.system), one.category, one.ground, words.day(one.until) if one.until else "–")
            for one in erasure.exemptions
        ]
        heads = [("System", 0.28, "cell"), ("What", 0.16, "cell"), ("Ground", 0.42, "cell"), ("Until", 0.14, "cell")]
        story += [text("Kept because a law says so", "head"), listing(heads, kept)]
    return [
        *story,
        text("What is certified, and what is not", "head"),
        text(core.statement, "small"),
        _signature(document),
    ]


def _head(document: Certificate) -> Table:
    core = document.core
    number = f"No. EC-{core.serial:06d}"
    left = [text(words.TYPES[core.type], "brand"), text("Certificate of erasure", "title")]
    right = [text("Bailiwick", "brand"), text(number, "lead")]
    lines = [("LINEBELOW", (0, 0), (-1, 0), 1.4, TEAL), ("BOTTOMPADDING", (0, 0), (-1, 0), 6)]
    return _table([[left, right]], (WIDTH - 44 * mm, 44 * mm), lines)


def _simulated(given: Sequence[str]) -> Flowable:
    said = [text("SIMULATED PARTS. This certificate was issued by an installation for trial or test:", "warn")]
    said += [text(f"– {one}", "warn") for one in given[:12]]
    box = _table([[said]], (WIDTH,), [("BACKGROUND", (0, 0), (-1, -1), PAPER), ("LEFTPADDING", (0, 0), (-1, -1), 6)])
    return KeepTogether([box, Spacer(1, 2 * mm)])


def _parties(document: Certificate) -> list[tuple[str, str]]:
    core = document.core
    scope, times = core.erasure.scope, core.erasure.timeline
    rows = [
        ("Issued by", f"{core.issuer}, {core.role.replace('-', ' ')} of the data"),
        ("Concerns", f"{words.SCOPES[scope.kind]}, reference {scope.subject[:24]}"),
        ("On the ground of", words.basis(core)),
        ("Data in scope", words.codes(scope.included)),
        ("Not in scope", words.codes(scope.excluded)),
        ("Asked for, approved", f"{words.moment(times.received)} · {words.moment(times.approved)}"),
        ("Erased, verified", f"{words.moment(times.deleted)} · {words.moment(times.verified)}"),
        ("Certified", words.moment(core.certified)),
    ]
    return rows + ([("Follows", core.follows.id)] if core.follows else [])


def _refused(document: Certificate) -> list[Flowable]:
    """Why it was refused, and where to turn: of every system the same."""
    if document.core.type != "refusal":
        return []
    one = document.core.erasure.systems[0]
    return [text("Refused", "head"), text(one.method), text(one.limits)]


def _systems(given: Sequence[System]) -> Table:
    heads = [
        ("System", 0.33, "cell"),
        ("Region", 0.14, "cell"),
        ("Outcome", 0.27, "cell"),
        ("To go", 0.09, "figure"),
        ("Gone", 0.09, "figure"),
        ("Left", 0.08, "figure"),
    ]
    rows = [
        (one.title + (" (simulated)" if one.simulated else ""), one.region, words.outcome(one), *_figures(one))
        for one in given
        if not one.attestation
    ]
    return listing(heads, rows)


def _figures(one: System) -> tuple[str, str, str]:
    if not words.is_counted(one):
        return "–", "–", "–"
    return f"{one.targeted:,}", f"{one.absent_after:,}", f"{one.residual:,}"


def _attested(given: Sequence[System]) -> Table:
    heads = [("System", 0.34, "cell"), ("Processor", 0.4, "cell"), ("Its word ends", 0.26, "cell")]
    said = [(one, one.attestation) for one in given]
    return listing(heads, [(one.title, word.processor, words.day(word.expires_on)) for one, word in said if word])


def _title(systems: Sequence[System], name: str) -> str:
    return next((one.title for one in systems if one.name == name), name)


def address(document: Certificate) -> str:
    """The public page that says whether it still stands."""
    return f"{settings.PUBLIC_URL}/verify/{document.core.id}/"


def _signature(document: Certificate) -> KeepTogether:
    core, url = document.core, address(document)
    said = [
        text("Signed electronically, over this file to its last byte and the record attached to it.", "cell"),
        Spacer(1, 1.5 * mm),
        text("Certificate", "label"), text(core.id, "mono"),
        text("SHA-256 of the record, sealed in the ledger before it was signed", "label"), text(core.digest, "mono"),
        text("Does it still stand?", "label"), text(url, "cell"),
        text("Offline: bailiwick-verify certificate FILE --policy TRUST", "small"),
    ]  # fmt: skip
    lines = [("LINEABOVE", (0, 0), (-1, 0), 1.4, TEAL), ("TOPPADDING", (0, 0), (-1, 0), 6)]
    return KeepTogether([Spacer(1, 4 * mm), _table([[said, _Code(url, 28 * mm)]], (WIDTH - 32 * mm, 32 * mm), lines)])


class _Code(Flowable):  # type: ignore[misc]  # reportlab has no types
    """A QR code as one shape: each dark run of a row is a rectangle of its path."""

    def __init__(self, said: str, side: float) -> None:
        super().__init__()
        self.width = self.height = side
        self.rows = list(segno.make(said, error="m", micro=False).matrix)

    def draw(self) -> None:
        step, path = self.width / len(self.rows), self.canv.beginPath()
        for y, row in enumerate(self.rows, 1):
            x = 0
            for is_dark, run in groupby(row):
                length = len(list(run))
                if is_dark:
                    path.rect(x * step, self.height - y * step, length * step, step)
                x += length
        self.canv.setFillColor(INK)
        self.canv.drawPath(path, stroke=0, fill=1)
