"""Jobs as pages: what runs, what failed and why, and the few things a person can do about it."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Avg, Count, F, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.access.models import Role
from portal.access.queries import roles_of
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column, fixed
from portal.admin.names import name_of, names_of
from portal.admin.tags import span
from portal.admin.verbs import Fact, Facts, Verb
from portal.lib.clock import now

from . import actions, queries
from .models import STEP_DONE, Job, JobState

ENGINEERS = {Role.PLATFORM_ADMIN, Role.PLATFORM_ENGINEER}
SHOWN_BESIDE = {"tenants.tenant", "lifecycle.tenantrequest"}
LIVE_SECONDS = 2


def _kinds() -> list[tuple[str, str]]:
    return [(name, name.replace(".", " ").replace("_", " ")) for name in settings.JOB_KINDS]


@admin.register(Job)
class JobAdmin(GovernedAdmin):
    family = "job"
    mount = "jobs"
    floor, order = "lifecycle", 80
    searched = True
    title = gettext_lazy("Jobs")
    explain = gettext_lazy("Long work with its steps. A job that fails says which step and why, and can be resumed.")
    first_step = gettext_lazy("Nothing has been started yet. Jobs appear here when a request is sent or approved.")
    views = (
        (gettext_lazy("All"), ""),
        (gettext_lazy("Running"), "state__exact=running"),
        (gettext_lazy("Waiting"), "state__exact=waiting"),
        (gettext_lazy("Failed"), "state__exact=failed"),
    )
    list_display = ("title", "state", "steps_line", "who", "started_at", "took")
    list_filter = ("state", fixed("kind", gettext_lazy("kind"), _kinds), ("created_at", admin.DateFieldListFilter))
    search_fields = ("title", "kind")
    ordering = ("-created_at",)
    object_template = "jobs/job.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        found: QuerySet[Any] = Job.objects.visible_to(actor)
        return found

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        done = Count("steps", filter=Q(steps__state__in=STEP_DONE))
        found: QuerySet[Any] = super().get_queryset(request).annotate(steps_done=done, steps_total=Count("steps"))
        return found

    def prepare(self, rows: list[Any], actor: Actor) -> None:
        names = names_of(row.requested_by for row in rows)
        for row in rows:
            row.who = names.get(row.requested_by, row.requested_by)

    @column(gettext_lazy("Steps"))
    def steps_line(self, job: Any) -> str:
        return _("%(done)d of %(total)d") % {"done": job.steps_done, "total": job.steps_total}

    @column(gettext_lazy("Started by"))
    def who(self, job: Any) -> str:
        return str(job.who)

    @column(gettext_lazy("Took"), kind="span")
    def took(self, job: Job) -> Any:
        return job.finished_at - job.started_at if job.finished_at and job.started_at else None

    def under(self, job: Job) -> str:
        return job.kind.replace(".", " ").replace("_", " ")

    def heading(self, job: Job) -> str:
        return job.title

    def sentence(self, job: Job, actor: Actor) -> str:
        if job.state == JobState.FAILED:
            return _("Stopped: %(error)s") % {"error": job.error}
        if job.state == JobState.WAITING:
            return job.wait_reason
        if job.state == JobState.SUCCEEDED:
            return _("Everything is done.")
        return job.reason

    def verbs(self, job: Job, actor: Actor) -> list[Verb]:
        known = {
            "resume": Verb(
                "resume",
                _("Resume"),
                _on(actions.resume_job),
                tone="primary",
                says=_("Goes on at the step that failed. What is done stays done."),
                done=_("Queued again; a worker takes it in a moment."),
            ),
            "retry_step": Verb(
                "retry_step",
                _("Try again now"),
                _retry,
                says=_("Ends the pause between two attempts of this step."),
            ),
            "cancel": Verb(
                "cancel",
                _("Cancel"),
                _on(actions.cancel_job),
                tone="danger",
                says=_("Stops at the next safe place, then undoes what this job had begun."),
                done=_("The job stops at the next safe place."),
            ),
            "compensate": Verb(
                "compensate",
                _("Roll back"),
                _on(actions.compensate_job),
                tone="danger",
                says=_(
                    "Removes all that this job has created and checks that nothing is left. It cannot be resumed then."
                ),
                done=_("The roll-back has started as a job of its own."),
            ),
        }
        return [known[word] for word in queries.available_verbs(job, actor) if word in known]

    def facts(self, job: Job, actor: Actor) -> list[Facts]:
        subject_url = self.console.url_of(job.subject_type, job.subject_id)
        rows = [
            Fact(_("About"), job.subject_type.partition(".")[2].replace("tenantrequest", "request"), url=subject_url),
            Fact(_("Started by"), name_of(job.requested_by)),
            Fact(_("Reason"), job.reason),
            Fact(_("Created"), job.created_at, "moment"),
            Fact(_("Times resumed"), job.retries, "count"),
            Fact(_("Works on"), job.resource_class),
        ]
        return [Facts(_("About this job"), [row for row in rows if row.value not in ("", None)])]

    def extra(self, job: Job, actor: Actor) -> dict[str, Any]:
        lines = queries.timeline(job)
        done = sum(line.state in STEP_DONE for line in lines)
        resources = [one for line in lines for one in line.evidence.get("resources", [])]
        end = job.finished_at or now()
        return {
            "lines": lines,
            "current": next((line for line in lines if line.state not in STEP_DONE), None),
            "done": done,
            "eta": queries.eta(job, lines),
            "elapsed": end - job.started_at if job.started_at else None,
            "resources": resources,
            "resources_done": _done_among(resources),
            "live": 0 if job.is_finished else LIVE_SECONDS,
            "zone": settings.DISPLAY_TIME_ZONE,
        }

    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """The last jobs of a tenant, on its page and on its request's."""
        if obj._meta.label_lower not in SHOWN_BESIDE or not self.may(actor, "view", obj):
            return []
        jobs = list(Job.objects.filter(tenant_id=obj.access_scope()["tenant"]).order_by("-created_at")[:5])
        return [self._card(_("Jobs"), jobs, "side")] if jobs else []

    def home_cards(self, actor: Actor) -> list[Card]:
        if not roles_of(actor) & ENGINEERS:
            return []
        ended = Q(state__in=[JobState.SUCCEEDED, JobState.CANCELLED]) | Q(compensation__isnull=False)
        found = self.visible(actor).exclude(ended)
        jobs = list(found.order_by("-created_at")[:10])
        failed = sum(job.state == JobState.FAILED for job in jobs)
        says = _("%(n)d jobs have failed and wait for a decision.") % {"n": failed} if failed > 1 else ""
        says = _("One job has failed and waits for a decision.") if failed == 1 else says
        figures = self._figures(actor) if Role.PLATFORM_ENGINEER in roles_of(actor) else []
        return [*figures, self._card(_("Running, waiting and failed"), jobs, "main", says)]

    def _figures(self, actor: Actor) -> list[Card]:
        """How provisioning has gone in the last thirty days."""
        recent = self.visible(actor).filter(kind="provision.apply", created_at__gt=now() - timedelta(days=30))
        found = recent.aggregate(
            ended=Count("pk", filter=Q(state__in=[JobState.SUCCEEDED, JobState.FAILED])),
            done=Count("pk", filter=Q(state=JobState.SUCCEEDED)),
            took=Avg(F("finished_at") - F("started_at"), filter=Q(state=JobState.SUCCEEDED)),
        )
        took = span(found["took"])
        note = _("%(done)d of %(ended)d succeeded in 30 days") % {"done": found["done"], "ended": found["ended"]}
        context = {"words": took, "note": note}
        url = self.list_url() + "?kind=provision.apply"
        return [Card(_("Provisioning takes"), "console/card_figure.html", 13, "figure", url, context=context)]

    def _card(self, title: str, jobs: list[Job], place: str, says: str = "") -> Card:
        rows = [{"job": job, "url": self.object_url(job)} for job in jobs]
        return Card(title, "jobs/card.html", 30, place, self.list_url(), says, {"rows": rows})


def _done_among(resources: list[dict[str, Any]]) -> int:
    """How many are finished: created ones, or, as long as nothing is being created, planned ones."""
    states = [one.get("state") for one in resources]
    return states.count("done") if set(states) - {"planned"} else len(states)


def _on(action: Any) -> Any:
    def run(job: Job, *, actor: Actor, reason: str) -> Any:
        return action(job.pk, actor=actor, reason=reason)

    return run


def _retry(job: Job, *, actor: Actor, reason: str) -> Any:
    current = next(line.name for line in queries.timeline(job) if line.state not in STEP_DONE)
    return actions.retry_step(job.pk, current, actor=actor, reason=reason)
