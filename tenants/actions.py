"""Writes to the registry. One verb, one function; each runs in one transaction and leaves one audit entry."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django_fsm import TransitionNotAllowed

from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import User
from portal.audit.actions import record
from portal.audit.context import action
from portal.guards import check_guards
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid

from .models import (
    BusinessUnit,
    Price,
    PriceBook,
    PriceKind,
    Status,
    StatusChange,
    StatusVersion,
    Tenant,
    TenantName,
    Tier,
)
from .registry.publish import at_once


def reserve_name(name: str, tenant_id: UUID) -> None:
    """Hold `name` for a tenant to be; raises Conflict when another holds it. Runs in the caller's transaction."""
    if TenantName.objects.filter(name=name, tenant_id=tenant_id, released_at=None).exists():
        return
    try:
        with transaction.atomic():
            TenantName.objects.create(name=name, tenant_id=tenant_id)
    except IntegrityError:
        raise Conflict(f"The name {name} is taken; choose another one.", code="name-taken") from None


def release_name(tenant_id: UUID) -> None:
    """Give a name back once nothing of the tenant is left."""
    TenantName.objects.filter(tenant_id=tenant_id, released_at=None).update(released_at=now())


@action
def register(*, actor: Actor, reason: str, **fields: Any) -> Tenant:
    """Create the row of an approved tenant in `requested`. Its name must already be held by its id."""
    if not TenantName.objects.filter(name=fields["name"], tenant_id=fields["id"], released_at=None).exists():
        raise Conflict(f"The name {fields['name']} is not held for this tenant.", code="name-not-held")
    found = Tenant.objects.filter(pk=fields["id"]).first()
    if found:
        return found
    tenant = Tenant(created_by=actor.id, **fields)
    tenant.full_clean(exclude=["status"])
    tenant.save(force_insert=True)
    record("tenant.registered", tenant, actor=actor, reason=reason, data={"name": tenant.name, "tier": tenant.tier_id})
    return tenant


@action
def move(tenant_id: UUID, word: str, *, actor: Actor, reason: str) -> Tenant:
    """Run one transition of the tenant's status (`activate`, `suspend`, …) and publish it as an event.

    Locks leave keys alone: rows that only refer to this one are checked at commit, and two commits would deadlock.
    """
    rows = Tenant.objects.select_for_update(of=("self",), no_key=True).select_related("tier")
    tenant = rows.filter(pk=tenant_id).first()
    if tenant is None:
        raise Absent("There is no such tenant.")
    check_guards(f"tenant.{word}", tenant)
    old = tenant.status
    try:
        getattr(tenant, word)()
    except TransitionNotAllowed:
        raise Conflict(f"A tenant that is {old} cannot {word.replace('_', ' ')}.", code="wrong-state") from None
    tenant.status_reason = reason
    _save(tenant)
    version = StatusVersion.next()
    StatusChange.objects.create(
        version=version, tenant=tenant, old=old, new=tenant.status, reason=reason, actor=actor.id
    )
    record(f"tenant.{word}", tenant, actor=actor, reason=reason, data={"from": old, "to": tenant.status})
    emit("tenant.changed", {"tenant_id": str(tenant.pk), "status": tenant.status, "status_version": version})
    at_once(tenant, version)
    return tenant


def suspend(tenant_id: UUID, *, actor: Actor, reason: str) -> Tenant:
    """Stop serving the tenant. The platform refuses it at once."""
    return _by_a_person(tenant_id, "suspend", actor=actor, reason=reason)


def reactivate(tenant_id: UUID, *, actor: Actor, reason: str) -> Tenant:
    """Serve a suspended tenant again."""
    return _by_a_person(tenant_id, "reactivate", actor=actor, reason=reason)


def archive(tenant_id: UUID, *, actor: Actor, reason: str) -> Tenant:
    """Put a suspended tenant away: nothing of it is served, read or written until its retention ends in erasure."""
    return _by_a_person(tenant_id, "archive", actor=actor, reason=reason)


