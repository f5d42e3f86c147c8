"""What a region's catalogue says of its tenants' tables: whether they can be moved at all, and fit one another.

No Django. Reads only, as the provisioner.
"""

from typing import Any

from psycopg import Connection

from lifecycle.stores.postgres.connection import connection, translated
from portal.lib.regions import Region

from .engine.tables import GUARDED

# ordinary and partitioned tables of the tenants, without the partitions: those are their parents'
TABLES = """
WITH tenants AS (
    SELECT c.oid, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'rag' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND EXISTS (SELECT FROM pg_attribute a
                  WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
)
"""
KEYS = (
    TABLES
    + """
SELECT relname FROM tenants t WHERE NOT EXISTS (
    SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = t.oid AND i.indisprimary AND a.attname = 'tenant_id') ORDER BY 1
"""
)
NUMBERED = (
    TABLES
    + """
SELECT t.relname, a.attname FROM tenants t JOIN pg_attribute a ON a.attrelid = t.oid
LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE '%%nextval(%%') ORDER BY 1, 2
"""
)
ACTING = (
    TABLES
    + """
SELECT t.relname, k.conname FROM tenants t JOIN pg_constraint k ON k.conrelid = t.oid
WHERE k.contype = 'f' AND (k.confdeltype <> 'a' OR k.confupdtype <> 'a') ORDER BY 1, 2
"""
)
REACHING = (
    TABLES
    + """
SELECT t.relname, k.conname FROM tenants t JOIN pg_constraint k ON k.conrelid = t.oid
WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT EXISTS (
    SELECT FROM pg_attribute a WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey)
    AND a.attname = 'tenant_id') ORDER BY 1, 2
"""
)
UNGUARDED = (
    TABLES
    + """
SELECT c.relname FROM tenants c WHERE NOT """
    + GUARDED
    + """ ORDER BY 1
"""
)
SHAPE = (
    TABLES
    + """
SELECT t.relname || '.' || a.attname,
       format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
FROM tenants t JOIN pg_attribute a ON a.attrelid = t.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
"""
)
SERVER = """
SELECT 'collation ' || datcollate || ' ' || pg_encoding_to_char(encoding)
FROM pg_database WHERE datname = current_database()
UNION ALL SELECT extname || ' ' || extversion FROM pg_extension
"""


def faults(region: Region) -> list[str]:
    """Why tenants' tables here cannot be moved; empty when nothing is wrong."""
    with translated("read the catalogue"), connection(region) as db:
        said = [f"the key of {name} does not begin with the tenant" for (name,) in db.execute(KEYS)]
        said += [f"{name}.{column} takes numbers from a sequence" for name, column in db.execute(NUMBERED)]
        said += [f"{name}: {key} changes other rows by itself" for name, key in db.execute(ACTING)]
        said += [
            f"{name}: {key} names rows that belong to no tenant, or to another" for name, key in db.execute(REACHING)
        ]
        said += [f"{name} has not the whole guard" for (name,) in db.execute(UNGUARDED)]
    return said


def differences(source: Region, target: Region) -> list[str]:
    """Where the two regions' tables, extensions or collation differ, in words."""
    with translated("read the catalogue"), connection(source) as here, connection(target) as there:
        one, other = _shape(here), _shape(there)
    return [
        f"{name} is {one.get(name, 'missing')} in {source.name}, {other.get(name, 'missing')} in {target.name}"
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]


def _shape(db: Connection[Any]) -> dict[str, str]:
    columns: dict[str, str] = dict(db.execute(SHAPE).fetchall())
    return columns | {name: "present" for (name,) in db.execute(SERVER)}
