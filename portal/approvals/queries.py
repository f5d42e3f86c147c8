"""Reads of approvals: what waits for whom, and everything one page needs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, Min, OuterRef, Q

from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import User
from portal.access.queries import roles_of, users_with_role
from portal.lib.clock import now
from portal.lib.errors import Absent, Refusal

from .actions.signing import needs_password
from .authority import Panel, standing
from .conditions import in_words
from .models import Case, Delegation, Question, Requirement, Rule, Signature
from .models.case import CaseQuerySet
from .visibility import delegations_held, reached_by


def waiting_for(actor: Actor) -> CaseQuerySet:
    """Cases this actor can sign now, in their own right or for a delegator; the most pressing first (`due_at`)."""
    if actor.user is None or not policy.can(actor, "approval.sign"):
        return Case.objects.none()
    roles = roles_of(actor) & policy.VERBS["approval.sign"]
    reach = Q(pk__in=[])
    for role in roles:
        reach |= reached_by(actor, frozenset({role})) & _open_for(role)
    for delegation in delegations_held(actor):
        if delegation.role in roles:
            theirs = reached_by(Actor.of_user(delegation.delegator), frozenset({delegation.role}))
            reach |= theirs & _open_for(delegation.role) & _not_involved(delegation.delegator)
    found = Case.objects.filter(reach, _not_involved(actor.user), state=Case.State.OPEN, expires_at__gt=now())
    due = Min("requirements__due_at", filter=Q(requirements__state=Requirement.State.OPEN))
    return found.annotate(due_at=due).order_by("due_at")


def _open_for(role: str) -> Q:
    return Q(Exists(Requirement.objects.filter(case=OuterRef("pk"), state=Requirement.State.OPEN, role=role)))


def _not_involved(user: User) -> Q:
    acted = Signature.objects.filter(Q(signer=user) | Q(on_behalf_of=user), case=OuterRef("pk"))
    return ~Q(requested_by=user) & ~Q(Exists(acted))


@dataclass(frozen=True)
class Signed:
    """One given signature, with names."""

    name: str
    on_behalf_of: str
    decision: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class Row:
    """One required signature as a page shows it."""

    requirement: Requirement
    role: str
    state: str
    words: str
    signed: list[Signed]
    who: list[str]
    is_mine: bool

    @property
    def rules(self) -> list[dict[str, Any]]:
        """The rules that asked, each with its condition in words."""
        return [{**rule, "words": in_words(rule["condition"])} for rule in self.requirement.rules]


@dataclass(frozen=True)
class Decision:
    """What the reader can do here, or why not."""

    can_sign: bool
    role: str = ""
    acts_for: str = ""
    needs_password: bool = False
    why_not: str = ""
    code: str = ""


@dataclass(frozen=True)
class CasePage:
    """Everything the page of one case shows one reader."""

    case: Case
    requester: str
    rows: list[Row]
    decision: Decision
    questions: list[Question]
    can_ask: bool
    can_answer: bool
    can_withdraw: bool
    sentence: str


def find(case_id: Any, actor: Actor) -> Case:
    """Return a case the actor may see, or raise Absent."""
    policy.require(actor, "approval.view")
    case = Case.objects.visible_to(actor).select_related("requested_by__person").filter(pk=case_id).first()
    if case is None:
        raise Absent("There is no such approval case.")
    return case


def case_page(case: Case, actor: Actor) -> CasePage:
    """Read everything the page of `case` needs, in a fixed number of queries."""
    panel = Panel(case, now())
    panel.delegations = delegations_held(actor)  # read already to find the case; signing reads them again under lock
    decision = _decision(actor, panel)
    rows = [_row(panel, requirement, decision) for requirement in panel.requirements]
    own = actor.user is not None and actor.user.pk == case.requested_by_id
    return CasePage(
        case=case,
        requester=case.requested_by.display_name,
        rows=rows,
        decision=decision,
        questions=list(case.questions.select_related("asked_by__person", "answered_by__person")),
        can_ask=case.state == Case.State.OPEN and not own and policy.can(actor, "approval.sign"),
        can_answer=own or policy.can(actor, "request.create", case),
        can_withdraw=case.state in Case.LIVE and (own or policy.can(actor, "request.cancel", case)),
        sentence=_sentence(case, rows),
    )


def _decision(actor: Actor, panel: Panel) -> Decision:
    try:
        place = standing(actor, panel)
    except Refusal as refusal:
        return Decision(False, why_not=refusal.detail, code=refusal.code)
    return Decision(
        True,
        role=place.requirement.role,
        acts_for=place.on_behalf_of.display_name if place.on_behalf_of else "",
        needs_password=needs_password(actor, panel.case),
    )


def _row(panel: Panel, requirement: Requirement, decision: Decision) -> Row:
    signed = [
        Signed(
            s.signer.display_name,
            s.on_behalf_of.display_name if s.on_behalf_of else "",
            s.decision,
            s.reason,
            s.at,
        )
        for s in panel.signatures
        if s.requirement_id == requirement.pk
    ]
    pending = requirement.state not in Requirement.SETTLED and panel.case.state == Case.State.OPEN
    return Row(
        requirement=requirement,
        role=str(requirement.get_role_display()),
        state=str(requirement.state),
        words=str(requirement.get_state_display()),
        signed=signed,
        who=sorted(user.display_name for user in panel.left(requirement)) if pending else [],
        is_mine=decision.can_sign and decision.role == requirement.role,
    )


def _sentence(case: Case, rows: list[Row]) -> str:
    """Where the case stands, in one sentence."""
    if case.state != Case.State.OPEN:
        words = f"{case.get_state_display()}."
        return f"{words} {case.decided_reason}" if case.decided_reason else words
    if case.blocked_reason:
        return f"Blocked. {case.blocked_reason}"
    needed = [row for row in rows if row.state != Requirement.State.WAIVED]
    done = sum(row.state == Requirement.State.MET for row in needed)
    waiting = ", ".join(row.role for row in needed if row.state == Requirement.State.OPEN)
    return f"{done} of {len(needed)} signatures given; waiting for {waiting}."


def possible_delegates(actor: Actor, role: str) -> list[User]:
    """The people this actor could let sign for them in `role`."""
    if actor.user is None or role not in roles_of(actor):
        return []
    return list(users_with_role(role).exclude(pk=actor.user.pk))


def delegations_of(actor: Actor) -> Any:
    """Delegations the actor gave or holds; administrators and auditors of access see all."""
    found = Delegation.objects.select_related("delegator__person", "delegate__person")
    if policy.can(actor, "access.view"):
        return found
    return found.filter(Q(delegator=actor.user) | Q(delegate=actor.user)) if actor.user else found.none()


def rules_in_force() -> list[Rule]:
    """The rules as they stand now."""
    return list(Rule.objects.in_force())


def live_case_of(subject_type: str, subject_id: Any, kind: str) -> Case | None:
    """The newest case about a subject that is open, signed or approved."""
    found = Case.objects.filter(kind=kind, subject_type=subject_type, subject_id=str(subject_id))
    return found.filter(state__in=Case.COUNTED).order_by("-opened_at").first()


def asked_to_sign(requirement_id: Any) -> tuple[Requirement, list[User]]:
    """A requirement with its case, and everyone who could sign it now: holders of the role and their delegates."""
    requirement = Requirement.objects.select_related("case__requested_by").get(pk=requirement_id)
    panel = Panel(requirement.case, now())
    left = {user.pk: user for user in panel.left(requirement)}
    barred = panel.acted | {requirement.case.requested_by_id}
    for delegation in panel.delegations:
        lent = delegation.role == requirement.role and delegation.delegator_id in left
        if lent and delegation.delegate_id not in barred:
            left.setdefault(delegation.delegate_id, delegation.delegate)
    return requirement, list(left.values())


def involved_in(case: Case) -> list[User]:
    """The requester and everyone who has acted in the case."""
    people = {case.requested_by_id: case.requested_by}
    people |= {s.signer_id: s.signer for s in case.signatures.select_related("signer")}
    return list(people.values())
