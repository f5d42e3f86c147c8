"""Lend one's signature between two dates, and take it back."""

from datetime import datetime, timedelta
from typing import Any

from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import Role, User
from portal.access.queries import roles_of
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Invalid, NotAllowed

from ..authority import may_end
from ..models import Delegation

LONGEST = timedelta(days=92)


@action
def delegate(
    *,
    actor: Actor,
    delegate: User,
    role: str,
    valid_until: datetime,
    reason: str,
    valid_from: datetime | None = None,
) -> Delegation:
    """Let `delegate`, who must hold `role` too, sign for the actor between two dates. Never retroactive.

    Only what the actor holds by grant is lent: a signature held for somebody else cannot be passed on.
    """
    policy.require(actor, "approval.delegate")
    at = now()
    valid_from = valid_from or at
    if role not in policy.VERBS["approval.sign"] or role not in roles_of(actor, at):
        raise NotAllowed("You can lend only a signing role you hold yourself.", code="role-not-held")
    if actor.user is None or delegate.pk == actor.user.pk:
        raise Invalid(fields={"delegate": "name somebody else"})
    able = delegate.is_active and not delegate.is_superuser and not delegate.is_service
    if not able or role not in roles_of(Actor.of_user(delegate), at):
        label = Role(role).label
        raise Invalid(fields={"delegate": f"must hold the role {label} too; an administrator can grant it first"})
    if valid_from < at:
        raise Invalid(fields={"valid_from": "a delegation does not reach into the past"})
    if not timedelta(0) < valid_until - valid_from <= LONGEST:
        raise Invalid(fields={"valid_until": f"after the start, and at most {LONGEST.days} days"})
    if not reason.strip():
        raise Invalid(fields={"reason": "write why"})
    row = Delegation.objects.create(
        delegator=actor.user,
        delegate=delegate,
        role=role,
        valid_from=valid_from,
        valid_until=valid_until,
        reason=reason.strip(),
        created_at=at,
    )
    record("delegation.given", row, actor=actor, reason=reason, data={"delegate": delegate.pk, "role": role})
    return row


@action
def revoke_delegation(delegation_id: Any, *, actor: Actor, reason: str) -> Delegation:
    """End a delegation now, as the delegator, the delegate or an administrator of access."""
    row = Delegation.objects.select_for_update().filter(pk=delegation_id).first()
    if row is None:
        raise Absent("There is no such delegation.")
    may_end(actor, row)
    if row.revoked_at is None:
        row.revoked_at = now()
        row.save(update_fields=["revoked_at"])
        record("delegation.revoked", row, actor=actor, reason=reason)
    return row
