"""Asks every verifier of the inventory, and keeps what each said; what was not looked at is never nothing."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import NAMESPACE_URL, UUID, uuid5

from bailiwick_proof.canonical import digest
from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from compliance.erasing import looks, queries
from compliance.erasing.models import Look, SystemRun
from compliance.erasing.queries import Facts
from compliance.inventory.models import Kind as Listing
from compliance.inventory.queries import Listed, snapshot
from compliance.verifiers import verifier_of
from compliance.verifiers.answering import NotChecked
from compliance.verifiers.looking import Answer, Kind, Question
from compliance.verifiers.portal import Place, Portal, listed
from lifecycle.stores.secrets import store_of
from portal.jobs.context import StepContext
from portal.jobs.errors import WaitUntil
from portal.lib.clock import now
from portal.lib.errors import Absent
from portal.lib.regions import Region
from tenants.models import Status, Tenant

from .pages import clear
from .planting import ALWAYS, planted
from .pseudonyms import Pseudonyms
from .subject import is_asked, kept_in, note_all, regions, runs

CONNECTED, BEFORE, AFTER, LAST = "connected", "before", "after", "late"
SHARED = uuid5(NAMESPACE_URL, "urn:bailiwick:looked-for-together")  # one looks at a time, and takes away what was left
AGAIN = timedelta(seconds=30)  # who looks wakes whom it looked for; this is for one that died


@dataclass(frozen=True)
class Wish:
    """Of one erasure: look everywhere, at this stage."""

    facts: Facts
    stage: str


def look_everywhere(ctx: StepContext, facts: Facts, stage: str) -> dict[str, Any]:
    """Look at every connected row of the inventory; returns found by system, None where nobody could look.

    Where one part is to go that a law kept, at its system alone.

    People and documents are looked for together with all others that wait for a look, each judged by itself.
    """
    seen = _alone(ctx, Wish(facts, stage)) if _is_alone(facts) else _together(ctx, facts, stage)
    _keep(ctx, facts, seen, stage)
    looks.forget(ctx.job.pk)
    return {one["name"]: {name: one["check"][name] for name in ("found", "listed", "why", "kept")} for one in seen}


def _is_alone(facts: Facts) -> bool:
    return facts.kind == "tenant" or facts.settles is not None


def _alone(ctx: StepContext, wish: Wish) -> list[dict[str, Any]]:
    [seen] = _seen([wish], lambda: ctx.heartbeat())
    return seen


def _together(ctx: StepContext, facts: Facts, stage: str) -> list[dict[str, Any]]:
    """What was seen for this erasure, by this worker or by one that looked for others as well."""
    row = looks.wish(ctx.job.pk, facts.request.pk, stage)
    if row.seen_at is None:
        if until := looks.gathers_until(row):
            raise WaitUntil(until, "It is looked for together with others that come in a moment.")
        taken = looks.take(ctx.job.pk)
        if not taken:
            raise WaitUntil(now() + AGAIN, "Others are being looked for; it is looked for together with the next.")
        _look_for(ctx, taken)
        row.refresh_from_db()
    return list(row.seen or [])


def _look_for(ctx: StepContext, taken: list[Look]) -> None:
    """Look for all of them; whoever is not there any more, or has died on the way, is left to look again."""
    seen, wishes = {}, _wishes(taken)

    def alive() -> None:
        ctx.heartbeat()
        looks.hold_on(ctx.job.pk)

    try:
        for job_id, found in zip(wishes, _seen(list(wishes.values()), alive), strict=True):
            seen[job_id] = found
    finally:
        looks.keep(ctx.job.pk, seen, now())


def _wishes(taken: list[Look]) -> dict[UUID, Wish]:
    """Of those that are still open; what ended in between has no key any more."""
    found = {}
    for row in taken:
        with suppress(Absent):
            found[row.job_id] = Wish(queries.facts(row.request_id), row.stage)
    return found


def _seen(wishes: list[Wish], alive: Callable[[], None]) -> list[list[dict[str, Any]]]:
    """One look at every system for all of these; of each a line of the evidence by system, without a name in it."""
    found: list[list[dict[str, Any]]] = [[] for _ in wishes]
    for row in connected():
        asked = [number for number, one in enumerate(wishes) if is_asked(one.facts, row.name)]
        if not asked:
            continue
        alive()
        at = now()
        for number, answer in zip(asked, _answers(row, [wishes[one] for one in asked], alive), strict=True):
            found[number].append(_line(row, wishes[number], answer, at, len(asked)))
    _prove_eyes(wishes, found, alive)
    whole = [(number, one) for number, one in enumerate(wishes) if one.facts.settles is None]
    last = {one.facts.request.pk: number for number, one in whole if one.stage == LAST}
    if last:
        for row in (one for one in snapshot().systems if one.kind == Listing.PORTAL):
            alive()
            at, sought = now(), {pk: _sought(wishes[number].facts) for pk, number in last.items()}
            for pk, answer in _look_at_portal(sought).items():
                line = _line(row, wishes[last[pk]], answer, at, len(last), is_proven=answer.is_checked)
                found[last[pk]].append(line)
    return found


def _look_at_portal(sought: dict[UUID, list[UUID]]) -> dict[UUID, Answer]:
    """At this portal itself, once all else is over: no table, log line or key of it may name whom it was about."""
    try:
        return Portal().look_together(_portal(), sought)
    except NotChecked as error:
        return dict.fromkeys(sought, Answer(Portal.name, "verifier", "", None, why=str(error)))


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


def blind(facts: Facts) -> list[str]:
    """The systems in which the look before found nothing, and the same query nothing else: nothing is said of those."""
    return sorted(name for name, run in runs(facts).items() if _found_nothing(run))


def _prove_eyes(wishes: list[Wish], found: list[list[dict[str, Any]]], alive: Callable[[], None]) -> None:
    """Where nothing was found before, have the same query find something: another tenant's, or a canary's.

    Once for all whom one look was for, as each line says; that of a whole tenant has a canary of its own.
    """
    listed = {row.name: row for row in connected()}
    by_tenant: dict[UUID, list[int]] = {}
    for number, wish in enumerate(wishes):
        if wish.stage == BEFORE:
            by_tenant.setdefault(wish.facts.tenant.pk, []).append(number)
    for numbers in by_tenant.values():
        facts = wishes[numbers[0]].facts
        lines = [one for number in numbers for one in found[number] if one["check"]["found"] == 0]
        empty, at = [listed[name] for name in sorted({one["name"] for one in lines})], now().isoformat()
        unseen = blind_in(empty, facts.tenant, facts.request.pk if _is_alone(facts) else SHARED, alive)
        for one in lines:
            if one["name"] not in unseen:
                one["check"] |= {"planted": True, "proven_at": at}


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
    before = [check for check in run.checks if check["stage"] == BEFORE]
    return bool(before) and all(check["found"] == 0 for check in before) and not any(c["planted"] for c in before)


def _answers(row: Listed, asked: list[Wish], alive: Callable[[], None]) -> list[Answer]:
    """What the system's verifier says of each. What could not be cleared after a removal is not checked."""
    why = clear(row, [one.facts for one in asked if one.stage == AFTER], alive)
    answers = _look(row, [one.facts for one in asked])
    if not why:
        return answers
    unknown = Answer(row.verifier, "", "", None, why=why)
    return [unknown if one.stage == AFTER else answer for one, answer in zip(asked, answers, strict=True)]


