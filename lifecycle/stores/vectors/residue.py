"""What the region's vector stores still hold of a tenant, whichever provider it was meant for."""

from decimal import Decimal

from lifecycle.stores.names import TenantNames
from lifecycle.stores.residue import Residue
from lifecycle.stores.vectors.store import store_of
from portal.lib.regions import Region


def residue(region: Region, names: TenantNames, index: str = "") -> list[Residue]:
    """Return the tenant's namespace in every provider of the region."""
    found = []
    for provider in region.vector_providers:
        state = store_of(region, provider, index if provider != "pgvector" else "").read(names)
        if state is not None:
            number = Decimal(state.vectors or 0)
            found.append(
                Residue("vectors", f"{provider} {state.namespace}", f"exists with {state.vectors} vectors",
                        quantity=number, unit="vector_month")
            )  # fmt: skip
    return found
