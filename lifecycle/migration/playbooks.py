"""Writes to what binds moves: playbooks of tiers, and red flags."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid
from tenants.models import Tenant

from .models import Playbook, RedFlag

EDITABLE = (
    "strategy",
    "window_min_minutes",
    "window_max_minutes",
    "stability_hours",
    "notice_days",
    "engineer_hours",
    "engineer_inr_an_hour",
    "transfer_inr_a_gb",
)


@action
def edit_playbook(tier: str, *, actor: Actor, reason: str, **changes: Any) -> Playbook:
    """Change how tenants of a tier are moved, from the next plan on. What was signed keeps what was shown."""
    policy.require(actor, "playbook.edit")
    playbook = Playbook.objects.select_for_update(no_key=True).filter(pk=tier).first()
    if playbook is None:
        raise Absent("There is no such playbook.")
    for name in EDITABLE:
        setattr(playbook, name, changes.get(name, getattr(playbook, name)))
    playbook.changed_at = now()
    if playbook.window_max_minutes < playbook.window_min_minutes:
        raise Invalid(fields={"window_max_minutes": "not below the shortest window"})
    try:
        playbook.full_clean()
    except ValidationError as error:
        raise Invalid(fields={name: " ".join(texts) for name, texts in error.message_dict.items()}) from error
    playbook.save()
    record("playbook.edited", playbook, actor=actor, reason=reason, data={"fields": sorted(changes)})
    return playbook


@action
def raise_flag(
    *,
    actor: Actor,
    reason: str,
    kind: str,
    title: str,
    starts_at: datetime,
    ends_at: datetime,
    tenant_id: UUID | None = None,
) -> RedFlag:
    """Say that nothing is to be moved for a while: of one tenant, or of all."""
    tenant = Tenant.objects.filter(pk=tenant_id).first() if tenant_id else None
    if tenant_id and tenant is None:
        raise Absent("There is no such tenant.")
    policy.require(actor, "playbook.edit")
    if ends_at <= starts_at:
        raise Invalid(fields={"ends_at": "must be later than the start"})
    flag = RedFlag.objects.create(
        kind=kind, title=title, tenant=tenant, starts_at=starts_at, ends_at=ends_at, created_by=actor.id
    )
    record("red_flag.raised", flag, actor=actor, reason=reason, data={"kind": kind, "until": ends_at.isoformat()})
    return flag


@action
def lift_flag(flag_id: UUID, *, actor: Actor, reason: str) -> RedFlag:
    """End a red flag before its time."""
    policy.require(actor, "playbook.edit")
    flag = RedFlag.objects.select_for_update().filter(pk=flag_id).first()
    if flag is None:
        raise Absent("There is no such red flag.")
    if flag.lifted_at or flag.ends_at <= now():
        raise Conflict("It is over already.", code="wrong-state")
    flag.lifted_at = now()
    flag.save(update_fields=["lifted_at"])
    record("red_flag.lifted", flag, actor=actor, reason=reason)
    return flag
