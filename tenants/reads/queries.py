"""The read splits in force, as they are published."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.utils.crypto import salted_hmac

from .models import ReadSplit


def splits_of(tenant_ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """What enforcement points are told, of the tenants that have a split in force. At most one query."""
    wanted = list(tenant_ids)
    if not wanted:
        return {}
    rows = ReadSplit.objects.filter(Q(percent__gt=0) | Q(mirror__gt=0), tenant__in=wanted)
    return {one.pk: _told(one) for one in rows.filter(epoch=F("tenant__routing_epoch"), tenant__operation="migrating")}


def ticket_of(split: ReadSplit) -> str:
    """By which platforms, and only they and the portal, ask one another on behalf of the tenant's owner."""
    return salted_hmac("tenants.reads", f"{split.pk}:{split.move}:{split.epoch}", algorithm="sha256").hexdigest()


def _told(split: ReadSplit) -> dict[str, Any]:
    same = {"region": split.region, "percent": split.percent, "mirror": split.mirror}
    return same | {"move": str(split.move), "ticket": ticket_of(split)}
