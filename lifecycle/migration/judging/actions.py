"""While green serves a tenant the gates look at it, and a failure takes the tenant back without asking anybody."""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from django.conf import settings

from lifecycle.migration import actions
from lifecycle.migration.gates import Limits, Observation, Outcome, Verdict, Window, judge
from lifecycle.migration.gates.rates import ANSWERS
from lifecycle.migration.gates.verdict import together
from lifecycle.migration.models import Migration
from lifecycle.migration.moving import locked
from lifecycle.provisioning.subject import region_named
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import acting
from portal.jobs.context import StepContext
from portal.jobs.errors import Cancelled
from portal.jobs.models import JobState
from portal.jobs.outbox import emit
from portal.lib.clock import now
from tenants.health.models import Condition
from tenants.health.score import Tally
from tenants.health.scrape import Look, look_at

from . import probe, sides, windows
from .models import Judgement
from .windows import Counters

GATES = Actor.system("migration.gates")


def look(ctx: StepContext, migration: Migration) -> None:
    """Judge green by everything since the switch, when it is time to. Raises Cancelled once it has failed."""
    last, at = Judgement.objects.filter(migration=migration).first(), now()
    if last is not None and (at - last.at).total_seconds() < settings.MIGRATION["gate_seconds"]:
        return
    seen, counters = _seen(migration, last, at) if last else _begun(migration)
    _judge(ctx, migration, last, seen, counters)


def differ(ctx: StepContext, migration: Migration, keys: int) -> None:
    """Take the tenant back at once: both sides, as of one snapshot, hold different content. Raises Cancelled."""
    last = Judgement.objects.filter(migration=migration).first()
    counters = Counters(**last.counters) if last else Counters()
    _judge(ctx, migration, last, Window(0, None, hash_mismatches=keys), counters)


def _judge(ctx: StepContext, migration: Migration, last: Judgement | None, seen: Window, counters: Counters) -> None:
    """The verdict on everything since the switch, what was seen just now included; kept, and acted on."""
    kept, at = last.figures if last else {}, now()
    before = windows.from_json(kept) if last else Window(0, None, _of_blue(migration))
    verdict = _without_mirror(judge([before, *windows.of_late(kept), seen], Limits(**settings.MIGRATION["gates"])))
    found = Judgement(migration=migration, counters=asdict(counters), since=at, at=at)
    found.figures = windows.with_use(windows.as_json(windows.together(before, seen)), kept, seen.green)
    if _said(found, verdict, last).pk is None:
        ctx.log(f"Gates: {verdict.outcome}. {verdict.reason}", "error" if verdict.outcome is Outcome.FAIL else "info")
    _keep(ctx, found, verdict)


def _without_mirror(verdict: Verdict) -> Verdict:
    """Once green owns the tenant nobody asks both sides: that no answers were compared is no doubt of it."""
    return together([one for one in verdict.findings if one.gate != ANSWERS])


def _said(found: Judgement, verdict: Verdict, last: Judgement | None) -> Judgement:
    """The verdict in words. Where every gate says what it said before, the same judgement goes on."""
    found.outcome, found.reason = verdict.outcome, verdict.reason[:1000]
    found.findings = [asdict(one) for one in verdict.findings]
    if last is not None and last.outcomes == found.outcomes:
        found.pk, found.since = last.pk, last.since
    return found


def _begun(migration: Migration) -> tuple[Window, Counters]:
    """The first look finds counters of unknown age: they only say from where to count."""
    counters = windows.counters_of(_look_at(migration), migration.tenant_id)
    return Window(0, None, leaks=None), replace(counters, side=_side(migration))


def _of_blue(migration: Migration) -> Observation | None:
    """The tenant's traffic of late, as its health was measured on the other side until just now."""
    held = Condition.objects.filter(tenant=migration.tenant_id).first()
    return windows.observed(Tally(**held.tally)) if held else None