def _by_a_person(tenant_id: UUID, word: str, *, actor: Actor, reason: str) -> Tenant:
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    tenant = Tenant.objects.visible_to(actor).filter(pk=tenant_id).first()
    if tenant is None:
        raise Absent("There is no such tenant.")
    policy.require(actor, f"tenant.{word}", tenant)
    return move(tenant_id, word, actor=actor, reason=reason)


@action
def restrict(tenant_id: UUID, *, actor: Actor, reason: str, restricted: bool = True) -> Tenant:
    """Refuse (or allow again) all access to a tenant because of an incident, whatever its status."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    tenant.is_restricted = restricted
    _save(tenant)
    version = StatusVersion.next()
    word = "restricted" if restricted else "unrestricted"
    StatusChange.objects.create(
        version=version, tenant=tenant, old=tenant.status, new=tenant.status, reason=reason, actor=actor.id
    )
    record(f"tenant.{word}", tenant, actor=actor, reason=reason)
    emit("tenant.changed", {"tenant_id": str(tenant.pk), "status": tenant.status, "status_version": version})
    at_once(tenant, version)
    return tenant


EDITABLE = frozenset({"display_name", "owner", "champion", "billing_contact", "payment_status", "cost_centre"})


@action
def edit(tenant_id: UUID, *, actor: Actor, reason: str, **changes: Any) -> Tenant:
    """Change descriptive fields. Tier, region, limits and budget change only through a request."""
    tenant = Tenant.objects.visible_to(actor).select_for_update(of=("self",), no_key=True).filter(pk=tenant_id).first()
    if tenant is None:
        raise Absent("There is no such tenant.")
    policy.require(actor, "tenant.edit", tenant)
    other = sorted(set(changes) - EDITABLE)
    if other:
        raise Invalid(fields=dict.fromkeys(other, "changes only through a request"))
    before = {name: str(getattr(tenant, name)) for name in changes}
    for name, value in changes.items():
        setattr(tenant, name, value)
    tenant.full_clean(exclude=["status"])
    _save(tenant)
    record("tenant.edited", tenant, actor=actor, reason=reason, data={"before": before, "fields": sorted(changes)})
    emit("tenant.changed", {"tenant_id": str(tenant.pk), "status": tenant.status})
    return tenant


@action
def change_tier(tenant_id: UUID, tier: Tier, *, actor: Actor, reason: str, **terms: Any) -> Tenant:
    """Put a tenant in use under another tier and its limits (`terms` may name others), and publish that at once.

    Asks nobody: who calls has the approval. Of `terms` the tenant takes limits, cost and budget.
    """
    rows = Tenant.objects.select_for_update(of=("self",), no_key=True).select_related("tier")
    tenant = rows.get(pk=tenant_id)
    if tenant.status not in (Status.ACTIVE, Status.SUSPENDED):
        raise Conflict(f"A tenant that is {tenant.status} does not change its tier.", code="wrong-state")
    before, tenant.tier = tenant.tier_id, tier
    for name, value in {**tier.limits(), **terms}.items():
        setattr(tenant, name, value)
    tenant.full_clean(exclude=["status"])
    _save(tenant)
    record("tenant.tier_changed", tenant, actor=actor, reason=reason, data={"from": before, "to": tier.pk})
    emit("tenant.changed", {"tenant_id": str(tenant.pk), "status": tenant.status})
    return tenant


@action
def note_validation(tenant_id: UUID, *, outcome: str, actor: Actor) -> None:
    """Keep the outcome of the last validation run on the tenant."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    tenant.validated_at, tenant.validation_outcome = now(), outcome
    _save(tenant)
    record("tenant.validated", tenant, actor=actor, data={"outcome": outcome})


