"""Asks every verifier of the inventory, and keeps what each said; what was not looked at is never nothing."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from bailiwick_proof.canonical import digest
from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from compliance.erasing.models import SystemRun
from compliance.erasing.queries import Facts
from compliance.inventory.models import Kind as Listing
from compliance.inventory.queries import Listed, snapshot
from compliance.verifiers import verifier_of
from compliance.verifiers.answering import NotChecked
from compliance.verifiers.looking import Answer, Kind, Question
from compliance.verifiers.portal import Place, Portal, listed
from lifecycle.stores.secrets import store_of
from portal.jobs.context import StepContext
from portal.lib.clock import now
from portal.lib.regions import Region
from tenants.models import Status, Tenant

from .planting import ALWAYS, planted
from .pseudonyms import Pseudonyms
from .subject import note, regions, runs

CONNECTED, LAST = "connected", "late"


def look_everywhere(ctx: StepContext, facts: Facts, stage: str) -> dict[str, Any]:
    """Look at every connected row of the inventory; returns found by system, None where nobody could look."""
    found: dict[str, Any] = {}
    for row in connected():
        ctx.heartbeat(len(found))
        answer = _look(row, facts)
        found[row.name] = {"found": answer.found, "listed": answer.listed, "why": answer.why}
        _keep(ctx, facts, row, answer, stage)
    if stage == LAST:
        found |= _look_at_portal(ctx, facts)
    return found


def _look_at_portal(ctx: StepContext, facts: Facts) -> dict[str, Any]:
    """At this portal itself, once all else is over: no table, log line or key of it may name whom it was about."""
    found: dict[str, Any] = {}
    for row in (one for one in snapshot().systems if one.kind == Listing.PORTAL):
        ctx.heartbeat(1)
        try:
            answer = Portal().look(_portal(), facts.request.pk, _sought(facts))
        except NotChecked as error:
            answer = Answer(Portal.name, "verifier", "", None, why=str(error))
        found[row.name] = {"found": answer.found, "listed": None, "why": answer.why}
        _keep(ctx, facts, row, answer, LAST, is_proven=answer.is_checked)
    return found


def _portal() -> Place:
    """Its database is the one that this process works on, seen by another login."""
    given = settings.PORTAL_VERIFIER
    database = make_conninfo(given["database"], dbname=connection.settings_dict["NAME"]) if given["database"] else ""
    return Place(database, given["cache"])


def _sought(facts: Facts) -> list[UUID]:
    """Whose ids may not be there: the person's, of a tenant its people's. That of a document leads nowhere by then."""
    if facts.kind != "tenant":
        return [facts.user_id] if facts.user_id else []
    return [one for region in regions().values() for one in listed(region, facts.request.pk)]


def prove_eyes(ctx: StepContext, facts: Facts) -> list[str]:
    """Where nothing was found before, have the same query find something: another tenant's, or a canary's.

    Returns the systems in which it found neither: nothing can be said of those.
    """
    empty = [row for row in connected() if _found_nothing(runs(facts)[row.name])]
    blind = blind_in(empty, facts.tenant, facts.request.pk, ctx.heartbeat)
    for row in empty:
        _mark(ctx, facts, row, is_proven=row.name not in blind)
    return sorted(blind)


def blind_in(rows: list[Listed], tenant: Tenant, request_id: UUID, beat: Callable[[], None]) -> set[str]:
    """The systems whose verifier finds neither what another tenant has there nor a canary."""
    unproven = [row for row in rows if not _sees_others(row, tenant)]
    for name in sorted({row.region for row in unproven}):
        with planted(regions()[name], request_id, store_of(name, settings.SECRETS_DIR)) as canary:
            beat()
            unproven = [row for row in unproven if row.region != name or not _sees(row, canary.tenant_id, canary.name)]
    return {row.name for row in unproven}


def connected() -> list[Listed]:
    return [row for row in snapshot().systems if row.kind == CONNECTED]


def _found_nothing(run: SystemRun) -> bool:
    before = [check for check in run.checks if check["stage"] == "before"]
    return bool(before) and all(check["found"] == 0 for check in before) and not any(c["planted"] for c in before)


def _mark(ctx: StepContext, facts: Facts, row: Listed, *, is_proven: bool) -> None:
    checks = [{**one, "planted": one["planted"] or is_proven} for one in runs(facts)[row.name].checks]
    note(ctx, facts, row.name, row.region, checks=checks)


def _look(row: Listed, facts: Facts) -> Answer:
    region = regions().get(row.region)
    if region is None:
        return Answer(row.verifier, "", "", None, why=f"{row.region} is not connected to this portal.")
    return verifier_of(row.verifier).look(question_of(facts, region))


def question_of(facts: Facts, region: Region) -> Question:
    tenant = facts.tenant
    about = (region, tenant.pk, tenant.name, cast(Kind, facts.kind), facts.request.pk)
    return Question(*about, user_id=facts.user_id, documents=facts.document_ids)


def _keep(ctx: StepContext, facts: Facts, row: Listed, answer: Answer, stage: str, *, is_proven: bool = False) -> None:
    """One line of the evidence, without a name in it, and what it says of the system."""
    hidden = Pseudonyms(facts)
    check = {
        "stage": "resweep" if stage == LAST else stage,
        "at": now().isoformat(),
        "verifier": answer.verifier,
        "credential": hidden.of("credential", answer.credential),
        "query": digest({"query": hidden.words(answer.query)}),
        "asked": hidden.words(answer.query),
        "found": answer.found,
        "listed": answer.listed,
        "why": hidden.words(answer.why),
        "by": {hidden.words(name): number for name, number in answer.by.items()},
        "planted": is_proven,
    }
    known = runs(facts).get(row.name)
    checks = [*(known.checks if known else []), check]
    state = "waiting" if stage == "before" else "verified"
    found = {"found": answer.found} if stage == "before" else _left(answer, known)
    why = check["why"] if not answer.is_checked else ""
    shown = {"title": row.title, "checks": checks, "state": state if answer.is_checked else "not_checked", "why": why}
    note(ctx, facts, row.name, row.region, **shown, **found)


def _left(answer: Answer, known: SystemRun | None) -> dict[str, Any]:
    """What is still there: by what it is, or by the ids that were to go, whichever is more."""
    if answer.found is None:
        return {"residual": None, "absent_after": None}
    left, targeted = max(answer.found, answer.listed or 0), (known.targeted or 0) if known else 0
    return {"residual": left, "absent_after": max(0, targeted - left)}


def _sees_others(row: Listed, tenant: Tenant) -> bool:
    """Whether the same query, with the same credential, finds what another tenant has there."""
    others = Tenant.objects.filter(status=Status.ACTIVE, region=row.region).exclude(pk=tenant.pk)
    return any(_sees(row, one.pk, one.name) for one in others.order_by("activated_at")[:3])


def _sees(row: Listed, tenant_id: UUID, name: str) -> bool:
    """Whether something of this tenant is found; of series, which nobody can plant, the platforms' own canary."""
    region = regions()[row.region]
    whom = [tenant_id, ALWAYS] if row.verifier == "metrics" else [tenant_id]
    asked = (Question(region, one, name, "tenant", one) for one in whom)
    return any((verifier_of(row.verifier).look(question).found or 0) > 0 for question in asked)
