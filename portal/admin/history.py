"""Row changes of the ledger in words: which field, from what to what. Secrets and persons stay what they are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.utils.encoding import force_str
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext as _

from portal.audit.models import Entry
from portal.audit.queries import images, personal_values
from portal.lib import money

from .names import objects_of

NOTHING = "–"
LONGEST = 400
UNINTERESTING = frozenset({"updated_at"})
INSTANTS = ("_at", "_until", "_from", "_by")
KNOWN = {"tenant_id": "tenants.tenant", "granted_by": "access.user", "created_by": "access.user"}


@dataclass(frozen=True)
class Difference:
    """One field of one change; `old` or `new` is empty where there was no row."""

    label: str
    old: str
    new: str


def differences(entries: Iterable[Entry], *, with_persons: bool) -> dict[int, list[Difference]]:
    """Map each row change to its fields in words. Names are read for all at once."""
    changes = [_Change(entry, *images(entry)) for entry in entries if entry.op != Entry.Op.ACT]
    words = _Words(changes, with_persons=with_persons)
    return {change.entry.pk: list(_fields(change, words)) for change in changes}


@dataclass(frozen=True)
class _Change:
    entry: Entry
    old: dict[str, Any]
    new: dict[str, Any]

    @property
    def fields(self) -> dict[str, Any]:
        """The model's fields by column; a table without a model of ours has none."""
        try:
            return {field.attname: field for field in apps.get_model(self.entry.object_type)._meta.concrete_fields}
        except LookupError:
            return {}

    def references(self) -> Iterator[tuple[str, str]]:
        """Every (model label, key) that a value names, this row itself apart."""
        fields = self.fields
        for row in (self.old, self.new):
            for name, value in row.items():
                if isinstance(value, str) and value != self.entry.object_id and (label := _refers(name, fields)):
                    yield label, value


def _refers(name: str, fields: dict[str, Any]) -> str:
    """What kind of object a column names: by foreign key, or by the names used where floors may not point upward."""
    field = fields.get(name)
    if field is not None and field.remote_field is not None:
        return str(field.remote_field.model._meta.label_lower)
    return KNOWN.get(name, "")


def _fields(change: _Change, words: "_Words") -> Iterator[Difference]:
    fields, old, new = change.fields, change.old, change.new
    is_update = change.entry.op == Entry.Op.UPDATE
    for name in dict.fromkeys([*new, *old]):
        before, after = old.get(name), new.get(name)
        if name in UNINTERESTING or before == after or (not is_update and _is_empty(after or before)):
            continue
        said = (words.of(name, fields, value) for value in (before, after))
        yield Difference(_label(name, fields.get(name)), *said)


def _is_kept(value: Any, how: str) -> bool:
    return isinstance(value, dict) and value.keys() == {how}


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _label(name: str, field: Any) -> str:
    text = force_str(field.verbose_name) if field is not None else name.replace("_", " ")
    return str(capfirst(text.removesuffix(" inr")))


class _Words:
    """Values as people read them."""

    def __init__(self, changes: list[_Change], *, with_persons: bool) -> None:
        rows = [row for change in changes for row in (change.old, change.new)]
        hidden = [value["commitment"] for row in rows for value in row.values() if _is_kept(value, "commitment")]
        self.names = objects_of(pair for change in changes for pair in change.references())
        self.persons = personal_values(hidden) if with_persons else {}
        self.with_persons = with_persons

    def of(self, name: str, fields: dict[str, Any], value: Any) -> str:
        if _is_kept(value, "sha256"):
            return _("kept as a hash (%(hash)s…)") % {"hash": value["sha256"][:8]}
        if _is_kept(value, "commitment"):
            return self._personal(value["commitment"])
        if _is_empty(value):
            return NOTHING
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if isinstance(value, (int, Decimal)):
            return _figure(name, value)
        return Truncator(self._text(name, fields, value)).chars(LONGEST)

    def _text(self, name: str, fields: dict[str, Any], value: Any) -> str:
        if isinstance(value, dict):
            return ", ".join(f"{key}: {one}" for key, one in value.items())
        if isinstance(value, list):
            return ", ".join(map(str, value))
        if (field := fields.get(name)) is not None and field.choices:
            return force_str(dict(field.flatchoices).get(value, value))
        if name.endswith(INSTANTS) and (at := _instant(value)):
            return at
        return self.names.get((_refers(name, fields), value), value)

    def _personal(self, commitment: str) -> str:
        if not self.with_persons:
            return _("personal")
        return self.persons.get(commitment, _("personal, forgotten"))


def _figure(name: str, value: int | Decimal) -> str:
    if name.endswith("_inr"):
        return money.inr(Decimal(value))
    return money.number(value) if isinstance(value, int) else f"{value:f}"


def _instant(value: str) -> str:
    from .tags import second

    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return ""
    return second(at) if at.tzinfo else ""
