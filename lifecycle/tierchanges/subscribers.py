"""What follows from an approval, and who hears where a change of tier stands. Safe to repeat."""

from typing import Any

from portal.lib.clock import now
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page
from tenants import envelopes

from .models import OPEN, State, TierChange
from .moving import SYSTEM, apply, locked, move, tell

OURS = "tierchanges.tierchange"
NEWS = {
    State.SCHEDULED: (Severity.INFO, "is approved and begins on its day"),
    State.APPLIED: (Severity.INFO, "is in force"),
    State.RETURNED: (Severity.INFO, "is over: the tenant is back under its tier"),
    State.KEPT: (Severity.INFO, "stays as it is"),
    State.RETURN_CONFLICT: (Severity.WARNING, "should have ended, but the tier has changed since: please decide"),
    State.VOIDED: (Severity.WARNING, "is void: what was signed no longer holds"),
}


def approved(payload: dict[str, Any]) -> None:
    """The last signature took effect: come into force, now or on the day asked for."""
    change = _of_case(payload, State.PENDING_APPROVAL)
    if change is None:
        return
    move(change, "approve")
    if is_due(change):
        apply(change, actor=SYSTEM)
    else:
        tell(change)


def is_due(change: TierChange) -> bool:
    return change.starts_on is None or change.starts_on <= now().date()


def ended(payload: dict[str, Any]) -> None:
    """The case ended without an approval, or lost the one it had before the day came: give the money back."""
    change = _of_case(payload, *OPEN)
    if change is None:
        return
    word = {"rejected": "reject", "expired": "expire", "cancelled": "cancel"}.get(payload["state"], "void")
    move(change, word, payload.get("reason", ""))
    envelopes.release(change.pk)
    tell(change)


def _of_case(payload: dict[str, Any], *states: State) -> TierChange | None:
    if payload.get("subject_type") != OURS:
        return None
    change = locked(payload["subject_id"])
    return change if str(change.case_id) == payload["case_id"] and change.state in states else None


def changed(payload: dict[str, Any]) -> None:
    """Tell who asked and the owner; approvals have told them themselves of a rejection."""
    news = NEWS.get(State(payload["state"]))
    if news is None:
        return
    severity, words = news
    change = TierChange.objects.select_related("tenant__owner", "from_tier", "to_tier", "requested_by").get(
        pk=payload["change_id"]
    )
    people = {user.pk: user for user in (change.requested_by, change.tenant.owner)}
    notify(
        "tier_change.changed",
        title=f"{change} {words}",
        users=list(people.values()),
        severity=severity,
        url=page("tier-changes", change.pk),
        tenant_id=str(change.tenant_id),
        details=[("Tenant", change.tenant.name), ("From", change.from_tier.name), ("To", change.to_tier.name)],
        key=f"tier_change.{payload['state']}:{change.pk}",
    )
