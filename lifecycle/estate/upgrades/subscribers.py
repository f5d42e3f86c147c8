"""What follows from an approval, and from the end of a tenant's job. Safe to repeat."""

from typing import Any

from .actions import locked, move
from .models import Member, State, Upgrade
from .running import SYSTEM, advance


def approved(payload: dict[str, Any]) -> None:
    """The last signature took effect: the first wave begins."""
    upgrade = _of_case(payload)
    if upgrade is not None:
        move(upgrade, State.RUNNING, "")
        advance(upgrade.pk, actor=SYSTEM)


def ended(payload: dict[str, Any]) -> None:
    """The case ended without an approval."""
    upgrade = _of_case(payload)
    if upgrade is not None:
        known = {"rejected": State.REJECTED, "expired": State.EXPIRED, "cancelled": State.CANCELLED}
        move(upgrade, known.get(payload["state"], State.VOIDED), payload.get("reason", ""))


def _of_case(payload: dict[str, Any]) -> Upgrade | None:
    if payload.get("subject_type") != Upgrade._meta.label_lower:
        return None
    upgrade = locked(payload["subject_id"])
    return upgrade if str(upgrade.case_id) == payload["case_id"] and upgrade.state == State.PENDING else None


def member_done(payload: dict[str, Any]) -> None:
    advance(payload["upgrade_id"], actor=SYSTEM)


def job_ended(payload: dict[str, Any]) -> None:
    """A tenant's job failed or was cancelled: the upgrade stops there."""
    if payload["subject_type"] != Member._meta.label_lower:
        return
    member = Member.objects.filter(pk=payload["subject_id"]).first()
    if member is not None:
        advance(member.upgrade_id, actor=SYSTEM)
