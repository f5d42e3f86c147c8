"""The person's own views beside the shipped ones, and which query of a list is worth keeping.

Only what the list itself offers is kept: its filters, its order and its search. A view is read the same way, so that
one whose filter is gone still opens the list.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR, ChangeList

from portal.access.actor import Actor

from .models import SavedView


@dataclass(frozen=True)
class Own:
    """A saved view as a tab: `query` is what its list still understands."""

    id: str
    name: str
    query: str
    is_on: bool


def kept(cl: ChangeList, query: str) -> str:
    """The part of a query string that this list offers, in one order."""
    known = {ORDER_VAR, SEARCH_VAR}.union(*(spec.expected_parameters() for spec in cl.filter_specs))
    return urlencode(sorted((key, value) for key, value in parse_qsl(query) if key in known and "\x00" not in value))


def own_views(cl: ChangeList, page: str, query: str, shipped: list[str], actor: Actor) -> dict[str, Any]:
    """What a list's page shows: the person's views, the one that shows now, and what could be kept as another."""
    now = kept(cl, query)
    views = [(view, kept(cl, view.query)) for view in SavedView.objects.visible_to(actor).filter(page=page)]
    own = [Own(str(view.pk), view.name, said, said == now) for view, said in views]
    shown = next((view for view in own if view.is_on), None)
    is_named = shown or now in [kept(cl, one) for one in shipped]
    return {"own_tabs": own, "own_tab": shown, "to_keep": "" if is_named else now}
