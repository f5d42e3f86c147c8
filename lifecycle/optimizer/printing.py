"""The report on paper and in a spreadsheet."""

from collections.abc import Sequence
from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, SimpleDocTemplate, Spacer

from compliance.certificates.printing.page import listing, pairs, text
from portal.lib import csv_export
from portal.lib.money import inr, number

from .engine import report as told
from .engine.scan import Report
from .models import Finding, Scan
from .queries import standing

MOST = 500
HEADS = [
    ("Resource", 0.2, "cell"), ("Finding", 0.36, "cell"), ("Sure", 0.08, "cell"), ("Risk", 0.08, "cell"),
    ("₹ a month", 0.14, "figure"), ("₹ a year", 0.14, "figure"),
]  # fmt: skip


def as_csv(report: Report) -> str:
    """Every finding of a report as a row; no cell runs as a formula."""
    return "".join(csv_export.lines(told.COLUMNS, told.rows(report.findings)))


def as_pdf(scan: Scan) -> bytes:
    """What stands now, with the figures of a scan: A4, the dearest first, the same bytes for the same findings."""
    out = BytesIO()
    page = SimpleDocTemplate(
        out, pagesize=A4, title="Findings", invariant=1,
        leftMargin=18 * mm, rightMargin=18 * mm, topMargin=16 * mm, bottomMargin=16 * mm,
    )  # fmt: skip
    page.build(_story(scan))
    return out.getvalue()


def _story(scan: Scan) -> list[Flowable]:
    found = Finding.objects.filter(state=Finding.State.OPEN, instead="")
    story: list[Flowable] = [text("Bailiwick", "brand"), text("Money and holes", "title"), Spacer(1, 3 * mm)]
    story += [pairs(_figures(scan))]
    story += [text(_cut(gap), "warn") for gap in scan.gaps[:20]]
    for category, title in (("security", "Open"), ("resilience", "At risk"), ("cost", "Wasted"), ("tags", "Nobody's")):
        rows = list(found.filter(category=category)[: MOST + 1])
        if rows:
            story += [text(title, "head"), listing(HEADS, [_row(one) for one in rows[:MOST]])]
        if len(rows) > MOST:
            story += [text(f"Only the first {MOST} are printed; the CSV has all.", "small")]
    return story


def _figures(scan: Scan) -> list[tuple[str, str]]:
    sums = standing()
    known = "not known" if sums["annual"] is None else f"{inr(sums['monthly'])} a month, {inr(sums['annual'])} a year"
    return [
        ("As of", f"{scan.at:%d %b %Y, %H:%M} UTC, {scan.get_outcome_display()}"),
        ("Regions", ", ".join(scan.regions)),
        ("Looked at", ", ".join(f"{number(count)} {kind}" for kind, count in sorted(scan.counts.items()))),
        ("Could be saved", f"{known}; {number(sums['unpriced'])} findings have no price"),
        ("Prices", scan.prices),
        ("Not measured enough", f"{number(len(scan.doubts))} resources: nothing is said about their use"),
    ]


def _cut(gap: dict[str, str]) -> str:
    return f"Not seen: {gap['what']} in {gap['region']}, {gap['why']} {gap['words']}"


def _row(one: Finding) -> Sequence[str]:
    unknown = "not known" if one.saves else "–"
    money = [unknown if value is None else inr(value) for value in (one.monthly_inr, one.annual_inr)]
    return (one.resource, one.title, one.confidence, one.risk, *money)
