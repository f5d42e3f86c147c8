"""What people do with certificates: take one back, have one issued again, have a stuck one tried again."""

from typing import Any

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict

from .issuing import intend_core
from .models import SIGNED, Certificate, State, Type
from .queries import is_theirs, news


@action
def revoke(certificate_id: Any, *, actor: Actor, reason: str) -> Certificate:
    """Say in public that a certificate no longer stands, nor what supplements it. There is no way back."""
    row = _locked(certificate_id, actor)
    policy.require(actor, "certificate.revoke", row)
    if row.state not in (State.ISSUED, State.SUPERSEDED):
        raise Conflict(f"It is {row.get_state_display()}, so there is nothing to revoke.")
    for one in (row, *row.followers.select_for_update().filter(type="supplement", state=State.ISSUED)):
        _take_back(one, actor, reason)
    return row


def _take_back(row: Certificate, actor: Actor, reason: str) -> None:
    row.revoke(reason)
    row.save(update_fields=["state", "ended_at", "state_reason"])
    record("certificate.revoked", row, actor=actor, reason=reason, data={"id": row.known_as})
    emit("certificate.revoked", news(row))


@action
def reissue(certificate_id: Any, *, actor: Actor, reason: str) -> Certificate:
    """Certify the same facts again under a new id and the key now in force; the old one stands until that is issued.

    For a key that was lost or a form that must be renewed. Facts that turned out wrong are verified again by the
    engine, which issues another certificate of its own.
    """
    row = _locked(certificate_id, actor)
    policy.require(actor, "certificate.issue", row)
    if row.state != State.ISSUED:
        raise Conflict(f"It is {row.get_state_display()}: only a certificate that stands is issued again.")
    if row.followers.filter(type="reissue").exclude(state=State.VOID).exists():
        raise Conflict("It is being issued again already.")
    if row.type == Type.SYNTHETIC:
        raise Conflict("It certifies nothing of anybody: the next synthetic erasure has one of its own.")
    core = row.certified
    again = row.followers.filter(type="reissue").count() + 1
    about = {
        "key": f"reissue:{row.pk}:{again}",
        "type": "reissue",
        "tenant_id": row.tenant_id,
        "business_unit": row.business_unit,
        "follows": row,
    }
    return intend_core(core.erasure, core.evidence, about, actor=actor, reason=reason)


@action
def deliver(certificate_id: Any, *, actor: Actor) -> None:
    """Keep when the tenant's side first took it away. Whoever else does changes nothing."""
    row = _locked(certificate_id, actor)
    if row.delivered_at is None and row.state in SIGNED and is_theirs(row, actor):
        row.delivered_at = now()
        row.save(update_fields=["delivered_at"])
        record("certificate.delivered", row, actor=actor, data={"id": row.known_as})


def _locked(certificate_id: Any, actor: Actor) -> Certificate:
    row = Certificate.objects.visible_to(actor).select_for_update().filter(pk=certificate_id).first()
    if row is None:
        raise Absent("There is no such certificate.")
    return row
