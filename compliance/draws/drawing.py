"""Five ids at random, as long as their list is there; afterwards the canaries, whose ids follow from the request's.

Ids live in memory here and nowhere else: what is kept is the leaf that the manifest has of each.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4, uuid5

from bailiwick_proof.manifest import Manifest
from django.conf import settings
from django.utils.module_loading import import_string

from compliance.erasing.models import ErasureRequest, SubjectKey
from compliance.erasing.pseudonyms import manifest_key
from compliance.inventory.queries import Listed, snapshot
from compliance.verifiers.answering import ID, NotChecked, ids_in
from compliance.verifiers.looking import Answer, Question, Verifier
from compliance.verifiers.manifest import some
from portal.lib.regions import Region, load

MANY = 5


@dataclass(frozen=True)
class Drawn:
    """One id. `leaf` is empty of a canary."""

    region: Region
    system: str
    id: str
    leaf: str = ""


def draw(request: ErasureRequest) -> list[Drawn]:
    """Five of what is listed, or else the canary of each region."""
    regions = load(settings.REGIONS_FILE) if settings.REGIONS_FILE.is_file() else {}
    key = SubjectKey.objects.filter(request=request).values_list("key", flat=True).first()
    listed = [one for region in regions.values() for one in _listed(region, request, bytes(key or b""))]
    if listed:
        return secrets.SystemRandom().sample(listed, min(MANY, len(listed)))
    return [Drawn(one, "canary", str(uuid5(request.pk, one.name))) for one in list(regions.values())[:MANY]]


def _listed(region: Region, request: ErasureRequest, key: bytes) -> Iterator[Drawn]:
    try:
        found = some(region, request.pk, MANY) if key else []
    except NotChecked:
        return
    for system, id_ in found:
        name = system if system.endswith(region.name) else f"{system}-{region.name}"
        yield Drawn(region, name, id_, Manifest(manifest_key(key), name).add(id_).hex())


def answers(one: Drawn, request: ErasureRequest) -> list[dict[str, Any]]:
    """What every verifier of the id's region says of it, as it says it; names and ids in it are covered."""
    rows = [row for row in snapshot().systems if row.kind == "connected" and row.region == one.region.name]
    return [_answer(row, one, request) for row in rows]


def _answer(row: Listed, one: Drawn, request: ErasureRequest) -> dict[str, Any]:
    verifier: Verifier = import_string(settings.ERASURE["verifier_of"])(row.verifier)
    said = verifier.look(_question(one, request))
    return {"system": row.name, "title": row.title, **_raw(said, request.tenant.name)}


def _question(one: Drawn, request: ErasureRequest) -> Question:
    """Of an id that names nothing but the tenant, everything of the tenant is asked for."""
    tenant, nobody = request.tenant, uuid4()  # an id of its own: the whole list is not to be gone through for five
    if not one.leaf:
        return Question(one.region, UUID(one.id), "canary", "tenant", nobody)
    named = tuple(UUID(found) for found in dict.fromkeys(ids_in(one.id)) if found != tenant.pk.hex)
    if not named:
        return Question(one.region, tenant.pk, tenant.name, "tenant", nobody)
    return Question(one.region, tenant.pk, tenant.name, "document", nobody, documents=named)


def _raw(said: Answer, tenant: str) -> dict[str, Any]:
    by = {_covered(name, tenant): number for name, number in said.by.items()}
    words = {"query": _covered(said.query, tenant)[:4000], "why": _covered(said.why, tenant)}
    return {"verifier": said.verifier, "credential": said.credential, "found": said.found, "by": by, **words}


def _covered(text: str, tenant: str) -> str:
    return ID.sub("(id)", text).replace(tenant, "(tenant)")
