"""What a region's database still holds of a tenant, as the read-only observer sees it."""

from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import rows, tags
from lifecycle.stores.postgres.connection import connection, translated
from lifecycle.stores.residue import Residue
from portal.lib.regions import Region

SYSTEM = "database"
NAMED = """
SELECT 'role', rolname::text FROM pg_roles WHERE rolname = %(role)s
UNION ALL SELECT 'bw.tenant_role', role_name::text FROM bw.tenant_role
    WHERE tenant_id = %(tenant)s OR role_name = %(role)s
UNION ALL SELECT 'bw.fence', tenant_id::text FROM bw.fence WHERE tenant_id = %(tenant)s
UNION ALL SELECT 'bw.hold_fence', tenant_id::text FROM bw.hold_fence WHERE tenant_id = %(tenant)s
UNION ALL SELECT 'bw.job_epoch', resource_class FROM bw.job_epoch WHERE tenant_id = %(tenant)s
UNION ALL SELECT 'bw.subject_fence', user_id::text FROM bw.subject_fence WHERE tenant_id = %(tenant)s
UNION ALL SELECT 'relation', relname::text FROM pg_class
    WHERE relnamespace = 'rag'::regnamespace AND relkind IN ('r', 'p') AND relname LIKE %(hex)s
"""


def residue(region: Region, names: TenantNames) -> list[Residue]:
    """Return the tenant's roles, control rows, partitions and rows of whatever tables the catalogue lists.

    A table that cannot be counted by tenant is reported too: not counted is not zero.
    """
    with translated("residue"), connection(region, "observer") as db:
        asked = {"role": names.role, "tenant": names.tenant_id, "hex": f"%{names.tenant_id.hex}%"}
        found = [Residue(SYSTEM, f"{kind} {name}", "exists", unit="none") for kind, name in db.execute(NAMED, asked)]
    for table, number in rows.count(region, names.tenant_id).items():
        if number is None:
            found.append(Residue(SYSTEM, f"rag.{table}", "cannot be counted by tenant"))
        elif number:
            found.append(Residue(SYSTEM, f"rag.{table}", f"{number} rows", unit="none"))
    return found


def tag_residue(region: Region, names: TenantNames) -> list[Residue]:
    """Return the tenant's rows in bw.resource_tag."""
    known = tags.read(region, names.tenant_id, "observer")
    return [Residue("tags", resource, "is tagged in bw.resource_tag", unit="none") for resource in sorted(known)]
