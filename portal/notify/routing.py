"""Which channels a piece of news goes through: routes as data, and two ways for what must not be missed."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from .models import Channel, Route, Severity

RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
TWO_WAYS = ("blocked", "rollback", "roll_back", "certificate", "tamper", "incident")


def needs_two_ways(event: str, severity: str) -> bool:
    """True for rollbacks, blocks, certificates, tampering, incidents and everything critical."""
    return severity == Severity.CRITICAL or any(word in event for word in TWO_WAYS)


def channels_for(event: str, severity: str, tenant_id: Any) -> dict[Channel, Channel | None]:
    """Channel -> where it escalates. The inbox is always one way; where two are needed, there is at least one here."""
    family = event.partition(".")[0]
    routes = (
        Route.objects.filter(Q(tenant_id=None) | Q(tenant_id=tenant_id), event__in=["*", f"{family}.*", event])
        .filter(is_active=True, channel__is_active=True)
        .select_related("channel", "escalate_to")
    )
    chosen: dict[Channel, Channel | None] = {}
    for route in routes:
        if RANK[Severity(severity)] >= RANK[Severity(route.min_severity)] and _may(route.channel, tenant_id):
            chosen[route.channel] = chosen.get(route.channel) or route.escalate_to
    if not chosen and needs_two_ways(event, severity):
        chosen = dict.fromkeys(Channel.objects.filter(kind=Channel.Kind.MAIL, is_active=True)[:1])
    return chosen


def second_way(channel: Channel, tenant_id: Any) -> Channel | None:
    """Another active channel for news that this one could not carry, of another kind if there is one."""
    others: Iterable[Channel] = Channel.objects.filter(is_active=True).exclude(pk=channel.pk)
    allowed = [other for other in others if _may(other, tenant_id)]
    return min(allowed, key=lambda other: (other.kind == channel.kind, other.kind != Channel.Kind.MAIL), default=None)


def _may(channel: Channel, tenant_id: Any) -> bool:
    """A tenant's own channel carries that tenant's news only."""
    return channel.tenant_id is None or str(channel.tenant_id) == str(tenant_id)
