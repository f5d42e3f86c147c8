"""What a region's log store still holds of a tenant."""

from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.prices import gigabytes
from lifecycle.stores.residue import Residue
from portal.lib.regions import Region


def residue(region: Region, names: TenantNames) -> list[Residue]:
    """Return the tenant's log group with its size."""
    state = groups.read(region, names.log_group)
    if state is None:
        return []
    size = gigabytes(state.stored_bytes)
    return [
        Residue("logs", names.log_group, f"exists with {state.stored_bytes} bytes", quantity=size, unit="log_gb_month")
    ]
