"""Reads of notices."""

from django.db.models import QuerySet

from portal.access.actor import Actor

from .models import Delivery, Notice


def inbox(actor: Actor) -> QuerySet[Notice]:
    """One's own notices, the newest first, with the person each is about."""
    return Notice.objects.visible_to(actor).select_related("asked_by__person")


def unread_count(actor: Actor) -> int:
    return Notice.objects.visible_to(actor).unread().count()


def gave_up() -> QuerySet[Delivery]:
    """Messages that could not be delivered."""
    return Delivery.objects.filter(state=Delivery.State.FAILED).select_related("channel")
