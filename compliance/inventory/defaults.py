"""The stores of record that come with the product: seven for each region, the backups, and the portal itself.

This is where a new table, bucket or index of the product is declared; tests/inventory holds it against what exists.
"""

from collections.abc import Iterator
from typing import Any

from django.conf import settings

from compliance.verifiers.exports import bucket_of
from portal.access.actor import Actor
from portal.audit.actions import record
from portal.lib.regions import Region, load

from .actions import next_version
from .models import Kind, System

OURS = "operated by us"
TABLES = [
    "rag.access_controls",
    "rag.api_keys",
    "rag.budget_transfers",
    "rag.budgets",
    "rag.chunks",
    "rag.document_outbox",
    "rag.documents",
    "rag.query_history",
    "rag.sessions",
    "rag.usage_counters",
    "rag.usage_reports",
    "rag.users",
]
VECTORS = ["rag.chunk_vectors"]
INDEXES = ["rag"]
# code: title, categories, containers
SYSTEMS: dict[str, tuple[str, list[str], dict[str, list[str]]]] = {
    "postgres": ("Documents, passages, users and history", ["documents", "users", "history"], {"table": TABLES}),
    "vectors": ("Vectors", ["embeddings"], {"table": VECTORS, "index": INDEXES}),
    "objects": ("Originals of documents", ["documents"], {}),
    "exports": ("Exports waiting to be received", ["documents", "users", "embeddings"], {}),
    "cache": ("Sessions, answers and limits", ["sessions", "answers"], {}),
    "logs": ("Logs of the platform", ["logs"], {}),
    "metrics": ("Measurements of the platform", ["metrics"], {}),
}


def install(actor: Actor) -> None:
    """List what is missing; never list again what somebody removed, nor change what somebody edited."""
    known = set(System.objects.values_list("name", flat=True))
    missing = [one for one in shipped() if one["name"] not in known]
    for one in missing:
        row = System.objects.create(added_by=actor.id, **one)
        record("system.added", row, actor=actor, reason="shipped")
    if missing:
        next_version()


def shipped() -> Iterator[dict[str, Any]]:
    """The rows for the regions that are configured now."""
    regions = load(settings.REGIONS_FILE) if settings.REGIONS_FILE.is_file() else {}
    for region in regions.values():
        yield from _of(region)
    yield {
        "name": "backups",
        "title": "Backups of the stores",
        "kind": Kind.BEYOND_USE,
        "processor": OURS,
        "categories": ["documents", "users", "embeddings"],
        "connector": "keys",
    }
    yield {
        "name": "portal",
        "title": "This portal: registry, ledger, requests",
        "kind": Kind.PORTAL,
        "processor": OURS,
        "categories": ["users", "records"],
        "connector": "portal",
    }


def _of(region: Region) -> Iterator[dict[str, Any]]:
    for code, (title, categories, containers) in SYSTEMS.items():
        buckets = {"objects": _buckets(), "exports": [bucket_of(region.name)]}
        beside = {"bucket": buckets[code]} if code in buckets else {}
        yield {
            "name": f"{code}-{region.name}",
            "title": f"{title}, {region.display}",
            "kind": Kind.CONNECTED,
            "region": region.name,
            "processor": _processor(code, region),
            "categories": categories,
            "connector": code,
            "verifier": code,
            "containers": {**containers, **beside},
        }


def _processor(code: str, region: Region) -> str:
    if region.simulated:
        return "operated by us, simulated"
    if code == "vectors" and region.pinecone:
        return "Pinecone and operated by us"
    return "Amazon Web Services" if code in ("objects", "exports", "logs") else OURS


def _buckets() -> list[str]:
    """Buckets of the portal beside the tenants' own: no content of a tenant is in them."""
    return sorted({settings.STATES["bucket"], settings.LEDGER["bucket"], settings.CERTIFICATES["bucket"]})
