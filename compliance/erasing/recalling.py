"""Whom a finished erasure was about, told by the erasure ledger's digests from the ids that a store still has of it.

Where a law keeps a part of what somebody had, their ids lie in it. They are read, compared, and kept nowhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from compliance.verifiers.remains import LOOKS, Remains
from portal.lib.regions import Region

from .models import ErasureLedger, ErasureRequest, Kind, SubjectKey
from .pseudonyms import ledger_digest


@dataclass(frozen=True)
class Whom:
    """Of a whole tenant neither is said."""

    user_id: UUID | None = None
    documents: tuple[UUID, ...] = ()


def is_of(entry: ErasureLedger) -> Callable[[UUID], bool]:
    """Whether an id is one that this erasure took away, as far as the ledger's digests tell."""
    documents, tenant_id = frozenset(entry.documents), entry.tenant_id

    def match(one: UUID) -> bool:
        if entry.kind == Kind.PERSON and ledger_digest(Kind.PERSON, tenant_id, one) == entry.subject:
            return True
        return ledger_digest(Kind.DOCUMENT, tenant_id, one) in documents

    return match


def whom(request: ErasureRequest, system: str, region: Region) -> tuple[Whom | None, str]:
    """Whom it was about, as far as this system knows; or None, and why nobody can tell."""
    if request.kind == Kind.TENANT:
        return Whom(), ""
    if (key := SubjectKey.objects.filter(request=request).first()) is not None:
        return Whom(key.user_id, tuple(key.document_ids)), ""
    entry = ErasureLedger.objects.filter(request=request).first()
    if system not in LOOKS or entry is None:
        return None, "it cannot be asked by a hash, and whom it was about is forgotten"
    said, ids = Remains(system).of(region, request.tenant_id, is_of(entry))
    if said.found is None:
        return None, said.why
    people = [one for one in ids if ledger_digest(Kind.PERSON, request.tenant_id, one) == entry.subject]
    user_id = people[0] if people and request.kind == Kind.PERSON else None
    if not ids or (request.kind == Kind.PERSON and user_id is None):
        return None, "nothing there leads to whom it was about any more"
    return Whom(user_id, tuple(sorted(ids - {user_id}))), ""
