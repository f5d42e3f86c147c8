"""The case that two others sign, what it shows them, and the undo window that follows."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from portal.access.actor import Actor
from portal.approvals import actions as approvals
from portal.approvals.models import Case
from portal.jobs.outbox import emit
from portal.lib.clock import now

from .models import BEFORE_START, ErasureRequest, Kind
from .moving import move

SYSTEM = Actor.system("erasing")
KIND, SYNTHETIC_KIND = "erasure", "erasure.synthetic"  # each stands under rules of its own


def open_case(made: ErasureRequest, *, actor: Actor) -> Case:
    """Ask for the signatures over exactly what was validated. Who asked for the erasure never signs.

    Of a made-up person the rules of its own kind waive them: nothing of anybody is destroyed.
    """
    return approvals.open_case(
        actor=actor,
        kind=SYNTHETIC_KIND if made.is_synthetic else KIND,
        subject=made,
        title=title_of(made),
        amount_inr=Decimal("0.00"),
        period="once",
        aggregation_key="",
        facts={
            "business_unit": made.tenant.business_unit_id,
            "tier": made.tenant.tier_id,
            "region": made.tenant.region,
            "data_classes": sorted(made.tenant.data_classes),
            "price_known": True,
        },
        digest=made.digest,
        snapshot=_snapshot(made),
        requested_by=made.requested_by,
    )


def title_of(made: ErasureRequest) -> str:
    whom = {Kind.TENANT: "all of", Kind.PERSON: "one person in", Kind.DOCUMENT: f"{made.documents} documents in"}
    of = f"{whom[Kind(made.kind)]} {made.tenant.name}"
    if made.settles:
        return f"Erase what a law kept of {of}: {made.settles.part} of {made.settles.system}"
    return f"Erase {of}" + (", made up" if made.is_synthetic else "")


def _snapshot(made: ErasureRequest) -> dict[str, Any]:
    rows = [
        {"title": one.title, "region": one.region, "found": one.found, "why": one.why, "kept": one.kept}
        for one in made.systems.all()
    ]
    return {
        "sentence": f"{title_of(made)}. It cannot be taken back once it has begun.",
        "justification": made.justification,
        "counted": "It costs nothing.",
        "number": str(made),
        "legal_basis": made.get_legal_basis_display(),
        "due_on": made.due_on.isoformat(),
        "identity": made.get_identity_display(),
        "authority": made.authority,
        "systems": rows,
        "exemptions": [
            {
                "category": one.category,
                "ground": one.ground,
                "system": one.system,
                "part": one.part,
                "until": str(one.until),
            }
            for one in made.exemptions.all()
        ],
    }


def to_schedule(made: ErasureRequest, *, actor: Actor) -> None:
    """Open the undo window; at its end the work begins by itself."""
    made.scheduled_for = now() + timedelta(seconds=settings.ERASURE["undo_seconds"])
    move(made, "schedule", actor=actor)
    ring(made)


def ring(made: ErasureRequest) -> None:
    """Have the work begun, or gone on with, at once or when the undo window ends."""
    soon = made.scheduled_for if made.state in BEFORE_START else None
    emit("erasure.due", {"request_id": str(made.pk)}, due_at=soon)


def withdraw_case(made: ErasureRequest, reason: str) -> None:
    """End the case that nobody needs any more."""
    if made.case_id and Case.objects.filter(pk=made.case_id, state__in=Case.LIVE).exists():
        approvals.cancel_case(made.case_id, actor=SYSTEM, reason=reason)
