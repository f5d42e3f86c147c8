"""How long the record is kept: per table, and which months fall due when."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access import policy
from portal.access.actor import Actor
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin, ReasonForm
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts
from portal.audit.models import Governed
from portal.audit.retention import months, retire
from portal.lib.errors import Invalid, NotAllowed, Refusal

from .filters import kind_words


@admin.register(Governed)
class RetentionAdmin(GovernedAdmin):
    family = "audit"
    mount = "retention"
    floor, order = "evidence", 30
    title = gettext_lazy("Retention")
    list_display = ("kind", "relation", "days")
    ordering = ("relation",)
    shows_trail = False

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Governed.objects.all()

    def get_urls(self) -> list[URLPattern]:
        door = self.admin_site.admin_view
        return [path("retire/", door(self.retire_view), name="audit_governed_retire"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return self._page(request)

    def retire_view(self, request: HttpRequest) -> HttpResponse:
        """Retire one month: POST only. What forbids it is said on the page."""
        if request.method != "POST":
            return HttpResponseRedirect(self.list_url())
        form = ReasonForm(request.POST)
        try:
            if not form.is_valid():
                raise Invalid(fields={"reason": _("say why")})
            month = request.POST.get("month", "")
            retire(month, actor=eyes.narrow(request), reason=form.cleaned_data["reason"])
        except Refusal as refusal:
            return self._page(request, refusal)
        return HttpResponseRedirect(self.list_url())

    def _page(self, request: HttpRequest, refusal: Refusal | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise NotAllowed(_("Your role does not open this page."))
        context = self.context(
            request,
            title=self.label(),
            tables=[(kind_words(one.label), one) for one in Governed.objects.order_by("relation")],
            months=months(),
            may_retire=policy.can(eyes.narrow(request), "ledger.retire"),
            refusal=refusal,
        )
        return TemplateResponse(request, "audit/retention.html", context, status=refusal.status if refusal else 200)

    @column(gettext_lazy("Kind of object"))
    def kind(self, one: Governed) -> str:
        return kind_words(one.label)

    @column(gettext_lazy("Days"), kind="count")
    def days(self, one: Governed) -> int:
        return one.retention.days

    def facts(self, one: Governed, actor: Actor) -> list[Facts]:
        return [Facts(kind_words(one.label), [Fact(_("Kept for, days"), one.retention.days, "count")])]
