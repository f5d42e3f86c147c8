"""What follows from news of certificates: the job that issues one, and who is told. A failed delivery changes none."""

from typing import Any

from portal.access.actor import Actor
from portal.access.models import Role, User
from portal.jobs import actions as jobs
from portal.notify.actions import notify
from portal.notify.models import Severity
from portal.notify.subscribers import page
from tenants.models import Tenant

from .models import Certificate
from .queries import ISSUED, KIND, key_of

Payload = dict[str, Any]
SYSTEM = Actor.system("certificates")


def intended(payload: Payload) -> None:
    """Begin to sign what is sealed and anchored now, once."""
    row = Certificate.objects.select_for_update().get(pk=payload["certificate_id"])
    if row.job_id is None:
        job = jobs.start_job(KIND, actor=SYSTEM, subject=row, title=f"Issue {row}")
        row.job_id = job.pk
        row.save(update_fields=["job_id"])


def issued(payload: Payload) -> None:
    """Tell the tenant's people and compliance where it is; they fetch it in the portal."""
    body = "Download it with its evidence from the portal. Anybody can check it at the public page or offline."
    _tell(payload, ISSUED, "has been issued", body, _tenant_side(payload))


def revoked(payload: Payload) -> None:
    body = "It no longer stands. Whoever was given it must be told; the public list says so from now on."
    _tell(payload, "certificate.revoked", "was revoked", body, _tenant_side(payload), Severity.CRITICAL)


def void(payload: Payload) -> None:
    _tell(payload, "certificate.void", "was not issued", payload["reason"], [], Severity.WARNING)


def job_failed(payload: Payload) -> None:
    """Page compliance when a certificate could not be signed in three tries."""
    if payload["kind"] != KIND:
        return
    row = Certificate.objects.filter(job_id=payload["job_id"]).first()
    if row is None:
        return
    about = {"certificate_id": str(row.pk), "name": str(row), "tenant_id": str(row.tenant_id)}
    body = "Signing was tried three times. What was erased stays erased; resume the job once its cause is gone."
    again = {**about, "business_unit": row.business_unit, "key": f"{payload['job_id']}:{payload.get('retries', 0)}"}
    _tell(again, "certificate.stuck", "could not be signed", body, [], Severity.CRITICAL)


def key_ending(payload: Payload) -> None:
    """Remind those who can rotate, two months ahead."""
    for role in (Role.PLATFORM_ADMIN, Role.COMPLIANCE_OFFICER):
        notify(
            "certificate_key.ending",
            title=f"The key that signs certificates ends on {payload['until'][:10]}",
            role=role,
            severity=Severity.CRITICAL,
            body="Rotate to a new one before that day. Certificates signed until then stay valid.",
            url=page("certificate-keys", payload["key"]),
            key=f"certificate_key.ending:{payload['key']}:{payload['at']}",
        )


def store_failed(payload: Payload) -> None:
    """The store in which nobody can change anything is none, or does not answer: said once a day."""
    for role in (Role.PLATFORM_ADMIN, Role.COMPLIANCE_OFFICER):
        notify(
            "certificate_store.failed",
            title="The write-once store of certificates failed its probe",
            role=role,
            severity=Severity.CRITICAL,
            body=payload["why"],
            key=f"certificate_store.failed:{payload['on']}:{role}",
        )


def _tenant_side(payload: Payload) -> list[User]:
    found = Tenant.objects.filter(pk=payload["tenant_id"]).values_list("owner_id", "champion_id").first()
    return list(User.objects.filter(pk__in=[one for one in found or () if one]))


def _tell(
    payload: Payload, event: str, what: str, body: str, users: list[User], severity: Severity = Severity.INFO
) -> None:
    notify(
        event,
        title=f"Erasure certificate {payload['name']} {what}",
        users=users,
        role=Role.COMPLIANCE_OFFICER,
        where={"tenant": payload["tenant_id"], "business_unit": payload["business_unit"]},
        severity=severity,
        body=body,
        url=page("certificates", payload["certificate_id"]),
        tenant_id=payload["tenant_id"],
        details=[("Certificate", payload["name"])],
        key=key_of(event, payload["certificate_id"], payload["key"] if event == "certificate.stuck" else ""),
    )
