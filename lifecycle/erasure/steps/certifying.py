"""Hands over what was found. Where it does not allow a certificate, the erasure says every reason and ends there."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from bailiwick_proof.certifiable import SYNTHETIC
from bailiwick_proof.erasure import Erasure, System

from compliance.certificates import issuing
from compliance.certificates.actions import revoke
from compliance.certificates.models import Certificate, State
from compliance.certificates.queries import by_key, latest, taken_back
from compliance.erasing import queries, running
from compliance.erasing.models import ErasureRequest
from compliance.erasing.models import State as ErasureState
from compliance.erasing.queries import Facts
from compliance.erasing.running import Debt
from compliance.inventory.discovery import drift
from compliance.inventory.models import Finding
from lifecycle.erasure import keeping, parting
from lifecycle.erasure.engine import items
from lifecycle.erasure.engine import subject as people
from lifecycle.erasure.evidence import archive
from lifecycle.erasure.found import erasure_of, last_look, type_of
from lifecycle.erasure.looking import LAST, look_everywhere
from lifecycle.erasure.outcomes import EVERYWHERE
from lifecycle.erasure.steps.verifying import words
from lifecycle.erasure.subject import facts_of, is_asked, is_over, note_all, phase, refuse, regions, runs, targets
from lifecycle.stores.postgres import fences
from portal.jobs.context import StepContext
from portal.jobs.errors import WaitUntil
from tenants import actions as registry
from tenants.models import Status

TO_STAY = ("retained", "expires")
STANDS = (State.ISSUED, State.SUPERSEDED, State.REVOKED)


def certify(ctx: StepContext) -> dict[str, Any]:
    """Ask for the certificate and wait for it. One that turned void asks for a fresh look first."""
    facts = facts_of(ctx)
    phase(ctx, facts, "certifying")
    row = by_key(_key(ctx, facts))
    if row is not None and row.state == State.VOID:
        ctx.note(round=_round(ctx) + 1, void=row.state_reason)
        look_everywhere(ctx, facts, LAST)
        row = None
    if row is None:
        row = _standing(ctx, facts) or _asked(ctx, facts_of(ctx))
    if row.state not in STANDS:
        raise WaitUntil(None, "The certificate is being sealed, signed and stamped.")
    running.certified(facts.request.pk, row.pk, actor=ctx.actor)
    return {**ctx.step.evidence, "certificate": str(row.pk), "type": row.type}


def _standing(ctx: StepContext, facts: Facts) -> Certificate | None:
    """What an earlier job of this erasure was given and did not live to conclude: one erasure has one certificate.

    It is taken back where something was found again when this job began, so that the next one names it.
    """
    row = latest(f"erasure:{facts.request.pk}:")
    if row is None or row.state not in (State.ISSUED, State.SUPERSEDED):
        return row
    known = runs(facts)
    seen = {name: one for name, one in ctx.evidence("before")["systems"].items() if one["found"]}
    back = [words(name, one) for name, one in sorted(seen.items()) if known[name].outcome not in TO_STAY]
    if not back:
        return row
    running.certified(facts.request.pk, row.pk, actor=ctx.actor)
    revoke(row.pk, actor=ctx.actor, reason=f"Found after it was issued: {'; '.join(back)}"[:1000])
    return None


def _round(ctx: StepContext) -> int:
    return int(ctx.step.evidence.get("round", 0))


def _key(ctx: StepContext, facts: Facts) -> str:
    """One occasion: this job's, and a further one for every certificate that turned void."""
    return f"erasure:{facts.request.pk}:{ctx.job.pk}:{_round(ctx)}"


def _asked(ctx: StepContext, facts: Facts) -> Certificate:
    unlisted = drift(regions().values(), since=datetime.fromisoformat(last_look(runs(facts))))
    found = erasure_of(ctx, facts)
    try:
        if facts.settles is not None:
            return parting.issue(ctx, facts, found, key=_key(ctx, facts))
        return _issued(ctx, facts, found)
    except issuing.NotToBeCertified as refusal:
        refuse(ctx, facts, [*_explained(found, refusal.extra["objections"]), *map(_unlisted, unlisted)])


