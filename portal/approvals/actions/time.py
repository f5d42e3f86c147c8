"""What the clock does to a case: escalate, expire, and look again at what was blocked."""

from typing import Any

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action_of
from portal.lib.clock import now

from .. import demands
from ..authority import Panel
from ..conditions import Matter
from ..models import Case, Requirement
from ..progress import locked, settle, tell

CLOCK = Actor.system("clock")


@action_of(CLOCK)
def expire(case_id: Any) -> Case:
    """Close an open case whose time has run out; anything else is left as it is."""
    case = locked(case_id)
    if case.state == Case.State.OPEN and now() >= case.expires_at:
        case.run_out()
        case.save(update_fields=["state", "decided_at", "decided_reason"])
        record("approval.expired", case, actor=CLOCK)
        tell("approval.expired", case)
    return case


@action_of(CLOCK)
def escalate(requirement_id: Any) -> Requirement:
    """Tell the role named by the rule, once, that a signature is overdue. It changes nobody's right to sign."""
    case_id = Requirement.objects.values_list("case_id", flat=True).get(pk=requirement_id)
    case = locked(case_id)
    requirement = Requirement.objects.get(pk=requirement_id)
    overdue = requirement.state == Requirement.State.OPEN and requirement.due_at and requirement.due_at <= now()
    if case.state == Case.State.OPEN and overdue and requirement.escalated_at is None:
        requirement.escalated_at = now()
        requirement.save(update_fields=["escalated_at"])
        record("approval.escalated", case, actor=CLOCK, data={"role": requirement.role, "to": requirement.escalate_to})
        tell(
            "approval.escalated",
            case,
            requirement_id=str(requirement.pk),
            role=requirement.role,
            escalate_to=requirement.escalate_to,
        )
    return requirement


@action_of(CLOCK)
def reassess(case_id: Any) -> Case:
    """Look again at who can sign: a grant may have come or gone, or a rule may now speak where none did."""
    case = locked(case_id)
    if case.state != Case.State.OPEN:
        return case
    panel = Panel(case, now())
    if not panel.requirements:
        asked = demands.of_rules(case.kind, Matter(case.facts, case.aggregated_inr), panel.at)
        Requirement.objects.bulk_create(Requirement(case=case, **row) for row in asked.rows)
        if asked.rows:
            record("approval.ruled", case, actor=CLOCK, data={"rules": [row["rule_id"] for row in asked.rows]})
        panel = Panel(case, panel.at)
    settle(panel, actor=CLOCK)
    return case
