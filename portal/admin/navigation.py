"""The left rail: floors of the house with the pages that exist and that policy lets this actor see."""

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal.access.actor import Actor
from portal.access.queries import grants_of

from . import eyes

if TYPE_CHECKING:
    from .governed import GovernedAdmin
    from .site import Console

FLOORS: tuple[tuple[str, Any], ...] = (
    ("my_work", _("My work")),
    ("registry", _("Registry")),
    ("lifecycle", _("Lifecycle")),
    ("compliance", _("Compliance")),
    ("evidence", _("Evidence")),
    ("platform", _("Platform")),
)
COUNTS_KEPT_SECONDS = 10


@dataclass(frozen=True)
class Link:
    label: str
    url: str
    waiting: int
    is_current: bool


@dataclass(frozen=True)
class Floor:
    name: str
    links: list[Link]


def rail(site: "Console", request: HttpRequest) -> list[Floor]:
    """Return the floors with at least one page; counts are of what waits for this actor."""
    actor = eyes.narrow(request)
    pages = [page for page in site.governed() if page.floor and page.may(actor, "view")]
    waiting = cache.get_or_set(_key(actor), lambda: _count(pages, actor), COUNTS_KEPT_SECONDS) or {}
    by_floor: dict[str, list[tuple[int, Link]]] = {}
    for page in pages:
        url = page.list_url()
        link = Link(str(page.label()), url, waiting.get(page.mount, 0), request.path.startswith(url))
        by_floor.setdefault(page.floor, []).append((page.order, link))
    return [
        Floor(str(name), [link for _order, link in sorted(by_floor[key], key=lambda pair: pair[0])])
        for key, name in FLOORS
        if key in by_floor
    ]


def forget_counts(actor: Actor) -> None:
    """Count again for the next page: the actor has just done something."""
    cache.delete(_key(actor))


def _count(pages: "list[GovernedAdmin]", actor: Actor) -> dict[str, int]:
    return {page.mount: page.waiting(actor) for page in pages if page.counts_waiting}


def _key(actor: Actor) -> str:
    """One entry for each person and way of looking."""
    grants = "-".join(sorted(str(grant.pk) for grant in grants_of(actor)))
    return f"waiting:{actor.id}:{zlib.crc32(grants.encode())}"
