"""Take a tenant back on purpose, by the ordinary way and with a clock; and say how often that is due."""

from typing import Any
from uuid import UUID

from django.conf import settings

from lifecycle.migration import actions as moves
from lifecycle.migration.models import Attempt, Direction, Migration, State
from lifecycle.migration.moving import locked
from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed

from .models import Drill, DrillRule, Outcome


@action
def drill(migration_id: UUID, *, actor: Actor, reason: str) -> Drill:
    """Roll a move in its stability back as a drill: no review opens, and the time is taken from here on."""
    if not Migration.objects.visible_to(actor).filter(pk=migration_id).exists():
        raise Absent("There is no such migration.")
    asked_at, migration = now(), locked(migration_id)
    policy.require(actor, "migration_drill.run", migration)
    if actor.user is None:
        raise NotAllowed("A drill is asked for by a person.")
    if migration.state != State.TRAFFIC_CUTOVER_COMPLETE or migration.rollback_job_id:
        raise Conflict("Only a move whose new side serves its tenant can be drilled.", code="wrong-state")
    if Drill.objects.filter(migration=migration).exists():
        raise Conflict("A drill of this move is running.", code="wrong-state")
    bar = settings.MIGRATION["rollback_seconds"]
    more = {"tier_id": migration.tenant.tier_id, "asked_by": actor.user, "asked_at": asked_at, "bar_seconds": bar}
    made = Drill.objects.create(migration=migration, **more)
    record("migration_drill.started", made, actor=actor, reason=reason)
    moves.roll_back(migration.pk, actor=actor, reason=f"Drill: {reason}")
    return made


@action
def conclude(migration_id: UUID, *, actor: Actor, reason: str = "") -> Drill | None:
    """Measure the drill of a move that has been taken back, once; None where there was none."""
    found = Drill.objects.select_for_update(of=("self",)).select_related("migration__tenant")
    one = found.filter(migration=migration_id, outcome=Outcome.RUNNING).first()
    if one is None or one.migration.state != State.ROLLED_BACK:
        return None
    back = Attempt.objects.filter(migration=migration_id, direction=Direction.BACK, outcome="switched").first()
    if back is None:
        one.outcome = Outcome.UNMEASURED
    else:
        one.served_at, one.pause_ms, one.keys_carried = back.at, back.pause_ms or None, back.keys_inside
        one.seconds = max(0.0, (back.at - one.asked_at).total_seconds())
        one.outcome = Outcome.PASSED if one.seconds <= one.bar_seconds else Outcome.MISSED
    one.save()
    record("migration_drill.concluded", one, actor=actor, data={"outcome": one.outcome})
    emit("migration_drill.concluded", _news(one))
    return one


@action
def set_drill_rule(tier: str, *, actor: Actor, reason: str, every_days: int) -> DrillRule:
    """Change how often the way back of a tier's tenants is drilled."""
    policy.require(actor, "drill_rule.edit")
    rule = DrillRule.objects.select_for_update(of=("self",)).select_related("tier").filter(pk=tier).first()
    if rule is None:
        raise Absent("There is no such rule.")
    if not 1 <= every_days <= 730:
        raise Invalid(fields={"every_days": "between 1 and 730"})
    rule.every_days, rule.changed_at = every_days, now()
    rule.save()
    record("drill_rule.edited", rule, actor=actor, reason=reason, data={"every_days": every_days})
    return rule


def _news(one: Drill) -> dict[str, Any]:
    return {
        "drill_id": str(one.pk),
        "tenant_id": str(one.migration.tenant_id),
        "name": one.migration.tenant.name,
        "outcome": one.outcome,
        "seconds": one.seconds,
        "bar_seconds": one.bar_seconds,
        "asked_by": str(one.asked_by_id),
    }
