"""Reads of moves for pages and other apps."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access import policy
from portal.access.actor import Actor
from portal.jobs.models import Step
from portal.lib.clock import now

from .losses.queries import may_accept
from .models import BEFORE_SWITCH, ENDED, HALTED, UNDER_WAY, Migration, State
from .windows.queries import throttle_of, window_seen

S = State
PHASES: tuple[tuple[Any, frozenset[str]], ...] = (
    (gettext_lazy("Plan and sign"), frozenset({S.INITIATED})),
    (gettext_lazy("Provision green"), frozenset({S.PROVISIONING_GREEN})),
    (gettext_lazy("Capture and copy"), frozenset({S.INITIAL_SYNC})),
    (gettext_lazy("Rounds"), frozenset({S.DUAL_WRITE_ENABLED, S.INCREMENTAL_SYNC})),
    (gettext_lazy("Reads and switch"), frozenset({S.TRAFFIC_CUTOVER_STARTED})),
    (gettext_lazy("Stability"), frozenset({S.TRAFFIC_CUTOVER_COMPLETE})),
    (gettext_lazy("Decommission"), frozenset({S.BLUE_DECOMMISSIONED, S.COMPLETED})),
)
# where a problem that people report counts against green
SERVED_ELSEWHERE = (S.TRAFFIC_CUTOVER_STARTED, S.TRAFFIC_CUTOVER_COMPLETE)


@dataclass(frozen=True)
class Phase:
    label: str
    mark: str


def phases_of(migration: Migration) -> list[Phase]:
    """Where a move stands on its line: done, now, waits, failed, or not yet."""
    at = migration.resumes_at or migration.state
    if migration.state == S.ROLLED_BACK:
        at = S.TRAFFIC_CUTOVER_COMPLETE if migration.is_switched else S.INITIATED
    here = next(number for number, (_label, states) in enumerate(PHASES) if at in states)
    marks = {S.PAUSED: "waits", S.FAILED: "failed", S.ROLLED_BACK: "failed", S.COMPLETED: "done", S.INITIATED: "waits"}
    mark = marks.get(State(migration.state), "now")
    return [
        Phase(str(label), "done" if number < here else mark if number == here else "")
        for number, (label, _states) in enumerate(PHASES)
    ]


def available_verbs(migration: Migration, actor: Actor) -> list[str]:
    """Words the actor may use on the move now, in the order pages show them."""
    can_report = migration.state in SERVED_ELSEWHERE and policy.can(actor, "migration.report", migration)
    lossy = ["accept_loss"] if may_accept(migration, actor) else []
    return lossy + _operations(migration, actor) + (["report"] if can_report else [])


def _operations(migration: Migration, actor: Actor) -> list[str]:
    if not policy.can(actor, "migration.operate", migration):
        return _throttle_verbs(migration, actor)
    state, words = migration.state, []
    if state == S.INITIATED:
        words = [] if migration.job_id else ["start"]
        words.append("cancel")
    if state in HALTED:
        words.append("resume")
    if state in BEFORE_SWITCH:
        words.append("pause")
    if state in (*UNDER_WAY, *HALTED) and not migration.rollback_job_id:
        words.append("roll_back")
        if state == S.TRAFFIC_CUTOVER_COMPLETE:
            words.append("drill")
    if state == S.ROLLED_BACK and migration.started_at and not migration.green_released_at:
        words.append("release_green")
    return words + _throttle_verbs(migration, actor)


def _throttle_verbs(migration: Migration, actor: Actor) -> list[str]:
    """An operator asks, the tenant's owner or champion agrees, either lifts."""
    if migration.state not in BEFORE_SWITCH:
        return []
    tenant, found = migration.tenant, throttle_of(migration)
    is_ours = policy.can(actor, "migration.throttle", migration)
    is_theirs = bool(actor.user) and actor.user.pk in (tenant.owner_id, tenant.champion_id)  # type: ignore[union-attr]
    is_theirs = is_theirs and policy.can(actor, "migration.approve_throttle", migration)
    words = ["throttle"] if is_ours and found is None else []
    words += ["approve_throttle"] if is_theirs and found and not found.approved_at else []
    return words + (["lift_throttle"] if found and (is_ours or is_theirs) else [])


