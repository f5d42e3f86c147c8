"""The inbox, and the channels through which news leaves the house."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.access.actor import Actor
from portal.access.models import Role
from portal.access.queries import roles_of
from portal.admin import eyes
from portal.admin.governed import GovernedAdmin
from portal.admin.home import Card
from portal.admin.listing import column, yes_no
from portal.admin.navigation import forget_counts
from portal.admin.verbs import Fact, Facts, Verb
from portal.lib.errors import Refusal

from . import actions, queries
from .models import Channel, Delivery, Notice, Severity

UNREAD = yes_no("unread", gettext_lazy("read or not"), "read_at__isnull", gettext_lazy("unread"), gettext_lazy("read"))


@admin.register(Notice)
class NoticeAdmin(GovernedAdmin):
    """One's own inbox: nobody needs a role to read what was sent to them."""

    mount = "notifications"
    floor, order = "my_work", 20
    counts_waiting = True
    title = gettext_lazy("Notifications")
    explain = gettext_lazy("What happened to things that concern you. The same news also leaves by mail.")
    first_step = gettext_lazy("No news yet. You hear here of requests, signatures and incidents that concern you.")
    views = ((gettext_lazy("All"), ""), (gettext_lazy("Unread"), "unread=yes"))
    list_display = ("title", "severity", "news", "created_at")
    list_filter = (UNREAD, "severity", ("created_at", admin.DateFieldListFilter))
    search_fields = ("title",)
    ordering = ("-created_at",)
    object_template = "notify/notice.html"
    list_template = "notify/inbox.html"

    def may(self, actor: Actor, word: str, obj: Any = None) -> bool:
        return word == "view" and actor.user is not None

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return queries.inbox(actor)

    def waiting(self, actor: Actor) -> int:
        return queries.unread_count(actor)

    @column(gettext_lazy("Read"), ordering="read_at", kind="state")
    def news(self, notice: Notice) -> str:
        return "read" if notice.read_at else "unread"

    def heading(self, notice: Notice) -> str:
        return notice.title

    def state(self, notice: Notice) -> str:
        return {"critical": "critical", "warning": "warning"}.get(notice.severity, "information")

    def state_words(self, notice: Notice) -> str:
        return str(notice.get_severity_display())

    def get_urls(self) -> list[URLPattern]:
        all_read = path("read/", self.admin_site.admin_view(self.read_all_view), name="notify_read_all")
        return [all_read, *super().get_urls()]

    def read_all_view(self, request: HttpRequest) -> HttpResponseBase:
        if request.method == "POST":
            actions.mark_all_read(actor=eyes.narrow(request))
            forget_counts(eyes.narrow(request))
        return HttpResponseRedirect(self.list_url())

    def object_page(self, request: HttpRequest, obj: Any, *, refusal: Refusal | None = None) -> HttpResponse:
        """Opening a notice is reading it; nothing but the mark in one's own inbox changes."""
        if obj.read_at is None:
            actions.mark_read(obj.pk, actor=eyes.narrow(request))
            forget_counts(eyes.narrow(request))
        return super().object_page(request, obj, refusal=refusal)

    def home_cards(self, actor: Actor) -> list[Card]:
        """For the people of a tenant; everybody else has the count in the rail and other things to see first."""
        if not roles_of(actor) & {Role.TENANT_ADMIN, Role.TENANT_VIEWER}:
            return []
        unread = list(queries.inbox(actor).unread()[:6])  # type: ignore[attr-defined]
        if not unread:
            return []
        rows = [{"notice": one, "url": self.object_url(one), "state": self.state(one)} for one in unread]
        return [Card(_("Unread"), "notify/card.html", 35, "side", self.list_url(), context={"rows": rows})]


OUTWARD = [choice for choice in Channel.Kind.choices if choice[0] != Channel.Kind.MAIL]
SECRET = forms.PasswordInput(attrs={"autocomplete": "off"})


