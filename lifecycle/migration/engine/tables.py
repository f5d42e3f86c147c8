"""The tables that hold a tenant's rows, read from the catalogue of a store."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection, sql

from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres.connection import SYSTEM
from portal.lib.regions import Region

Statement = sql.Composed

# Of the table `c`: all that the guard consists of is there, switched on, and passed over by the mover alone.
GUARDED = """
(SELECT count(*) = 4 FROM pg_trigger g
 WHERE g.tgrelid = c.oid AND g.tgenabled IN ('O', 'A') AND pg_get_triggerdef(g.oid) LIKE CASE g.tgname
     WHEN 'guard_truncate' THEN '% BEFORE TRUNCATE ON rag.% FOR EACH STATEMENT EXECUTE FUNCTION bw.refuse_truncate()'
     ELSE '% AFTER ' || upper(replace(g.tgname, 'guard_', '')) || ' ON rag.% FOR EACH STATEMENT'
          ' WHEN ((CURRENT_USER <> ''bw_mover''::name)) EXECUTE FUNCTION bw.guard_' || c.relname || '(%' END
   AND g.tgname IN ('guard_insert', 'guard_update', 'guard_delete', 'guard_truncate'))
"""
COLUMNS = """
SELECT c.relname::text,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
             AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum),
       ARRAY(SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
             AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum),
       bw.key_columns(c.oid::regclass),
       (SELECT coalesce(jsonb_agg(jsonb_build_array(i.indnullsnotdistinct, (
                   SELECT jsonb_agg(a.attname) FROM pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey)))), '[]')
        FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND NOT i.indisprimary),
"""
OF_TENANTS = """
FROM pg_class c
WHERE c.relnamespace = 'rag'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
  AND NOT c.relname LIKE 'chunk\\_vectors\\_%'
ORDER BY c.relname
"""
READ = COLUMNS + GUARDED + OF_TENANTS


@dataclass(frozen=True)
class Unique:
    """A unique key beside the primary one, with the tenant."""

    nulls_are_equal: bool
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """One table of schema rag. `key` is its primary key without the tenant."""

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    key: tuple[str, ...]
    uniques: tuple[Unique, ...]
    is_guarded: bool

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier("rag", self.name)

    @property
    def key_types(self) -> tuple[str, ...]:
        of = dict(zip(self.columns, self.types, strict=True))
        return tuple(of[name] for name in self.key)

    def listed(self, alias: str = "") -> Statement:
        """The columns, in order."""
        return sql.SQL(", ").join(sql.Identifier(*filter(None, (alias, name))) for name in self.columns)

    def key_text(self) -> Statement:
        """The key as bw.dirty keeps it."""
        parts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in self.key)
        return sql.SQL("ARRAY[{}]").format(parts)

    def bounded(self, tenant_id: UUID, after: list[str] | None, upto: list[str] | None = None) -> Statement:
        """The condition for the tenant's rows with keys above `after` (None: the first) up to `upto` (the last)."""
        clauses = [sql.SQL("tenant_id = {}").format(sql.Literal(tenant_id))]
        for sign, key in ((">", after), ("<=", upto)):
            if key is not None:
                clauses.append(sql.SQL(f"({{}}) {sign} ({{}})").format(self.names(), self._values(key)))
        return sql.SQL(" AND ").join(clauses)

    def among(self, tenant_id: UUID, keys: list[list[str]]) -> Statement:
        """The condition for the tenant's rows with these keys."""
        arrays = sql.SQL(", ").join(
            sql.SQL("{}::text[]::{}[]").format(sql.Literal(list(values)), sql.SQL(kind))
            for values, kind in zip(zip(*keys, strict=True), self.key_types, strict=True)
        )
        return sql.SQL("tenant_id = {} AND ({}) IN (SELECT * FROM unnest({}))").format(
            sql.Literal(tenant_id), self.names(), arrays
        )

    def having(self, db: Connection[Any], tenant_id: UUID, keys: Collection[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Those of the keys, of a table that is gone, by which a row of the tenant is found in this one.

        Compared as text, which no index serves: of what type they were nobody knows any more.
        """
        if {len(key) for key in keys} != {len(self.key)}:
            return []
        texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in self.key)
        arrays = sql.SQL(", ").join(
            sql.SQL("{}::text[]").format(sql.Literal(list(one))) for one in zip(*keys, strict=True)
        )
        query = sql.SQL("SELECT {} FROM {} WHERE tenant_id = {} AND ({}) IN (SELECT * FROM unnest({}))")
        parts = (self.key_text(), self.identifier, sql.Literal(tenant_id), texts, arrays)
        return [tuple(key) for (key,) in db.execute(query.format(*parts)).fetchall()]

    def names(self, alias: str = "", between: LiteralString = ", ") -> Statement:
        """The columns of the key."""
        return sql.SQL(between).join(sql.Identifier(*filter(None, (alias, name))) for name in self.key)

    def _values(self, key: list[str]) -> Statement:
        pairs = zip(key, self.key_types, strict=True)
        return sql.SQL(", ").join(sql.SQL("{}::{}").format(sql.Literal(value), sql.SQL(kind)) for value, kind in pairs)


def read(db: Connection[Any]) -> list[Table]:
    """Every table of the store that has a tenant column, by name."""
    return [_table(*row) for row in db.execute(READ).fetchall()]


def require_guards(found: list[Table], region: Region) -> None:
    """Raise Permanent where a change of some table would not be seen: nothing is captured there, or let through."""
    if open_ones := [table.name for table in found if not table.is_guarded]:
        raise Permanent(SYSTEM, "guard", f"{', '.join(open_ones)} in {region.name} without the whole guard")


def of_both(source: Connection[Any], target: Connection[Any]) -> list[Table]:
    """The source's tables; raises Permanent, with what differs, unless the target's can hold the same rows.

    Asked anew for every round: what was alike when the move was planned may have been changed since.
    """
    here, there = read(source), read(target)
    one, other = _columns(here), _columns(there)
    differ = [
        f"{name} is {one.get(name, 'missing')} at the source, {other.get(name, 'missing')} at the target"
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    ]
    if differ:
        raise Permanent(SYSTEM, "compare tables", f"the tables of the two regions are not alike: {'; '.join(differ)}")
    return here


def _columns(found: list[Table]) -> dict[str, str]:
    return {
        f"{table.name}.{column}": kind + (" key" if column in table.key else "")
        for table in found
        for column, kind in zip(table.columns, table.types, strict=True)
    }


def _table(
    name: str, columns: list[str], types: list[str], key: list[str] | None, uniques: list[Any], is_guarded: bool
) -> Table:
    others = tuple(Unique(same, tuple(names)) for same, names in uniques)
    return Table(name, tuple(columns), tuple(types), tuple(key or ()), others, is_guarded)
