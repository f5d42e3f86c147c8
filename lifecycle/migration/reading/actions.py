"""Reads go to green step by step, each only once the gates pass; one that fails takes all of them back."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from lifecycle.migration.gates import Finding, Limits, Outcome, Verdict, Window, judge
from lifecycle.migration.gates.verdict import together
from lifecycle.migration.judging import sides, windows
from lifecycle.migration.judging.actions import GATES, take_back
from lifecycle.migration.judging.sides import Side
from lifecycle.migration.models import Migration, State
from lifecycle.migration.moving import locked
from lifecycle.migration.queries import SERVED_ELSEWHERE
from lifecycle.provisioning.subject import region_named
from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import acting, action
from portal.jobs.context import StepContext
from portal.jobs.errors import Cancelled, WaitUntil
from portal.jobs.models import JobState
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid
from tenants.reads.actions import set_split
from tenants.reads.models import PERCENTS, ReadSplit

from . import asking
from .chart import MOST_POINTS, point
from .models import ProblemReport, Reading


@dataclass(frozen=True)
class Seen:
    """One look at both sides: what was counted since the last, and what each had counted by then."""

    window: Window
    blue: Side | None
    green: Side | None
    fresh_blue: Side | None

    @property
    def rate(self) -> float:
        """Requests of the tenant itself, a second."""
        if self.fresh_blue is None or not self.window.seconds:
            return 0.0
        return sum(self.fresh_blue.requests.values()) / self.window.seconds

    def counters(self) -> dict[str, Any]:
        return {name: side.as_json() for name, side in (("blue", self.blue), ("green", self.green)) if side}


def can_move(migration: Migration) -> bool:
    """Whether both regions have a platform that can hand reads on, and the tenant is served at all meanwhile."""
    on = settings.MIGRATION["reads"]["is_on"] and not migration.window_minutes
    return bool(on and all(region_named(name).platform_url for name in (migration.source, migration.target)))


def stand(ctx: StepContext) -> Reading:
    """The move's reads, and the split they call for in force; a wait while the move is paused."""
    with ctx.fenced():
        migration = locked(UUID(ctx.params["migration_id"]))
        if migration.state != State.TRAFFIC_CUTOVER_STARTED:
            raise WaitUntil(None, f"{migration.get_state_display()}: {migration.state_reason}")
        reading, _ = Reading.objects.get_or_create(migration=migration)
        if reading.over_at is None and not _is_in_force(migration, reading):
            _begin_anew(reading)
            _publish(migration, reading, ctx.actor)
    return reading


def _is_in_force(migration: Migration, reading: Reading) -> bool:
    known = ReadSplit.objects.filter(pk=migration.tenant_id, epoch=migration.tenant.routing_epoch).first()
    return known is not None and known.is_on and known.percent == reading.percent


def _begin_anew(reading: Reading) -> None:
    """The share's soak from its beginning: nobody has read there meanwhile."""
    reading.since, reading.counters = now(), {}
    reading.figures.pop("pooled", None)
    reading.save()


def look(ctx: StepContext, migration: Migration, reading: Reading) -> Reading:
    """Judge green by this step's reads when it is time to, and go on to the next share if all gates pass.

    Raises Cancelled once a gate has failed.
    """
    known, at = settings.MIGRATION["reads"], now()
    if reading.counters and (at - reading.at).total_seconds() < known["look_seconds"]:
        return reading
    seen, was = _seen(migration, reading, at), reading.outcome
    if seen.window.mirrored.compared < known["questions"]:
        asking.ask_owner(migration, _split_of(migration), known["questions"])
    before = windows.from_json(reading.figures["pooled"]) if "pooled" in reading.figures else Window(0, None)
    verdict = _judged(migration, reading, before, seen)
    _note(reading, before, seen, verdict, at)
    if was != reading.outcome:
        ctx.log(f"Reads at {reading.percent} %: {reading.outcome}. {reading.reason}")
    _keep(ctx, reading, verdict, at)
    return reading


def _note(reading: Reading, before: Window, seen: Seen, verdict: Verdict, at: datetime) -> None:
    """What was seen and said, on the row that is yet to be saved."""
    kept, window = reading.figures, seen.window
    reading.at, reading.outcome, reading.reason = at, verdict.outcome, verdict.reason[:1000]
    reading.findings = [asdict(one) for one in verdict.findings]
    reading.counters = {**reading.counters, **seen.counters()}
    load = next((asdict(one) for one in verdict.findings if one.gate == asking.LOAD), kept.get("load"))
    figures = {"pooled": windows.as_json(_pooled(before, window)), "peak": max(seen.rate, kept.get("peak", 0.0))}
    reading.figures = windows.with_use({**figures, "load": load}, kept, window.green)
    reading.points = [*reading.points, point(at, reading.percent, window, seen.fresh_blue)][-MOST_POINTS:]


