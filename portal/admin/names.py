"""Names for pages, of people and of scopes, kept for a minute in the shared cache so that pages do not ask again."""

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.utils.module_loading import import_string

from portal.access.queries import display_names

KEPT_SECONDS = 60


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


def _kept(kind: str, wanted: set[str], read: Callable[[set[str]], dict[str, str]]) -> dict[str, str]:
    known: dict[str, str] = cache.get_many([f"{kind}:{one}" for one in wanted]) if wanted else {}
    found = {key.removeprefix(f"{kind}:"): name for key, name in known.items()}
    missing = wanted - set(found)
    if missing:
        fresh = read(missing)
        cache.set_many({f"{kind}:{one}": name for one, name in fresh.items()}, KEPT_SECONDS)
        found |= fresh
    return found


def _process(actor_id: str) -> str:
    return f"Bailiwick ({actor_id.removeprefix('system:').replace('_', ' ')})"
