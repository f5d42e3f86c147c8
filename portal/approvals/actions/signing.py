"""Sign and reject. Both hold the case's row lock: of two at once exactly one wins."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Conflict, Invalid, NotAllowed

from ..authority import Panel, Standing, standing
from ..models import Case, Signature
from ..progress import locked, settle, tell

FRESH = timedelta(minutes=5)


@action
def sign(
    case_id: Any,
    *,
    actor: Actor,
    reason: str,
    digest: str,
    role: str = "",
    reauthenticated_at: datetime | None = None,
) -> Signature:
    """Sign the open requirement the actor stands in, for exactly the content whose digest they saw.

    `role` chooses when a person could fill more than one. Above the second threshold, and with a bearer token at any
    amount, the password must have been given within the last five minutes.
    """
    panel = Panel(locked(case_id), now())
    settle(panel, actor=actor)
    place = standing(actor, panel, role=role)
    if needs_password(actor, panel.case) and not _is_fresh(reauthenticated_at, panel.at):
        raise NotAllowed("Enter your password to sign this.", code="reauthenticate")
    signature = _write(panel, place, actor, Signature.Decision.SIGN, reason, digest, reauthenticated_at)
    record("approval.signed", panel.case, actor=actor, reason=reason, data=_data(signature))
    settle(Panel(panel.case, panel.at), actor=actor)
    return signature


@action
def reject(case_id: Any, *, actor: Actor, reason: str, digest: str = "", role: str = "") -> Signature:
    """Refuse the case for the requirement the actor stands in. One refusal ends it."""
    panel = Panel(locked(case_id), now())
    settle(panel, actor=actor)
    place = standing(actor, panel, role=role)
    case = panel.case
    signature = _write(panel, place, actor, Signature.Decision.REJECT, reason, digest or case.digest, None)
    case.refuse(signature.reason)
    case.save(update_fields=["state", "decided_at", "decided_reason"])
    record("approval.rejected", case, actor=actor, reason=reason, data=_data(signature))
    tell("approval.rejected", case)
    return signature


def needs_password(actor: Actor, case: Case) -> bool:
    """True if signing needs a fresh password: a large or unknown amount, or a credential that is not a session."""
    amount = case.aggregated_inr
    return actor.via != "session" or amount is None or amount > Decimal(settings.REAUTHENTICATE_ABOVE_INR)


def _is_fresh(proved_at: datetime | None, at: datetime) -> bool:
    return proved_at is not None and timedelta(0) <= at - proved_at <= FRESH


def _write(
    panel: Panel,
    place: Standing,
    actor: Actor,
    decision: str,
    reason: str,
    digest: str,
    proved_at: datetime | None,
) -> Signature:
    if digest != panel.case.digest:
        raise Conflict("What you saw is not what this case is about now; read it again.", code="digest-changed")
    if not reason.strip():
        raise Invalid(fields={"reason": "write why"})
    return Signature.objects.create(
        case=panel.case,
        requirement=place.requirement,
        signer=place.signer,
        on_behalf_of=place.on_behalf_of,
        delegation=place.delegation,
        decision=decision,
        reason=reason.strip(),
        digest=digest,
        at=panel.at,
        via=actor.via,
        reauthenticated_at=proved_at,
    )


def _data(signature: Signature) -> dict[str, Any]:
    return {
        "signature": signature.pk,
        "requirement": signature.requirement_id,
        "role": signature.requirement.role,
        "on_behalf_of": signature.on_behalf_of_id,
        "digest": signature.digest,
    }
