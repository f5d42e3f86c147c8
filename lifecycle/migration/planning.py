"""The dry run: what a move would meet, take and cost. Stores nothing, touches nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bailiwick_proof.canonical import digest
from django.conf import settings

from lifecycle.stores.errors import StoreError
from portal.lib.clock import now
from portal.lib.errors import Invalid
from portal.lib.regions import Region, load
from tenants.models import Tenant

from .estimate import Estimate, estimate
from .models import Capture, Migration, Playbook, Strategy
from .preflight import Finding, guards, look, refused, weigh
from .probe import Probe, probe
from .reviews.queries import in_the_way
from .strategies import NOTHING_SAID, WINDOWS, Choice, Costs, Known, compare, recommend
from .vectors import outside

MINUTES = {Strategy.SHORT_WINDOW: 60, Strategy.LONG_WINDOW: 360}  # where the tier's own playbook knows no window
FARTHEST = timedelta(days=90)
# neither is one move to a region
ELSEWHERE: dict[str, str] = {
    Strategy.ROLLING: "rolling upgrades a version in place, tenant by tenant; it moves nobody to another region",
    Strategy.HYBRID: "hybrid is several tenants in waves, each by its own tier's playbook: ask for a portfolio",
}


@dataclass(frozen=True)
class Plan:
    """Everything a person decides on, and what is signed."""

    tenant: Tenant
    target: str
    strategy: str
    choice: Choice
    costs: list[Costs]
    window_minutes: int
    window_starts_at: datetime | None
    stability: timedelta
    not_before: datetime
    is_rehearsal: bool
    vector_provider: str
    capture: str
    findings: list[Finding]
    estimate: Estimate

    @property
    def window_ends_at(self) -> datetime | None:
        return self.window_starts_at and self.window_starts_at + timedelta(minutes=self.window_minutes)

    @property
    def refused(self) -> list[Finding]:
        return refused(self.findings)

    def as_json(self) -> dict[str, Any]:
        return {
            "tenant_id": str(self.tenant.pk),
            "source": self.tenant.region,
            "target": self.target,
            "strategy": self.strategy,
            "recommended": self.choice.strategy,
            "recommended_because": list(self.choice.because),
            "not_known": list(self.choice.not_known),
            "strategies": [one.as_json() for one in self.costs],
            "window_minutes": self.window_minutes,
            "window_starts_at": self.window_starts_at and self.window_starts_at.isoformat(),
            "window_ends_at": self.window_ends_at and self.window_ends_at.isoformat(),
            "stability_seconds": int(self.stability.total_seconds()),
            "not_before": self.not_before.isoformat(),
            "is_rehearsal": self.is_rehearsal,
            "vector_provider": self.vector_provider,
            "capture": self.capture,
            "findings": [one.as_json() for one in self.findings],
            "estimate": self.estimate.as_json(),
            "is_possible": not self.refused,
        }


def regions() -> dict[str, Region]:
    """The regions this portal is connected to."""
    return load(settings.REGIONS_FILE) if settings.REGIONS_FILE.is_file() else {}


def make_plan(
    tenant: Tenant,
    target: str,
    *,
    strategy: str = "",
    capture: str = "",
    is_rehearsal: bool = False,
    window_starts_at: datetime | None = None,
    known: Known = NOTHING_SAID,
) -> Plan:
    """Look at everything that speaks for and against moving `tenant` to `target`, by its tier's playbook."""
    if target == tenant.region:
        raise Invalid(fields={"target": "the tenant is there already"})
    if is_rehearsal and tenant.environment == "prod":
        raise Invalid(fields={"is_rehearsal": "a production tenant is not rehearsed with; use a copy of it"})
    playbook = Playbook.objects.filter(pk=tenant.tier_id).first()
    if playbook is None:
        raise Invalid(fields={"tenant_id": f"no playbook says how a tenant of tier {tenant.tier_id} is moved"})
    choice = recommend(tenant, playbook, known)
    chosen = strategy or choice.strategy
    if chosen in ELSEWHERE:
        raise Invalid(fields={"strategy": ELSEWHERE[chosen]})
    sides = regions()
    stability = timedelta(seconds=settings.MIGRATION["stability_seconds"] or playbook.stability_hours * 3600)
    capture = capture or settings.MIGRATION["capture"]
    findings, vectors = look(tenant, sides.get(tenant.region), sides.get(target), target, capture)
    measured, beside = _measured(sides.get(tenant.region), tenant), _outside(sides.get(tenant.region), tenant)
    findings += weigh(measured, sides.get(target))
    findings += in_the_way(tenant, target)
    findings += guards(Migration(tenant=tenant, source=tenant.region, target=target, is_rehearsal=is_rehearsal))
    not_before = now() + timedelta(days=0 if is_rehearsal else playbook.notice_days)
    expected = estimate(tenant, measured, beside, target, playbook, stability)
    return Plan(
        tenant=tenant,
        target=target,
        strategy=chosen,
        choice=choice,
        costs=compare(tenant, target, playbook, expected, known),
        window_minutes=_minutes(chosen, playbook),
        window_starts_at=_start(chosen, window_starts_at, not_before),
        stability=stability,
        not_before=not_before,
        is_rehearsal=is_rehearsal,
        vector_provider=vectors,
        capture=capture,
        findings=findings,
        estimate=expected,
    )


def _measured(source: Region | None, tenant: Tenant) -> Probe | None:
    """What the source holds and how it changes; None where it does not answer, which is not nothing."""
    try:
        return probe(source, tenant.pk) if source else None
    except StoreError:
        return None


def _outside(source: Region | None, tenant: Tenant) -> int | None:
    """Vectors beside the rows; None where their store does not answer."""
    try:
        return outside(tenant, source) if source else None
    except StoreError:
        return None


def _minutes(strategy: str, playbook: Playbook) -> int:
    return (playbook.window_max_minutes or MINUTES[Strategy(strategy)]) if strategy in WINDOWS else 0


def _start(strategy: str, wanted: datetime | None, not_before: datetime) -> datetime | None:
    """When the window begins: never within the tenant's notice, at its end where nobody says otherwise."""
    if strategy not in WINDOWS:
        if wanted is not None:
            raise Invalid(fields={"window_starts_at": "this strategy takes no window"})
        return None
    if wanted is not None and not not_before <= wanted <= not_before + FARTHEST:
        notice = f"{not_before:%Y-%m-%d %H:%M} UTC"
        raise Invalid(fields={"window_starts_at": f"from the end of the notice, {notice}, and within 90 days of it"})
    return wanted or not_before


def digest_of(migration: Migration) -> str:
    """What a signature binds to: where, when, how, for how long, and for how much."""
    return digest(
        {
            "tenant": str(migration.tenant_id),
            "source": migration.source,
            "target": migration.target,
            "strategy": migration.strategy,
            "window_minutes": migration.window_minutes,
            "stability_seconds": migration.stability_seconds,
            "not_before": migration.not_before.isoformat(),
            **_window(migration),
            **({} if migration.capture == Capture.DIRTY_KEYS else {"capture": migration.capture}),
            "vector_provider": migration.vector_provider,
            "total_inr": migration.estimate.get("total_inr"),
            "findings": sorted(f"{one['code']} {one['outcome']}" for one in migration.findings),
        }
    )


def _window(migration: Migration) -> dict[str, str]:
    window = getattr(migration, "window", None)
    return {"window": f"{window.starts_at.isoformat()} {window.ends_at.isoformat()}"} if window else {}


def digest_now(migration_id: str) -> str:
    """The same, asked by the approvals before the signatures take effect."""
    return digest_of(Migration.objects.get(pk=migration_id))
