"""Exports as pages: the list, the form that asks for one, and each with what is in it and who has it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts, Verb
from portal.jobs.models import Job
from tenants.models import Tenant

from . import actions, queries
from .models import Export, State

LIVE = {State.MAKING: 3, State.DELETING: 3}


class AskForm(forms.Form):
    tenant = forms.ModelChoiceField(
        label=gettext_lazy("Tenant"), queryset=Tenant.objects.none(), empty_label=gettext_lazy("choose")
    )
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reach = scope_filter(actor, VERBS["export.request"], tenant="id", business_unit="business_unit_id")
        field: Any = self.fields["tenant"]
        field.queryset = Tenant.objects.filter(reach, status__in=actions.WITH_DATA).order_by("name")


class ReceiptForm(forms.Form):
    digest = forms.RegexField(
        r"^[0-9a-fA-F]{64}$", label=gettext_lazy("SHA-256 of manifest.json"),
        help_text=gettext_lazy("Of the file in your hands: sha256sum manifest.json"),
    )  # fmt: skip


@admin.register(Export)
class ExportAdmin(GovernedAdmin):
    family = "export"
    mount = "exports"
    floor, order = "lifecycle", 8
    title = gettext_lazy("Exports")
    explain = gettext_lazy(
        "A tenant's data, handed back to it in open formats: checked, signed, and gone when received."
    )
    first_step = gettext_lazy("Nothing has been exported yet. A whole tenant is erased once it has its export.")
    add_form, add_label, add_verb = AskForm, gettext_lazy("Export a tenant"), "request"
    views = (
        (gettext_lazy("All"), ""),
        (gettext_lazy("Waiting to be received"), "state__exact=ready"),
        (gettext_lazy("Failed"), "state__exact=failed"),
    )
    list_display = ("name", "of_tenant", "region", "state", "as_of", "files", "expires_at", "received_at")
    list_filter = ("state", "region")
    list_select_related = ("tenant",)
    search_fields = ("tenant__name", "number")
    ordering = ("-number",)
    object_template = "exports/export.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        related = ("tenant__business_unit", "requested_by", "received_by")
        return Export.objects.visible_to(actor).select_related(*related)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(None).defer("places", "found")

    @column(gettext_lazy("Number"), ordering="number")
    def name(self, one: Export) -> str:
        return str(one)

    @column(gettext_lazy("Tenant"), ordering="tenant__name")
    def of_tenant(self, one: Export) -> str:
        return one.tenant.name

    def heading(self, one: Export) -> str:
        return _("%(export)s of %(tenant)s") % {"export": one, "tenant": one.tenant.name}

    def sentence(self, one: Export, actor: Actor) -> str:
        if one.state == State.READY and one.received_at:
            return _("Received. It is deleted as soon as nothing is retained under law.")
        said = {
            State.MAKING: _("Being made of one snapshot; the tenant notices nothing."),
            State.READY: _("Verified and signed. It waits here until it is received, or expires."),
            State.FAILED: one.error,
            State.DELETING: self._work(one) or _("It is being deleted."),
            State.DELETED: _("Nothing of it lies here any more: %(why)s.") % {"why": one.gone_because},
        }
        return str(said[State(one.state)])

    def _work(self, one: Export) -> str:
        job = Job.objects.filter(kind=actions.DELETE, subject_id=str(one.pk)).order_by("-created_at").first()
        return (job.error or job.wait_reason) if job else ""

    def facts(self, one: Export, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Tenant"), one.tenant.name, url=self.console.url_of("tenants.tenant", str(one.tenant_id))),
            Fact(_("Lies in"), one.region),
            Fact(_("Asked for by"), one.requested_by.username),
            Fact(_("Asked for"), one.created_at, "moment"),
            Fact(_("As of"), one.as_of, "moment"),
            Fact(_("Verified"), one.verified_at, "moment"),
            Fact(_("Expires"), one.expires_at, "moment"),
            Fact(_("Files"), one.files, "count"),
            Fact(_("Bytes"), one.bytes, "count"),
            Fact(_("SHA-256 of its manifest"), one.digest, "mono"),
            Fact(_("Downloads"), one.downloads or "", "count"),
            Fact(_("Last taken away"), one.downloaded_at, "moment"),
            Fact(_("Received"), one.received_at, "moment"),
            Fact(_("Received by"), one.received_by.username if one.received_by else ""),
            Fact(_("Deleted"), one.deleted_at, "moment"),
            Fact(_("Work"), _("Live job and log"), url=self.console.url_of("jobs.job", str(one.job_id or ""))),
            Fact(_("Why"), one.reason),
        ]
        return [Facts(_("The export"), [row for row in rows if row.value not in ("", None)])]

    def verbs(self, one: Export, actor: Actor) -> list[Verb]:
        known = {
            "confirm": Verb(
                "confirm",
                _("It was received"),
                _on(actions.confirm),
                tone="primary",
                form=ReceiptForm,
                says=_("Say which one is in your hands. The copy here is then deleted, and the tenant may be erased."),
                done=_("Noted. The copy here is being deleted."),
            ),
            "withdraw": Verb(
                "withdraw",
                _("Delete it"),
                _on(actions.withdraw),
                tone="danger",
                says=_("Nobody can fetch it any more. Another can be asked for."),
                done=_("It is being deleted."),
            ),
        }
        return [known[word] for word in queries.available_verbs(one, actor)]

    def extra(self, one: Export, actor: Actor) -> dict[str, Any]:
        rows = sorted((one.found or {}).get("rows", {}).items())
        beside = [(_("Vectors beside the rows"), one.found["vectors"])] if "vectors" in (one.found or {}) else []
        originals = [(_("Versions of originals"), one.found["objects"])] if "objects" in (one.found or {}) else []
        return {
            "counted": [*rows, *beside, *originals],
            "archive_url": reverse("export-archive", args=[one.pk]) if queries.may_take(one, actor) else "",
            "live": LIVE.get(State(one.state), 0),
        }

    # -- the form -----------------------------------------------------------------------------------------------------
    def new_form(self, request: HttpRequest) -> forms.Form:
        given = request.POST if request.method == "POST" else None
        return AskForm(given, actor=eyes.narrow(request), initial={"tenant": request.GET.get("tenant", "")})

    def create(self, actor: Actor, data: dict[str, Any]) -> Export:
        return actions.ask(data.pop("tenant").pk, actor=actor, **data)

    def created_message(self, obj: Export) -> str:
        return _("It is being made. Whoever asked hears when it waits to be received.")

    # -- elsewhere ----------------------------------------------------------------------------------------------------
    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """On the page of a whole tenant's erasure: its exports, and where to ask for one."""
        if obj._meta.label_lower != "erasing.erasurerequest" or obj.kind != "tenant":
            return []
        rows = [(one, self.object_url(one), self.state_words(one)) for one in self._of(obj.tenant_id, actor)]
        may_ask = self.may(actor, "request", obj) and obj.awaits_export and not obj.was_started
        add_url = f"{reverse('admin:exports_export_add')}?tenant={obj.tenant_id}" if may_ask else ""
        if not rows and not add_url:
            return []
        context = {"rows": rows, "add_url": add_url}
        return [Card(_("Export before the erasure"), "exports/card.html", 20, "side", context=context)]

    def _of(self, tenant_id: Any, actor: Actor) -> QuerySet[Export]:
        return Export.objects.visible_to(actor).filter(tenant_id=tenant_id).order_by("-number")[:3]


def _on(action: Any) -> Any:
    """Call an action that takes the object's key."""

    def run(obj: Any, **given: Any) -> None:
        action(obj.pk, **given)

    return run
