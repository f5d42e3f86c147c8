"""Tenants: the list, one tenant's page, and what its people see of them at home."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.access.models import Role
from portal.access.queries import roles_of
from portal.access.reading import note_read
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column, fixed
from portal.admin.tags import moment
from portal.admin.verbs import Fact, Facts, Verb
from portal.jobs.models import Job
from portal.jobs.queries import about as jobs_about
from portal.jobs.queries import timeline
from portal.lib.clock import now
from portal.lib.money import inr, inr_short
from tenants import actions, connect
from tenants.health.filters import Within
from tenants.health.score import band
from tenants.health.words import told
from tenants.models import DataClass, Status, Tenant
from tenants.queries import available_verbs, ends_at, region_choices

from .receipt import receipt
from .units import OwnUnits

REGION = fixed("region", gettext_lazy("region"), region_choices)
DATA = fixed("data", gettext_lazy("data"), DataClass.choices, "data_classes__contains", value_of=lambda one: [one])


class EditForm(forms.Form):
    """What may change without a new request."""

    display_name = forms.CharField(label=gettext_lazy("Title"), max_length=120)
    cost_centre = forms.CharField(label=gettext_lazy("Cost centre"), max_length=32)


class PaymentForm(forms.Form):
    """Whether the tenant's unit pays, and who hears when it does not."""

    payment_status = forms.ChoiceField(
        label=gettext_lazy("Payment"), choices=Tenant._meta.get_field("payment_status").choices
    )
    billing_contact = forms.CharField(
        label=gettext_lazy("Billing contact"), max_length=150, help_text=gettext_lazy("Their login name")
    )


PAY_SAYS = gettext_lazy("Overdue begins the dunning of the tier's terms; disputed stops it; current ends it.")

# The jobs that take a change of status to every system; the upper floor's, known here by name.
FOLLOWING = ("suspension", "reactivation", "archive", "status.restore")
KEY_SAYS = gettext_lazy("For the tenant's application. It is shown once; the platform keeps only its digest.")


