"""Reads of notices."""

from django.db.models import QuerySet

from portal.access.actor import Actor

from .models import Channel, Delivery, Notice


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
