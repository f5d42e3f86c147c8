"""A readable history of one object: who changed which field from what to what (django-simple-history)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.encoding import force_str
from django.utils.text import capfirst

SHOWN = 50
UNINTERESTING = frozenset({"updated_at"})


@dataclass(frozen=True)
class Difference:
    label: str
    old: str
    new: str


@dataclass(frozen=True)
class Change:
    at: datetime
    who: str
    kind: str
    reason: str
    differences: list[Difference]


def changes_of(obj: models.Model) -> list[Change]:
    """Return the newest 50 changes, newest first; empty for a model without a history."""
    history = getattr(obj, "history", None)
    if history is None:
        return []
    records = list(history.select_related("history_user__person").order_by("-history_date", "-history_id")[: SHOWN + 1])
    pairs = zip(records, [*records[1:], None], strict=False)
    return [_change(record, before) for record, before in list(pairs)[:SHOWN]]


def _change(record: Any, before: Any) -> Change:
    who = record.history_user.display_name if record.history_user else ""
    differences = _differences(record, before) if before is not None else []
    return Change(record.history_date, who, record.history_type, record.history_change_reason or "", differences)


def _differences(record: Any, before: Any) -> list[Difference]:
    fields = {field.attname: field for field in record.tracked_fields if field.name not in UNINTERESTING}
    found = []
    for attname, field in fields.items():
        old, new = getattr(before, attname), getattr(record, attname)
        if old != new:
            found.append(Difference(capfirst(force_str(field.verbose_name)), _words(field, old), _words(field, new)))
    return found


def _words(field: "models.Field[Any, Any]", value: Any) -> str:
    if value is None or value == "":
        return "–"
    if field.choices:
        return force_str(dict(field.flatchoices).get(value, value))
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "–"
    return force_str(value)
