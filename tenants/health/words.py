"""A tenant's health in words, for pages, the API and messages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenants.models import Tenant

from .models import Condition
from .score import DEGRADED, HEALTHY, PARTS, band

BANDS = (
    ("healthy", gettext_lazy("healthy")),
    ("degraded", gettext_lazy("degraded")),
    ("unhealthy", gettext_lazy("unhealthy")),
    ("unknown", gettext_lazy("not known")),
)
TONES = {"healthy": "green", "degraded": "amber", "unhealthy": "red", "unknown": "grey"}
WITHIN = {
    "healthy": Q(health_score__gte=HEALTHY),
    "degraded": Q(health_score__gte=DEGRADED, health_score__lt=HEALTHY),
    "unhealthy": Q(health_score__lt=DEGRADED),
    "unknown": Q(health_score=None),
}
NAMES = {
    "uptime": gettext_lazy("Uptime"),
    "errors": gettext_lazy("Errors"),
    "latency": gettext_lazy("Speed"),
    "storage": gettext_lazy("Storage"),
}


@dataclass(frozen=True)
class Line:
    """One part of the score: its points (None: not known) and what they rest on."""

    name: str
    title: str
    points: int | None
    says: str


@dataclass(frozen=True)
class Told:
    """How a tenant is."""

    band: str
    words: str
    tone: str
    score: int | None
    lines: list[Line]
    condition: Condition | None


def told(tenant: Tenant) -> Told:
    """The condition of a tenant, whose tier and condition are at hand."""
    held: Condition | None = getattr(tenant, "condition", None)
    score = held.score if held else None
    word = band(score)
    return Told(word, str(dict(BANDS)[word]), TONES[word], score, list(_lines(tenant, held)) if held else [], held)


def _lines(tenant: Tenant, held: Condition) -> Iterator[Line]:
    for name in PARTS:
        points, value = held.points.get(name), held.values.get(name)
        says = _says(name, value, tenant) if value is not None else _unknown(name)
        yield Line(name, str(NAMES[name]), None if points is None else int(points), says)


def _says(name: str, value: float, tenant: Tenant) -> str:
    tier = tenant.tier
    figures: dict[str, Any] = {
        "percent": f"{100 * value:.2f}",
        "promised": f"{tier.sla_percent.normalize():f}",
        "ms": f"{value * tier.p95_target_ms:,.0f}",
        "target": f"{tier.p95_target_ms:,}",
        "gb": f"{tenant.max_storage_gb:,}",
    }
    said = {
        "uptime": _("The platform was ready at %(percent)s %% of looks; %(promised)s %% is promised."),
        "errors": _("%(percent)s %% of requests ended in an error of the platform."),
        "latency": _("95 of 100 queries were answered within %(ms)s ms; the target is %(target)s ms."),
        "storage": _("%(percent)s %% of %(gb)s GB is in use."),
    }
    return said[name] % figures


def _unknown(name: str) -> str:
    if name in ("errors", "latency"):
        return _("Not known: too few were counted lately.")
    return _("Not known: the platform has not said.")
