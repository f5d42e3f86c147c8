"""What each system is asked when nothing of the erasure is left but its certificate: no manifest, no key, no id.

While an erasure is open, as one that was certified before its last look and came to no end, its key says whom to ask
for. Of a tenant: everything that carries its id. Of a person or documents: every id that a store holds of the tenant is
hashed as the erasure ledger hashes, and compared; what cannot be asked so is said to be unasked, never clean.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, cast
from uuid import UUID

from bailiwick_proof.certificate import Core
from django.conf import settings
from django.utils.module_loading import import_string

from compliance.erasing.models import ErasureLedger, ErasureRequest, Kind, SubjectKey
from compliance.erasing.pseudonyms import ledger_digest
from compliance.inventory.queries import Listed, snapshot
from compliance.verifiers.looking import Answer, Question, Verifier
from compliance.verifiers.looking import Kind as Wanted
from compliance.verifiers.remains import LOOKS, Remains
from portal.lib.regions import Region, load
from tenants.models import Status, Tenant

COUNTED = ("erased", "not_held")
LATER = "certified as {}: nothing is to be found missing there yet"
UNASKABLE = "it cannot be asked by a hash, and whom it was about is forgotten"
NEIGHBOURS = 3


@dataclass(frozen=True)
class Said:
    """One system's answer. `found` None: not asked, or not checked, which `is_asked` tells apart."""

    name: str
    title: str
    found: int | None = None
    is_asked: bool = True
    proven: bool = False
    why: str = ""
    query: str = ""

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def regions() -> dict[str, Region]:
    return load(settings.REGIONS_FILE) if settings.REGIONS_FILE.is_file() else {}


def connected() -> list[Listed]:
    return [one for one in snapshot().systems if one.kind == "connected"]


def ask(row: Listed, core: Core, request: ErasureRequest) -> Said:
    """Ask one system. What was certified as still there for a while is left alone, but for what lies beside it.

    That is asked of a whole tenant of which rules keep parts, where nothing else was left.
    """
    row_then = next((one for one in core.erasure.systems if one.name == row.name), None)
    certified, kept = row_then.outcome if row_then else "", _kept(row, request)
    is_in_part = bool(kept) and certified == "retained" and row_then is not None and not row_then.residual
    if certified and certified not in COUNTED and not (is_in_part and request.kind == Kind.TENANT):
        return Said(row.name, row.title, is_asked=False, why=LATER.format(certified.replace("_", " ")))
    region = regions().get(row.region)
    if region is None:
        return Said(row.name, row.title, why=f"{row.region} is not connected.")
    if request.kind == Kind.TENANT:
        return _of_tenant(row, region, request, kept)
    key = SubjectKey.objects.filter(request=request).first()
    return _by_hash(row, region, request) if key is None else _by_id(row, region, request, key)


def _kept(row: Listed, request: ErasureRequest) -> tuple[tuple[str, str], ...]:
    """The parts of it that a law keeps, as its verifier is told of them."""
    parts = request.exemptions.filter(system=row.name).exclude(part="").values_list("part", flat=True)
    return tuple((row.verifier, one) for one in sorted(set(parts)))


def _of_tenant(row: Listed, region: Region, request: ErasureRequest, kept: tuple[tuple[str, str], ...]) -> Said:
    verifier: Verifier = import_string(settings.ERASURE["verifier_of"])(row.verifier)
    said = verifier.look(Question(region, request.tenant_id, request.tenant.name, "tenant", request.pk, kept=kept))
    return _said(row, said, proven=said.found == 0 and _sees_others(verifier, region, request))


def _sees_others(verifier: Verifier, region: Region, request: ErasureRequest) -> bool:
    """Whether the same query, with the same credential, finds what another tenant has there."""
    others = Tenant.objects.filter(status=Status.ACTIVE, region=region.name).exclude(pk=request.tenant_id)
    for one in others.order_by("activated_at")[:NEIGHBOURS]:
        if (verifier.look(Question(region, one.pk, one.name, "tenant", one.pk)).found or 0) > 0:
            return True
    return False


def _by_id(row: Listed, region: Region, request: ErasureRequest, key: SubjectKey) -> Said:
    """As the erasure itself asks: its key is destroyed once it is concluded, and so it was not."""
    verifier: Verifier = import_string(settings.ERASURE["verifier_of"])(row.verifier)
    about = (region, request.tenant_id, request.tenant.name, cast(Wanted, request.kind), request.pk)
    said = verifier.look(
        Question(*about, user_id=key.user_id, documents=tuple(key.document_ids), kept=_kept(row, request))
    )
    return _said(row, said, proven=False)


def _by_hash(row: Listed, region: Region, request: ErasureRequest) -> Said:
    entry = ErasureLedger.objects.filter(request=request).first()
    if row.verifier not in LOOKS or entry is None:
        return Said(row.name, row.title, is_asked=False, why=UNASKABLE)
    said, seen = Remains(row.verifier).look(region, request.tenant_id, is_of(entry))
    return _said(row, said, proven=seen > 0)


def is_of(entry: ErasureLedger) -> Callable[[UUID], bool]:
    """Whether an id is one that this erasure took away, as far as the ledger's digests tell."""
    documents, tenant_id = frozenset(entry.documents), entry.tenant_id

    def match(one: UUID) -> bool:
        if entry.kind == Kind.PERSON and ledger_digest(Kind.PERSON, tenant_id, one) == entry.subject:
            return True
        return ledger_digest(Kind.DOCUMENT, tenant_id, one) in documents

    return match


def _said(row: Listed, said: Answer, *, proven: bool) -> Said:
    return Said(row.name, row.title, said.found, True, proven, said.why, said.query[:4000])
