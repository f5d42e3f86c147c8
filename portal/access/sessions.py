"""Access with a reason: who runs the platform says why before reading one tenant, and reads for an hour.

Lists need no session: what stands in their rows is the running of the platform. Writing needs none either: each verb
carries a reason of its own. Nobody needs one for what another role of theirs, or their own name, lets them see.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet

from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent, Invalid, NotAllowed

from . import policy
from .actions import is_a_scope, need_reason
from .actor import Actor
from .models import AccessSession, Role, Scope
from .queries import grants_of

WITH_REASON = frozenset({Role.PLATFORM_ADMIN, Role.PLATFORM_ENGINEER})
USUAL_MINUTES, MOST_MINUTES = 60, 480
OWN = ("requested_by_id", "owner_id", "champion_id")


class AccessSessionNeeded(NotAllowed):
    """Refused until a session is open for one of `scopes`."""

    title = "Say first why you need this"

    def __init__(self, where: dict[str, str]) -> None:
        self.where = where
        super().__init__(
            "Reading a tenant needs a reason: open an access session for the tenant, or for its business unit.",
            code="access-session-needed",
            scopes=[{"scope_type": kind, "scope_id": key} for kind, key in where.items()],
            open_at="/api/v1/access-sessions/",
        )


@dataclass(frozen=True)
class Place:
    """A scope that is asked for by name."""

    scope_type: str
    scope_id: str

    def access_scope(self) -> dict[str, str]:
        return {self.scope_type: self.scope_id}


@action
def open_session(
    *, actor: Actor, scope_type: str, scope_id: str, reason: str, minutes: int = USUAL_MINUTES
) -> AccessSession:
    """Let the actor read what the scope holds for a while; each object read in it is recorded with the reason."""
    policy.require(actor, "access_session.open", Place(scope_type, scope_id))
    need_reason(reason)
    if scope_type not in (Scope.TENANT, Scope.BUSINESS_UNIT) or not is_a_scope(scope_type, scope_id):
        raise Invalid(fields={"scope_id": "there is no such tenant or business unit"})
    if not 1 <= minutes <= MOST_MINUTES:
        raise Invalid(fields={"minutes": f"between 1 and {MOST_MINUTES}"})
    at = now()
    session = AccessSession.objects.create(
        user=actor.user,
        scope_type=scope_type,
        scope_id=scope_id,
        reason=reason.strip(),
        opened_at=at,
        expires_at=at + timedelta(minutes=minutes),
    )
    actor._cache.pop("access_sessions", None)
    record("access_session.opened", session, actor=actor, reason=reason, data={"minutes": minutes})
    return session


@action
def end_session(session_id: Any, *, actor: Actor, reason: str = "") -> AccessSession:
    """End a session now. Who opened it may, and whoever administers access."""
    session = visible_to(actor).select_for_update(of=("self",)).filter(pk=session_id).first()
    if session is None:
        raise Absent("There is no such access session.")
    may_end(actor, session)
    if session.is_live:
        session.ended_at = now()
        session.save(update_fields=["ended_at"])
        record("access_session.ended", session, actor=actor, reason=reason)
    return session


def may_end(actor: Actor, session: AccessSession) -> None:
    """Refuse whoever neither opened the session nor administers access."""
    if actor.user is None or session.user_id != actor.user.pk or actor.via == "token":
        policy.require(actor, "access.edit")


def visible_to(actor: Actor) -> QuerySet[AccessSession]:
    """One's own sessions; everybody's for who may see access."""
    found = AccessSession.objects.all()
    return found if policy.can(actor, "access.view") else found.filter(user=actor.user)


def session_for(actor: Actor, obj: Any) -> AccessSession | None:
    """The session under which the actor reads `obj`; None if they need none. Raises AccessSessionNeeded."""
    if not needs_one(actor, obj):
        return None
    where = policy.scope_of(obj) or {}
    live = (one for one in _live(actor) if where.get(one.scope_type) == one.scope_id)
    found = next(live, None)
    if found is None:
        raise AccessSessionNeeded(where)
    return found


def is_open_to(actor: Actor, obj: Any) -> bool:
    """True if the actor may read all of `obj` now: for rows, which then show more than the registry."""
    try:
        session_for(actor, obj)
    except AccessSessionNeeded:
        return False
    return True


def needs_one(actor: Actor, obj: Any) -> bool:
    """True if only the running of the platform lets the actor see this content of a tenant."""
    if actor.user is None or not getattr(obj, "is_tenant_content", False):
        return False
    if any(getattr(obj, name, None) == actor.user.pk for name in OWN):
        return False
    reaching = {grant.role for grant in grants_of(actor) if policy.reaches(grant, policy.scope_of(obj))}
    readers = reaching & policy.VERBS["tenant.view"]
    return bool(readers) and readers <= WITH_REASON


def _live(actor: Actor) -> list[AccessSession]:
    """The actor's live sessions, read once per actor."""
    if "access_sessions" not in actor._cache:
        found = AccessSession.objects.filter(user=actor.user, ended_at=None, expires_at__gt=now())
        actor._cache["access_sessions"] = list(found)
    sessions: list[AccessSession] = actor._cache["access_sessions"]
    return sessions