class KeyForm(forms.Form):
    """An API key of the platform."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("May"), choices=[(one, one) for one in connect.SCOPES], initial=["read"]
    )


@admin.register(Tenant)
class TenantAdmin(GovernedAdmin):
    family = "tenant"
    mount = "tenants"
    floor, order = "registry", 10
    searched = True
    title = gettext_lazy("Tenants")
    explain = gettext_lazy(
        "Every business unit's own space on the shared platform: what it may use, and what it costs."
    )
    first_step = gettext_lazy("There is no tenant here yet. A tenant begins with a request.")
    views = (
        (gettext_lazy("All"), ""),
        (gettext_lazy("Active"), "status__exact=active"),
        (gettext_lazy("Suspended"), "status__exact=suspended"),
        (gettext_lazy("Being set up"), "status__exact=provisioning"),
    )
    list_display = (
        "name",
        "unit",
        "tier",
        "region",
        "status",
        "checks",
        "health",
        "monthly_cost_inr",
        "annual_budget_inr",
    )
    list_select_related = ("tier", "business_unit")
    list_filter = ("status", "tier", ("business_unit", OwnUnits), REGION, DATA, Within)
    search_fields = ("name", "display_name", "cost_centre")
    ordering = ("name",)
    object_template = "tenants/tenant.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        people = ("owner__person", "champion__person", "billing_contact", "condition")
        found: QuerySet[Any] = Tenant.objects.visible_to(actor).select_related("tier", "business_unit", *people)
        return found

    def get_queryset(self, request: Any) -> QuerySet[Any]:
        """Lists need no people: leave that join to the page of one tenant."""
        return super().get_queryset(request).select_related(None)

    @column(gettext_lazy("Business unit"), ordering="business_unit__name")
    def unit(self, tenant: Tenant) -> str:
        return tenant.business_unit.name

    @column(gettext_lazy("Checks"), ordering="validation_outcome", kind="state")
    def checks(self, tenant: Tenant) -> str:
        return tenant.validation_outcome

    @column(gettext_lazy("Health"), ordering="health_score", kind="state")
    def health(self, tenant: Tenant) -> str:
        return "" if tenant.health_score is None else band(tenant.health_score)

    def under(self, tenant: Tenant) -> str:
        return tenant.display_name

    def state(self, tenant: Tenant) -> str:
        return "restricted" if tenant.is_restricted else tenant.status

    def state_words(self, tenant: Tenant) -> str:
        return _("restricted by an incident") if tenant.is_restricted else str(tenant.get_status_display())

    def sentence(self, tenant: Tenant, actor: Actor) -> str:
        where = {"tier": tenant.tier.name, "unit": tenant.business_unit.name, "region": tenant.region}
        about = _("%(tier)s tenant of %(unit)s in %(region)s") % where
        if tenant.is_restricted:
            return _("%(about)s. All access is refused while an incident is open.") % {"about": about}
        if tenant.status in (Status.SUSPENDED, Status.ARCHIVED):
            return _put_away(tenant, about)
        if tenant.monthly_cost_inr is not None:
            return _("%(about)s, %(cost)s a month.") % {"about": about, "cost": inr(tenant.monthly_cost_inr)}
        return f"{about}."

    def facts(self, tenant: Tenant, actor: Actor) -> list[Facts]:
        return [
            Facts(
                _("What it may use"),
                [
                    Fact(_("Users"), tenant.max_users, "count"),
                    Fact(_("Documents"), tenant.max_documents, "count"),
                    Fact(_("Queries a day"), tenant.max_queries_per_day, "count"),
                    Fact(_("Storage, GB"), tenant.max_storage_gb, "count"),
                    Fact(_("Requests a minute"), tenant.requests_per_minute, "count"),
                    Fact(_("Promised availability"), tenant.tier.sla_percent, "percent"),
                ],
                _("The limits are enforced at the platform; they change only through a request."),
            ),
            Facts(
                _("Where its data lives"),
                [
                    Fact(_("Region"), tenant.region),
                    Fact(_("People it serves"), tenant.get_geography_display()),
                    Fact(_("Data it holds"), ", ".join(_classes(tenant)) or _("none of the protected classes")),
                    Fact(_("Compliance profiles"), ", ".join(tenant.compliance_profiles)),
                    Fact(_("Search index"), tenant.vector_provider),
                ],
            ),
            Facts(
                _("Identity"),
                [
                    Fact(_("Environment"), tenant.environment),
                    Fact(_("Cost centre"), tenant.cost_centre),
                    Fact(_("Active since"), tenant.activated_at, "moment"),
                    Fact(_("Last change"), tenant.updated_at, "when"),
                    Fact(_("Tenant id"), tenant.pk, "mono"),
                    Fact(_("Module"), tenant.module_version, "mono"),
                ],
            ),
        ]

    def verbs(self, tenant: Tenant, actor: Actor) -> list[Verb]:
        known = {
            "suspend": Verb(
                "suspend",
                _("Suspend"),
                _on(actions.suspend),
                says=_(
                    "The platform refuses the tenant at once. Nothing is deleted, and it can be reactivated; "
                    "after %(days)d days it is archived."
                )
                % {"days": tenant.tier.suspension_grace_days},
                tone="danger",
                done=_("Suspended. The platform refuses the tenant from now on; its systems follow."),
            ),
            "reactivate": Verb(
                "reactivate",
                _("Reactivate"),
                _on(actions.reactivate),
                says=_("The platform serves the tenant again."),
                tone="primary",
                done=_("Reactivated. The platform serves the tenant again."),
            ),
            "archive": Verb(
                "archive",
                _("Archive"),
                _on(actions.archive),
                says=_(
                    "Nothing of it is served, read or written any more, and it cannot be reactivated. "
                    "It is kept for %(days)d days and is then due for erasure."
                )
                % {"days": tenant.tier.archive_retention_days},
                tone="danger",
                done=_("Archived. Its systems follow; this page shows how far they are."),
            ),
        }
        offered = [known[word] for word in available_verbs(tenant, actor) if word in known]
        if self.may(actor, "connect", tenant) and tenant.status == Status.ACTIVE and not tenant.is_restricted:
            offered.insert(0, Verb("key", _("Issue an API key"), _issue_key, form=KeyForm, says=KEY_SAYS))
        if self.may(actor, "edit", tenant) and tenant.status != Status.DELETED:
            initial = {"display_name": tenant.display_name, "cost_centre": tenant.cost_centre}
            offered.append(
                Verb("edit", _("Change title or cost centre"), _on(actions.edit), form=EditForm, initial=initial)
            )
            contact = tenant.billing_contact or tenant.owner
            paying = {"payment_status": tenant.payment_status, "billing_contact": contact.username}
            offered.append(Verb("payment", _("Change payment"), _pay, says=PAY_SAYS, form=PaymentForm, initial=paying))
        return offered

    def extra(self, tenant: Tenant, actor: Actor) -> dict[str, Any]:
        yearly = tenant.monthly_cost_inr * 12 if tenant.monthly_cost_inr is not None else None
        left = tenant.annual_budget_inr - yearly if yearly is not None else None
        figures = {"yearly": yearly, "left": left, "is_over": left is not None and left < 0}
        systems = self._systems(tenant)
        is_told = bool(systems) or tenant.is_restricted or tenant.status in (Status.SUSPENDED, Status.ARCHIVED)
        return {**figures, **systems, "health": told(tenant), "has_receipt": is_told}

    # -- who has heard ----------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        door = self.admin_site.admin_view(self.receipt_view)
        return [path("<str:object_id>/receipt/", door, name="tenant_receipt"), *super().get_urls()]

    def receipt_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Who has heard of the newest change of status: a piece of the tenant's page, or a page of its own."""
        tenant = self.of(request, object_id)
        note_read(eyes.narrow(request), tenant, route=request.path)
        found = {"title": _("Who has heard of it"), "tenant": tenant, "back": self.object_url(tenant)}
        found |= receipt(tenant)
        if request.headers.get("X-Part"):
            return TemplateResponse(request, "tenants/receipt.html", found)
        return TemplateResponse(request, "tenants/receipt_page.html", self.context(request, **found))

    def _systems(self, tenant: Tenant) -> dict[str, Any]:
        """How far the newest change of status has come in the tenant's systems, and whether that still moves."""
        job = jobs_about(tenant).filter(kind__in=FOLLOWING).first()
        if job is None:
            return {}
        url = self.console.url_of("jobs.job", str(job.pk))
        return {
            "following": job,
            "following_url": url,
            "systems": _systems_of(job),
            "live": 0 if job.is_finished else 2,
        }

    def home_cards(self, actor: Actor) -> list[Card]:
        mine = Tenant.objects.visible_to(actor)
        figures = self._figures(mine)
        if roles_of(actor) & {Role.TENANT_ADMIN, Role.TENANT_VIEWER}:
            return [*figures, self._own_tenants(mine)]
        return figures

    def _own_tenants(self, mine: QuerySet[Tenant]) -> Card:
        found = list(mine.exclude(status__in=[Status.DELETED, Status.FAILED]).select_related("tier")[:12])
        rows = [
            {"tenant": one, "url": self.object_url(one), "yearly": (one.monthly_cost_inr or Decimal(0)) * 12}
            for one in found
        ]
        return Card(_("My tenants"), "tenants/card_mine.html", 20, "main", self.list_url(), context={"rows": rows})

    def _figures(self, mine: QuerySet[Tenant]) -> list[Card]:
        """Tenants, money and health from one query."""
        active = Q(status=Status.ACTIVE)
        found = mine.aggregate(
            active=Count("pk", filter=active),
            suspended=Count("pk", filter=Q(status=Status.SUSPENDED)),
            cost=Sum("monthly_cost_inr", filter=active),
            budget=Sum("annual_budget_inr", filter=active),
            passed=Count("pk", filter=active & Q(validation_outcome="pass")),
        )
        cost, budget = (found["cost"] or Decimal(0)) * 12, found["budget"] or Decimal(0)
        suspended = _("%(n)d suspended") % {"n": found["suspended"]}
        left = _("%(left)s left of %(budget)s budget") % {"left": inr_short(budget - cost), "budget": inr_short(budget)}
        return [
            self._figure(_("Active tenants"), 10, figure=found["active"], note=suspended),
            self._figure(_("Cost a year"), 11, amount=cost, note=left),
            self._figure(_("Passed their last checks"), 12, figure=found["passed"], note=_("of the active tenants")),
        ]

    def _figure(self, title: str, order: int, **context: Any) -> Card:
        return Card(title, "console/card_figure.html", order, "figure", self.list_url(), context=context)


