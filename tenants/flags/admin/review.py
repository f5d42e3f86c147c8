"""The monthly review: flags that have outlived their purpose, and what was concluded in the months before."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin
from portal.admin.listing import column
from portal.admin.verbs import Fact, Facts
from portal.lib.errors import NotAllowed
from tenants.flags import actions
from tenants.flags.findings import findings
from tenants.flags.models import Review, today
from tenants.flags.queries import reviews_visible_to

from . import words


class ReviewForm(forms.Form):
    """What the month's review came to."""

    reason = forms.CharField(
        label=gettext_lazy("What was decided"), max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )


@admin.register(Review)
class ReviewAdmin(GovernedAdmin):
    family = "flag_review"
    mount = "flag-reviews"
    floor, order = "registry", 33
    title = gettext_lazy("Flag review")
    explain = gettext_lazy("Once a month a person goes through what has outlived its purpose, or is about to.")
    add_form, add_label = ReviewForm, gettext_lazy("Close this month's review")
    list_display = ("month", "decided", "reviewed_at")
    ordering = ("-month",)
    counts_waiting = True

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return reviews_visible_to(actor).select_related("reviewed_by__person")

    def waiting(self, actor: Actor) -> int:
        """One review waits until this month's is closed."""
        done = not self.may(actor, "edit") or Review.objects.filter(month=today().replace(day=1)).exists()
        return 0 if done else 1

    @column(gettext_lazy("What was decided"))
    def decided(self, review: Review) -> str:
        return review.conclusion

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """What there is to decide now, in place of a mere list of reviews."""
        if not self.has_view_permission(request):
            raise NotAllowed(_("Your role does not open this page."))
        past = list(self.visible(eyes.narrow(request))[:12])
        is_closed = bool(past) and past[0].month == today().replace(day=1)
        found = [
            (*words.FINDINGS[name], [(one, _page(one.key)) for one in flags]) for name, flags in findings().items()
        ]
        context = self.context(
            request,
            title=self.label(),
            found=[row for row in found if row[2]],
            clear=[row[0] for row in found if not row[2]],
            past=[(one, self.object_url(one)) for one in past],
            month=date_format(today(), "F Y"),
            is_closed=is_closed,
            add_url="" if is_closed else self._add_url(request),
        )
        return TemplateResponse(request, "flags/review.html", context)

    def heading(self, review: Review) -> str:
        return _("Review of %(month)s") % {"month": date_format(review.month, "F Y")}

    def state(self, review: Review) -> str:
        return "done"

    def state_words(self, review: Review) -> str:
        return _("closed")

    def sentence(self, review: Review, actor: Actor) -> str:
        return review.conclusion

    def facts(self, review: Review, actor: Actor) -> list[Facts]:
        people = [
            Fact(_("By"), review.reviewed_by.display_name),
            Fact(_("Closed"), review.reviewed_at, "moment"),
        ]
        found = [Fact(words.FINDINGS[name][0], ", ".join(keys) or _("none")) for name, keys in review.findings.items()]
        return [Facts(_("What was found"), found), Facts(_("Who reviewed"), people)]

    def create(self, actor: Actor, data: dict[str, Any]) -> Review:
        return actions.review(actor=actor, reason=data["reason"])


def _page(key: str) -> str:
    return reverse("admin:flags_flag_change", args=[key])
