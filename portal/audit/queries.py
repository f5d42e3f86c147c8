"""Reads of the record: what was done to one object, and the list an auditor walks through."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import QuerySet

from portal.access import policy
from portal.access.actor import Actor
from portal.access.queries import display_names

from .models import Entry

SHOWN = 12


@dataclass(frozen=True)
class Line:
    """One entry as a page shows it: who by name, the verb as words."""

    at: datetime
    who: str
    words: str
    reason: str


def words_of(verb: str) -> str:
    """`request.roll_back` reads "Request roll back"."""
    return verb.replace(".", " ").replace("_", " ").capitalize()


def who_of(actor_id: str, names: dict[str, str]) -> str:
    """The name of a person, or what the portal's own process is called."""
    return names.get(actor_id) or actor_id.replace("system:", "Bailiwick, ")


def trail_of(obj: models.Model, limit: int = SHOWN) -> list[Line]:
    """The newest entries about one object; the caller has already decided that the object may be seen."""
    entries = list(
        Entry.objects.filter(object_type=obj._meta.label_lower, object_id=str(obj.pk)).order_by("-at")[:limit]
    )
    names = display_names({entry.actor for entry in entries})
    return [Line(entry.at, who_of(entry.actor, names), words_of(entry.verb), entry.reason) for entry in entries]


def entries_visible_to(actor: Actor) -> QuerySet[Any]:
    """The whole record for those who may read it, nothing for anybody else."""
    return Entry.objects.all() if policy.can(actor, "audit.view") else Entry.objects.none()