def _issued(ctx: StepContext, facts: Facts, found: Erasure) -> Certificate:
    type_, before = type_of(found), taken_back(facts.request.certificate_id)
    return issuing.issue(
        found,
        archive(ctx, facts),
        key=_key(ctx, facts),
        type_="reissue" if before and type_ != SYNTHETIC else type_,
        follows=before if type_ != SYNTHETIC else None,
        tenant_id=facts.tenant.pk,
        business_unit=facts.tenant.business_unit_id,
        actor=ctx.actor,
        reason=str(facts.request),
    )


def _explained(found: Erasure, objections: list[str]) -> Iterator[str]:
    """Each objection; of a system that was not checked, with why it was not."""
    whys = {one.name: one.method for one in found.systems if one.outcome == "not_checked"}
    for said in objections:
        name = said.partition(":")[0]
        yield f"{said}: {whys[name]}" if name in whys else said


def _unlisted(one: Finding) -> str:
    if one.kind == Finding.UNSEARCHED:
        return f"{one.region}: {one.what} could not be searched: {one.why}"
    return f"{one.region}: the {one.get_kind_display()} {one.what} exists, and the inventory does not list it"


def finish(ctx: StepContext) -> dict[str, Any]:
    """Forget the ids, end the tenant's row, and write down what is owed and what every restore has to do again."""
    request = ErasureRequest.objects.get(pk=ctx.params["request_id"])
    if request.state == ErasureState.COMPLETED:  # by an attempt that did not live to say so
        return {"completed": str(request)}
    facts, issued = facts_of(ctx), ctx.evidence("certify")["certificate"]
    certified = Certificate.objects.get(pk=issued).certified.erasure
    phase(ctx, facts, "certifying")
    for region, target in targets(ctx, facts):
        if facts.kind == "person":
            people.lift(region, target)
        items.forget(region, facts.request.pk)
        if is_over(facts) and not _others_at_work(facts):
            fences.remove(region, facts.tenant.pk)  # this job's own epoch: the last row there is of the tenant
    note_all(ctx, facts, dict(_as_certified(one) for one in certified.systems if is_asked(facts, one.name)))
    type_ = type_of(certified)
    owed = certified.obligations if type_ != SYNTHETIC else ()  # nobody waits for what a made-up person is owed
    parts = {(one["system"], keeping.owed(one)): one["part"] for one in keeping.anywhere(facts)}
    debts = [
        Debt(one.system, date.fromisoformat(one.due_on), one.owed, parts.get((one.system, one.owed), ""))
        for one in owed
    ]
    with ctx.fenced():
        if facts.kind == "tenant" and facts.tenant.status == Status.ERASING:
            registry.move(facts.tenant.pk, "finish_erasing", actor=ctx.actor, reason=str(facts.request))
        is_final = type_ in ("final", SYNTHETIC)
        running.completed(facts.request.pk, is_final=is_final, obligations=debts, actor=ctx.actor)
    return {"completed": str(facts.request)}


def _others_at_work(facts: Facts) -> bool:
    """Whether what a law kept of somebody else in a deleted tenant is being erased as well: the last one clears up."""
    begun = (one for one in queries.open_of(facts.tenant.pk) if one.was_started)
    return any(one.pk != facts.request.pk for one in begun)


def _as_certified(one: System) -> tuple[tuple[str, str], dict[str, Any]]:
    """The matrix says of a system what its certificate says."""
    until = date.fromisoformat(one.until) if one.until else None
    told = {"outcome": one.outcome, "until": until, "method": one.method, "limits": one.limits, "why": ""}
    return (one.name, "" if one.region == EVERYWHERE else one.region), {"state": "verified", **told}
