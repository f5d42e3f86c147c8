"""The jobs behind supplements and refusals. Each step may be killed anywhere: what is asked twice is issued once."""

from typing import Any
from uuid import UUID

from bailiwick_proof.canonical import canonical

from compliance.certificates import issuing
from compliance.certificates.models import Certificate, State
from compliance.certificates.queries import by_key
from compliance.erasing.actions import settle_obligation
from compliance.erasing.models import ErasureRequest, Obligation, Owed
from portal.jobs.context import StepContext
from portal.jobs.errors import Skip
from portal.jobs.kinds import JobKind, StepDef
from portal.jobs.outbox import emit

from . import facts, refusal
from .checking import Checked, check

RESOURCE = "certificate"  # one of a tenant at a time: each supplement stands on the one before


def look(ctx: StepContext) -> dict[str, Any]:
    """Ask whoever can know whether it is over. Where it is not, a person who said otherwise is contradicted."""
    owed = _owed(ctx)
    root = facts.standing(owed.request)
    row = facts.row_of(facts.newest(root).certified, owed) if root else None
    if row is None:
        raise Skip("No certificate that stands owes this any more.")
    found = check(owed, row)
    if not found.outcome:
        with ctx.fenced():
            emit("supplement.contradicted", {"obligation_id": str(owed.pk), "why": found.why, "job": str(ctx.job.pk)})
        return {"why": found.why}
    return {"outcome": found.outcome, "method": found.method}


def settle(ctx: StepContext) -> dict[str, Any]:
    """What was found to be over is owed no longer."""
    owed, found = _owed(ctx), ctx.evidence("look")
    if not found.get("outcome"):
        raise Skip(found.get("why", "Nothing is over."))
    if owed.state != Owed.LAPSED:
        settle_obligation(owed.pk, actor=ctx.actor, reason=found["method"])
    return {"settled": str(owed)}


def supplement(ctx: StepContext) -> dict[str, Any]:
    """Certify the new outcome beside the certificate that it follows; what was found a moment ago is asked again."""
    owed = _owed(ctx)
    if not ctx.evidence("look").get("outcome"):
        raise Skip("Nothing is over.")
    known = by_key(_key(ctx))
    if known is not None:
        return {"certificate": str(known.pk)}
    root = facts.standing(owed.request)
    if root is None:
        raise Skip("No certificate stands that could be supplemented.")
    made = _issued(ctx, root, owed)
    return {"certificate": str(made.pk)}


def _issued(ctx: StepContext, root: Certificate, owed: Obligation) -> Certificate:
    last = facts.newest(root)
    row = facts.row_of(last.certified, owed)
    if row is None:
        raise Skip("Another supplement has said it.")
    found = check(owed, row)
    if not found.outcome:
        raise Skip(found.why)
    files = facts.evidence_of(last) | {f"supplement/{owed.system}-{owed.due_on}.json": _said(owed, found)}
    return issuing.issue(
        facts.supplemented(last.certified, owed, found),
        files,
        key=_key(ctx),
        type_="supplement",
        tenant_id=root.tenant_id,
        business_unit=root.business_unit,
        follows=root,
        actor=ctx.actor,
        reason=f"{owed} is no longer owed.",
    )


def _said(owed: Obligation, found: Checked) -> bytes:
    return canonical({"system": owed.system, "due_on": str(owed.due_on), "now": found.outcome, "how": found.method})


def refuse(ctx: StepContext) -> dict[str, Any]:
    """Certify a refusal to whom the law owes a reasoned answer."""
    request = ErasureRequest.objects.select_related("tenant").get(pk=ctx.params["request_id"])
    if not refusal.is_owed(request):
        raise Skip("Nobody is owed a reasoned answer by law.")
    known = by_key(f"refusal:{request.pk}")
    if known is not None and known.state != State.VOID:
        return {"certificate": str(known.pk)}
    found, files = refusal.facts(request, refusal.new_key())
    made = issuing.issue(
        found,
        files,
        key=f"refusal:{request.pk}",
        type_="refusal",
        tenant_id=request.tenant_id,
        business_unit=request.tenant.business_unit_id,
        actor=ctx.actor,
        reason=str(request),
    )
    return {"certificate": str(made.pk)}


def _owed(ctx: StepContext) -> Obligation:
    return Obligation.objects.select_related("request__tenant").get(pk=UUID(ctx.params["obligation_id"]))


def _key(ctx: StepContext) -> str:
    return f"supplement:{ctx.params['obligation_id']}:{ctx.job.pk}"


SUPPLEMENT = JobKind(
    name="certificate.supplement",
    title="Supplement a certificate",
    resource_class=RESOURCE,
    is_cancellable=False,
    steps=[
        StepDef("look", "Ask whether it is over", look, lease_seconds=120),
        StepDef("settle", "Owe it no longer", settle),
        StepDef("supplement", "Certify it", supplement, lease_seconds=120),
    ],
)
REFUSE = JobKind(
    name="certificate.refuse",
    title="Certify a refusal",
    resource_class=RESOURCE,
    is_cancellable=False,
    steps=[StepDef("refuse", "Certify it", refuse, lease_seconds=120)],
)