class ChannelForm(forms.Form):
    """Every kind's fields at once: each adapter takes its own and says what is missing."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=OUTWARD)
    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=2000,
        required=False,
        help_text=gettext_lazy(
            "https only. Jira: the site, such as https://acme.atlassian.net. PagerDuty: may be empty"
        ),
    )
    routing_key = forms.CharField(label=gettext_lazy("PagerDuty: integration key"), max_length=64, required=False)
    project = forms.CharField(label=gettext_lazy("Jira: project's key"), max_length=50, required=False)
    issue_type = forms.CharField(
        label=gettext_lazy("Jira: issue type"), max_length=60, required=False, help_text=gettext_lazy("Empty: Task")
    )
    email = forms.EmailField(
        label=gettext_lazy("Jira Cloud: e-mail of the token's owner"),
        required=False,
        help_text=gettext_lazy("Empty for Jira Data Center and a personal access token"),
    )
    token = forms.CharField(label=gettext_lazy("Jira: API token"), max_length=1000, required=False, widget=SECRET)
    events = forms.CharField(
        label=gettext_lazy("News"),
        max_length=500,
        initial="ticket.opened",
        help_text=gettext_lazy("Such as ticket.opened approval.*, with blanks between; * is everything"),
    )
    min_severity = forms.ChoiceField(label=gettext_lazy("From which severity on"), choices=Severity.choices)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, help_text=gettext_lazy("Kept in the ledger"))


@admin.register(Channel)
class ChannelAdmin(GovernedAdmin):
    family = "webhook"
    mount = "channels"
    floor, order = "platform", 30
    title = gettext_lazy("Channels")
    explain = gettext_lazy(
        "Ways out of the house: mail, chat, pagers, webhooks. Addresses and secrets are stored sealed."
    )
    first_step = gettext_lazy("No channel yet. Mail to the people concerned goes out without one.")
    add_form, add_label = ChannelForm, gettext_lazy("Add a channel")
    list_display = ("name", "kind", "shown_target", "stands")
    list_filter = (
        "kind",
        yes_no("sending", gettext_lazy("state"), "is_active", gettext_lazy("sending"), gettext_lazy("stopped")),
    )
    search_fields = ("name",)
    ordering = ("name",)

    def visible(self, actor: Actor) -> QuerySet[Any]:
        return Channel.objects.all()

    @column(gettext_lazy("State"), ordering="is_active", kind="state")
    def stands(self, channel: Channel) -> str:
        return self.state(channel)

    def state(self, channel: Channel) -> str:
        return "active" if channel.is_active else "stopped"

    def state_words(self, channel: Channel) -> str:
        return _("sending") if channel.is_active else _("stopped")

    def sentence(self, channel: Channel, actor: Actor) -> str:
        return channel.stopped_reason

    def facts(self, channel: Channel, actor: Actor) -> list[Facts]:
        sent = list(Delivery.objects.filter(channel=channel).order_by("-created_at")[:10])
        routes = [
            Fact(route.event, route.get_min_severity_display()) for route in channel.routes.all() if route.is_active
        ]
        news = [Fact(one.title, one.state, "state", one.link) for one in sent]
        about = [
            Fact(_("Kind"), channel.get_kind_display()),
            Fact(_("Goes to"), channel.shown_target or _("people's own addresses")),
        ]
        return [
            Facts(_("Channel"), about),
            Facts(_("News that goes this way, from which severity on"), routes or [Fact(_("None"), "")]),
            Facts(_("Last messages"), news or [Fact(_("None"), "")]),
        ]

    def create(self, actor: Actor, data: dict[str, Any]) -> Channel:
        target = {name: data.pop(name) for name in ("url", "routing_key", "project", "issue_type", "email", "token")}
        events = data.pop("events").split()
        channel, secret = actions.create_channel(actor=actor, target=target, events=events, **data)
        channel.shown_once = secret  # type: ignore[attr-defined]
        return channel

    def created_message(self, obj: Any) -> str:
        if not obj.shown_once:
            return _("From now on.")
        return _("Copy the signing secret now, it is not shown again: %(secret)s") % {"secret": obj.shown_once}

    def verbs(self, channel: Channel, actor: Actor) -> list[Verb]:
        if not self.may(actor, "edit") or not channel.is_active:
            return []
        says = _("Nothing more goes out this way; what was on its way is given up and says so.")
        return [Verb("stop", _("Stop"), _stop, tone="danger", says=says)]


def _stop(channel: Channel, *, actor: Actor, reason: str) -> None:
    actions.stop_channel(channel.pk, actor=actor, reason=reason)
