"""Ask for the signatures that the rules demand, over exactly this content."""

from decimal import Decimal
from typing import Any

from lifecycle.actions.requests import take_judgement
from lifecycle.models import State
from lifecycle.provisioning.judgement import describe_counted, facts_of, judge
from lifecycle.provisioning.subject import content_digest, request_of
from portal.access.actor import Actor
from portal.approvals.actions import open_case
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent
from portal.lib.errors import Blocked
from tenants import envelopes
from tenants.queries import envelope_of


def ask(ctx: StepContext) -> dict[str, Any]:
    """Open the approval case of the request and leave it waiting for signatures."""
    with ctx.fenced():
        request = request_of(ctx, lock=True)
        if request.state != State.SUBMITTED:
            return {"case": str(request.case_id or ""), "state": request.state}
        judgement = judge(request, tier=request.tier)
        if judgement.counted_inr != request.counted_inr:  # a price has changed since the money was set aside
            _reserve(request, judgement.counted_inr)
        take_judgement(request, judgement)
        request.digest = content_digest(request, judgement, request.plan_digest)
        request.ask_approval()
        request.save()
        case = open_case(
            actor=Actor.of_user(request.requested_by),
            kind="tenant_request",
            subject=request,
            title=request.name,
            amount_inr=None if judgement.estimate.unpriced else judgement.counted_inr,
            aggregation_key=f"business_unit:{request.business_unit_id}",
            facts=facts_of(request, judgement),
            digest=request.digest,
            snapshot=_snapshot(request, judgement),
        )
        request.case_id = case.pk
        request.save(update_fields=["case_id"])
    return {"case": str(case.pk), "digest": request.digest}


def _reserve(request: Any, amount_inr: Decimal) -> None:
    unit, tenant = request.business_unit_id, request.tenant_id
    try:
        envelopes.reserve(unit, holder_id=request.pk, tenant_id=tenant, amount_inr=amount_inr)
    except Blocked as refusal:
        raise Permanent(refusal.detail) from refusal


def _snapshot(request: Any, judgement: Any) -> dict[str, Any]:
    envelope = envelope_of(request.business_unit)
    return {
        "sentence": f"New {request.tier.name.lower()} tenant in {request.region}, asked for by "
        f"{request.business_unit.name}.",
        "justification": request.justification,
        "budget_inr": f"{request.annual_budget_inr:.2f}",
        "counted": describe_counted(request, judgement),
        "estimate": judgement.estimate.as_json(),
        "envelope": {name: f"{value:.2f}" for name, value in envelope.items()},
        "plan": request.plan,
        "plan_digest": request.plan_digest,
        "verdicts": [
            {"rule": f.rule_id, "version": f.rule_version, "outcome": f.outcome, "title": f.title}
            for f in judgement.findings
        ],
        "providers": judgement.placement.providers,
        "profiles": list(judgement.placement.profiles),
        "data_classes": sorted(request.data_classes),
        "manual_reasons": list(judgement.manual_reasons),
    }
