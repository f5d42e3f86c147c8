"""Reads of the lifecycle for pages and the API."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from lifecycle.models import ENDED, UNDER_WAY, State, TenantRequest, ValidationCheck, ValidationRun
from lifecycle.provisioning.judgement import describe_counted, facts_of, judge
from portal.access import policy
from portal.access.actor import Actor
from portal.access.queries import scope_filter
from portal.approvals.forecast import would_need
from portal.lib.composed import composed
from tenants.models import BusinessUnit, Tenant
from tenants.queries import envelope_of

PHASES = [
    ("submitted", "Submitted"),
    ("pending_approval", "Signatures"),
    ("provisioning", "Provisioning"),
    ("validating", "Validation"),
    ("awaiting_champion", "Acceptance"),
    ("active", "Active"),
]


def reach(actor: Actor, verb: str) -> Q:
    """What the actor's grants reach, for rows that carry only a tenant id."""
    roles = policy.VERBS[verb]
    direct = scope_filter(actor, roles, tenant="tenant_id")
    if not direct:  # a Q without conditions reaches everything, but disappears when it is or-ed with another
        return direct
    units = scope_filter(actor, roles, tenant="tenant_id", business_unit="business_unit_id")
    mine = TenantRequest.objects.filter(units).values("tenant_id")
    return direct | Q(tenant_id__in=mine)


def preview(fields: dict[str, Any]) -> dict[str, Any]:
    """Cost, verdicts, signatures and envelope of a request that is not stored."""
    unit: BusinessUnit = fields["business_unit"]
    request = TenantRequest(**fields)
    judgement = judge(request, tier=fields["tier"])
    envelope = envelope_of(unit)
    amount = None if judgement.estimate.unpriced else judgement.counted_inr
    return {
        "estimate": judgement.estimate.as_json(),
        "counted_inr": f"{judgement.counted_inr:.2f}",
        "counted": describe_counted(request, judgement),
        "verdicts": [
            {
                "rule": finding.rule_id,
                "version": finding.rule_version,
                "outcome": finding.outcome,
                "title": finding.title,
                "remedy": finding.remedy,
            }
            for finding in judgement.findings
        ],
        "refused": bool(judgement.refused),
        "manual_reasons": list(judgement.manual_reasons),
        "envelope": {name: f"{value:.2f}" for name, value in envelope.items()},
        "fits_envelope": judgement.counted_inr <= envelope["left"],
        "signatures": would_need(
            kind="tenant_request",
            amount_inr=amount,
            aggregation_key=f"business_unit:{unit.pk}",
            facts=facts_of(_with_unit(request, unit), judgement),
        ),
    }


def _with_unit(request: TenantRequest, unit: BusinessUnit) -> TenantRequest:
    request.business_unit = unit
    return request


def available_verbs(request: TenantRequest, actor: Actor) -> list[str]:
    """Words the actor may use on the request now, in the order pages show them."""
    words = []
    if request.state in (State.DRAFT, State.APPROVAL_VOIDED) and _may_submit(request, actor):
        words.append("submit")
    if request.state == State.AWAITING_CHAMPION and actor.user and actor.user.pk == request.champion_id:
        words.append("accept")
    if request.state in (State.FAILED, State.ROLLBACK_INCOMPLETE) and policy.can(actor, "request.roll_back", request):
        words.append("roll_back")
    cancellable = (State.DRAFT, State.SUBMITTED, State.PENDING_APPROVAL, State.APPROVAL_VOIDED)
    if request.state in cancellable and policy.can(actor, "request.cancel", request):
        words.append("cancel")
    return words


def _may_submit(request: TenantRequest, actor: Actor) -> bool:
    own = actor.user is not None and actor.user.pk == request.requested_by_id
    return own and policy.can(actor, "request.create", request)


def phases_of(request: TenantRequest) -> list[dict[str, str]]:
    """The phases as a line: each `done`, `now`, `failed` or `next`."""
    order = [code for code, _ in PHASES]
    state = str(request.state)
    place = {"approved": "provisioning", "pending_manual_setup": "provisioning", "draft": "submitted"}.get(state, state)
    if place in order:
        at = order.index(place)
        marks = ["done"] * at + ["done" if state == "active" else "now"] + ["next"] * (len(order) - at - 1)
    else:
        at = _reached(request)
        marks = ["done"] * at + ["failed"] + ["next"] * (len(order) - at - 1)
    return [{"code": code, "label": label, "mark": mark} for (code, label), mark in zip(PHASES, marks, strict=True)]


def _reached(request: TenantRequest) -> int:
    """How far a request came that did not reach its goal, as an index into PHASES."""
    if request.validations.exists():
        return 3
    if request.provisioning_at:
        return 2
    return 1 if request.case_id else 0


def in_flight(actor: Actor) -> Any:
    """Requests on their way, the most recent first."""
    return TenantRequest.objects.visible_to(actor).exclude(state__in=ENDED).select_related("tier", "business_unit")


def waiting_for_champion(actor: Actor) -> Any:
    """Requests that this person is to accept."""
    if actor.user is None:
        return TenantRequest.objects.none()
    return TenantRequest.objects.filter(state=State.AWAITING_CHAMPION, champion=actor.user)


def request_of_tenant(tenant: Tenant) -> TenantRequest | None:
    """The request from which a tenant came."""
    return next(iter(_of_tenant(tenant.pk)), None)


@composed
def _of_tenant(tenant_id: UUID) -> QuerySet[TenantRequest]:
    return TenantRequest.objects.filter(tenant_id=tenant_id)[:1]


def counts() -> dict[str, int]:
    """How many requests stand where, for the engineer's home page."""
    under_way = TenantRequest.objects.filter(state__in=UNDER_WAY).count()
    failed = TenantRequest.objects.filter(state__in=[State.FAILED, State.ROLLBACK_INCOMPLETE]).count()
    manual = TenantRequest.objects.filter(state=State.PENDING_MANUAL_SETUP).count()
    return {"under_way": under_way, "failed": failed, "manual": manual}


def validation_evidence(tenant_ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """The last finished validation of each tenant, for the compliance report: outcomes, and a hash of what was seen."""
    wanted = ValidationCheck.objects.filter(run__tenant_id__in=list(tenant_ids), run__finished_at__isnull=False)
    last = ValidationRun.objects.filter(finished_at__isnull=False, tenant_id=OuterRef("run__tenant_id"))
    latest = Subquery(last.order_by("-started_at").values("pk")[:1])
    found: dict[UUID, dict[str, Any]] = {}
    for check in wanted.filter(run_id=latest).select_related("run").order_by("name"):
        run = check.run
        about = {
            "validation": str(run.pk),
            "outcome": run.outcome,
            "finished_at": run.finished_at.isoformat() if run.finished_at else "",
            "checks": [],
        }
        seen = hashlib.sha256(json.dumps(check.evidence, sort_keys=True).encode()).hexdigest()
        kept = {"name": check.name, "outcome": check.outcome, "summary": check.summary, "evidence_sha256": seen}
        found.setdefault(run.tenant_id, about)["checks"].append(kept)
    return found
