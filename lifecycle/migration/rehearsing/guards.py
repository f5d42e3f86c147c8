"""What forbids the move of a critical tenant: that nobody has rehearsed it."""

from datetime import timedelta

from lifecycle.migration.models import Migration
from lifecycle.migration.recording import versions
from portal.approvals.models import Case
from portal.lib.clock import now
from portal.lib.errors import Blocked

from .models import Rehearsal, RehearsalDemand


def a_rehearsal_passed(verb: str, migration: Migration) -> None:
    """Where the tier demands it, a clone of this tenant went to the same target by the same engine, and came back."""
    demand = RehearsalDemand.objects.filter(pk=migration.tenant.tier_id, days__gt=0).first()
    if migration.is_rehearsal or demand is None:
        return
    passed = Rehearsal.objects.filter(tenant=migration.tenant, target=migration.target, ok=True)
    same = passed.filter(engine=versions()["engine"])
    if same.filter(at__gte=now() - timedelta(days=demand.days)).exists():
        return
    if same.exists():
        why = f"The last rehearsal of this move is older than {demand.days} days."
    elif passed.exists():
        why = "The engine has changed since this move was rehearsed."
    else:
        why = f"No rehearsal of this tenant's move to {migration.target} has passed."
    remedy = f"Rehearse it on a clone (migration.rehearse); a {migration.tenant.tier_id} tenant is not moved before."
    raise Blocked(why, by="rehearsal", remedy=remedy)


def approved_after_rehearsal(verb: str, case: Case) -> None:
    """The signatures of such a move take effect only then; until then the case stays signed."""
    if case.kind == "migration":
        migration = Migration.objects.select_related("tenant").get(pk=case.subject_id)
        a_rehearsal_passed(verb, migration)
