"""Names of people for pages, kept for a minute in the shared cache so that a list does not ask for them again."""

from collections.abc import Iterable
from typing import Any

from django.core.cache import cache

from portal.access.queries import display_names

KEPT_SECONDS = 60


def names_of(ids: Iterable[Any]) -> dict[str, str]:
    """Map user ids to names; ids of the portal's own processes become words."""
    wanted = {str(one) for one in ids if one}
    people = {one for one in wanted if not one.startswith("system:")}
    known: dict[str, str] = cache.get_many([f"name:{one}" for one in people]) if people else {}
    found = {key.removeprefix("name:"): name for key, name in known.items()}
    missing = people - set(found)
    if missing:
        fresh = display_names(missing)
        cache.set_many({f"name:{one}": name for one, name in fresh.items()}, KEPT_SECONDS)
        found |= fresh
    return found | {one: _process(one) for one in wanted - people}


def name_of(one: Any) -> str:
    return names_of([one]).get(str(one), "")


def _process(actor_id: str) -> str:
    return f"Bailiwick ({actor_id.removeprefix('system:').replace('_', ' ')})"
