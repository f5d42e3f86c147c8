"""The tables of schema rag that hold tenants' rows, as the store's own catalogue has them."""

from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from psycopg import Connection, sql

READ = """
SELECT c.relname::text,
       coalesce(bw.key_columns(c.oid::regclass), '{}'),
       ARRAY(SELECT format_type(a.atttypid, a.atttypmod)
             FROM unnest(bw.key_columns(c.oid::regclass)) WITH ORDINALITY AS k(name, position)
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = k.name ORDER BY k.position),
       bw.person_columns(c.oid::regclass),
       coalesce(CASE WHEN c.relname = 'documents' THEN 'id' END,
                (SELECT a.attname::text FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attname = 'document_id' AND NOT a.attisdropped), ''),
       coalesce((SELECT jsonb_agg(jsonb_build_array(p.relname,
                    (SELECT jsonb_agg(a.attname ORDER BY k.position)
                     FROM unnest(f.conkey) WITH ORDINALITY AS k(attnum, position)
                     JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum),
                    (SELECT jsonb_agg(a.attname ORDER BY k.position)
                     FROM unnest(f.confkey) WITH ORDINALITY AS k(attnum, position)
                     JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.attnum),
                    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL
                            AND (i.indkey::int2[])[0:cardinality(f.conkey) - 1] @> f.conkey)) ORDER BY f.conname)
                 FROM pg_constraint f JOIN pg_class p ON p.oid = f.confrelid
                 WHERE f.conrelid = c.oid AND f.contype = 'f'), '[]')
FROM pg_class c
WHERE c.relnamespace = 'rag'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
  AND c.relname NOT LIKE 'chunk\\_vectors\\_%'
ORDER BY c.relname
"""


@dataclass(frozen=True)
class Reference:
    """A foreign key: `columns` here are `there` in `table`. Without an index, each row deleted there is a scan here."""

    table: str
    columns: tuple[str, ...]
    there: tuple[str, ...]
    is_indexed: bool


@dataclass(frozen=True)
class Table:
    """One table. `key` is the primary key after the tenant, and empty where it does not begin with the tenant.

    `people` are the columns that name a user; `document` is the one that names a document, or empty.
    """

    name: str
    key: tuple[str, ...]
    types: tuple[str, ...]
    people: tuple[str, ...]
    document: str
    references: tuple[Reference, ...]

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier("rag", self.name)

    @property
    def unindexed(self) -> list[str]:
        """The foreign keys that no index serves, in words."""
        bare = [reference for reference in self.references if not reference.is_indexed]
        return [f"rag.{self.name} ({', '.join(one.columns)}) to rag.{one.table}" for one in bare]


def children_first(db: Connection[Any]) -> list[Table]:
    """Return every table with a tenant column, referencing ones before those they refer to."""
    found = {row[0]: _table(*row) for row in db.execute(READ).fetchall()}
    parents = {name: {one.table for one in table.references} - {name} for name, table in found.items()}
    return [found[name] for name in reversed(list(TopologicalSorter(parents).static_order())) if name in found]


def _table(name: str, key: list[str], types: list[str], people: list[str], document: str, keys: list[Any]) -> Table:
    references = tuple(Reference(table, tuple(here), tuple(there), has) for table, here, there, has in keys)
    return Table(name, tuple(key), tuple(types), tuple(people), document, references)
