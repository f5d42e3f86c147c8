"""Reads of notices."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.access.actor import Actor

from .models import Channel, Delivery, Notice

PORTAL = "portal"


def inbox(actor: Actor) -> QuerySet[Notice]:
    """One's own notices, the newest first, with the person each is about."""
    return Notice.objects.visible_to(actor).select_related("asked_by__person")


def unread_count(actor: Actor) -> int:
    return Notice.objects.visible_to(actor).unread().count()


def issues_of(key: str) -> list[tuple[str, str]]:
    """The issues that trackers hold about the news with this key: each with its name and its page."""
    trackers = Channel.objects.filter(kind=Channel.Kind.JIRA).values_list("pk", flat=True)
    filed = Delivery.objects.filter(key__in=[f"{pk}:{key}" for pk in trackers]).exclude(link="")
    return [(link.rpartition("/")[2], link) for link in filed.order_by("created_at").values_list("link", flat=True)]


def gave_up() -> QuerySet[Delivery]:
    """Messages that could not be delivered."""
    return Delivery.objects.filter(state=Delivery.State.FAILED).select_related("channel")


@dataclass(frozen=True)
class Way:
    """How one piece of news went to one person: into the inbox, where it is at once, or by mail.

    `state` is a word of `Delivery.State`; `at` is when it was there, None while it is not; `why` is the last error.
    """

    username: str
    name: str
    by: str
    state: str
    at: datetime | None
    why: str

    @property
    def by_words(self) -> str:
        return str(Channel.Kind(self.by).label) if self.by in Channel.Kind.values else _("Portal")

    @property
    def state_words(self) -> str:
        return str(Delivery.State(self.state).label)


def ways_of(key: str) -> list[Way]:
    """Whom the news with this key went to, and how, in the order in which they were told."""
    notices = list(Notice.objects.filter(key=key).select_related("user__person").order_by("created_at", "user_id"))
    mails = Delivery.objects.filter(channel__kind=Channel.Kind.MAIL, user__in=[one.user_id for one in notices])
    by_user = {one.user_id: one for one in mails.filter(key__endswith=f":{key}").order_by("created_at")}
    return [way for one in notices for way in _ways(one, by_user.get(one.user_id))]


def _ways(told: Notice, mail: Delivery | None) -> list[Way]:
    username, name = told.user.username, told.user.display_name
    found = [Way(username, name, PORTAL, Delivery.State.DELIVERED, told.created_at, "")]
    if mail is not None:
        is_there = mail.state == Delivery.State.DELIVERED
        why = "" if is_there else mail.last_error
        found.append(Way(username, name, Channel.Kind.MAIL, mail.state, mail.delivered_at, why))
    return found