def _put_away(tenant: Tenant, what: str) -> str:
    end = ends_at(tenant)
    reason, day = tenant.status_reason.rstrip("."), moment(end)
    if tenant.status == Status.SUSPENDED:
        words = _("%(what)s. Suspended: %(reason)s. It is archived on %(day)s.")
    elif end and end > now():
        words = _("%(what)s. Archived: %(reason)s. It is due for erasure on %(day)s.")
    else:
        words = _("%(what)s. Archived, and due for erasure since %(day)s; nothing is erased before a rule allows it.")
    return words % {"what": what, "reason": reason, "day": day}


def _systems_of(job: Job) -> list[dict[str, str]]:
    """Each system by its own words: what the last step has settled counts, and what it left open stands."""
    *systems, last = timeline(job)
    settled, still = last.evidence.get("settled", {}), last.evidence.get("open", {})
    rows = []
    for line in systems:
        state = settled.get(line.name) or line.evidence.get("state", "")
        if state == "pending":
            tone, words = ("red" if job.is_finished else "amber"), _("not reached")
        elif state in ("skipped", "superseded"):
            tone, words = "grey", _("nothing to do") if state == "skipped" else _("left to a later change")
        else:
            tone, words = ("green", state) if state else ("grey", _("not begun"))
        why = still.get(line.name) or (line.evidence.get("why", "") if tone != "green" else "")
        rows.append({"title": line.title, "tone": tone, "words": words, "why": why})
    return rows


def _classes(tenant: Tenant) -> list[str]:
    names = dict(DataClass.choices)
    return [str(names.get(one, one)) for one in tenant.data_classes]


def _issue_key(tenant: Tenant, *, actor: Actor, reason: str, name: str, scopes: list[str]) -> str:
    key = connect.issue_key(tenant.pk, actor=actor, reason=reason, name=name, scopes=scopes)
    return _("Copy the key now, it is not shown again: %(key)s") % {"key": key}


def _pay(tenant: Tenant, *, actor: Actor, reason: str, payment_status: str, billing_contact: str) -> None:
    contact = actions.user_named(billing_contact, "billing_contact")
    actions.edit(tenant.pk, actor=actor, reason=reason, payment_status=payment_status, billing_contact=contact)


def _on(action: Any) -> Any:
    """Call an action that takes the tenant's id."""

    def run(tenant: Tenant, **given: Any) -> Any:
        return action(tenant.pk, **given)

    return run
