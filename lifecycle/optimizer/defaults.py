"""Who signs for a change that the optimizer proposes: shipped as data, and editable."""

from portal.access.actor import Actor
from portal.approvals.actions import create_rule
from portal.approvals.models import Rule
from portal.audit.context import action

from .actions import KIND

RULE = "OPT-001"


@action
def install(actor: Actor) -> None:
    """The CTO signs each: what saves money may still take down what somebody needs."""
    if Rule.objects.filter(rule_id=RULE).exists():
        return
    create_rule(
        RULE,
        actor=actor,
        reason="Shipped with the product.",
        case_kind=KIND,
        title="Every change because of a finding: the Chief Technology Officer signs",
        condition={},
        role="cto",
        order=1,
        sla_hours=72,
    )
