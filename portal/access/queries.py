"""Reads about access: grants, role holders, and the scope filter that every list goes through."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from .actor import Actor
from .models import Grant, User


def grants_of(actor: Actor, at: datetime | None = None) -> list[Grant]:
    """The actor's live grants; read once per actor when no instant is named."""
    if actor.user is None:
        return []
    if at is not None:
        return list(Grant.objects.live(at).filter(user=actor.user))
    if "grants" not in actor._cache:
        actor._cache["grants"] = list(Grant.objects.live().filter(user=actor.user))
    return actor._cache["grants"]


def roles_of(actor: Actor, at: datetime | None = None) -> frozenset[str]:
    """Every role the actor holds somewhere."""
    return frozenset(grant.role for grant in grants_of(actor, at))


def users_with_role(role: str, where: dict[str, str] | None = None, at: datetime | None = None) -> QuerySet[User]:
    """Active people (no superusers, no services) whose live grant of `role` is global or reaches one of `where`."""
    grants = Grant.objects.live(at).filter(_reach(where), role=role)
    return User.objects.filter(
        pk__in=grants.values("user"), is_active=True, is_superuser=False, is_service=False
    ).select_related("person")


def holders_of(
    roles: Collection[str],
    where: dict[str, str] | None = None,
    at: datetime | None = None,
    *,
    not_by: Any = None,
) -> dict[str, dict[Any, User]]:
    """The same as `users_with_role` for several roles in one query: role -> user id -> user.

    `not_by` leaves out grants that this user gave: who asks does not choose who signs.
    """
    grants = Grant.objects.live(at).filter(
        _reach(where), role__in=roles, user__is_active=True, user__is_superuser=False, user__is_service=False
    )
    if not_by is not None:
        grants = grants.exclude(granted_by=str(not_by))
    found: dict[str, dict[Any, User]] = {role: {} for role in roles}
    for grant in grants.select_related("user__person"):
        found[grant.role][grant.user_id] = grant.user
    return found


def _reach(where: dict[str, str] | None) -> Q:
    reach = Q(scope_type="global")
    for kind, key in (where or {}).items():
        reach |= Q(scope_type=kind, scope_id=str(key))
    return reach


def scope_filter(actor: Actor, roles: Collection[str], *, tenant: str, business_unit: str | None = None) -> Q:
    """A Q that keeps what the actor's grants of `roles` reach; `tenant` and `business_unit` name the lookups.

    Returns a Q matching nothing when no grant reaches anything.
    """
    if actor.is_system:
        return Q()
    reach = Q(pk__in=[])
    for grant in grants_of(actor):
        if grant.role not in roles:
            continue
        if grant.scope_type == "global":
            return Q()
        if grant.scope_type == "tenant":
            reach |= Q(**{tenant: grant.scope_id})
        elif business_unit:
            reach |= Q(**{business_unit: grant.scope_id})
    return reach


def display_names(ids: Collection[Any]) -> dict[str, str]:
    """Map user ids to the names shown on pages."""
    users = User.objects.filter(pk__in=[i for i in ids if i and not str(i).startswith("system:")]).select_related(
        "person"
    )
    return {str(user.pk): user.display_name for user in users}
