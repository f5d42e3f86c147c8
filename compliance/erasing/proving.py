"""That one id was among what an erasure listed, proved to whoever names it: nobody is told an id they do not have."""

from io import BytesIO
from uuid import UUID

from bailiwick_proof.archive import LEAVES, member
from bailiwick_proof.erasure import Tree
from bailiwick_proof.errors import Unproven
from bailiwick_proof.manifest import Inclusion
from django.http import HttpResponse

from compliance.certificates import store
from compliance.certificates.models import Certificate
from compliance.inventory.defaults import TABLES
from portal.access import policy
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.audit.context import action
from portal.lib.errors import Absent, Conflict, Invalid

from .intake import justification
from .models import ErasureRequest, ProofKey

WIDTH = 32  # bytes of a leaf


@action
def prove(request_id: UUID, *, system: str, record_id: str, actor: Actor, reason: str) -> Inclusion:
    """Give away the salt of one id of a certified manifest, and the path from its leaf to the root.

    Conflict without a certificate or once the key is destroyed; Invalid for an id that was never listed. The ledger
    keeps who asked and which leaf it was, never the id.
    """
    found = ErasureRequest.objects.visible_to(actor).filter(pk=request_id).first()
    if found is None:
        raise Absent("There is no such erasure.")
    policy.require(actor, "erasure.prove", found)
    why = justification(reason)
    certificate = Certificate.objects.filter(pk=found.certificate_id).first()
    if certificate is None:
        raise Conflict("It is not certified, so there is no manifest to prove anything of.", code="not-certified")
    key = ProofKey.objects.filter(pk=certificate.pk).first()
    if key is None:
        said = "The key of its manifests was destroyed: single ids cannot be proved any more."
        raise Conflict(said, code="proofs-over")
    made = _included(bytes(key.key), _leaves(certificate, system), system, record_id.strip())
    record("erasure.proved", found, actor=actor, reason=why, data={"system": system, "index": made.index})
    return made


def answer(request: ErasureRequest, made: Inclusion) -> HttpResponse:
    """The proof as a download."""
    headers = {"Content-Disposition": f'attachment; filename="inclusion-{request}-{made.index}.json"'}
    return HttpResponse(made.encode(), "application/json", headers=headers)


def _leaves(certificate: Certificate, system: str) -> list[bytes]:
    trees: dict[str, Tree] = {one.name: one.manifest for one in certificate.certified.erasure.systems if one.manifest}
    if system not in trees:
        raise Invalid(fields={"system": f"one of {', '.join(trees) or 'none: nothing was listed anywhere'}"})
    stored = member(BytesIO(store.fetch("evidence", certificate.archive_digest)), LEAVES.format(system))
    return [stored[at : at + WIDTH] for at in range(0, len(stored), WIDTH)]


def _included(key: bytes, leaves: list[bytes], system: str, record_id: str) -> Inclusion:
    """Of a bare id that of a row of any table is tried: who knows a document knows no table."""
    for one in (record_id, *(f"{table.removeprefix('rag.')}:{record_id}" for table in TABLES)):
        try:
            return Inclusion.build(key, system, one, leaves)
        except Unproven:
            continue
    raise Invalid(fields={"record_id": f"it was not among the {len(leaves)} ids that were listed of {system}"})
