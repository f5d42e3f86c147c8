"""What enforcement points are told of a tenant: its configuration, and apart from it whether it may be served."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Max
from django.utils.module_loading import import_string

from tenants.configuration.queries import effective_of
from tenants.flags.queries import features_of, flags_of
from tenants.models import Status, Tenant
from tenants.reads.queries import splits_of

Told = dict[str, Any]


@dataclass(frozen=True)
class Standing:
    """Whether a tenant may be served, as of the status change `version`.

    `validating` lets the validation suite in, and nobody else: before activation, and while an incident restricts the
    tenant, because only a passing validation may end that.
    """

    tenant_id: str
    business_unit: str
    version: int
    status: str
    reason: str
    validating: bool

    def told(self) -> Told:
        return {
            "tenant_id": self.tenant_id,
            "status": self.status,
            "reason": self.reason,
            "validating": self.validating,
            "status_version": self.version,
        }

    def access_scope(self) -> dict[str, str]:
        return {"tenant": self.tenant_id, "business_unit": self.business_unit}


def configurations(tenants: Sequence[Tenant]) -> dict[UUID, str]:
    """The canonical JSON of each tenant's configuration, without its version. A few queries, however many tenants."""
    parts: dict[str, Mapping[UUID, Any]] = {
        "flags": flags_of(tenants),
        "config": effective_of(tenants),
        "features": features_of(tenants),
        **{name: import_string(path)(tenants) for name, path in settings.REGISTRY_PARTS.items()},
    }
    found = {one.pk: _configuration(one) | {name: part[one.pk] for name, part in parts.items()} for one in tenants}
    for pk, split in splits_of([one.pk for one in tenants if one.operation == "migrating"]).items():
        found[pk]["reads"] = split
    return {pk: json.dumps(told, sort_keys=True) for pk, told in found.items()}


def _configuration(tenant: Tenant) -> Told:
    return {
        "tenant_id": str(tenant.pk),
        "name": tenant.name,
        "tier": tenant.tier_id,
        "region": tenant.region,
        "limits": tenant.limits(),
        "routing_epoch": tenant.routing_epoch,
        "vector_provider": tenant.vector_provider,
        "lease_seconds": float(tenant.tier.lease_seconds),
        "on_outage": tenant.tier.on_outage,
    }


def standings(tenant_ids: Iterable[UUID] | None = None) -> list[Standing]:
    """How these tenants (default: all) stand now. One query."""
    rows = Tenant.objects.order_by() if tenant_ids is None else Tenant.objects.order_by().filter(pk__in=tenant_ids)
    fields = ("pk", "business_unit_id", "status", "is_restricted", "status_reason")
    return [standing(*row) for row in rows.annotate(last=Max("status_changes__version")).values_list(*fields, "last")]


def standing(
    pk: UUID, business_unit: str, status: str, is_restricted: bool, reason: str, version: int | None
) -> Standing:
    """A tenant that an incident restricts is suspended to everybody else."""
    validating = status == Status.PROVISIONING or (is_restricted and status == Status.ACTIVE)
    seen = str(Status.SUSPENDED) if is_restricted else status
    said = reason or ("an incident is open" if is_restricted else "")
    return Standing(str(pk), business_unit, version or 0, seen, said, validating)
