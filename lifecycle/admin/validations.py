"""Validation runs: nine checks, what they measured and saw."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle import queries
from lifecycle.models import ValidationRun
from lifecycle.provisioning.validation.result import NAMES
from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column, fixed
from portal.admin.names import scopes_of

SHOWN_BESIDE = {"tenants.tenant", "lifecycle.tenantrequest"}
TRIGGERS = {
    "provisioning": gettext_lazy("before activation"),
    "nightly": gettext_lazy("nightly"),
    "watch": gettext_lazy("watched after activation"),
    "person": gettext_lazy("asked for"),
}


@admin.register(ValidationRun)
class ValidationAdmin(GovernedAdmin):
    family = "request"
    mount = "validations"
    floor, order = "lifecycle", 90
    title = gettext_lazy("Validations")
    explain = gettext_lazy(
        "Nine checks before a tenant becomes active, and every night after. Each keeps its evidence."
    )
    first_step = gettext_lazy("No tenant has been checked yet. The first check runs when a tenant is set up.")
    list_display = ("tenant", "outcome", "why", "started_at", "took")
    list_filter = ("outcome", fixed("trigger", gettext_lazy("when"), list(TRIGGERS.items())))
    ordering = ("-started_at",)
    object_template = "lifecycle/validation.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return ValidationRun.objects.filter(queries.reach(actor, "request.view"))

    def may(self, actor: Actor, word: str, obj: Any = None) -> bool:
        """`visible` has decided about one run, which knows its tenant but not the business unit."""
        return super().may(actor, word)

    def prepare(self, rows: list[Any], actor: Actor) -> None:
        names = scopes_of(row.tenant_id for row in rows)
        for row in rows:
            row.name = names.get(str(row.tenant_id)) or _("not registered")

    @column(gettext_lazy("Tenant"))
    def tenant(self, run: Any) -> str:
        return str(run.name)

    @column(gettext_lazy("When"))
    def why(self, run: ValidationRun) -> str:
        return str(TRIGGERS.get(run.trigger, run.trigger))

    @column(gettext_lazy("Took"), kind="span")
    def took(self, run: ValidationRun) -> Any:
        return run.finished_at - run.started_at if run.finished_at else None

    def state(self, run: ValidationRun) -> str:
        return run.outcome

    def state_words(self, run: ValidationRun) -> str:
        return str(run.get_outcome_display())

    def heading(self, run: Any) -> str:
        self.prepare([run], Actor.system("page"))
        return _("Checks of %(tenant)s") % {"tenant": run.name}

    def sentence(self, run: ValidationRun, actor: Actor) -> str:
        words = {
            "running": _("The checks are running."),
            "pass": _("Everything that was looked at is as it must be."),
            "warn": _("The tenant is safe; something is slower or less complete than promised."),
            "fail": _("At least one check failed. What follows from it is said beside the check."),
        }
        return words.get(run.outcome, "")

    def extra(self, run: ValidationRun, actor: Actor) -> dict[str, Any]:
        checks = list(run.checks.all())
        rows = [{"check": one, **_evidence(one.evidence)} for one in checks]
        missing = len(NAMES) - len(checks)
        return {
            "checks": rows,
            "passed": sum(one.outcome == "pass" for one in checks),
            "expected": len(NAMES),
            "missing": missing if run.outcome != "running" else 0,
            "live": 2 if run.outcome == "running" else 0,
            "tenant_url": self.console.url_of("tenants.tenant", str(run.tenant_id)),
            "job_url": self.console.url_of("jobs.job", str(run.job_id or "")),
        }

    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """The last run, on the page of the tenant and of its request."""
        if obj._meta.label_lower not in SHOWN_BESIDE:
            return []
        runs = list(ValidationRun.objects.filter(tenant_id=obj.access_scope()["tenant"])[:3])
        rows = [
            {"run": run, "url": self.object_url(run), "why": TRIGGERS.get(run.trigger, run.trigger)} for run in runs
        ]
        return (
            [Card(_("Checks"), "lifecycle/card_checks.html", 40, "side", self.list_url(), context={"rows": rows})]
            if rows
            else []
        )


def _evidence(evidence: dict[str, Any]) -> dict[str, Any]:
    """Short values are shown as they are; the rest is folded away as JSON."""
    short = {key: value for key, value in evidence.items() if _is_short(value)}
    rest = {key: value for key, value in evidence.items() if key not in short}
    return {
        "measured": [(key.replace("_", " "), value) for key, value in short.items()],
        "evidence": json.dumps(rest, indent=2, ensure_ascii=False, default=str) if rest else "",
    }


def _is_short(value: Any) -> bool:
    return isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) <= 60)
