"""What follows from news: a lapsed debt is checked and certified, a refusal is certified, a contradiction is said."""

from typing import Any

from compliance.erasing.models import ErasureRequest, Obligation
from portal.access.actor import Actor
from portal.access.models import Role
from portal.jobs import actions as jobs
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page

from .jobs import REFUSE, SUPPLEMENT
from .refusal import is_owed

Payload = dict[str, Any]
SYSTEM = Actor.system("supplements")


def lapsed(payload: Payload) -> None:
    """A person says that a debt is over: that is looked into, and certified if it is so."""
    begin(payload["obligation_id"])


def begin(obligation_id: str) -> None:
    """Start the job that looks, unless one does already."""
    owed = Obligation.objects.select_related("request__tenant").get(pk=obligation_id)
    if Job.objects.unfinished().filter(kind=SUPPLEMENT.name, subject_id=str(owed.pk)).exists():
        return
    jobs.start_job(
        SUPPLEMENT.name,
        actor=SYSTEM,
        subject=owed,
        title=f"{owed.request}: is what {owed.system} owed over?",
        params={"obligation_id": str(owed.pk)},
    )


def changed(payload: Payload) -> None:
    """A refusal is certified where the law owes whoever asked a reasoned answer."""
    if payload["word"] != "refuse":
        return
    request = ErasureRequest.objects.select_related("tenant").get(pk=payload["request_id"])
    if is_owed(request):
        jobs.start_job(
            REFUSE.name,
            actor=SYSTEM,
            subject=request,
            title=f"{request}: certify the refusal",
            params={"request_id": str(request.pk)},
        )


def contradicted(payload: Payload) -> None:
    """Whoever can know says that it is not over: no supplement is issued, and compliance hears why, once a day."""
    owed = Obligation.objects.select_related("request__tenant").get(pk=payload["obligation_id"])
    notify(
        "supplement.contradicted",
        title=f"What {owed.request} owes in {owed.system} has not lapsed",
        role=Role.COMPLIANCE_OFFICER,
        severity=Severity.CRITICAL,
        body=payload["why"],
        url=page("obligations", owed.pk),
        tenant_id=owed.request.tenant_id,
        details=[("Erasure", str(owed.request)), ("System", owed.system)],
        key=f"supplement.contradicted:{owed.pk}:{now().date()}",
    )
