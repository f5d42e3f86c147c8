"""Keep the channels: add, test, route, stop. Secrets are shown once and stored sealed."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid
from portal.lib.ids import new_id

from ..adapters import CHECK, webhook
from ..models import Channel, Delivery, Route, Severity
from ..seal import seal, unseal
from .notices import delivery

PATTERN = re.compile(r"\*|[a-z_]+\.(\*|[a-z_]+)")


@action
def create_channel(
    *,
    actor: Actor,
    name: str,
    kind: str,
    target: dict[str, str],
    reason: str,
    tenant_id: Any = None,
    events: Iterable[str] = (),
    min_severity: str = Severity.INFO,
    escalate_to: Channel | None = None,
) -> tuple[Channel, str]:
    """Add a channel and routes to it; returns it and its signing secret (webhooks only), shown this once."""
    policy.require(actor, "webhook.edit")
    if kind not in Channel.Kind.values:
        raise Invalid(fields={"kind": f"one of {', '.join(Channel.Kind.values)}"})
    if not name.strip() or Channel.objects.filter(name=name.strip()).exists():
        raise Invalid(fields={"name": "give a name that is not taken"})
    checked = CHECK[kind](target)
    channel = Channel.objects.create(
        name=name.strip(),
        kind=kind,
        tenant_id=tenant_id,
        sealed_target=seal(checked),
        shown_target=(urlsplit(checked.get("url", "")).hostname or "")[:200],
        created_by=actor.id,
    )
    record("channel.created", channel, actor=actor, reason=reason, data={"kind": kind})
    for event in events:
        more = {"min_severity": min_severity, "escalate_to": escalate_to, "tenant_id": tenant_id}
        add_route(actor=actor, channel=channel, event=event, reason=reason, **more)
    return channel, checked.get("secret", "")


@action
def new_channel_secret(channel_id: Any, *, actor: Actor, reason: str, token: str = "") -> tuple[Channel, str]:
    """Replace a webhook's signing secret, which is made here and shown this once, or Jira's token by the one given."""
    channel = _locked(channel_id, actor)
    if channel.kind not in (Channel.Kind.WEBHOOK, Channel.Kind.JIRA):
        raise Conflict("Only webhooks are signed, and only Jira wants a token.", code="not-signed")
    is_signed = channel.kind == Channel.Kind.WEBHOOK
    secret = webhook.new_secret() if is_signed else ""
    new = {"secret": secret} if is_signed else {"token": token}
    channel.sealed_target = seal(CHECK[channel.kind](unseal(channel.sealed_target) | new))
    channel.save(update_fields=["sealed_target"])
    record("channel.secret_replaced", channel, actor=actor, reason=reason)
    return channel, secret


@action
def stop_channel(channel_id: Any, *, actor: Actor, reason: str) -> Channel:
    """Send nothing more through a channel; what was on its way is given up and says so."""
    channel = _locked(channel_id, actor)
    if channel.is_active:
        stop(channel, reason)
        record("channel.stopped", channel, actor=actor, reason=reason)
    return channel


def stop(channel: Channel, reason: str) -> None:
    channel.is_active, channel.stopped_reason = False, reason[:300]
    channel.save(update_fields=["is_active", "stopped_reason"])
    waiting = Delivery.objects.filter(channel=channel, state=Delivery.State.PENDING)
    waiting.update(state=Delivery.State.FAILED, last_error="The channel was stopped.")


@action
def add_route(
    *,
    actor: Actor,
    channel: Channel,
    event: str,
    min_severity: str = Severity.INFO,
    tenant_id: Any = None,
    escalate_to: Channel | None = None,
    reason: str,
) -> Route:
    """Send an event, a family such as `approval.*`, or everything (`*`) through a channel from now on."""
    policy.require(actor, "webhook.edit")
    if not PATTERN.fullmatch(event):
        raise Invalid(fields={"event": "an event such as approval.blocked, a family such as approval.*, or *"})
    if min_severity not in Severity.values:
        raise Invalid(fields={"min_severity": f"one of {', '.join(Severity.values)}"})
    if escalate_to is not None and escalate_to.pk == channel.pk:
        raise Invalid(fields={"escalate_to": "name another channel"})
    if channel.tenant_id is not None:
        tenant_id = channel.tenant_id
    row, is_new = Route.objects.get_or_create(
        channel=channel,
        event=event,
        min_severity=min_severity,
        tenant_id=tenant_id,
        defaults={"escalate_to": escalate_to},
    )
    if not is_new and row.is_active:
        raise Conflict("This route exists.", code="route-exists")
    if not is_new:
        row.is_active, row.escalate_to = True, escalate_to
        row.save(update_fields=["is_active", "escalate_to"])
    record("route.added", row, actor=actor, reason=reason, data={"event": event, "channel": channel.pk})
    return row


@action
def remove_route(route_id: Any, *, actor: Actor, reason: str) -> Route:
    """Stop sending along a route; the row stays."""
    policy.require(actor, "webhook.edit")
    row = Route.objects.select_for_update().filter(pk=route_id).first()
    if row is None:
        raise Absent("There is no such route.")
    row.is_active = False
    row.save(update_fields=["is_active"])
    record("route.removed", row, actor=actor, reason=reason)
    return row


@action
def send_test(channel_id: Any, *, actor: Actor) -> Delivery:
    """Send a test message through a channel; how it went is on the delivery a few seconds later."""
    channel = _locked(channel_id, actor)
    if not channel.is_active:
        raise Conflict("This channel is stopped.", code="channel-stopped")
    shared = {
        "event": "channel.test",
        "severity": Severity.INFO,
        "title": "A test message from Bailiwick",
        "created_at": now(),
    }
    to = actor.user if channel.kind == Channel.Kind.MAIL else None
    row = delivery(channel, to, f"channel.test:{new_id()}", shared)
    row.save(force_insert=True)
    record("channel.tested", channel, actor=actor)
    return row


def _locked(channel_id: Any, actor: Actor) -> Channel:
    channel = Channel.objects.select_for_update().filter(pk=channel_id).first()
    if channel is None:
        raise Absent("There is no such channel.")
    policy.require(actor, "webhook.edit", channel)
    return channel
