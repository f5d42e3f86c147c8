"""Whether a tenant's vectors can go where they would be held: both places, in facts. Reads only."""

from dataclasses import dataclass

from django.conf import settings

from lifecycle.stores.names import TenantNames
from lifecycle.stores.secrets import store_of
from lifecycle.stores.vectors.pgvector import PgVector
from lifecycle.stores.vectors.pinecone import DIMENSION, INDEX, Pinecone
from lifecycle.stores.vectors.store import NamespaceState
from portal.lib.regions import Region
from tenants.models import Tenant

from .engine.move import Held

COSINE = "cosine"
UNMOVED = {"weaviate": "Its connector does not read single vectors back yet, so nothing could be verified."}


@dataclass(frozen=True)
class Site:
    """One side's place for vectors. `shape` is dimension and metric, None where the index is yet to be made."""

    region: str
    provider: str
    shape: tuple[int, str] | None
    vectors: int | None

    def __str__(self) -> str:
        made = "to be made" if self.shape is None else f"{self.shape[0]} numbers, {self.shape[1]}"
        return f"{self.provider} in {self.region} ({made})"


def held_in(tenant: Tenant, region: str, planned: str) -> Held:
    """Where the tenant's vectors are in a region: as its platform is told there; elsewhere as it is `planned`."""
    bound = store_of(region, settings.SECRETS_DIR).read(tenant.pk)
    if bound is not None:
        return Held(bound.vector.provider, bound.vector.index, bound.vector.namespace)
    provider = (tenant.vector_provider if region == tenant.region else planned) or "pgvector"
    names = TenantNames(tenant.pk, tenant.name, region)
    return Held(provider, INDEX if provider == "pinecone" else "", names.namespace)


def site(tenant: Tenant, region: Region, planned: str) -> Site:
    """The tenant's place in a region, as its store describes it; a StoreError where it does not answer."""
    held, names = held_in(tenant, region.name, planned), TenantNames(tenant.pk, tenant.name, region.name)
    if held.provider == "pinecone" and region.pinecone:
        index = Pinecone(region, region.pinecone, held.index)
        state = index.read(names)
        return Site(region.name, held.provider, index.shape(), _count(state))
    if held.as_rows:
        rows = PgVector(region)
        state = rows.read(names)
        return Site(region.name, held.provider, rows.shape(), _count(state))
    return Site(region.name, held.provider, None, None)


def outside(tenant: Tenant, region: Region) -> int:
    """How many vectors the tenant has beside its rows."""
    found = site(tenant, region, "")
    return 0 if found.provider == "pgvector" else found.vectors or 0


def judge(here: Site, there: Site) -> tuple[str, str, str]:
    """Outcome, title and remedy of moving vectors from one to the other."""
    for one in (here, there):
        if one.provider in UNMOVED or one.vectors is None:
            why = UNMOVED.get(one.provider, f"{one.region} has no {one.provider}: choose another region.")
            return "refuse", f"Vectors are held by {one.provider} in {one.region}", why
    if here.shape is None:
        return "refuse", f"There is no index behind {here}", "Repair the tenant's search index first."
    wanted = there.shape or (DIMENSION, COSINE)
    if wanted != here.shape:
        remedy = f"Make the index in {there.region} with {here.shape[0]} numbers and metric {here.shape[1]}."
        return "refuse", f"Vectors do not fit: {here}, {there}", remedy
    title = f"{here.vectors:,} vectors go from {here} to {there}"
    if there.provider == "pinecone":
        remedy = "Until the index shows a write, the pause lasts: the switch waits for a moment without new documents."
        return "warn", title, remedy
    return "pass", title, ""


def _count(state: NamespaceState | None) -> int:
    return (state.vectors or 0) if state else 0
