"""Writes to configuration: each is a new version; what was there stays."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from portal.access import policy
from portal.access.actions import need_reason
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.errors import Absent, Conflict, Invalid
from tenants.models import Status, Tenant, Tier

from .document import Document, check, differences
from .models import Version
from .queries import Subject, versions_of, which

GONE = (Status.DELETED, Status.FAILED)


@action
def save_tenant(tenant_id: UUID, document: Any, *, actor: Actor, reason: str, base: int) -> Version:
    """Write the next version of a tenant's own part; `base` is the number it was made from, 0 for none."""
    return _next(_tenant(tenant_id, actor), check(document), actor=actor, reason=reason, base=base)


@action
def save_tier(code: str, document: Any, *, actor: Actor, reason: str, base: int) -> Version:
    """Write the next version of what a tier gives its tenants."""
    return _next(_tier(code, actor), check(document), actor=actor, reason=reason, base=base)


@action
def roll_back(version_id: UUID, *, actor: Actor, reason: str) -> Version:
    """Make an earlier version hold again, as a new one."""
    old = Version.objects.visible_to(actor).filter(pk=version_id).first()
    if old is None:
        raise Absent("There is no such version.")
    subject = _tenant(old.tenant_id, actor) if old.tenant_id else _tier(str(old.tier_id), actor)
    return _next(subject, old.document, actor=actor, reason=reason, copy_of=old.number)


@action
def carry_over(
    key: str, tiers: Mapping[str, Any], tenants: Mapping[UUID, Any], *, actor: Actor, reason: str
) -> list[Version]:
    """Take over what a flag gave: a value per tier, and one for each tenant that had another than its tier."""
    policy.require(actor, "configuration.edit_tier")
    need_reason(reason)
    subjects: list[tuple[Subject, Any]] = [(one, tiers[one.pk]) for one in Tier.objects.filter(pk__in=tiers)]
    subjects += [(one, tenants[one.pk]) for one in Tenant.objects.filter(pk__in=tenants).order_by("pk")]
    found = []
    for subject, value in subjects:
        _hold(subject)
        document = _newest(subject).document
        document = {**document, "switches": {**document.get("switches", {}), key: value}}
        found.append(_next(subject, check(document), actor=actor, reason=reason, from_flag=key))
    return found


def _tenant(tenant_id: UUID, actor: Actor) -> Tenant:
    tenant = Tenant.objects.visible_to(actor).filter(pk=tenant_id).first()
    if tenant is None:
        raise Absent("There is no such tenant.")
    policy.require(actor, "configuration.edit", tenant)
    if tenant.status in GONE:
        raise Conflict(f"The tenant is {tenant.status}.", code="tenant-gone")
    return tenant


def _tier(code: str, actor: Actor) -> Tier:
    policy.require(actor, "configuration.edit_tier")
    tier = Tier.objects.filter(pk=code).first()
    if tier is None:
        raise Absent("There is no such tier.")
    return tier


def _hold(subject: Subject) -> None:
    """One writer at a time for one tier or tenant."""
    type(subject)._default_manager.select_for_update(no_key=True).values("pk").get(pk=subject.pk)


def _newest(subject: Subject) -> Version:
    return versions_of(subject).first() or Version(number=0, document={})


def _next(
    subject: Subject, document: Document, *, actor: Actor, reason: str, base: int | None = None, **more: Any
) -> Version:
    need_reason(reason)
    _hold(subject)
    newest = _newest(subject)
    if base is not None and base != newest.number:
        raise Conflict(
            f"Somebody else has written version {newest.number} in the meantime; look at it and write again.",
            code="configuration-moved-on",
            newest=newest.number,
        )
    changes = differences(newest.document, document)
    if not changes and not more.get("from_flag"):
        raise Invalid(fields={"document": f"says what version {newest.number} says already"})
    version = Version.objects.create(
        **which(subject),
        number=newest.number + 1,
        document=document,
        reason=reason,
        created_by=actor.id,
        **more,
    )
    data = {"number": version.number, "changed": [one.path for one in changes], **more}
    record("configuration.saved", version, actor=actor, reason=reason, data=data)
    if isinstance(subject, Tenant):
        emit("tenant.changed", {"tenant_id": str(subject.pk), "status": subject.status})
    else:
        emit("tier.changed", {"tier": subject.pk})
    return version
