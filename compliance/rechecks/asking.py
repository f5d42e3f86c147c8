"""What each system is asked when nothing of the erasure is left but its certificate: no manifest, no key, no id.

While an erasure is open, as one that was certified before its last look and came to no end, its key says whom to ask
for. Of a tenant: everything that carries its id. Of a person or documents: every id that a store holds of the tenant is
hashed as the erasure ledger hashes, and compared; what cannot be asked so is said to be unasked, never clean. Where a
law keeps a part, the ids in it say whom to ask for, and all is asked as the erasure itself asked.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from bailiwick_proof.certificate import Core
from django.conf import settings
from django.utils.module_loading import import_string

from compliance.erasing import recalling
from compliance.erasing.models import ErasureLedger, ErasureRequest, Kind, Owed, SubjectKey
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

    That is asked where rules keep parts, and nothing else was left. `core` is what holds now: a supplement's.
    """
    row_then = next((one for one in core.erasure.systems if one.name == row.name), None)
    certified = row_then.outcome if row_then else ""
    kept = _kept(row, request) if certified == "retained" and row_then and not row_then.residual else ()
    if certified and certified not in COUNTED and not kept:
        return Said(row.name, row.title, is_asked=False, why=LATER.format(certified.replace("_", " ")))
    region = regions().get(row.region)
    if region is None:
        return Said(row.name, row.title, why=f"{row.region} is not connected.")
    if kept:
        return _beside(row, region, request, kept)
    if request.kind == Kind.TENANT:
        return _of_tenant(row, region, request)
    key = SubjectKey.objects.filter(request=request).first()
    return _by_hash(row, region, request) if key is None else _by_id(row, region, request, key)


def _kept(row: Listed, request: ErasureRequest) -> tuple[tuple[str, str], ...]:
    """The parts of it that a law still keeps, as its verifier is told of them."""
    parts = request.obligations.exclude(state=Owed.LAPSED)
    found = set(parts.filter(system=row.name).exclude(part="").values_list("part", flat=True))
    if request.is_open:  # certified, and not concluded: what it owes is not written down yet
        found |= set(request.exemptions.filter(system=row.name).exclude(part="").values_list("part", flat=True))
    return tuple((row.verifier, one) for one in sorted(found))


def _beside(row: Listed, region: Region, request: ErasureRequest, kept: tuple[tuple[str, str], ...]) -> Said:
    """As the erasure itself asked: what a law keeps is counted apart, and is as much as it was."""
    whom, why = recalling.whom(request, row.verifier, region)
    if whom is None:
        return Said(row.name, row.title, why=f"Beside what a law keeps there it was not checked: {why}.")
    verifier: Verifier = import_string(settings.ERASURE["verifier_of"])(row.verifier)
    about = (region, request.tenant_id, request.tenant.name, cast(Wanted, request.kind), request.pk)
    said = verifier.look(Question(*about, user_id=whom.user_id, documents=whom.documents, kept=kept))
    if said.found is None:
        return _said(row, said, proven=False)
    then, there = _counted(request, row.name), _by_place(said.kept)
    more = sum(max(0, number - then.get(place, 0)) for place, number in there.items())
    lost = sorted(place for place, number in then.items() if there.get(place, 0) < number)
    if lost and not (said.found or more or _has_lapsed(request, row.name)):
        why = f"A law keeps {then[lost[0]]} in {lost[0]}, and {there.get(lost[0], 0)} are left."
        return _said(row, replace(said, found=None, why=why), proven=False)
    return _said(row, replace(said, found=said.found + more), proven=bool(there))


def _counted(request: ErasureRequest, name: str) -> dict[str, int]:
    """What was kept of it when it was certified, by table or prefix."""
    run = next((one for one in request.systems.all() if one.name == name), None)
    return _by_place(run.checks[-1].get("kept", {}) if run is not None and run.checks else {})


def _by_place(kept: dict[str, int]) -> dict[str, int]:
    """A bucket goes by another name in the evidence: it is told by the prefix alone."""
    return {place.partition("/")[2] or place: number for place, number in kept.items()}


def _has_lapsed(request: ErasureRequest, name: str) -> bool:
    """Whether a part of it was erased since: with it went what it alone referred to."""
    return request.obligations.filter(system=name, state=Owed.LAPSED).exclude(part="").exists()


def _of_tenant(row: Listed, region: Region, request: ErasureRequest) -> Said:
    verifier: Verifier = import_string(settings.ERASURE["verifier_of"])(row.verifier)
    said = verifier.look(Question(region, request.tenant_id, request.tenant.name, "tenant", request.pk))
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
    said = verifier.look(Question(*about, user_id=key.user_id, documents=tuple(key.document_ids)))
    return _said(row, said, proven=False)


def _by_hash(row: Listed, region: Region, request: ErasureRequest) -> Said:
    entry = ErasureLedger.objects.filter(request=request).first()
    if row.verifier not in LOOKS or entry is None:
        return Said(row.name, row.title, is_asked=False, why=UNASKABLE)
    said, seen = Remains(row.verifier).look(region, request.tenant_id, recalling.is_of(entry))
    return _said(row, said, proven=seen > 0)


def _said(row: Listed, said: Answer, *, proven: bool) -> Said:
    return Said(row.name, row.title, said.found, True, proven, said.why, said.query[:4000])