def _look(row: Listed, whom: list[Facts]) -> list[Answer]:
    region = regions().get(row.region)
    if region is None:
        why = f"{row.region} is not connected to this portal."
        return [Answer(row.verifier, "", "", None, why=why)] * len(whom)
    return verifier_of(row.verifier).look_together([question_of(facts, region) for facts in whom])


def question_of(facts: Facts, region: Region) -> Question:
    tenant = facts.tenant
    about = (region, tenant.pk, tenant.name, cast(Kind, facts.kind), facts.request.pk)
    return Question(*about, user_id=facts.user_id, documents=facts.document_ids, kept=kept_in(facts, region.name))


def _line(
    row: Listed, wish: Wish, answer: Answer, at: datetime, together: int, *, is_proven: bool = False
) -> dict[str, Any]:
    """One line of the evidence, without a name in it, and of which system it is."""
    hidden = Pseudonyms(wish.facts)
    asked = hidden.words(answer.query)
    check = {
        "stage": "resweep" if wish.stage == LAST else wish.stage,
        "at": at.isoformat(),
        "verifier": answer.verifier,
        "credential": hidden.of("credential", answer.credential),
        "query": digest({"query": asked}),
        "asked": asked,
        "together": together,
        "found": answer.found,
        "listed": answer.listed,
        "kept": {_hidden(hidden, place): number for place, number in answer.kept.items()},
        "why": hidden.words(answer.why),
        "by": {hidden.words(name): number for name, number in answer.by.items()},
        "planted": is_proven,
    }
    return {"name": row.name, "region": row.region, "title": row.title, "check": check}


def _hidden(hidden: Pseudonyms, place: str) -> str:
    """A bucket's name hides its tenant's; a table, or the prefix after it, is what a rule for everybody says."""
    bucket, slash, prefix = place.partition("/")
    return f"{hidden.words(bucket)}/{prefix}" if slash else place


def _keep(ctx: StepContext, facts: Facts, seen: list[dict[str, Any]], stage: str) -> None:
    """Add the lines to the evidence, and say of each system what they say."""
    known, told = runs(facts), {}
    for one in seen:
        check, run = one["check"], known.get(one["name"])
        before = run.checks if run else []
        if any(earlier["query"] == check["query"] for earlier in before):
            check["asked"] = ""  # word for word what stands in an earlier line, as its digest says
        checks = [*before, check]
        is_checked = check["found"] is not None
        state = "waiting" if stage == BEFORE else "verified"
        found = {"found": check["found"]} if stage == BEFORE else _left(check, run)
        why = "" if is_checked else check["why"]
        shown = {"title": one["title"], "checks": checks, "state": state if is_checked else "not_checked", "why": why}
        if is_checked and (check["kept"] or (run and run.kept is not None)):
            shown["kept"] = sum(check["kept"].values())
        told[one["name"], one["region"]] = {**shown, **found}
    note_all(ctx, facts, told)


def _left(check: dict[str, Any], known: SystemRun | None) -> dict[str, Any]:
    """What is still there: by what it is, or by the ids that were to go, whichever is more."""
    if check["found"] is None:
        return {"residual": None, "absent_after": None}
    left, targeted = max(check["found"], check["listed"] or 0), (known.targeted or 0) if known else 0
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