def _look_at(migration: Migration) -> Look:
    url = region_named(migration.target).platform_url
    return look_at(url) if url else Look(is_up=False)


def _seen(migration: Migration, last: Judgement, at: datetime) -> tuple[Window, Counters]:
    """What came since the last look. A tenant that asks nothing is asked for."""
    before, asked = Counters(**last.counters), probe.NOT_ASKED
    counters = windows.counters_of(_look_at(migration), migration.tenant_id)
    fresh = windows.between(before, counters)
    if fresh is None or not fresh.requests:
        asked = probe.ask(migration.tenant)
        counters = windows.counters_of(_look_at(migration), migration.tenant_id)
        fresh = windows.between(before, counters)
    green = _with_probe(windows.observed(fresh) if fresh else None, asked)
    seconds = (at - last.at).total_seconds()
    side = _side(migration)
    green = _with_use(migration, green, before.side, side, seconds)
    tried_at, leaks = _isolation(migration, before, at)
    kept = replace(counters if counters.started is not None else before, side=side, isolation_at=tried_at)
    return Window(seconds if fresh else 0.0, green, leaks=leaks), kept


def _isolation(migration: Migration, before: Counters, at: datetime) -> tuple[str, int | None]:
    """Whether rows cross between tenants there, tried once in a while: when it last was, and what it saw.

    One that could not be made is tried again at the next look, and until then nothing is known.
    """
    last = before.isolation_at
    if last and (at - datetime.fromisoformat(last)).total_seconds() < settings.MIGRATION["isolation_seconds"]:
        return last, 0
    found = probe.leaks(migration.tenant)
    return (last if found is None else at.isoformat()), found


def _side(migration: Migration) -> dict[str, Any] | None:
    url = region_named(migration.target).platform_url
    found = sides.look_at(url, migration.tenant_id) if url else None
    return found.as_json() if found else None


def _with_use(
    migration: Migration, green: Observation | None, before: Any, after: Any, seconds: float
) -> Observation | None:
    """What its process used up since the last look, and what people have reported since the switch."""
    if green is None:
        return None
    fresh = sides.Side(**after).since(sides.Side(**before)) if before and after else None
    reported = migration.problems.filter(at__gt=migration.switched_at).count()
    return replace(green, reported=reported, **sides.usage(fresh, seconds))  # type: ignore[arg-type]  # by name


def _with_probe(green: Observation | None, asked: Observation) -> Observation | None:
    """What the platform counted and what only who asked knows: that nobody answered."""
    if green is None:
        return asked if asked.requests else None
    both = {name: getattr(green, name) + getattr(asked, name) for name in windows.COUNTS}
    return replace(green, **both)


def _keep(ctx: StepContext, found: Judgement, verdict: Verdict) -> None:
    """Write the verdict down, and act on one that failed, in one transaction of whoever still holds the move."""
    with acting(GATES, verdict.reason):
        migration = locked(found.migration_id)
        with ctx.fenced() as job:
            found.save()
            if verdict.outcome is not Outcome.FAIL:
                return
            if job.state != JobState.CANCELLING:
                take_back(migration, verdict, found.figures)
    raise Cancelled("The gates take the tenant back.")


def take_back(migration: Migration, verdict: Verdict, figures: dict[str, Any]) -> None:
    """Say so, tell whom it concerns, and have the tenant taken back. Inside the transaction of the verdict."""
    why = f"Green is not healthy: {verdict.reason}"[:1000]
    record("migration.gates_failed", migration, actor=GATES, reason=why, data=figures)
    tenant = migration.tenant
    emit(
        "migration.gates_failed",
        {
            "migration_id": str(migration.pk),
            "tenant_id": str(tenant.pk),
            "business_unit": tenant.business_unit_id,
            "name": tenant.name,
            "reason": why,
            "users": sorted({str(migration.requested_by_id), str(tenant.owner_id), str(tenant.champion_id)}),
        },
    )
    actions.roll_back(migration.pk, actor=GATES, reason=why)
