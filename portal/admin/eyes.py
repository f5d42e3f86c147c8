"""Whose eyes a page is seen with: the signed-in person, narrowed to the one grant they chose to act under.

Narrowing only ever takes grants away, so a choice kept in the session cannot widen what a person may do.
"""

from dataclasses import dataclass, replace

from django.http import HttpRequest
from django.utils.translation import gettext as _

from portal.access.actor import Actor, actor_of
from portal.access.models import Grant
from portal.access.queries import grants_of

from .names import scopes_of

CHOSEN = "eyes"


@dataclass(frozen=True)
class Eyes:
    """One way of looking: a role over a scope, or everything the person may see."""

    key: str
    role: str
    scope: str
    is_chosen: bool


def narrow(request: HttpRequest) -> Actor:
    """Return the request's actor holding only the chosen grant; a choice that is no longer live is forgotten."""
    actor = actor_of(request)
    if "all_grants" in actor._cache:
        return actor
    grants = grants_of(actor)
    chosen = request.session.get(CHOSEN)
    kept = [grant for grant in grants if str(grant.pk) == chosen]
    if chosen and not kept:
        del request.session[CHOSEN]
    narrowed = replace(actor, _cache={"all_grants": grants, "grants": kept or grants})
    request.actor = narrowed  # type: ignore[attr-defined]
    return narrowed


def choices(request: HttpRequest) -> list[Eyes]:
    """Return every way this person may look, the present one marked; one entry when there is nothing to choose."""
    actor = narrow(request)
    grants: list[Grant] = actor._cache["all_grants"]
    chosen = request.session.get(CHOSEN, "")
    names = scopes_of(grant.scope_id for grant in grants)
    single = [_as_eyes(grant, names, str(grant.pk) == chosen or len(grants) == 1) for grant in grants]
    if len(single) == 1:
        return single
    roles = ", ".join(dict.fromkeys(eyes.role for eyes in single))
    if actor.user is not None and actor.user.is_superuser:
        roles = roles or _("Superuser")
    everything = Eyes("", roles or _("No role yet"), _("everything you may see"), not chosen)
    return [everything, *single]


def present(request: HttpRequest) -> Eyes:
    """Return the way the page is being looked at now."""
    found = choices(request)
    return next((eyes for eyes in found if eyes.is_chosen), found[0])


def choose(request: HttpRequest, key: str) -> None:
    """Look with one of the person's own grants from now on, or with all of them for an empty key."""
    own = {str(grant.pk) for grant in narrow(request)._cache["all_grants"]}
    if key in own:
        request.session[CHOSEN] = key
    else:
        request.session.pop(CHOSEN, None)


def _as_eyes(grant: Grant, names: dict[str, str], is_chosen: bool) -> Eyes:
    scope = names.get(grant.scope_id, grant.scope_id) if grant.scope_id else _("everything")
    return Eyes(str(grant.pk), grant.get_role_display(), scope, is_chosen)
