"""Who hears of a look, and what an objection sets off. What was not checked is an alarm, and never a revocation."""

from typing import Any

from compliance.erasing.models import ErasureRequest
from compliance.supplements.facts import standing
from portal.access.models import Role
from portal.lib.errors import Conflict
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page

from .actions import SYSTEM, begin
from .models import Cause, Recheck, State
from .queries import erasure_of

Payload = dict[str, Any]
SAID = {
    State.CLEAN: (Severity.INFO, "nothing was found"),
    State.RESIDUAL: (Severity.CRITICAL, "something was found, and it is revoked: have it erased again"),
    State.NOT_CHECKED: (Severity.CRITICAL, "not every system could be asked, so nothing is known of those"),
}


def contested(payload: Payload) -> None:
    """Somebody objects: what its certificate says is looked into, and no data is touched. A refusal has none."""
    request = ErasureRequest.objects.get(pk=payload["request_id"])
    row = standing(request)
    if row is None:
        return
    try:
        begin(row.pk, actor=SYSTEM, reason=f"{request} was objected to.", cause=Cause.CONTEST)
    except Conflict:
        return  # it is being looked into already, and that says the same


def concluded(payload: Payload) -> None:
    """Compliance hears what matters; whoever asked and legal hear the end of what an objection set off."""
    made = Recheck.objects.select_related("certificate").get(pk=payload["recheck_id"])
    request = erasure_of(made.certificate)
    is_contest = made.cause == Cause.CONTEST
    if made.state != State.CLEAN or made.cause != Cause.SCHEDULED:
        _tell(made, "compliance", role=Role.COMPLIANCE_OFFICER)
    if is_contest and request is not None:
        _tell(made, "legal", role=Role.LEGAL)
        _tell(made, "asker", users=[request.requested_by])


def _tell(made: Recheck, whom: str, **to: Any) -> None:
    severity, words = SAID[State(made.state)]
    blind = [one["title"] for one in made.systems if one["is_asked"] and one["found"] is None]
    notify(
        f"recheck.{made.state}",
        title=f"Certificate {made.certificate} was looked into again: {words}",
        severity=severity,
        body="Not asked: " + ", ".join(blind) if blind else "",
        url=page("certificate-rechecks", made.pk),
        where={"tenant": str(made.certificate.tenant_id), "business_unit": made.certificate.business_unit},
        tenant_id=made.certificate.tenant_id,
        details=[("Certificate", str(made.certificate))],
        key=f"recheck:{made.pk}:{whom}",
        **to,
    )
