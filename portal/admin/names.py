"""Names for pages, of people and of scopes, kept for a minute in the shared cache so that pages do not ask again."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.utils.module_loading import import_string

from portal.access.queries import display_names

KEPT_SECONDS = 60
PEOPLE = frozenset({"access.user", "access.person"})


def names_of(ids: Iterable[Any]) -> dict[str, str]:
    """Map user ids to names; ids of the portal's own processes become words."""
    wanted = {str(one) for one in ids if one}
    people = {one for one in wanted if not one.startswith("system:")}
    return _kept("name", people, display_names) | {one: _process(one) for one in wanted - people}


def name_of(one: Any) -> str:
    return names_of([one]).get(str(one), "")


def scopes_of(ids: Iterable[Any]) -> dict[str, str]:
    """Map ids of business units and tenants to what they are called; the floor above knows, by dotted string."""
    path: str | None = getattr(settings, "SCOPE_NAMES", None)
    if path is None:
        return {}
    return _kept("scope", {str(one) for one in ids if one}, lambda missing: import_string(path)(sorted(missing)))


def objects_of(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Map (model label, key) to what the object is called, for those that have a name and are still there."""
    keys = {f"{label}:{key}": (label, key) for label, key in pairs}
    return {keys[one]: name for one, name in _kept("object", set(keys), _called).items()}


def _called(wanted: set[str]) -> dict[str, str]:
    by_label: dict[str, list[str]] = {}
    for one in wanted:
        label, _colon, key = one.partition(":")
        by_label.setdefault(label, []).append(key)
    found: dict[str, str] = {}
    for label, keys in by_label.items():
        if label in PEOPLE:
            found |= {f"{label}:{key}": name for key, name in names_of(keys).items()}
        elif (field := _name_field(label)) is not None:
            known = [key for key in keys if _could_be(label, key)]
            rows = apps.get_model(label)._default_manager.filter(pk__in=known).values_list("pk", field)
            found |= {f"{label}:{key}": str(name) for key, name in rows}
    return found


def _could_be(label: str, key: str) -> bool:
    """A key of another shape names nothing, and no query may ask for it."""
    try:
        apps.get_model(label)._meta.pk.to_python(key)
    except ValidationError:
        return False
    return True


def _name_field(label: str) -> str | None:
    try:
        fields = {field.name for field in apps.get_model(label)._meta.concrete_fields}
    except LookupError:
        return None
    return next((name for name in ("display_name", "title", "name", "label") if name in fields), None)


def _kept(kind: str, wanted: set[str], read: Callable[[set[str]], dict[str, str]]) -> dict[str, str]:
    known: dict[str, str] = cache.get_many([_key(kind, one) for one in wanted]) if wanted else {}
    found = {one: known[key] for one in wanted if (key := _key(kind, one)) in known}
    missing = wanted - set(found)
    if missing:
        fresh = read(missing)
        cache.set_many({_key(kind, one): name for one, name in fresh.items()}, KEPT_SECONDS)
        found |= fresh
    return found


def _key(kind: str, one: str) -> str:
    return quote(f"{kind}:{one}")


def _process(actor_id: str) -> str:
    return f"Bailiwick ({actor_id.removeprefix('system:').replace('_', ' ')})"
