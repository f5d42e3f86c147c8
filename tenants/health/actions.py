"""What is kept of measurements, and who hears of them."""

import math
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.errors import Invalid
from tenants.actions import note_health
from tenants.models import Tenant

from .measure import News
from .models import Condition, Reading, Scale
from .score import band

HOURLY = timedelta(hours=1)
KEPT = [field.name for field in Condition._meta.fields if not field.primary_key]


def keep(conditions: Iterable[Condition], *, and_readings: bool = False) -> None:
    """Write down where tenants stand, and a reading of each: in any case, or when the last is an hour old."""
    held = list(conditions)
    due = [one for one in held if and_readings or _is_due(one)]
    readings = [Reading(tenant_id=one.pk, at=one.read_at, score=one.score, points=one.points) for one in due]
    for one in due:
        one.noted_at = one.read_at
    Condition.objects.bulk_create(held, update_conflicts=True, unique_fields=["tenant"], update_fields=KEPT)
    Reading.objects.bulk_create(readings)


def _is_due(one: Condition) -> bool:
    return one.noted_at is None or one.read_at - one.noted_at >= HOURLY


@action
def set_scale(*, actor: Actor, reason: str, **fields: Any) -> Scale:
    """Change what parts weigh and where their points begin and end, for every tenant from the next look on."""
    policy.require(actor, "health_scale.edit")
    if not reason.strip():
        raise Invalid(fields={"reason": "say why; it is kept in the record"})
    if strange := [name for name, value in fields.items() if not math.isfinite(value)]:
        raise Invalid(fields=dict.fromkeys(strange, "a number"))
    scale = Scale.objects.select_for_update(no_key=True).get()
    before = {name: getattr(scale, name) for name in fields}
    for name, value in fields.items():
        setattr(scale, name, value)
    if sum(scale.weights().values()) != 100:
        raise Invalid(fields={"uptime_weight": f"the weights make {sum(scale.weights().values())}, not 100"})
    try:
        scale.full_clean()
    except ValidationError as error:
        raise Invalid(fields={name: " ".join(texts) for name, texts in error.message_dict.items()}) from error
    scale.save()
    said = {name: f"{before[name]} → {value}" for name, value in fields.items() if before[name] != value}
    record("health_scale.changed", scale, actor=actor, reason=reason, data=said)
    return scale


@action
def settle(tenant: Tenant, held: Condition, news: News, *, actor: Actor) -> None:
    """Keep a condition that matters to others: the score on the tenant, the news in the outbox, all or none."""
    keep([held], and_readings=True)
    note_health(tenant.pk, score=held.score, actor=actor)
    if news:
        emit(
            f"health.{news}",
            {
                "tenant_id": str(tenant.pk),
                "name": tenant.name,
                "score": held.score,
                "points": held.points,
                "users": [str(tenant.owner_id), str(tenant.champion_id)],
                "at": held.read_at.isoformat(),
            },
        )


def matters(old: int | None, new: int | None, scale: Scale) -> bool:
    """A change that people should see: to another band, to or from unknown, or of some size."""
    if old is None or new is None or band(old) != band(new):
        return old != new
    return abs(old - new) >= scale.matters_by
