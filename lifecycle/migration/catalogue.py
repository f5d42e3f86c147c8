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
# Everything that decides what a row may be and who sees it, each with its name and how it is defined.
DEFINED = """
SELECT t.relname || '.' || a.attname,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
                 nullif(a.attgenerated::text, '') || ' generated', nullif(a.attidentity::text, '') || ' identity',
                 'default ' || pg_get_expr(d.adbin, d.adrelid))
FROM tenants t JOIN pg_attribute a ON a.attrelid = t.oid
LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'row security of ' || t.relname, CASE WHEN c.relforcerowsecurity AND c.relrowsecurity THEN 'forced'
       WHEN c.relrowsecurity THEN 'enabled' ELSE 'off' END
FROM tenants t JOIN pg_class c ON c.oid = t.oid
UNION ALL
SELECT 'policy ' || p.polname || ' of ' || t.relname,
       concat_ws(' ', p.polcmd, CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, 'to',
                 ARRAY(SELECT coalesce(r.rolname, 'public') FROM unnest(p.polroles) o LEFT JOIN pg_roles r ON r.oid = o
                       ORDER BY 1)::text,
                 'using ' || pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_get_expr(p.polwithcheck, p.polrelid))
FROM tenants t JOIN pg_policy p ON p.polrelid = t.oid
UNION ALL
SELECT 'index ' || i.relname || ' of ' || t.relname,
       pg_get_indexdef(i.oid) || CASE WHEN x.indisvalid THEN '' ELSE ' (not valid)' END
FROM tenants t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
UNION ALL
SELECT 'constraint ' || k.conname || ' of ' || t.relname, pg_get_constraintdef(k.oid)
FROM tenants t JOIN pg_constraint k ON k.conrelid = t.oid
WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND k.conparentid = 0
UNION ALL
SELECT 'trigger ' || g.tgname || ' of ' || t.relname,
       concat_ws(' ', pg_get_triggerdef(g.oid), CASE g.tgenabled WHEN 'D' THEN 'disabled' END,
                 'with the body ' || left(encode(sha256(convert_to(f.prosrc, 'UTF8')), 'hex'), 16))
FROM tenants t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal JOIN pg_proc f ON f.oid = g.tgfoid
"""
SHAPE = TABLES + DEFINED
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
    """Where the two regions' tables, all that hangs on them, extensions or collation differ, in words."""
    with translated("read the catalogue"), connection(source) as here, connection(target) as there:
        return compared(shape(here), shape(there), source, target)


def compared(one: dict[str, str], other: dict[str, str], source: Region, target: Region) -> list[str]:
    """What is not the same in both shapes, by its name."""
    return [
        f"{name} is {one.get(name, 'missing')} in {source.name}, {other.get(name, 'missing')} in {target.name}"
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]


def shape(db: Connection[Any]) -> dict[str, str]:
    """Name and definition of all that has to be alike."""
    found: dict[str, str] = dict(db.execute(SHAPE).fetchall())
    return found | {name: "present" for (name,) in db.execute(SERVER)}
