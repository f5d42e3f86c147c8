"""Reads of the record: what was done to one object, and the whole list for those who may read it."""

from typing import Any

from django.db import models
from django.db.models import BooleanField, Func, QuerySet, Value
from django.db.models.expressions import Combinable

from portal.access import policy
from portal.access.actor import Actor

from .models import Entry


def is_anchored(entry: Combinable | int) -> Func:
    """SQL: true once the entry lies in an anchored checkpoint, so that what it announces may take effect."""
    return Func(
        entry if isinstance(entry, Combinable) else Value(entry), function="audit.anchored", output_field=BooleanField()
    )


def words_of(verb: str) -> str:
    """`request.roll_back` reads "Request roll back"."""
    return verb.replace(".", " ").replace("_", " ").capitalize()


def entries_about(obj: models.Model, limit: int = 12) -> list[Entry]:
    """The newest entries about one object; the caller has decided that the object may be seen."""
    found = Entry.objects.acts().filter(object_type=obj._meta.label_lower, object_id=str(obj.pk))
    return list(found.order_by("-id")[:limit])


def entries_by(actor: str, verbs: list[str]) -> QuerySet[Entry]:
    """What one actor did under these verbs, for actions that undo it; nobody is shown these."""
    return Entry.objects.filter(actor=actor, verb__in=verbs)


def entries_visible_to(actor: Actor) -> QuerySet[Any]:
    """The whole record for those who may read it, nothing for anybody else."""
    return Entry.objects.all() if policy.can(actor, "audit.view") else Entry.objects.none()
