"""Reads of the optimizer: what the actor may do about a finding, and what stands altogether."""

from typing import Any

from django.db.models import Count, Q, Sum

from portal.access import policy
from portal.access.actor import Actor
from tenants.models import Tenant

from .models import LIVE, Finding, FindingChange, Scan, State


def available_verbs(finding: Finding, actor: Actor) -> list[str]:
    """Words the actor may use on the finding now."""
    words = []
    is_open = finding.state == Finding.State.OPEN
    if is_open and finding.change is not None and not finding.instead and policy.can(actor, "finding.propose", finding):
        is_open = FindingChange.objects.filter(target=finding.target, state__in=LIVE).exists()
        words += [] if is_open else ["propose"]
    if policy.can(actor, "finding.except", finding):
        words += {Finding.State.OPEN: ["except"], Finding.State.EXCEPTED: ["end_exception"]}.get(
            Finding.State(finding.state), []
        )
    return words


def may_withdraw(change: FindingChange, actor: Actor) -> bool:
    return is_undone(change) and policy.can(actor, "finding.propose", change)


def is_undone(change: FindingChange) -> bool:
    """Whether nothing has come of it yet, so that it can be taken back."""
    return change.state in (State.PENDING_APPROVAL, State.APPROVED) and change.carried_out_at is None


def overrides_of(tenant: Tenant) -> dict[str, dict[str, Any]]:
    """What findings have changed in the tenant's stack: by resource and attribute, the last one said."""
    found: dict[str, dict[str, Any]] = {}
    rows = FindingChange.objects.filter(finding__tenant=str(tenant.pk), finding__region=tenant.region)
    for change in rows.exclude(carried_out_at=None).order_by("carried_out_at"):
        found.setdefault(change.change["path"][1], {}).update(change.sets)
    return found


def standing() -> dict[str, Any]:
    """Open findings in figures; what another finding ends is not counted, what has no price is counted apart."""
    opened = Finding.objects.filter(state=Finding.State.OPEN, instead="")
    return opened.aggregate(
        monthly=Sum("monthly_inr"),
        annual=Sum("annual_inr"),
        unpriced=Count("pk", filter=Q(saves=True, monthly_inr=None)),
        holes=Count("pk", filter=Q(category="security")),
        weak=Count("pk", filter=Q(category="resilience")),
        untagged=Count("pk", filter=Q(category="tags")),
    )


def last_scan() -> Scan | None:
    return Scan.objects.exclude(outcome="running").order_by("-at").first()
