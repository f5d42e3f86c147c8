"""Where a copy of a tenant may lie."""

from compliance.residency import evaluate
from lifecycle.migration.models import Migration, State
from lifecycle.migration.planning import regions
from lifecycle.naming.queries import clash, names_to_be
from tenants.models import Tenant


def why_not(tenant: Tenant, region: str) -> str:
    """What forbids a copy of the tenant in this region; empty where nothing does."""
    if region == tenant.region:
        return "the tenant is served from there"
    if region not in regions():
        return "it is not connected to this portal"
    if regions()[region].same_aws and (why := clash(names_to_be(tenant, region), tenant, regions())):
        return why
    placement = evaluate(
        region=region,
        geography=tenant.geography,
        data_classes=tenant.data_classes,
        profiles=tenant.compliance_profiles,
        vector_provider=tenant.vector_provider,
    )
    if against := [one for one in placement.findings if one.outcome != "pass"]:
        return "; ".join(f"{one.rule_id}: {one.title}" for one in against)
    if {tenant.vector_provider or "pgvector", placement.providers.get("vectors")} != {"pgvector"}:
        return "its vectors would stay behind: only those in pgvector are copied so far"
    return _kept_there(tenant, region)


def _kept_there(tenant: Tenant, region: str) -> str:
    kept = Migration.objects.filter(tenant=tenant, target=region, state=State.ROLLED_BACK, green_released_at=None)
    found = kept.exclude(started_at=None).first()
    return f"{found} was rolled back and left its copy there, which nobody has released" if found else ""


def apart_from(tenant: Tenant, *besides: str) -> dict[str, str]:
    """Every connected region but these, with what forbids a copy there."""
    return {name: why_not(tenant, name) for name in regions() if name not in besides}
