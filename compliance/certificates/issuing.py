"""The door of the erasure engine: hand over what was found, and a certificate comes of it, or nothing does.

`issue` keeps the evidence, fixes the core, and has its hash sealed. What follows once that is anchored is a job
(`jobs.py`), which may be killed anywhere and goes on.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from bailiwick_proof.certifiable import SYNTHETIC, Type
from bailiwick_proof.certificate import MADE_UP, STATEMENT, VERB, Core, Evidence, Follows, NotCertifiable
from bailiwick_proof.erasure import Erasure
from django.conf import settings
from django.db import connection

from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import intend
from portal.audit.context import action
from portal.jobs.outbox import emit
from portal.lib.clock import now
from portal.lib.errors import Conflict

from . import authority, store
from .models import Certificate, State

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('certificates.serial', 0))"


class NotToBeCertified(Conflict):
    """What was found does not allow a certificate; `objections` names each reason."""

    title = "Not certifiable"

    @classmethod
    def default_code(cls) -> str:
        return "not-certifiable"


def issue(
    erasure: Erasure,
    evidence: Mapping[str, bytes],
    *,
    key: str,
    type_: Type,
    tenant_id: UUID,
    business_unit: str,
    actor: Actor,
    reason: str,
    follows: Certificate | None = None,
) -> Certificate:
    """Begin a certificate of these facts and return its intent. The same `key` again returns the same one.

    `evidence` is the archive's files by name. Raises NotToBeCertified, with nothing written, when the facts are not
    of a kind that can be certified.
    """
    known = Certificate.objects.filter(key=key).first()
    if known is not None:
        return known
    kept = store.keep_evidence(evidence)
    about = {"key": key, "type": type_, "tenant_id": tenant_id, "business_unit": business_unit, "follows": follows}
    return intend_core(erasure, kept, about, actor=actor, reason=reason)


@action
def intend_core(
    erasure: Erasure, evidence: Evidence, about: dict[str, Any], *, actor: Actor, reason: str
) -> Certificate:
    """Write the row with its core and have the core's hash sealed, in one transaction."""
    policy.require(actor, "certificate.issue")
    with connection.cursor() as cursor:
        cursor.execute(LOCK)  # serials follow each other without a gap, each naming the one before
    known = Certificate.objects.filter(key=about["key"]).first()
    if known is not None:
        return known
    id_, last = uuid4(), Certificate.objects.order_by("-serial").first()
    core = _core(id_, last, erasure, evidence, about)
    row = Certificate.objects.create(
        id=id_,
        serial=core.serial,
        core=core.encode().decode(),
        core_digest=core.digest,
        archive_digest=evidence.digest,
        **about,
    )
    said = {"id": core.id, "core": core.digest, "serial": core.serial, "type": core.type}
    row.intent = intend(VERB, row, actor=actor, reason=reason, data=said, names_tenant=False)
    row.save(update_fields=["intent"])
    emit(VERB, {"certificate_id": str(row.pk)}, after=row.intent)
    return row


def _core(id_: UUID, last: Certificate | None, erasure: Erasure, evidence: Evidence, about: dict[str, Any]) -> Core:
    before: Certificate | None = about["follows"]
    if before is not None and before.state not in (State.ISSUED, State.REVOKED):
        raise Conflict("Only an issued certificate can be followed by another.")
    simulated = [MADE_UP] if about["type"] == SYNTHETIC else []
    simulated += [SIMULATED_SYSTEM.format(one.title) for one in erasure.systems if one.simulated]
    if authority.is_simulated():
        simulated.append(authority.SIMULATED)
    try:
        return Core(
            "bailiwick.erasure-certificate/1",
            id_.hex,
            last.serial + 1 if last else 1,
            last.core_digest if last else None,
            about["type"],
            Follows(before.known_as, before.core_digest) if before else None,
            settings.CERTIFICATES["issuer"],
            settings.CERTIFICATES["role"],
            now().isoformat(),
            erasure,
            evidence,
            tuple(simulated),
            STATEMENT,
        )
    except NotCertifiable as error:
        raise NotToBeCertified(str(error), objections=error.objections) from error


SIMULATED_SYSTEM = "{}: a double of the real service, for laptops and tests"
