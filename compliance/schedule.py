"""Every night each existing tenant is judged again by the rules then in force. Nothing is moved; people are told."""

from datetime import timedelta

from django.db.models import CharField, Exists, OuterRef
from django.db.models.functions import Cast

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action_of
from portal.jobs.outbox import emit
from portal.lib.clock import now
from tenants.models import Status, Tenant

from .actions import keep_verdicts
from .models import Verdict
from .queries import last_verdicts
from .residency import Finding, evaluate

NIGHTLY = timedelta(hours=24)
AT_ONCE = 500
GONE = (Status.REQUESTED, Status.FAILED, Status.DELETED)
ACTOR = Actor.system("sweep")


def tick() -> None:
    """Judge the tenants whose last verdict is a day old, so many at a time; what is left comes with the next tick."""
    for tenant in due():
        judge_again(tenant)


def due() -> list[Tenant]:
    """Tenants that hold data and were not judged in the last 24 hours."""
    label = Tenant._meta.label_lower
    key = Cast(OuterRef("pk"), CharField())
    judged = Verdict.objects.filter(subject_type=label, subject_id=key, at__gt=now() - NIGHTLY)
    return list(Tenant.objects.exclude(status__in=GONE).exclude(Exists(judged)).order_by("pk")[:AT_ONCE])


@action_of(ACTOR)
def judge_again(tenant: Tenant) -> list[Finding]:
    """Keep today's verdicts; a rule that passed before and does not now is told to compliance, once."""
    placement = evaluate(
        region=tenant.region,
        geography=tenant.geography,
        data_classes=tenant.data_classes,
        profiles=tenant.compliance_profiles,
        vector_provider=tenant.vector_provider,
    )
    findings = [*placement.findings, *_provider_gone(tenant, placement.providers.get("vectors"))]
    known = {one.rule_id for one in last_verdicts(tenant.pk) if one.outcome != "pass"}
    keep_verdicts(tenant, tenant.pk, findings)
    new = [one for one in findings if one.outcome != "pass" and one.rule_id not in known]
    if new:
        rules = [f"{one.rule_id} {one.rule_version}" for one in new]
        record("tenant.out_of_policy", tenant, actor=ACTOR, reason="nightly verdict", data={"rules": rules})
        emit("residency.failed", _news(tenant, new))
    return new


def _provider_gone(tenant: Tenant, offered: str | None) -> list[Finding]:
    """A tenant's vectors are where they are: that another provider could hold them today does not make it lawful."""
    if offered == tenant.vector_provider:
        return []
    inputs = {"region": tenant.region, "held_by": tenant.vector_provider, "offered_by": offered}
    title = f"Vectors are at {tenant.vector_provider}, which is no longer offered in {tenant.region}"
    remedy = "Move the tenant to an allowed provider or region, or add the provider to the table with its source."
    return [Finding("PRV-003", "v1", "refuse", title, remedy, inputs)]


def _news(tenant: Tenant, new: list[Finding]) -> dict[str, object]:
    return {
        "tenant_id": tenant.pk,
        "name": tenant.name,
        "region": tenant.region,
        "business_unit": tenant.business_unit_id,
        "rules": [{"rule_id": one.rule_id, "title": one.title, "remedy": one.remedy} for one in new],
        "at": now(),
    }
