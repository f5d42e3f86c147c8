"""A report as text: JSON, a table for a terminal, rows for a spreadsheet. The same report is the same bytes."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from .findings import Finding
from .scan import Report

COLUMNS = (
    "id", "rule", "version", "region", "resource", "title", "category", "action", "environment", "tenant", "confidence",
    "effort", "risk", "monthly_usd", "monthly_inr", "annual_inr", "price", "instead", "after",
)  # fmt: skip


def plain(one: Finding) -> dict[str, Any]:
    """A finding as JSON-like values; money as text, and null where it is not known or none is meant."""
    saving = asdict(one.saving) if one.saving else None
    return {
        "id": one.id,
        "rule": one.rule.id,
        "version": one.rule.version,
        "region": one.region,
        "resource": one.resource,
        "title": one.title,
        "category": one.rule.category,
        "action": one.rule.action,
        "effort": one.rule.effort,
        "risk": one.rule.risk,
        "environment": one.environment,
        "tenant": one.tenant,
        "confidence": one.confidence,
        "reasons": list(one.reasons),
        "evidence": one.evidence,
        "saving": saving and {name: _text(value) for name, value in saving.items()},
        "change": one.change,
        "instead": one.instead,
        "after": list(one.after),
    }


def _text(value: Any) -> Any:
    return f"{value:f}" if isinstance(value, Decimal) else value


def document(report: Report) -> dict[str, Any]:
    return {
        "at": report.at.isoformat(),
        "regions": list(report.regions),
        "is_partial": report.is_partial,
        "gaps": [asdict(gap) for gap in report.gaps],
        "counts": report.counts,
        "totals": totals(report.findings),
        "prices": report.sheet,
        "findings": [plain(one) for one in report.findings],
        "insufficient_data": [asdict(one) for one in report.doubts],
    }


def totals(found: Iterable[Finding]) -> dict[str, Any]:
    """What would be saved, without what another finding ends; what has no price is counted, not added."""
    counted = [one.saving for one in found if one.saving and not one.instead]
    known = [one for one in counted if one.monthly_inr is not None]
    monthly = sum((one.monthly_inr or Decimal(0) for one in known), Decimal(0))
    return {
        "monthly_inr": _text(monthly) if known else None,
        "annual_inr": _text(monthly * 12) if known else None,
        "priced": len(known),
        "unpriced": len(counted) - len(known),
    }


def as_json(report: Report) -> str:
    return json.dumps(document(report), sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def rows(found: Iterable[Finding]) -> Iterator[list[Any]]:
    for one in found:
        said = plain(one)
        money = one.saving and [one.saving.monthly_usd, one.saving.monthly_inr, one.saving.annual_inr]
        price = f"{one.saving.source}, {one.saving.dated}" if one.saving else ""
        flat = {
            **said,
            **dict(zip(("monthly_usd", "monthly_inr", "annual_inr"), money or [None] * 3, strict=True)),
            "price": price,
            "after": " ".join(one.after),
        }
        yield [flat[name] for name in COLUMNS]


def as_table(report: Report) -> str:
    """For a terminal: the findings that stand, then what was not measured and not seen."""
    standing = [one for one in report.findings if not one.instead]
    lines = [_line(one) for one in standing]
    said = totals(report.findings)
    lines += [
        "",
        f"{len(standing)} findings; {said['priced']} with a price: ₹{said['monthly_inr'] or '?'} a month; "
        f"{said['unpriced']} without.",
    ]
    lines += [f"insufficient data: {len(report.doubts)} resources"] if report.doubts else []
    lines += [f"NOT SEEN: {gap.region} {gap.what}: {gap.why} {gap.words}".rstrip() for gap in report.gaps]
    return "\n".join(lines) + "\n"


def _line(one: Finding) -> str:
    money = one.saving.monthly_inr if one.saving else None
    shown = f"{money:>12}" if money is not None else f"{'?' if one.saving else '':>12}"
    return f"{one.region:<14} {one.resource:<22} {one.rule.id:<26} {shown} {one.title}"
