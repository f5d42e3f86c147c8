"""Reads of the record: what was done to one object, and the whole list for those who may read it."""

from typing import Any

from django.db import models
from django.db.models import QuerySet

from portal.access import policy
from portal.access.actor import Actor

from .models import Entry


def words_of(verb: str) -> str:
    """`request.roll_back` reads "Request roll back"."""
    return verb.replace(".", " ").replace("_", " ").capitalize()


def entries_about(obj: models.Model, limit: int = 12) -> list[Entry]:
    """The newest entries about one object; the caller has decided that the object may be seen."""
    found = Entry.objects.filter(object_type=obj._meta.label_lower, object_id=str(obj.pk))
    return list(found.order_by("-at")[:limit])


def entries_visible_to(actor: Actor) -> QuerySet[Any]:
    """The whole record for those who may read it, nothing for anybody else."""
    return Entry.objects.all() if policy.can(actor, "audit.view") else Entry.objects.none()
