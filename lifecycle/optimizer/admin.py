"""The optimizer as pages: findings, the changes asked for because of them, and scans with their report."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column, fixed
from portal.admin.verbs import Fact, Facts, Verb

from . import actions, printing, queries
from .form import ExceptionForm, ScanForm
from .models import Finding, FindingChange, Scan, State

GRADES = [("high", gettext_lazy("high")), ("medium", gettext_lazy("medium")), ("low", gettext_lazy("low"))]


@admin.register(Finding)
class FindingAdmin(GovernedAdmin):
    family = "finding"
    mount = "findings"
    floor, order = "lifecycle", 50
    title = gettext_lazy("Optimizer")
    explain = gettext_lazy("Where the account wastes money, and where it stands open. What is not known is not nought.")
    first_step = gettext_lazy("Nothing was found, or nobody has looked yet.")
    views = (
        (gettext_lazy("Open"), "state__exact=open"),
        (gettext_lazy("Money"), "state__exact=open&category__exact=cost"),
        (gettext_lazy("Holes"), "state__exact=open&category__exact=security"),
        (gettext_lazy("Excepted"), "state__exact=excepted"),
        (gettext_lazy("All"), ""),
    )
    list_display = ("title", "resource", "region", "environment", "confidence", "risk", "monthly", "state")
    list_filter = ("state", "category", fixed("confidence", gettext_lazy("confidence"), GRADES), "action")
    search_fields = ("resource", "title", "rule", "tenant")
    list_template = "optimizer/list.html"
    object_template = "optimizer/finding.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        more = {"sums": queries.standing(), "scan": queries.last_scan()}
        return super().changelist_view(request, more | (extra_context or {}))

    @column(gettext_lazy("₹ a month"), ordering="monthly_inr", kind="price")
    def monthly(self, one: Finding) -> Any:
        return one.monthly_inr if one.saves else ""

    def under(self, obj: Finding) -> str:
        return obj.rule

    def sentence(self, one: Finding, actor: Actor) -> str:
        if one.instead:
            return _("Another finding would end this resource; what this one says ends with it.")
        if one.state == Finding.State.EXCEPTED and (held := one.exceptions.filter(ended_at=None).first()):
            words = {"who": held.owner.display_name, "day": held.expires_on, "why": held.reason}
            return _("%(who)s answers for it until %(day)s: %(why)s") % words
        if one.state == Finding.State.RESOLVED:
            return _("The last scan that saw the whole region did not find it any more.")
        return str(one.price.get("missing", "")) and _("What it would save is not known: %(why)s.") % {
            "why": one.price["missing"]
        }

    def verbs(self, one: Finding, actor: Actor) -> list[Verb]:
        known = {
            "propose": Verb(
                "propose",
                _("Ask for this change"),
                _propose,
                tone="primary",
                says=_("It goes to the people who sign, as it stands here. Nothing changes before."),
                done=_("Asked. It waits for signatures."),
            ),
            "except": Verb(
                "except",
                _("Let it stand"),
                _on(actions.make_exception),
                form=ExceptionForm,
                says=_("Somebody answers for it until a day. Then it is open again by itself."),
                done=_("It stands until that day."),
            ),
            "end_exception": Verb(
                "end_exception",
                _("Open it again"),
                _on(actions.end_exception),
                says=_("Nobody answers for it any more; it counts again."),
                done=_("It is open again."),
            ),
        }
        return [known[word] for word in queries.available_verbs(one, actor)]

    def facts(self, one: Finding, actor: Actor) -> list[Facts]:
        rule = f"{one.rule} v{one.rule_version}"
        about = [
            Fact(_("Resource"), one.resource, "mono"),
            Fact(_("Region"), one.region),
            Fact(_("Environment"), one.environment or _("not said")),
            Fact(_("Tenant"), one.tenant),
            Fact(_("Rule"), rule, "mono"),
            Fact(_("Confidence"), one.get_confidence_display()),
            Fact(_("Why not surer"), "; ".join(one.reasons)),
            Fact(_("Effort"), one.effort),
            Fact(_("Risk"), one.risk),
            Fact(_("First seen"), one.first_seen, "moment"),
            Fact(_("Last seen"), one.last_seen, "moment"),
        ]
        cards = [Facts(_("What was found"), _said(about))]
        if one.saves:
            money = [
                _price(_("A month"), one.monthly_inr),
                Fact(_("A year"), one.annual_inr, "inr"),
                Fact(_("Prices"), f"{one.price.get('source', '')}, {one.price.get('dated', '')}"),
                Fact(_("Not known because"), one.price.get("missing", "")),
            ]
            cards.append(Facts(_("What it would save"), _said(money)))
        return cards

    def extra(self, one: Finding, actor: Actor) -> dict[str, Any]:
        changes = [(change, self.console.url_of("optimizer.findingchange", str(change.pk))) for change in _of(one)]
        first = {"url": self.list_url() + f"{one.instead}/"} if one.instead else {}
        evidence = [_measured(name, value) for name, value in sorted(one.evidence.items())]
        return {"evidence": evidence, "changes": changes, "first": first}


def _measured(name: str, value: Any) -> tuple[str, Any]:
    """A line of the evidence with its unit: percentiles are percent, coverage is a share."""
    label = name.replace("_", " ").replace("p995", "p99.5").replace("cpu", "CPU")
    if name == "coverage" and isinstance(value, (int, float)):
        return label, f"{value:.0%}"
    is_share = name.endswith(("_p95", "_p995")) and name.startswith(("cpu", "memory", "projected"))
    return label, f"{value:g} %" if is_share and isinstance(value, (int, float)) else value


def _price(label: str, amount: Any) -> Fact:
    """An amount to the paisa; without a price it is not known, which is not nothing."""
    return Fact(label, _("not known"), "text") if amount is None else Fact(label, amount, "inr")


def _of(one: Finding) -> list[FindingChange]:
    return list(one.changes.order_by("-created_at")[:5])


@admin.register(FindingChange)
class FindingChangeAdmin(GovernedAdmin):
    family = "finding"
    mount = "finding-changes"
    floor, order = "lifecycle", 51
    title = gettext_lazy("Optimizer's changes")
    explain = gettext_lazy("What was asked for because of a finding: signed, applied, and measured a fortnight later.")
    first_step = gettext_lazy("Nobody has asked for a change because of a finding.")
    list_display = ("what", "expected", "realised_inr", "state", "created_at", "applied_at")
    list_select_related = ("finding",)
    list_filter = ("state",)
    search_fields = ("finding__resource",)
    ordering = ("-created_at",)
    object_template = "optimizer/change.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        found = FindingChange.objects.select_related("finding", "requested_by__person")
        return found if self.may(actor, "view") else found.none()

    @column(gettext_lazy("Change"), ordering="finding__resource")
    def what(self, one: FindingChange) -> str:
        return str(one)

    @column(gettext_lazy("Expected, ₹ a month"), ordering="monthly_inr", kind="price")
    def expected(self, one: FindingChange) -> Any:
        return one.monthly_inr if one.finding.saves else ""

    def sentence(self, one: FindingChange, actor: Actor) -> str:
        said = {
            State.PENDING_APPROVAL: _("Waits for signatures; nothing has changed."),
            State.APPROVED: _("Signed. Apply it; the next scan sees it in the resource itself."),
            State.APPLIED: _("Applied. A fortnight later it is measured what it saves."),
        }.get(State(one.state), "")
        return " ".join(part for part in (said, one.state_reason) if part)

    def verbs(self, one: FindingChange, actor: Actor) -> list[Verb]:
        if not queries.may_withdraw(one, actor):
            return []
        says = _("It is not applied. The finding stays open.")
        return [Verb("withdraw", _("Withdraw"), _on(actions.withdraw), tone="danger", says=says, done=_("Withdrawn."))]

    def facts(self, one: FindingChange, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Finding"), one.finding.title, url=f"/findings/{one.finding_id}/"),
            Fact(_("Resource"), one.finding.resource, "mono"),
            _price(_("Expected, a month"), one.monthly_inr if one.finding.saves else ""),
            Fact(_("Saved, a month"), one.realised_inr, "inr"),
            Fact(_("Asked for by"), one.requested_by.display_name),
            Fact(_("Why"), one.justification),
            Fact(
                _("Work"),
                _("Live job and log") if one.job_id else "",
                url=self.console.url_of("jobs.job", str(one.job_id or "")),
            ),
            Fact(_("Applied"), one.applied_at, "moment"),
            Fact(_("Measured"), one.measured_at, "moment"),
        ]
        return [Facts(_("The change"), _said(rows))]

    def extra(self, one: FindingChange, actor: Actor) -> dict[str, Any]:
        return {"shown": one.change, "case_url": self.console.url_of("approvals.case", str(one.case_id or ""))}

    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """On an approval's page what is signed."""
        if obj._meta.label_lower == "approvals.case" and obj.kind == actions.KIND:
            return [Card("", "optimizer/case_card.html", 10, "main", context={"shown": obj.snapshot})]
        return []


