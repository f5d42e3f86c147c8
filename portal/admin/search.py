"""The one search of the top bar, over everything the actor may see."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import lookup_spawns_duplicates
from django.db.models import Q
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from . import eyes
from .navigation import FLOORS

if TYPE_CHECKING:
    from .governed import GovernedAdmin
    from .site import Console

PER_PAGE, LONGEST = 8, 100


@dataclass(frozen=True)
class Hit:
    name: str
    url: str
    state: str
    words: str
    sentence: str


def search(site: "Console", request: HttpRequest) -> TemplateResponse:
    """Results by kind of object; the answer to an empty question is an empty page that says what can be asked."""
    asked = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST]
    actor = eyes.narrow(request)
    pages = sorted((page for page in site.governed() if page.searched and page.may(actor, "view")), key=_place)
    found = [(page.label(), _hits(page, actor, asked)) for page in pages] if asked else []
    context = {
        **site.each_context(request),
        "title": _("Search"),
        "asked": asked,
        "found": [(label, hits) for label, hits in found if hits],
        "kinds": [page.label() for page in pages],
    }
    template = "console/search_results.html" if request.headers.get("X-Part") else "console/search.html"
    return TemplateResponse(request, template, context)


def _place(page: "GovernedAdmin") -> tuple[int, int]:
    """Results come in the order of the rail."""
    return [key for key, _name in FLOORS].index(page.floor), page.order


def _hits(page: "GovernedAdmin", actor: Any, asked: str) -> list[Hit]:
    rows = page.visible(actor)
    for word in asked.split()[:5]:
        wanted = Q()
        for name in page.search_fields:
            wanted |= Q(**{f"{name}__icontains": word})
        rows = rows.filter(wanted)
    if any(lookup_spawns_duplicates(page.opts, name) for name in page.search_fields):
        rows = rows.distinct()
    return [
        Hit(page.heading(row), page.object_url(row), page.state(row), page.state_words(row), page.sentence(row, actor))
        for row in rows[:PER_PAGE]
    ]
