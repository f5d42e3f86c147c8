"""The home page: what each page of the console has to say to this person, the most pressing first."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from . import eyes
from .names import name_of

if TYPE_CHECKING:
    from .site import Console


@dataclass(frozen=True)
class Card:
    """One card of a home page. `place` is "figure", "main" or "side"; lower `order` comes first."""

    title: Any
    template: str
    order: int = 50
    place: str = "main"
    url: str = ""
    says: str = ""
    context: dict[str, Any] = field(default_factory=dict)


def home(site: "Console", request: HttpRequest) -> TemplateResponse:
    """Every card the pages offer this actor, in order; the first sentences of the pressing ones make the greeting."""
    actor = eyes.narrow(request)
    cards = [card for page in site.governed() if page.may(actor, "view") for card in page.home_cards(actor)]
    cards.sort(key=lambda card: card.order)
    by_place = {place: [card for card in cards if card.place == place] for place in ("figure", "main", "side")}
    context = {
        **site.each_context(request),
        "title": _greeting(name_of(actor.id)),
        "sentences": [card.says for card in cards if card.says],
        "cards": by_place,
    }
    return TemplateResponse(request, "admin/index.html", context)


def _greeting(name: str) -> str:
    first, hour = name.split(" ")[0], timezone.localtime().hour
    if 4 <= hour < 12:
        return _("Good morning, %(name)s") % {"name": first}
    if 12 <= hour < 17:
        return _("Good afternoon, %(name)s") % {"name": first}
    return _("Good evening, %(name)s") % {"name": first}