@admin.register(Scan)
class ScanAdmin(GovernedAdmin):
    family = "finding"
    mount = "optimizer-scans"
    floor, order = "lifecycle", 52
    title = gettext_lazy("Optimizer's scans")
    explain = gettext_lazy(
        "When the account was looked at, with credentials that may only read; and what was not seen."
    )
    first_step = gettext_lazy("Nobody has looked yet. Name the regions in BAILIWICK_OPTIMIZER_REGIONS.")
    add_form, add_label, add_verb = ScanForm, gettext_lazy("Look now"), "scan"
    list_display = ("at", "places", "outcome", "findings", "finished_at")
    list_filter = ("outcome",)
    ordering = ("-at",)
    object_template = "optimizer/scan.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Scan.objects.all() if self.may(actor, "view") else Scan.objects.none()

    @column(gettext_lazy("Regions"))
    def places(self, one: Scan) -> str:
        return ", ".join(one.regions)

    def state(self, one: Scan) -> str:
        return one.outcome

    def state_words(self, one: Scan) -> str:
        return one.get_outcome_display()

    def sentence(self, one: Scan, actor: Actor) -> str:
        if one.outcome == "partial":
            return _("It did not see everything: what is named below may hide findings, and none were closed there.")
        return ""

    def facts(self, one: Scan, actor: Actor) -> list[Facts]:
        rows = [Fact(_(kind.capitalize()), count, "count") for kind, count in sorted(one.counts.items())]
        rows += [
            Fact(_("Findings"), one.findings, "count"),
            Fact(_("Not measured enough"), len(one.doubts), "count"),
            Fact(_("Prices"), one.prices),
            Fact(_("Digest of the report"), one.digest, "mono"),
        ]
        return [Facts(_("What was looked at"), _said(rows))]

    def extra(self, one: Scan, actor: Actor) -> dict[str, Any]:
        is_done = one.finished_at is not None and one.outcome != "failed"
        job = self.console.url_of("jobs.job", str(one.job_id or ""))
        return {"pdf": "report.pdf" if is_done else "", "doubts": one.doubts[:50], "job_url": job}

    def get_urls(self) -> list[URLPattern]:
        door = self.admin_site.admin_view
        return [path("<str:object_id>/report.pdf", door(self.pdf_view), name="optimizer_pdf"), *super().get_urls()]

    def pdf_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        one = self.of(request, object_id)
        name = {"Content-Disposition": f'attachment; filename="findings-{one.at:%Y-%m-%d}.pdf"'}
        return HttpResponse(printing.as_pdf(one), "application/pdf", headers=name)

    def create(self, actor: Actor, data: dict[str, Any]) -> Scan:
        return actions.start_scan(actor=actor, **data)

    def created_message(self, obj: Scan) -> str:
        return _("It has begun. Findings appear as they are written down.")


def _propose(one: Finding, *, actor: Actor, reason: str) -> None:
    actions.propose(one.pk, actor=actor, justification=reason)


def _said(rows: list[Fact]) -> list[Fact]:
    return [row for row in rows if row.value not in ("", None)]


def _on(action: Any) -> Any:
    """Call an action that takes the row's key."""

    def run(row: Any, **given: Any) -> None:
        action(row.pk, **given)

    return run
