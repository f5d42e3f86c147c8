"""Reviews: the list of what is open, and the page on which one is filled in and closed."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle.migration.reviews import actions
from lifecycle.migration.reviews.models import Review
from portal.access import policy
from portal.access.actor import Actor
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column, yes_no
from portal.admin.verbs import Fact, Facts, Verb

Closed = yes_no("open", gettext_lazy("open"), "closed_at__isnull", gettext_lazy("open"), gettext_lazy("closed"))


class DescribeForm(forms.Form):
    cause = forms.CharField(
        label=gettext_lazy("Why it had to be taken back"), max_length=4000, widget=forms.Textarea(attrs={"rows": 4})
    )
    retry_on = forms.DateField(
        label=gettext_lazy("Not tried again before"), widget=forms.DateInput(attrs={"type": "date"})
    )


class MeasureForm(forms.Form):
    text = forms.CharField(label=gettext_lazy("What is done"), max_length=500)
    owner = forms.CharField(label=gettext_lazy("By whom"), max_length=150, help_text=gettext_lazy("Login name"))
    due_on = forms.DateField(label=gettext_lazy("By when"), widget=forms.DateInput(attrs={"type": "date"}))


class DoneForm(forms.Form):
    measure = forms.IntegerField(label=gettext_lazy("Number of the measure"), min_value=1, max_value=2**62)


@admin.register(Review)
class ReviewAdmin(GovernedAdmin):
    family = "migration_review"
    mount = "migration-reviews"
    floor, order = "lifecycle", 6
    title = gettext_lazy("Reviews of moves")
    explain = gettext_lazy("Moves that were taken back: why, what is done about it, and when it is tried again.")
    first_step = gettext_lazy("No move has been taken back. A review opens by itself when one is.")
    list_display = ("move", "tenant_name", "way", "status", "retry_on", "opened_at")
    list_filter = (Closed,)
    search_fields = ("migration__tenant__name",)
    ordering = ("-opened_at",)
    object_template = "reviews/review.html"

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Review.objects.visible_to(actor).select_related("migration__tenant", "closed_by__person")

    @column(gettext_lazy("Move"), ordering="migration__number")
    def move(self, review: Review) -> str:
        return str(review.migration)

    @column(gettext_lazy("Tenant"), ordering="migration__tenant__name")
    def tenant_name(self, review: Review) -> str:
        return review.migration.tenant.name

    @column(gettext_lazy("Way"))
    def way(self, review: Review) -> str:
        return f"{review.migration.source} → {review.migration.target}"

    @column(gettext_lazy("State"), ordering="closed_at", kind="state")
    def status(self, review: Review) -> str:
        return review.status

    def state_words(self, review: Review) -> str:
        return _("closed") if review.closed_at else _("open")

    def heading(self, review: Review) -> str:
        return review.migration.tenant.name

    def sentence(self, review: Review, actor: Actor) -> str:
        if not review.closed_at:
            return _("The same move does not start again until this is closed and its day has come.")
        by = review.closed_by.display_name if review.closed_by else ""
        return _("Closed by %(who)s. The move may be tried again from %(day)s.") % {"who": by, "day": review.retry_on}

    def facts(self, review: Review, actor: Actor) -> list[Facts]:
        rows = [
            Fact(_("Move"), str(review.migration), url=self._url_of_move(review)),
            Fact(_("Way"), self.way(review)),
            Fact(_("Why it was taken back"), review.migration.state_reason),
            Fact(_("Cause"), review.cause),
            Fact(_("Not tried again before"), review.retry_on, "day"),
            Fact(_("Closed"), review.closed_at, "moment"),
        ]
        return [Facts(_("What is known"), [row for row in rows if row.value])]

    def verbs(self, review: Review, actor: Actor) -> list[Verb]:
        found = self._to_fill_in(review) if self.may(actor, "edit", review) else []
        if not review.closed_at and self.may(actor, "close", review):
            says = _(
                "Final. Needs a cause, a day and a measure, and you must not have asked for the move or undone it."
            )
            found.append(Verb("close", _("Close the review"), _on(actions.close), says=says, done=_("Closed.")))
        return found

    def _to_fill_in(self, review: Review) -> list[Verb]:
        done = Verb("done", _("A measure is done"), _on(actions.finish_measure), form=DoneForm, done=_("Noted."))
        if review.closed_at:
            return [done]
        known = {"cause": review.cause, "retry_on": review.retry_on}
        return [
            Verb("describe", _("Say why"), _on(actions.describe), form=DescribeForm, initial=known, done=_("Kept.")),
            Verb("measure", _("Add a measure"), _on(actions.add_measure), form=MeasureForm, done=_("Added.")),
            done,
        ]

    def extra(self, review: Review, actor: Actor) -> dict[str, Any]:
        timeline = [{**one, "at": datetime.fromisoformat(one["at"])} for one in review.timeline]
        return {"measures": list(review.measures.select_related("owner__person")), "timeline": timeline}

    def _url_of_move(self, review: Review) -> str:
        return self.console.url_of("migration.migration", str(review.migration_id))

    def beside(self, obj: Any, actor: Actor) -> list[Card]:
        """On the page of a move that was taken back, the way to its review."""
        if obj._meta.label_lower != "migration.migration" or not policy.can(actor, "migration_review.view", obj):
            return []
        review = Review.objects.filter(migration=obj).first() if obj.state == "rolled_back" else None
        if review is None:
            return []
        context = {"review": review, "words": self.state_words(review), "url": self.object_url(review)}
        return [Card(_("Review"), "reviews/card.html", 5, "side", context=context)]


def _on(action: Any) -> Any:
    def run(obj: Any, *, actor: Actor, reason: str, **more: Any) -> None:
        action(obj.pk, actor=actor, reason=reason, **more)

    return run
