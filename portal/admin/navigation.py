"""The left rail: floors of the house with the pages that exist and that policy lets this actor see."""

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
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
COUNT_KEPT_SECONDS = 3


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
    by_floor: dict[str, list[tuple[int, Link]]] = {}
    for page in site.governed():
        if not page.floor or not page.may(actor, "view"):
            continue
        url = reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")
        link = Link(str(page.label()), url, _waiting(page, actor), request.path.startswith(url))
        by_floor.setdefault(page.floor, []).append((page.order, link))
    return [
        Floor(str(name), [link for _order, link in sorted(by_floor[key], key=lambda pair: pair[0])])
        for key, name in FLOORS
        if key in by_floor
    ]


def _waiting(page: "GovernedAdmin", actor: Actor) -> int:
    """Counts are at most three seconds old, so that a walk through pages does not count again on each."""
    if not page.counts_waiting:
        return 0
    eyes_key = "-".join(sorted(str(grant.pk) for grant in grants_of(actor)))
    key = f"waiting:{page.mount}:{actor.id}:{zlib.crc32(eyes_key.encode())}"
    return int(cache.get_or_set(key, lambda: page.waiting(actor), COUNT_KEPT_SECONDS) or 0)
