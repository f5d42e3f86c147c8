"""Pinecone: the tenant's namespace in the region's index, through Pinecone's own SDK."""

import time
from typing import Any
from uuid import uuid4

import pinecone

from lifecycle.provisioning.validation import transport
from lifecycle.provisioning.validation.canary import canary_names
from lifecycle.provisioning.validation.findings import CouldNotRun, Findings
from lifecycle.provisioning.validation.target import Target

DIMENSION = 256
PREFIX = "bw-validation#"
SETTLES_WITHIN = 10.0
DEFAULTS = ("", "__default__")


def judge(target: Target, found: Findings) -> None:
    """Write in both namespaces, search each for the other's, and look for a default one; remove and read again."""
    account = target.region.pinecone
    if account is None:
        raise CouldNotRun(f"{target.region.name} has no Pinecone")
    transport.url(target, found, "vectors", account.host)
    index = pinecone.Pinecone(api_key=account.api_key, host=account.host).index(target.binding.vector.index or "rag")
    spaces = {"tenant": target.binding.vector.namespace, "canary": canary_names(target.region.name).namespace}
    for space in spaces.values():
        _remove(index, space)
    try:
        ids = {who: f"{PREFIX}{uuid4().hex}" for who in spaces}
        for position, (who, space) in enumerate(spaces.items()):
            index.upsert(vectors=[{"id": ids[who], "values": _axis(position)}], namespace=space, show_progress=False)
        for position, (who, space) in enumerate(spaces.items()):
            _search(index, found, who, space, position, ids)
        _defaults(index, found)
    finally:
        left = sum(_remove(index, space) for space in spaces.values())
    found.expect(left == 0, "own vectors removed", f"{left} vectors of the check are left")


def _search(index: Any, found: Findings, who: str, space: str, position: int, ids: dict[str, str]) -> None:
    """Each finds its own; asking along the other's direction finds nothing of the other."""
    if not _appears(index, space, ids[who], position):
        found.wrong(f"the {who} does not find its own vector within {SETTLES_WITHIN:.0f} s")
        return
    found.held(f"{who} finds its own vector")
    hits = {match.id for match in index.query(vector=_axis(1 - position), top_k=10, namespace=space).matches}
    foreign = hits & {other for name, other in ids.items() if name != who}
    found.expect(not foreign, f"{who} does not find the other's", f"the {who} finds another tenant's vector")


def _appears(index: Any, space: str, vector_id: str, position: int) -> bool:
    deadline, pause = time.monotonic() + SETTLES_WITHIN, 0.02
    while time.monotonic() < deadline:
        matches = index.query(vector=_axis(position), top_k=3, namespace=space).matches
        if any(match.id == vector_id for match in matches):
            return True
        time.sleep(pause)
        pause = min(pause * 2, 0.5)
    return False


def _defaults(index: Any, found: Findings) -> None:
    stats = index.describe_index_stats()
    held = [name for name, about in stats.namespaces.items() if name in DEFAULTS and about.vector_count]
    found.expect(not held, "the default namespace is empty", "there are vectors in the default namespace")


def _remove(index: Any, space: str) -> int:
    """Delete what checks wrote, of killed runs too; return how many a last look still lists."""
    deadline, pause = time.monotonic() + SETTLES_WITHIN, 0.02
    while ids := [str(one.id) for one in index.list_paginated(prefix=PREFIX, limit=100, namespace=space).vectors]:
        if time.monotonic() > deadline:
            return len(ids)
        index.delete(ids=ids, namespace=space)
        time.sleep(pause)
        pause = min(pause * 2, 0.5)
    return 0


def _axis(position: int) -> list[float]:
    return [1.0 if place == position else 0.0 for place in range(DIMENSION)]
