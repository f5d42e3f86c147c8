"""Move a case on: what is met, what opens next, what nobody can sign. The caller holds the case's row lock."""

from typing import Any

from django.db import transaction

from portal.access.actor import Actor
from portal.access.models import Role
from portal.audit.actions import intend
from portal.jobs.outbox import emit
from portal.lib.errors import Absent

from .authority import Panel
from .models import Case, Requirement

NO_RULE = "No approval rule speaks to this case. An administrator must add one."


def locked(case_id: Any) -> Case:
    """Return the case under its row lock, or raise Absent. Every change of a case begins here."""
    rows = Case.objects.select_for_update(of=("self",), no_key=True).select_related("requested_by")
    case = rows.filter(pk=case_id).first()
    if case is None:
        raise Absent("There is no such approval case.")
    return case


def tell(event: str, case: Case, *, after: int | None = None, **more: Any) -> None:
    """Emit news of a case: ids only, and only after an entry is anchored if one is named."""
    payload = {
        "case_id": str(case.pk),
        "kind": case.kind,
        "subject_type": case.subject_type,
        "subject_id": case.subject_id,
        "tenant_id": str(case.tenant_id) if case.tenant_id else None,
        "business_unit": case.business_unit,
        "state": str(case.state),
        "digest": case.digest,
    }
    emit(event, {**payload, **more}, after=after)


def settle(panel: Panel, *, actor: Actor) -> None:
    """Meet what has its quorum, open the next order, block what nobody can sign, close when all is settled."""
    assert transaction.get_connection().in_atomic_block
    case = panel.case
    if case.state != Case.State.OPEN:
        return
    for requirement in panel.requirements:
        if requirement.state == Requirement.State.OPEN and not panel.missing(requirement):
            requirement.meet()
            requirement.save(update_fields=["state", "met_at"])
    unsettled = [r for r in panel.requirements if r.state not in Requirement.SETTLED]
    turn = min((r.order for r in unsettled), default=None)
    for requirement in unsettled:
        if requirement.order == turn:
            _open_or_block(panel, requirement)
    _note_what_blocks(panel)
    if panel.requirements and not unsettled:
        case.all_signed()
        case.intent = intend("approval.all_signed", case, actor=actor, data={"digest": case.digest})
        case.save(update_fields=["state", "signed_at", "intent"])
        tell("approval.signed", case, after=case.intent)


def _open_or_block(panel: Panel, requirement: Requirement) -> None:
    left, missing = len(panel.left(requirement)), panel.missing(requirement)
    if left >= missing and requirement.state != Requirement.State.OPEN:
        requirement.open_up()
        requirement.save(update_fields=["state", "opened_at", "due_at", "blocked_reason"])
        tell("approval.waiting", panel.case, **_about(requirement, panel))
    elif left < missing and requirement.state != Requirement.State.BLOCKED:
        role = Role(requirement.role).label
        requirement.block(
            f"{role}: {missing} needed, {left} can sign. The requester and those who signed do not count."
        )
        requirement.save(update_fields=["state", "blocked_reason"])
        tell("approval.blocked", panel.case, **_about(requirement, panel))


def _about(requirement: Requirement, panel: Panel) -> dict[str, Any]:
    return {"requirement_id": str(requirement.pk), "role": requirement.role, "at": panel.at}


def _note_what_blocks(panel: Panel) -> None:
    case = panel.case
    reasons = [r.blocked_reason for r in panel.requirements if r.state == Requirement.State.BLOCKED]
    blocked = (" ".join(reasons) if panel.requirements else NO_RULE)[:300]
    if blocked != case.blocked_reason:
        case.blocked_reason = blocked
        case.save(update_fields=["blocked_reason"])
        if not panel.requirements:
            tell("approval.blocked", case, requirement_id=None, role="", at=panel.at)
