"""Keep, rename and remove one's own views."""

from typing import Any

from django.utils.translation import gettext as _

from portal.access.actor import Actor
from portal.access.models import User
from portal.audit.context import action
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed

from .models import LONGEST, MOST, SavedView


@action
def save_view(page: str, name: str, query: str, *, actor: Actor) -> SavedView:
    """Keep a query under a name, as the last of this person's views of the page."""
    if not query:
        raise Invalid(_("Filter, sort or search the list first; then there is something to keep."))
    if len(query) > LONGEST:
        raise Invalid(_("This is too much to keep as a view."))
    mine = _mine(page, actor)
    taken = set(mine.values_list("place", flat=True))
    if len(taken) >= MOST:
        raise Conflict(_("Thirty views of one list are kept at most; remove one first."), code="too-many-views")
    place = min(set(range(1, MOST + 1)) - taken)
    return SavedView.objects.create(user=actor.user, page=page, name=_free(name, mine), query=query, place=place)


@action
def rename_view(view_id: Any, name: str, *, actor: Actor) -> SavedView:
    """Give one's own view another name."""
    view = _own(view_id, actor)
    view.name = _free(name, _mine(view.page, actor).exclude(pk=view.pk))
    view.save(update_fields=["name"])
    return view


@action
def remove_view(view_id: Any, *, actor: Actor) -> SavedView:
    """Forget one's own view."""
    view = _own(view_id, actor)
    view.delete()
    return view


def _mine(page: str, actor: Actor) -> Any:
    """This person's views of a page; two of their windows take turns."""
    if actor.user is None:
        raise NotAllowed(_("Views are a person's own."))
    User.objects.select_for_update(no_key=True).get(pk=actor.user.pk)
    return SavedView.objects.visible_to(actor).filter(page=page)


def _own(view_id: Any, actor: Actor) -> SavedView:
    view = SavedView.objects.visible_to(actor).filter(pk=view_id).first()
    if view is None:
        raise Absent(_("There is no such view."))
    return view


def _free(name: str, others: Any) -> str:
    name = " ".join(name.split())
    if not name or others.filter(name=name).exists():
        raise Invalid(fields={"name": _("a name that none of your views of this list has")})
    return name
