"""What happened to an object, as its page shows it: who, what, why, what changed; newest first."""

from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy, ngettext

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.models import Entry
from portal.audit.queries import Event, events_about, sees_persons, words_of

from .history import Difference, differences
from .names import names_of

SHOWN, ALL = 12, 50
WITHOUT_ACT = {"I": gettext_lazy("Added"), "U": gettext_lazy("Changed"), "D": gettext_lazy("Removed")}


@dataclass(frozen=True)
class Line:
    """One act, or a change that no act describes; `entry` is set for who may read the ledger."""

    at: datetime
    who: str
    words: str
    reason: str
    fields: list[Difference]
    count: str
    entry: int | None


def trail_of(obj: models.Model, actor: Actor, limit: int = SHOWN) -> list[Line]:
    """The newest events about an object that the actor may see."""
    events = events_about(obj, limit)
    changes = differences((one for event in events for one in event.changes), with_persons=sees_persons(actor))
    names = names_of(event.said.actor for event in events)
    reads = policy.can(actor, "audit.view")
    return [_line(event, changes, names, reads) for event in events]


def _line(event: Event, changes: dict[int, list[Difference]], names: dict[str, str], reads: bool) -> Line:
    said = event.said
    fields = [one for change in event.changes for one in changes[change.pk]]
    return Line(
        said.at,
        names.get(said.actor, said.actor),
        words_of(said.verb) if event.act else _words(said),
        said.reason,
        fields,
        ngettext("%(n)d field", "%(n)d fields", len(fields)) % {"n": len(fields)},
        said.pk if reads else None,
    )


def _words(change: Entry) -> str:
    return str(WITHOUT_ACT.get(change.op, change.verb))
