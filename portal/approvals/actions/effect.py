"""Signed is not yet approved: the effect is a second transaction that looks at everything again.

In between the signatures are sealed in the ledger and anchored where no administrator of the database reaches.
"""

from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action_of
from portal.audit.queries import is_anchored
from portal.guards import check_guards
from portal.lib.clock import now
from portal.lib.errors import Blocked

from ..authority import Panel
from ..models import Case, Requirement, Signature
from ..progress import locked, tell

EFFECT = Actor.system("approvals")


@action_of(EFFECT)
def effect_of(case_id: Any) -> Case:
    """Make a signed case approved, or void it if what was signed no longer holds. Doing it twice does nothing.

    A guard may hold it back (Blocked): the case stays signed, and the clock asks again.
    """
    case = locked(case_id)
    if case.state != Case.State.SIGNED:
        return case
    fault = _fault(Panel(case, now()))
    if fault:
        case.annul(fault)
    else:
        _require_sealed(case)
        check_guards("approval.take_effect", case)
        case.take_effect()
    case.save(update_fields=["state", "decided_at", "decided_reason"])
    event = "approval.voided" if fault else "approval.approved"
    record(event, case, actor=EFFECT, reason=fault, data={"digest": case.digest})
    tell(event, case)
    return case


def _require_sealed(case: Case) -> None:
    """Raise Blocked until the signatures lie in an anchored checkpoint of the ledger (a trigger asks again)."""
    if case.intent is None or not Case.objects.filter(is_anchored(case.intent), pk=case.pk).exists():
        raise Blocked("The signatures are not sealed in the ledger yet; this takes a few seconds.", by="ledger")


def _fault(panel: Panel) -> str:
    """What is wrong with a signed case, or an empty string."""
    case = panel.case
    if not panel.requirements or any(r.state not in Requirement.SETTLED for r in panel.requirements):
        return "A required signature is missing."
    if any(s.digest != case.digest or s.decision != Signature.Decision.SIGN for s in panel.signatures):
        return "A signature was given for other content."
    if case.requested_by_id in panel.acted:
        return "The requester's own signature does not count."
    if any(panel.missing(r) for r in panel.requirements if r.state == Requirement.State.MET):
        return "A role has fewer signatures than it needs."
    current = _current_digest(case)
    return "What was approved has changed." if current is not None and current != case.digest else ""


def _current_digest(case: Case) -> str | None:
    """The subject's digest as its owner computes it now; None where the kind of case registers no such function."""
    named = getattr(settings, "APPROVAL_DIGESTS", {}).get(case.kind)
    if named is None:
        return None
    found: str = import_string(named)(case.subject_id)
    return found
