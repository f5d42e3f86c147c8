"""Which cases an actor may read: what their grants reach, what they asked for, what they hold for someone else."""

from django.db.models import Q

from portal.access import policy
from portal.access.actor import Actor
from portal.access.queries import scope_filter

from .models.delegation import Delegation


def reached_by(actor: Actor, roles: frozenset[str]) -> Q:
    """A Q over cases that the actor's own grants of `roles` reach; empty if that is all of them."""
    return scope_filter(actor, roles, tenant="tenant_id", business_unit="business_unit")


def delegations_held(actor: Actor) -> list[Delegation]:
    """The live delegations this actor holds, the delegators with them; read once per actor."""
    if actor.user is None:
        return []
    if "delegations" not in actor._cache:
        held = Delegation.objects.live().filter(delegate=actor.user).select_related("delegator__person")
        actor._cache["delegations"] = list(held)
    found: list[Delegation] = actor._cache["delegations"]
    return found


def reachable_by(actor: Actor) -> Q:
    """A Q over the cases the actor may read. An empty Q means all: it must not meet an `|`, which would lose it."""
    parts = [reached_by(actor, policy.VERBS["approval.view"])]
    parts += [reached_by(Actor.of_user(d.delegator), frozenset({d.role})) for d in delegations_held(actor)]
    if any(not part for part in parts):
        return Q()
    reach = Q(requested_by=actor.user) if actor.user is not None else Q(pk__in=[])
    for part in parts:
        reach |= part
    return reach