def split_seen(migration: Migration) -> dict[str, Any]:
    """Where clients were meant to come and came, as the step that waits for them has last seen it; {} before it has."""
    jobs = [job for job in (migration.rollback_job_id, migration.job_id) if job]
    steps = Step.objects.filter(job_id__in=jobs, name__in=("doors_followed", "doors_back"))
    told = [evidence["split"] for evidence in steps.values_list("evidence", flat=True) if "split" in evidence]
    return max(told, key=lambda one: str(one["at"]), default={})


def where_it_stands(migration: Migration) -> str:
    """One sentence for everybody."""
    waits = _("Its notice runs until %(at)s.") % {"at": f"{migration.not_before:%d %b %Y}"}
    signed = migration.is_rehearsal or migration.approved_at
    if words := _window_words(migration):
        return words
    sentences = {
        S.INITIATED: waits if signed and migration.not_before > now() else _ready(migration, bool(signed)),
        S.PROVISIONING_GREEN: _("Green is being provisioned; the tenant notices nothing."),
        S.INITIAL_SYNC: _("Rows are being copied while the tenant works; every change meanwhile is captured."),
        S.DUAL_WRITE_ENABLED: _("The copy is complete; what changes is carried over in rounds."),
        S.INCREMENTAL_SYNC: _("Green follows blue in rounds and is being verified."),
        S.TRAFFIC_CUTOVER_STARTED: _("Reads move to green step by step; then the switch: writers wait for one round."),
        S.TRAFFIC_CUTOVER_COMPLETE: _("Green owns the tenant. Blue follows, so the way back loses nothing."),
        S.BLUE_DECOMMISSIONED: _("Blue is being erased system by system; there is no way back any more."),
        S.COMPLETED: _("Done."),
        S.PAUSED: _("Paused. Changes stay captured; the tenant notices nothing."),
        S.FAILED: _("Stopped by a failure; blue serves the tenant as before."),
        S.ROLLED_BACK: _("Blue serves the tenant, as before the move."),
    }
    going_back = migration.rollback_job_id and migration.state not in ENDED
    return _("The tenant is being taken back to blue.") if going_back else sentences.get(State(migration.state), "")


def carried_words(migration: Migration) -> str:
    """What DataSync was to carry ahead, what it said and what was found of it; empty where it was not asked."""
    told = migration.datasync
    if not told:
        return ""
    words = [_("%(objects)s objects were to come ahead.") % told]
    if said := told.get("said"):
        words.append(_("It said %(status)s, %(files)s objects.") % said)
    if failed := told.get("failed"):
        words.append(failed)
    if found := told.get("found"):
        words.append(_("Found alike: %(alike)s, different: %(different)s, missing: %(missing)s.") % found)
    elif "started" in told and "over" not in told:
        words.append(_("It may still write."))
    return " ".join(words)


def _window_words(migration: Migration) -> str:
    """What matters most of a move with a window, while it waits for it or is in it."""
    if not migration.window_minutes or migration.state not in BEFORE_SWITCH:
        return ""
    window = window_seen(migration)
    if window and window.is_open:
        ends = {"at": f"{window.ends_at:%d %b %Y %H:%M}"}
        return _("In its window: the tenant is without service until %(at)s UTC at the latest.") % ends
    if window is None or window.opened_at or migration.state != S.PROVISIONING_GREEN:
        return ""
    return _("Waits for its window, %(window)s; the tenant notices nothing.") % {"window": window}


def _ready(migration: Migration, signed: bool) -> str:
    if not signed:
        return _("Waits for signatures.")
    return _("Waits for its turn.") if migration.job_id else _("Signed. An engineer starts it.")
