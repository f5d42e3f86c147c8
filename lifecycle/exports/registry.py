"""What the portal keeps of a tenant that belongs to it: its entry, what enforcement points are told, its settings."""

import json
from collections.abc import Iterator
from typing import Any

from tenants.configuration.models import Version
from tenants.models import Tenant
from tenants.registry.contents import configurations

ENTRY = (
    "id", "name", "display_name", "business_unit_id", "cost_centre", "environment", "tier_id", "region", "geography",
    "data_classes", "compliance_profiles", "vector_provider", "features", "module_version", "status", "created_at",
    "activated_at", "suspended_at", "archived_at", "expires_on",
)  # fmt: skip


def files(tenant: Tenant) -> Iterator[tuple[str, bytes]]:
    """Path and content of each."""
    entry = {name.removesuffix("_id"): getattr(tenant, name) for name in ENTRY}
    told = json.loads(configurations([tenant])[tenant.pk])
    people = {"owner": tenant.owner.username, "champion": tenant.champion.username}
    yield "registry/tenant.json", _json({**entry, **people, "limits": tenant.limits(), "published": told}) + b"\n"
    versions = Version.objects.filter(tenant=tenant).order_by("number")
    columns = ("number", "document", "copy_of", "from_flag", "reason", "created_at")
    yield "registry/configurations.jsonl", b"".join(_json(one) + b"\n" for one in versions.values(*columns))


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, default=str, sort_keys=True).encode()
