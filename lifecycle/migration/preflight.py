"""What speaks against a move, before anything is touched: rules, red flags, and the stores themselves. Reads only."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q

from compliance.residency import evaluate
from lifecycle.models import Incident
from lifecycle.naming.queries import clash, names_to_be
from lifecycle.stores.errors import StoreError
from lifecycle.stores.postgres import fences, streams, volume
from portal.guards import refusals
from portal.lib.clock import now
from portal.lib.regions import Region, load
from tenants.models import Status, Tenant

from .catalogue import differences, faults
from .models import Capture, RedFlag
from .probe import Probe
from .vectors import judge, site


@dataclass(frozen=True)
class Finding:
    """One answer. outcome: `pass`, `warn`, `wait` (it passes by itself or a person ends it), or `refuse`."""

    code: str
    outcome: str
    title: str
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def look(
    tenant: Tenant, source: Region | None, target: Region | None, wanted: str, capture: str = Capture.DIRTY_KEYS
) -> tuple[list[Finding], str]:
    """Every finding, and the vector provider the target would use."""
    placement = evaluate(
        region=wanted,
        geography=tenant.geography,
        data_classes=tenant.data_classes,
        profiles=tenant.compliance_profiles,
        vector_provider=tenant.vector_provider,
    )
    vectors = placement.providers.get("vectors", "")
    found = [*_tenant(tenant), *_residency(placement.findings), *red_flags(tenant)]
    if target is None or source is None:
        missing = wanted if target is None else tenant.region
        remedy = "Connect it, or choose another."
        return [*found, Finding("MIG-REGION", "refuse", f"{missing} is not connected to this portal", remedy)], ""
    found += [*_names(tenant, target), *_vectors(tenant, source, target, vectors)]
    if capture == Capture.NATIVE:
        found += _streams(source, target)
    return [*found, *_stores(tenant, source, target)], vectors


def refused(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if one.outcome == "refuse"]


def _tenant(tenant: Tenant) -> Iterator[Finding]:
    if tenant.status not in (Status.ACTIVE, Status.SUSPENDED):
        remedy = "Only an active or suspended tenant is moved."
        yield Finding("MIG-STATUS", "refuse", f"The tenant is {tenant.get_status_display()}", remedy)
    if tenant.operation:
        yield Finding("MIG-BUSY", "refuse", f"The tenant is in the middle of an operation ({tenant.operation})")


def _residency(findings: tuple[Any, ...]) -> Iterator[Finding]:
    for one in findings:
        outcome = {"pass": "pass", "refuse": "refuse"}.get(one.outcome, "refuse")
        yield Finding(f"{one.rule_id} {one.rule_version}", outcome, one.title, one.remedy)


def _names(tenant: Tenant, target: Region) -> Iterator[Finding]:
    if why := clash(names_to_be(tenant, target.name), tenant, load(settings.REGIONS_FILE)):
        yield Finding("MIG-NAMES", "refuse", why, "Upgrade the tenant's modules first: newer names bear the region.")


def _vectors(tenant: Tenant, source: Region, target: Region, there: str) -> Iterator[Finding]:
    """Vectors in PostgreSQL move as rows; of those outside it is said what they are and where they go."""
    if {tenant.vector_provider, there} <= {"", "pgvector"}:
        return
    try:
        sites = [site(tenant, region, there) for region in (source, target)]
    except StoreError as error:
        yield Finding("MIG-VECTORS", "refuse", f"A store did not answer: {error}", "Try again when it does.")
    else:
        yield Finding("MIG-VECTORS", *judge(*sites))


def _streams(source: Region, target: Region) -> Iterator[Finding]:
    """Whether both servers tell a stream of changes, and bound what they retain for a reader that stalls."""
    choice = f"Or choose the other way to capture, {Capture.DIRTY_KEYS}."
    for region in (source, target):
        try:
            found = streams.look(region)
        except StoreError as error:
            yield Finding("MIG-CAPTURE", "refuse", f"A store did not answer: {error}", "Try again when it does.")
            continue
        for fault, remedy in found.faults:
            yield Finding("MIG-CAPTURE", "refuse", f"{region.name}: {fault}", f"{remedy} {choice}")
        if not found.faults:
            title = f"{region.name}: a stream of changes can be read, and at most {found.keeps} is retained for it"
            yield Finding("MIG-CAPTURE", "pass", title)


def red_flags(tenant: Tenant, at: datetime | None = None) -> list[Finding]:
    """What is in the way now and will not be for ever: an incident, a freeze, a peak, an audit."""
    at = at or now()
    affected = Q(tenant_id=tenant.pk) | Q(affected__contains=[str(tenant.pk)])
    found = [
        Finding("MIG-INCIDENT", "wait", f"An incident is open: {one.title}", "Resolve it first.")
        for one in Incident.objects.filter(affected, resolved_at=None)
    ]
    flags = RedFlag.objects.filter(Q(tenant=tenant) | Q(tenant=None), lifted_at=None, starts_at__lte=at, ends_at__gt=at)
    for flag in flags:
        title = f"{flag.get_kind_display()}: {flag.title}"
        found.append(Finding("MIG-FLAG", "wait", title, f"Until {flag.ends_at:%d %b %Y %H:%M} UTC."))
    return found


def _stores(tenant: Tenant, source: Region, target: Region) -> Iterator[Finding]:
    try:
        for region in (source, target):
            for fault in faults(region):
                yield Finding("MIG-SCHEMA", "refuse", f"{region.name}: {fault}", "Bring the schema in order.")
        for one in differences(source, target):
            yield Finding("MIG-SCHEMA", "refuse", one, "Both regions need the same schema.")
        if any((found := fences.read(one, tenant.pk)) and found.held for one in (source, target)):
            yield Finding("MIG-HOLD", "wait", "The tenant is under a legal hold", "Ask compliance.")
    except StoreError as error:
        yield Finding("MIG-STORE", "refuse", f"A store did not answer: {error}", "Try again when it does.")


def weigh(measured: Probe | None, target: Region | None) -> list[Finding]:
    """Whether the target has room, and whether the writers let themselves be caught up with."""
    if measured is None or target is None:
        return []  # said already: a store did not answer, or is not connected
    return [*_room(measured, target), *_rate(measured)]


def _room(measured: Probe, target: Region) -> Iterator[Finding]:
    needed = int(measured.bytes.high * settings.MIGRATION["room"])
    try:
        free = volume.free_bytes(target)
    except (StoreError, OSError):
        free = None
    if free is None:
        remedy = f"Make sure of {_gigabytes(needed)}, or name the volume in the regions file."
        yield Finding("MIG-DISK", "warn", f"Nobody knows how much room is left in {target.name}", remedy)
    elif free < needed:
        title = f"{target.name} has {_gigabytes(free)} left, and {_gigabytes(needed)} may be needed"
        yield Finding("MIG-DISK", "refuse", title, "Enlarge the volume.")
    else:
        yield Finding("MIG-DISK", "pass", f"{target.name} has {_gigabytes(free)} left")


def _gigabytes(size: int) -> str:
    return f"{size / 10**9:,.1f} GB"


def _rate(measured: Probe) -> Iterator[Finding]:
    rate, limit = measured.changes_a_second, settings.MIGRATION["changes_a_second"]
    if rate is None:
        yield Finding("MIG-RATE", "warn", "How fast the tenant's rows change is not known", "Watch the first rounds.")
    elif rate > limit:
        title = f"About {rate:,.0f} rows change a second, more than {limit:,}"
        yield Finding("MIG-RATE", "warn", title, "Move it in a quieter hour.")


def guards(migration: Any) -> list[Finding]:
    """What must be there before it starts, as the guards say it: a copy to restore from, a rehearsal."""
    return [
        Finding(f"MIG-{blocked.by.upper()}", "wait", blocked.detail, blocked.extra.get("remedy", ""))
        for blocked in refusals("migration.start", migration)
    ]