@action
def note_modules(tenant_id: UUID, *, digest: str, actor: Actor) -> None:
    """Keep on the tenant which modules it was made with; what is known already is not written again."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    if tenant.module_version == digest[:12]:
        return
    before, tenant.module_version = tenant.module_version, digest[:12]
    _save(tenant)
    record("tenant.modules_changed", tenant, actor=actor, data={"from": before, "to": digest})


@action
def note_health(tenant_id: UUID, *, score: int | None, actor: Actor) -> None:
    """Keep the tenant's health, 0 to 100, or that it is not known; of a tenant not in use it never is."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    known = score if tenant.status == Status.ACTIVE else None
    if tenant.health_score == known:
        return
    before, tenant.health_score = tenant.health_score, known
    _save(tenant)
    record("tenant.measured", tenant, actor=actor, data={"from": before, "to": known})


def _save(tenant: Tenant) -> None:
    tenant.config_version += 1
    tenant.updated_at = now()
    tenant.save()


@action
def save_tier(*, actor: Actor, reason: str, prices: dict[str, Decimal] | None = None, **fields: Any) -> Tier:
    """Create or change a tier. A new tier with prices gets a new version of the price book."""
    policy.require(actor, "tier.edit")
    known = Tier.objects.select_for_update(no_key=True).filter(pk=fields.get("code")).first()
    tier = known or Tier(code=fields.get("code", ""))
    for name, value in fields.items():
        setattr(tier, name, value)
    tier.full_clean(validate_unique=tier._state.adding is False)
    tier.save()
    record("tier.saved", tier, actor=actor, reason=reason, data={"fields": sorted(fields)})
    emit("tier.changed", {"tier": tier.pk})
    if prices:
        kinds = (PriceKind.TIER_BASE, PriceKind.USER, PriceKind.DOCUMENTS)
        publish_prices({(kind, tier.code): prices[kind] for kind in kinds}, actor=actor, reason=reason)
    return tier


@action
def publish_prices(changes: dict[tuple[str, str], Decimal], *, actor: Actor, reason: str) -> PriceBook:
    """Publish the next price book: the one in force with `changes` applied, effective from now."""
    policy.require(actor, "price.edit")
    at = now()
    latest = PriceBook.objects.select_for_update(no_key=True).order_by("-effective_from").first()
    lines = {(row.kind, row.key): row.amount for row in latest.prices.all()} if latest else {}
    lines.update(changes)
    number = PriceBook.objects.filter(version__startswith=f"{at:%Y-%m} v").count() + 1
    book = PriceBook.objects.create(version=f"{at:%Y-%m} v{number}", effective_from=at, source=reason)
    Price.objects.bulk_create(
        Price(book=book, kind=kind, key=key, amount=amount) for (kind, key), amount in sorted(lines.items())
    )
    record("prices.published", book, actor=actor, reason=reason, data={"changed": len(changes)})
    return book


@action
def set_envelope(unit_code: str, amount_inr: Decimal, *, actor: Actor, reason: str) -> BusinessUnit:
    """Change a business unit's annual envelope."""
    unit = BusinessUnit.objects.select_for_update(no_key=True).filter(pk=unit_code).first()
    if unit is None:
        raise Absent("There is no such business unit.")
    policy.require(actor, "envelope.edit", unit)
    before, unit.envelope_inr = unit.envelope_inr, amount_inr
    unit.full_clean()
    unit.save()
    record("envelope.set", unit, actor=actor, reason=reason, data={"before": before, "after": amount_inr})
    return unit


def user_named(username: str, field: str = "user") -> User:
    """Look a person up by login name, or say what is wrong."""
    user = User.objects.filter(username=username, is_active=True, is_service=False).first()
    if user is None:
        raise Invalid(fields={field: f"nobody signs in as {username}"})
    return user


@action
def watch(tenant_id: UUID, *, until: datetime, actor: Actor) -> None:
    """Have the tenant's latency watched more closely for a while."""
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)
    tenant.watched_until = until
    _save(tenant)
    record("tenant.watched", tenant, actor=actor, data={"until": until})
