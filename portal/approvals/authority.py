"""Who may sign what, decided in one place: the page shows what the action enforces.

A signature uses up one holder of the role: oneself, or the delegator one acts for. So a delegate never adds to the
number of signatures a group can give, and an empty group is one without holders left.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import Role, User
from portal.access.queries import holders_of, roles_of
from portal.lib.errors import Conflict, NotAllowed, Refusal

from .models import Case, Delegation, Requirement, Signature


@dataclass
class Panel:
    """One case with everyone who could act in it at an instant; each part read once."""

    case: Case
    at: datetime

    @cached_property
    def requirements(self) -> list[Requirement]:
        return list(self.case.requirements.all())

    @cached_property
    def signatures(self) -> list[Signature]:
        return list(self.case.signatures.select_related("signer__person", "on_behalf_of__person"))

    @cached_property
    def holders(self) -> dict[str, dict[Any, User]]:
        """Role -> the people whose live grant reaches this case, the requester and those who acted left in."""
        where = {kind: str(key) for kind, key in self.case.access_scope().items() if key}
        roles = {requirement.role for requirement in self.requirements}
        return holders_of(roles, where, self.at, not_by=self.case.requested_by_id)

    @cached_property
    def delegations(self) -> list[Delegation]:
        found = Delegation.objects.live(self.at).filter(role__in=self.holders)
        return list(found.select_related("delegator__person", "delegate__person"))

    @property
    def acted(self) -> set[Any]:
        """Everyone who has signed, or for whom somebody signed."""
        return {pk for s in self.signatures for pk in (s.signer_id, s.on_behalf_of_id) if pk}

    def left(self, requirement: Requirement) -> list[User]:
        """The holders of the role who could still sign themselves or through a delegate."""
        barred = self.acted | {self.case.requested_by_id}
        return [user for pk, user in self.holders[requirement.role].items() if pk not in barred]

    def signed(self, requirement: Requirement) -> int:
        wanted = Signature.Decision.SIGN
        return sum(s.requirement_id == requirement.pk and s.decision == wanted for s in self.signatures)

    def missing(self, requirement: Requirement) -> int:
        """How many signatures the requirement still needs."""
        return max(0, requirement.quorum - self.signed(requirement))


@dataclass(frozen=True)
class Standing:
    """Who signs which requirement now, and for whom if not for themselves."""

    signer: User
    requirement: Requirement
    delegation: Delegation | None = None

    @property
    def on_behalf_of(self) -> User | None:
        return self.delegation.delegator if self.delegation else None


def standing(actor: Actor, panel: Panel, *, role: str = "") -> Standing:
    """Return where the actor signs now, or raise what stands in the way, in words for the page."""
    user = _person(actor)
    case = panel.case
    if case.state != Case.State.OPEN:
        raise Conflict(f"This case is closed: {case.get_state_display().lower()}.", code="case-closed")
    if panel.at >= case.expires_at:
        raise Conflict("The time for signing this case has run out.", code="case-expired")
    if user.pk == case.requested_by_id:
        raise NotAllowed("You asked for this; somebody else signs it.", code="own-request")
    if user.pk in panel.acted:
        raise NotAllowed("You have acted in this case; one person fills one role.", code="second-role")
    wanted = [r for r in panel.requirements if not role or r.role == role]
    mine = roles_of(actor)  # perhaps narrowed by choice; whether they are still held is asked below
    for requirement in wanted:
        if requirement.state == Requirement.State.OPEN and requirement.role in mine:
            found = _standing_in(actor, user, panel, requirement)
            if found:
                return found
    raise _why_not(mine, user, panel, wanted)


def may_withdraw(actor: Actor, case: Case) -> None:
    """Refuse whoever is neither the requester nor may cancel the request."""
    own = actor.user is not None and actor.user.pk == case.requested_by_id and actor.via != "token"
    if not (actor.is_system or own or policy.can(actor, "request.cancel", case)):
        raise NotAllowed("Only the requester or an administrator here can withdraw this.")


def may_answer(actor: Actor, case: Case) -> None:
    """Refuse whoever is neither the requester nor may ask for the same."""
    own = actor.user is not None and actor.user.pk == case.requested_by_id
    if actor.user is None or not (own or policy.can(actor, "request.create", case)):
        raise NotAllowed("The requester answers.")


def may_end(actor: Actor, lent: Delegation) -> None:
    """Refuse whoever neither lent nor borrowed the signature, nor administers access."""
    own = actor.user is not None and actor.user.pk in (lent.delegator_id, lent.delegate_id) and actor.via != "token"
    if not own and not policy.can(actor, "access.edit"):
        raise NotAllowed("Only the two people concerned or an administrator can end this.")


def _person(actor: Actor) -> User:
    """The signing person, or a refusal: tokens, system processes, services and superusers do not sign."""
    if actor.user is None or actor.user.is_service or actor.via not in ("session", "jwt"):
        raise NotAllowed("Signing needs a person who has signed in; a token cannot do it.", code="not-a-person")
    if actor.user.is_superuser:
        raise NotAllowed("A superuser does not sign approvals.", code="superuser")
    policy.require(actor, "approval.sign")
    return actor.user


def _standing_in(actor: Actor, user: User, panel: Panel, requirement: Requirement) -> Standing | None:
    """In one's own right first, else for a delegator; the delegate holds the role too, now, somewhere."""
    left = {holder.pk for holder in panel.left(requirement)}
    if user.pk in left:
        return Standing(user, requirement)
    for delegation in panel.delegations:
        mine = delegation.delegate_id == user.pk and delegation.role == requirement.role
        if mine and delegation.delegator_id in left and requirement.role in roles_of(actor, panel.at):
            return Standing(user, requirement, delegation)
    return None


def _why_not(mine: frozenset[str], user: User, panel: Panel, wanted: list[Requirement]) -> Refusal:
    for requirement in wanted:
        if requirement.role in mine and requirement.state == Requirement.State.WAITING:
            first = [r.get_role_display() for r in panel.requirements if r.state == Requirement.State.OPEN]
            return Conflict(
                f"Not your turn yet: {', '.join(first) or 'an earlier role'} signs first.", code="not-your-turn"
            )
        if requirement.role in mine and requirement.state in Requirement.SETTLED:
            return Conflict(f"{requirement.get_role_display()}: already settled.", code="settled")
    for delegation in panel.delegations:
        if delegation.delegate_id == user.pk and delegation.delegator_id == panel.case.requested_by_id:
            return NotAllowed("You would act for the person who asked.", code="own-request")
        if delegation.delegate_id == user.pk and delegation.delegator_id in panel.acted:
            return NotAllowed("The person you would act for has acted in this case.", code="second-role")
    roles = ", ".join(str(Role(r.role).label) for r in wanted if r.state not in Requirement.SETTLED)
    return NotAllowed(f"This needs one of these roles here: {roles or 'none is open'}.", code="not-your-role")
