"""Tags of what has no tags of its own (roles, partitions, cache users), in bw.resource_tag of the region."""

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from lifecycle.stores.errors import ForeignResource
from lifecycle.stores.postgres.connection import SYSTEM, connection, translated
from portal.lib.regions import Region


def ensure(region: Region, *, tenant_id: UUID, resources: list[str], tags: dict[str, str]) -> dict[str, dict[str, str]]:
    """Give exactly these resources of the tenant these tags; return what is there then."""
    with translated("tag"), connection(region) as db, db.transaction():
        for resource in sorted(resources):
            row = db.execute(
                "INSERT INTO bw.resource_tag AS t VALUES (%s, %s, %s)"
                " ON CONFLICT (resource) DO UPDATE SET tags = excluded.tags WHERE t.tenant_id = excluded.tenant_id"
                " RETURNING 1",
                (resource, tenant_id, Jsonb(tags)),
            ).fetchone()
            if row is None:
                raise ForeignResource(SYSTEM, "tag", f"{resource} carries another tenant's tag")
        db.execute(
            "DELETE FROM bw.resource_tag WHERE tenant_id = %s AND resource <> ALL(%s)", (tenant_id, sorted(resources))
        )
    return read(region, tenant_id)


def read(region: Region, tenant_id: UUID, purpose: str = "provisioner") -> dict[str, dict[str, str]]:
    """Return the tenant's tagged resources with their tags."""
    with translated("read tags"), connection(region, purpose) as db:
        rows: list[Any] = db.execute(
            "SELECT resource, tags FROM bw.resource_tag WHERE tenant_id = %s", (tenant_id,)
        ).fetchall()
    return {row[0]: row[1] for row in rows}


def remove(region: Region, tenant_id: UUID) -> int:
    """Forget the tenant's tags; return how many there were."""
    with translated("untag"), connection(region) as db:
        return db.execute("DELETE FROM bw.resource_tag WHERE tenant_id = %s", (tenant_id,)).rowcount
