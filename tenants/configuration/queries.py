"""Reads of configuration: for snapshots, doors and pages."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from tenants.models import Tenant, Tier

from .document import Change, Document, differences, laid_over
from .models import Version

Subject = Tenant | Tier


def effective_of(tenants: Sequence[Tenant]) -> dict[UUID, Document]:
    """What holds for each tenant: its tier's document with its own over it. One query."""
    newest = Version.objects.filter(
        Q(tenant__in=[one.pk for one in tenants]) | Q(tier__in={one.tier_id for one in tenants})
    )
    newest = newest.order_by("tier_id", "tenant_id", "-number").distinct("tier_id", "tenant_id")
    own: dict[Any, Document] = {}
    for tier, tenant, document in newest.values_list("tier_id", "tenant_id", "document"):
        own[tenant or tier] = document
    return {one.pk: laid_over(own.get(one.tier_id, {}), own.get(one.pk, {})) for one in tenants}


def versions_of(subject: Subject) -> QuerySet[Version]:
    """Every version of a tier's or a tenant's own part, newest first."""
    return Version.objects.filter(**which(subject)).order_by("-number")


def which(subject: Subject) -> dict[str, Any]:
    return {"tenant_id": subject.pk} if isinstance(subject, Tenant) else {"tier_id": subject.pk}


def changes_of(version: Version) -> list[Change]:
    """What a version changed against the one before it."""
    subject = version.tenant or version.tier
    assert subject is not None
    before = versions_of(subject).filter(number=version.number - 1).values_list("document", flat=True).first()
    return differences(before or {}, version.document)
