"""How long tenants of a tier live in an environment: data that administrators keep. It ends nobody by itself."""

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.errors import Absent, Conflict, Invalid
from tenants.models import Status, Tenant, Tier

from .models import Environment, Lifetime

LONGEST_DAYS = 3650


@action
def add(*, actor: Actor, reason: str, tier: Tier, environment: str, days: int) -> Lifetime:
    """From now on a tenant of the tier ends there so many days after it began, unless somebody said a day."""
    policy.require(actor, "lifetime.edit")
    _check(reason, days)
    if environment not in Environment.values:
        raise Invalid(fields={"environment": f"one of {', '.join(Environment.values)}"})
    try:
        with transaction.atomic():
            made = Lifetime.objects.create(tier=tier, environment=environment, days=days)
    except IntegrityError:
        raise Conflict(f"{tier} in {environment} has a lifetime: change that one.", code="exists") from None
    record("lifetime.added", made, actor=actor, reason=reason, data={"days": days})
    return made


@action
def change(lifetime_id: int, *, actor: Actor, reason: str, days: int) -> Lifetime:
    """Another number of days. Whoever is older by then is asked about at the next look."""
    found = _locked(lifetime_id, actor)
    _check(reason, days)
    before, found.days = found.days, days
    found.save(update_fields=["days"])
    record("lifetime.changed", found, actor=actor, reason=reason, data={"before": before, "days": days})
    return found


@action
def remove(lifetime_id: int, *, actor: Actor, reason: str) -> None:
    """Its tenants live until somebody says a day. What was asked already stays asked, and is void when it is signed."""
    found = _locked(lifetime_id, actor)
    _check(reason, found.days)
    record("lifetime.removed", found, actor=actor, reason=reason, data={"days": found.days})
    found.delete()


def ended_by(one: Lifetime) -> QuerySet[Tenant]:
    """The tenants in use that it gives their last day."""
    rows = Tenant.objects.filter(tier=one.tier_id, environment=one.environment, expires_on=None)
    return rows.filter(status=Status.ACTIVE)


def _locked(lifetime_id: int, actor: Actor) -> Lifetime:
    policy.require(actor, "lifetime.edit")
    found = Lifetime.objects.select_for_update(of=("self",), no_key=True).filter(pk=lifetime_id).first()
    if found is None:
        raise Absent("There is no such lifetime.")
    return found


def _check(reason: str, days: int) -> None:
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    if not 1 <= days <= LONGEST_DAYS:
        raise Invalid(fields={"days": f"1 to {LONGEST_DAYS}"})
