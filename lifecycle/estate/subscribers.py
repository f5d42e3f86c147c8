"""What follows from an approval, and who hears what was found. Safe to repeat."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from portal.access.actor import Actor
from portal.access.models import Role, User
from portal.jobs import actions as jobs
from portal.lib.clock import now
from portal.lib.money import inr
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import local, page

from . import endings
from .actions import end
from .models import Decision, Ending, Finding, Remedy

SYSTEM = Actor.system("estate")
State = Decision.State


def approved(payload: dict[str, Any]) -> None:
    """The last signature took effect: leave it until its day, or carry it out."""
    if payload.get("subject_type") == Ending._meta.label_lower:
        endings.approved(payload, actor=SYSTEM)
        return
    asked = _of_case(payload, State.PENDING)
    if asked is None:
        return
    if asked.remedy == Remedy.IGNORE:
        for one in asked.findings.filter(state=Finding.State.DECIDED):
            one.ignored_until = asked.until
            one.save(update_fields=["ignored_until"])
        end(asked, State.DONE, "")
        return
    asked.state = State.APPROVED
    params = {"decision_id": str(asked.pk), "tenant_id": str(asked.tenant_id), "region": asked.region}
    why = "Everyone who had to sign has signed."
    job = jobs.start_job(
        "estate.carry_out", actor=SYSTEM, subject=asked, title=str(asked)[:200], reason=why, params=params
    )
    asked.job_id = job.pk
    asked.save(update_fields=["state", "job_id"])


def ended(payload: dict[str, Any]) -> None:
    """The case ended without an approval: the findings are open again, the tenant is kept."""
    if payload.get("subject_type") == Ending._meta.label_lower:
        endings.kept(payload, actor=SYSTEM)
        return
    asked = _of_case(payload, State.PENDING)
    if asked is not None:
        known = {"rejected": State.REJECTED, "expired": State.EXPIRED, "cancelled": State.CANCELLED}
        end(asked, known.get(payload["state"], State.VOIDED), payload.get("reason", ""))


def _of_case(payload: dict[str, Any], *states: str) -> Decision | None:
    if payload.get("subject_type") != Decision._meta.label_lower:
        return None
    asked = Decision.objects.select_for_update(no_key=True).filter(pk=payload["subject_id"]).first()
    return asked if asked and str(asked.case_id) == payload["case_id"] and asked.state in states else None


def job_ended(payload: dict[str, Any]) -> None:
    """A decision whose job failed or was cancelled is not carried out: its findings are open again."""
    if payload["subject_type"] != Decision._meta.label_lower:
        return
    asked = Decision.objects.select_for_update(no_key=True).filter(pk=payload["subject_id"]).first()
    if asked is not None and asked.state == State.APPROVED:
        end(asked, State.FAILED, payload["error"] or "It was cancelled.")


def found(payload: dict[str, Any]) -> None:
    """Something is not as registry and state say: engineers decide."""
    details = [("Tenant", payload["name"]), ("Region", payload["region"]), ("What", ", ".join(payload["kinds"]))]
    details.append(("₹ a month", price(payload["monthly_inr"], payload["unpriced"])))
    notify(
        "estate.found",
        title=f"{payload['count']} new finding{'s' if payload['count'] != 1 else ''} at {payload['name']}",
        role=Role.PLATFORM_ENGINEER,
        severity=Severity.WARNING,
        url=page("estate-findings", payload["finding_id"]),
        tenant_id=UUID(payload["tenant_id"]),
        details=details,
        key=f"estate.found:{payload['finding_id']}:{now():%Y-%m-%d}",
    )


def price(known: str | None, unpriced: int) -> str:
    """What is known, and of how much nobody knows the price: that is never nothing."""
    if known is None:
        return "not known"
    said = inr(Decimal(known))
    return f"{said}, and {unpriced} without a price" if unpriced else said


def ending(payload: dict[str, Any]) -> None:
    """A tenant's last day is near: owner and champion can ask for another one."""
    notify(
        "estate.ending",
        title=f"{payload['name']} has its last day: {payload['words']} are left",
        users=list(User.objects.filter(pk__in=payload["users"])),
        severity=Severity.WARNING,
        url=page("tenants", payload["tenant_id"]),
        tenant_id=UUID(payload["tenant_id"]),
        details=[("Tenant", payload["name"]), ("Ends", local(datetime.fromisoformat(payload["ends_at"])))],
        key=f"estate.ending:{payload['ending_id']}:{payload['words']}",
    )
