"""Brings one system to where its tenant stands, so that no order of workers leaves it anywhere else.

Stores know no versions (PostgreSQL's fence apart), so two workers may write in any order. Whoever writes therefore
looks at the registry again afterwards and goes on until it has not moved: the last write is always of the newest
status. That holds without a lease, and no suspension ever waits for one.
"""

from uuid import UUID

from lifecycle.naming.queries import names_in
from lifecycle.provisioning.judgement import connected_regions
from lifecycle.provisioning.subject import region_named
from lifecycle.stores.errors import Permanent, StoreError
from portal.jobs.kinds import Evidence
from tenants.models import Status
from tenants.queries import last_move, tenant_by_id

from .systems import Place, System

FOLLOWED = (Status.ACTIVE, Status.SUSPENDED, Status.ARCHIVED)


def bring(system: System, tenant_id: UUID) -> Evidence:
    """Leave the system as the registry wants it at the end of the call, or raise StoreError."""
    while True:
        place = _place(tenant_id)
        if place is None:
            return {"state": "skipped", "why": "The tenant is neither in use nor put away; its systems are another's."}
        try:
            found = system.bring(place)
        except StoreError:
            if last_move(tenant_id) == place.stands:
                raise
            continue
        if last_move(tenant_id) == place.stands:
            return {**found, "status": place.stands.status, "version": place.stands.version}


def _place(tenant_id: UUID) -> Place | None:
    tenant, stands = tenant_by_id(tenant_id), last_move(tenant_id)
    if tenant is None or stands is None or stands.status not in FOLLOWED:
        return None
    if tenant.region not in connected_regions():
        raise Permanent("region", "connect", f"{tenant.region} is not connected to this portal; follow there by hand")
    return Place(tenant, region_named(tenant.region), names_in(tenant, tenant.region), stands)
