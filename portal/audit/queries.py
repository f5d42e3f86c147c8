"""Reads of the record: what was done to one object, what changed with it, and the whole list for who may read it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

from django.db import connection, models
from django.db.models import BooleanField, Func, QuerySet, Value
from django.db.models.expressions import Combinable

from portal.access import policy
from portal.access.actor import Actor

from .models import Entry, Governed

PERSONAL = "SELECT commitment, value FROM audit.personal WHERE commitment = ANY(%s)"
CHANGES_PER_EVENT = 6


def is_anchored(entry: Combinable | int) -> Func:
    """SQL: true once the entry lies in an anchored checkpoint, so that what it announces may take effect."""
    return Func(
        entry if isinstance(entry, Combinable) else Value(entry), function="audit.anchored", output_field=BooleanField()
    )


def words_of(verb: str) -> str:
    """`request.roll_back` reads "Request roll back"."""
    return verb.replace(".", " ").replace("_", " ").capitalize()


def entries_by(actor: str, verbs: list[str]) -> QuerySet[Entry]:
    """What one actor did under these verbs, for actions that undo it; nobody is shown these."""
    return Entry.objects.filter(actor=actor, verb__in=verbs)


def entries_visible_to(actor: Actor) -> QuerySet[Any]:
    """The whole record for those who may read it, nothing for anybody else."""
    return Entry.objects.all() if policy.can(actor, "audit.view") else Entry.objects.none()


def sees_persons(actor: Actor) -> bool:
    """True if personal values of entries are shown to this actor, and not only that there was one."""
    return policy.can(actor, "access.view")


# -- one object -----------------------------------------------------------------------------------------------------
@dataclass
class Event:
    """One act with the row changes it brought about; or row changes that no act describes."""

    act: Entry | None
    changes: list[Entry] = field(default_factory=list)

    @property
    def said(self) -> Entry:
        """The entry that names who, when and why."""
        return self.act or self.changes[-1]


def events_about(obj: models.Model, limit: int = 12) -> list[Event]:
    """The newest events about one object; the caller has decided that the object may be seen."""
    found = Entry.objects.filter(object_type=obj._meta.label_lower, object_id=str(obj.pk))
    return events_of(found.order_by("-id")[: limit * CHANGES_PER_EVENT])[:limit]


def events_of(entries: Iterable[Entry]) -> list[Event]:
    """Put changes of one object with the act that follows them in their transaction, newest first.

    A change after the last act of its transaction belongs to that act.
    """
    events: list[Event] = []
    loose: dict[int, list[Entry]] = {}
    last: dict[int, Event] = {}
    for entry in sorted(entries, key=lambda one: one.pk):
        if entry.op != Entry.Op.ACT:
            loose.setdefault(entry.xid, []).append(entry)
            continue
        last[entry.xid] = Event(entry, loose.pop(entry.xid, []))
        events.append(last[entry.xid])
    for xid, changes in loose.items():
        if xid in last:
            last[xid].changes += changes
        else:
            events.append(Event(None, changes))
    return sorted(events, key=lambda event: -event.said.pk)


def images(entry: Entry) -> tuple[dict[str, Any], dict[str, Any]]:
    """The row before and after as the sealed bytes say it, figures exact; empty where there was no row."""
    body = json.loads(entry.body, parse_float=Decimal)
    return body.get("old") or {}, body.get("new") or {}


def personal_values(commitments: Iterable[str]) -> dict[str, str]:
    """What commitments stand for, as far as it has not been forgotten."""
    wanted = list(commitments)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(PERSONAL, [wanted])
        return dict(cursor.fetchall())


@cache
def governed_labels() -> frozenset[str]:
    """The objects whose every change is captured, by model label. Only a migration changes this."""
    return frozenset(Governed.objects.values_list("label", flat=True))
