"""Reads of certificates for pages, doors and other apps."""

from typing import Any
from uuid import UUID

from portal.access import policy
from portal.access.actor import Actor
from portal.access.models import Role
from portal.access.queries import users_with_role
from portal.lib.errors import Conflict
from portal.notify.queries import Way, ways_of
from tenants.models import Tenant

from .models import SIGNED, Certificate, State, Type

KIND = "certificate.issue"  # the job that issues one
ISSUED = "certificate.issued"  # the news that brings it to the tenant's side


def available_verbs(row: Certificate, actor: Actor) -> list[str]:
    """Words the actor may use on a certificate now."""
    words = []
    is_real = row.type != Type.SYNTHETIC
    being_replaced = row.followers.filter(type="reissue").exclude(state=State.VOID).exists()
    if row.state == State.ISSUED and is_real and not being_replaced and policy.can(actor, "certificate.issue", row):
        words.append("reissue")
    if row.state in (State.ISSUED, State.SUPERSEDED) and policy.can(actor, "certificate.revoke", row):
        words.append("revoke")
    return words


def is_theirs(row: Certificate, actor: Actor) -> bool:
    """Whether the actor is of the side that it is for: the tenant's owner, champion or an administrator of it."""
    if actor.user is None:
        return False
    tenant = Tenant.objects.filter(pk=row.tenant_id).first()
    people = (tenant.owner_id, tenant.champion_id) if tenant else ()
    where = {"tenant": str(row.tenant_id), "business_unit": row.business_unit}
    return actor.user.pk in people or users_with_role(Role.TENANT_ADMIN, where).filter(pk=actor.user.pk).exists()


def require_issued(row: Certificate) -> Certificate:
    """The certificate, if there is something to download; Conflict otherwise."""
    if row.state not in SIGNED:
        raise Conflict(f"There is nothing to download: it is {row.get_state_display()}.", code="not-issued")
    return row


def by_key(key: str) -> Certificate | None:
    """The certificate of an occasion, as its caller named it."""
    return Certificate.objects.filter(key=key).first()


def latest(occasion: str) -> Certificate | None:
    """The last one whose key begins so and that neither turned void nor was revoked; it may not be issued yet."""
    found = Certificate.objects.filter(key__startswith=occasion).exclude(state__in=(State.VOID, State.REVOKED))
    return found.order_by("created_at").last()


def taken_back(pk: UUID | None) -> Certificate | None:
    """The certificate, where it was revoked: another one of the same erasure names it as its predecessor."""
    return Certificate.objects.filter(pk=pk, state=State.REVOKED).first() if pk else None


def key_of(event: str, certificate_id: Any, occasion: str = "") -> str:
    """The key of one piece of news about a certificate: whoever was told it once is not told it again."""
    return f"{event}:{certificate_id}:{occasion}"


def deliveries(row: Certificate) -> list[Way]:
    """Whom it was brought to, by portal and by mail: what has not arrived says why, and changes nothing of the row."""
    return ways_of(key_of(ISSUED, row.pk))


def news(row: Certificate) -> dict[str, Any]:
    """What is told of a certificate: ids and its kind."""
    about = {"certificate_id": str(row.pk), "key": row.key, "state": str(row.state), "type": row.type}
    return {**about, "name": str(row), "tenant_id": str(row.tenant_id), "business_unit": row.business_unit}


def public(known_as: UUID) -> dict[str, Any] | None:
    """What anybody who has an id may know of it: whether it stands. None for one that was never issued."""
    row = Certificate.objects.filter(pk=known_as, state__in=SIGNED).first()
    if row is None:
        return None
    return {
        "id": row.known_as,
        "name": str(row),
        "type": row.get_type_display(),
        "state": row.state,
        "words": row.get_state_display(),
        "issued_at": row.issued_at,
        "ended_at": row.ended_at,
        "core": row.core_digest,
        "pdf": row.pdf_digest,
    }