def _seen(migration: Migration, reading: Reading, at: datetime) -> Seen:
    """What came since the last look; the first one only says from where to count."""
    now_on = {
        name: sides.look_at(region_named(region).platform_url, migration.tenant_id)
        for name, region in (("blue", migration.source), ("green", migration.target))
    }
    fresh = {
        name: side.since(Side(**reading.counters[name])) if side and name in reading.counters else None
        for name, side in now_on.items()
    }
    seconds = (at - reading.at).total_seconds() if reading.counters else 0.0
    green = sides.of_green(fresh["green"], fresh["blue"], seconds)
    if green is not None:
        counted = migration.problems.filter(at__gte=migration.state_changed_at).count()
        green = windows.with_reports(green, counted)
    window = Window(seconds, green, sides.of_blue(fresh["blue"]), sides.compared(fresh["blue"]))
    return Seen(window, now_on["blue"], now_on["green"], fresh["blue"])


def _judged(migration: Migration, reading: Reading, before: Window, seen: Seen) -> Verdict:
    known = settings.MIGRATION["reads"]
    limits = Limits(**{**settings.MIGRATION["gates"], "soak": known["soak"], **known["limits"]})
    verdict = judge([before, *windows.of_late(reading.figures), seen.window], limits)
    if reading.percent:
        return verdict
    return together([*verdict.findings, _load(migration, reading, verdict)])


def _load(migration: Migration, reading: Reading, verdict: Verdict) -> Finding:
    """Before the first user green bears more than the tenant's peak; tried once everything else passes."""
    if verdict.outcome is not Outcome.PASS:
        return Finding(asking.LOAD, Outcome.HOLD, "tried once all other gates pass")
    known = settings.MIGRATION["reads"]
    wanted = 1.2 * max(reading.figures.get("peak", 0.0), known["floor"])
    p95 = migration.tenant.tier.p95_target_ms / 1000
    target = asking.Target(min(wanted, known["most"]), p95, known["load_seconds"], wanted > known["most"])
    return asking.try_load(migration, _split_of(migration), target)


def _pooled(before: Window, seen: Window) -> Window:
    mirrored = {name: getattr(before.mirrored, name) + count for name, count in asdict(seen.mirrored).items()}
    green, blue = windows.summed(before.green, seen.green), windows.summed(before.blue, seen.blue)
    return Window(before.seconds + seen.seconds, green, blue, type(seen.mirrored)(**mirrored))


def _keep(ctx: StepContext, reading: Reading, verdict: Verdict, at: datetime) -> None:
    """Write the look down and act on it, in one transaction of whoever still holds the move."""
    with acting(GATES, verdict.reason[:1000]):
        migration = locked(reading.migration_id)
        with ctx.fenced() as job:
            if migration.state != State.TRAFFIC_CUTOVER_STARTED or job.state == JobState.CANCELLING:
                return  # paused a moment ago, or given up: the step looks for itself
            if verdict.outcome is Outcome.PASS:
                _next(migration, reading, ctx.actor, at)
            reading.save()
            if verdict.outcome is not Outcome.FAIL:
                return
            take_back(migration, verdict, {"percent": reading.percent, **reading.figures["pooled"]})
    raise Cancelled("The gates take the reads back.")


def _next(migration: Migration, reading: Reading, actor: Actor, at: datetime) -> None:
    """The next share, from which counting begins anew; of blue what was counted goes on holding."""
    if reading.percent == PERCENTS[-1]:
        reading.over_at = at
        return
    reading.percent, reading.since = PERCENTS[PERCENTS.index(reading.percent) + 1], at
    blue = windows.from_json(reading.figures["pooled"]).blue
    reading.figures["pooled"] = windows.as_json(Window(0, None, blue))
    _publish(migration, reading, actor)


def _publish(migration: Migration, reading: Reading, actor: Actor) -> None:
    mirror = settings.MIGRATION["reads"]["mirror"]
    split = (migration.tenant_id, migration.pk, migration.target, reading.percent, mirror)
    set_split(*split, actor=actor, reason=str(migration))


def _split_of(migration: Migration) -> ReadSplit:
    return ReadSplit.objects.get(pk=migration.tenant_id)


@action
def report_problem(migration_id: UUID, *, actor: Actor, reason: str) -> ProblemReport:
    """Say that something is wrong with a tenant since it moves. The first report holds the move, three take it back."""
    if not reason.strip():
        raise Invalid(fields={"reason": "say what is wrong"})
    if not Migration.objects.visible_to(actor).filter(pk=migration_id).exists():
        raise Absent("There is no such migration.")
    migration = locked(migration_id)
    policy.require(actor, "migration.report", migration)
    if migration.state not in SERVED_ELSEWHERE:
        raise Conflict("Nothing of this tenant is served from elsewhere.", code="wrong-state")
    try:
        with transaction.atomic():
            found = ProblemReport.objects.create(migration=migration, words=reason[:1000], reporter=actor.id)
    except IntegrityError:
        raise Conflict("You have reported a problem of this move already.", code="already-reported") from None
    record("migration.problem_reported", migration, actor=actor, reason=reason)
    return found
