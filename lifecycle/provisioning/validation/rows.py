"""Rows to try isolation with, for whatever tables the catalogue lists: made up by type, foreign keys honoured."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection, sql

from lifecycle.provisioning.validation.database import Answer, Statement, attempt
from lifecycle.provisioning.validation.findings import CouldNotRun

TENANT = "tenant_id"
COLUMNS = """
SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL), a.atttypmod,
       (a.attnotnull AND NOT a.atthasdef AND a.attidentity = '')
       OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY(i.indkey))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'rag'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname NOT LIKE 'chunk\\_vectors\\_%'
ORDER BY c.relname, a.attnum
"""
KEYS = """
SELECT c.relname::text, k.contype::text, pg_get_constraintdef(k.oid), p.relname::text,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, i)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.i),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, i)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.i)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid LEFT JOIN pg_class p ON p.oid = k.confrelid
WHERE c.relnamespace = 'rag'::regnamespace AND NOT c.relispartition AND k.contype IN ('f', 'c', 'p')
"""
ONE_OF = re.compile(r"^CHECK \(\((\w+) = ANY \(ARRAY\['([^']*)'::text")
NUMBERS = {"bigint", "integer", "smallint", "double precision", "real", "numeric"}
CONSTANTS = {"jsonb": "{}", "json": "{}", "boolean": "false", "date": "2000-01-01", "text[]": "{}", "bytea": "\\x00"}


@dataclass(frozen=True)
class Reference:
    """A foreign key."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass
class Table:
    """A shared table as far as a row of it must be made up. `columns` are type and modifier of what a row needs."""

    name: str
    columns: dict[str, tuple[str, int]] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    references: list[Reference] = field(default_factory=list)
    choices: dict[str, str] = field(default_factory=dict)
    has_tenant: bool = False

    @property
    def identifier(self) -> sql.Composed:
        return sql.SQL("rag.{}").format(sql.Identifier(self.name))

    @property
    def parents(self) -> list[str]:
        return [one.parent for one in self._binding() if one.parent != self.name]

    def values(self, tenant_id: UUID, rows: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """A row of this tenant which no other row equals, children of the rows already there."""
        made = {name: self._value(name, *kind) for name, kind in self.columns.items()}
        for reference in self._binding():
            parent = rows.get(reference.parent, {})
            pairs = zip(reference.columns, reference.parent_columns, strict=True)
            made |= {own: parent[theirs] for own, theirs in pairs if theirs in parent}
        return made | {TENANT: str(tenant_id)}

    def insert(self, values: Mapping[str, str]) -> tuple[Statement, list[str]]:
        kinds = [sql.SQL("%s::" + self.columns[name][0]) for name in values]
        names = sql.SQL(", ").join(map(sql.Identifier, values))
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(self.identifier, names, sql.SQL(", ").join(kinds))
        return statement, list(values.values())

    def is_row(self, values: Mapping[str, str]) -> tuple[sql.Composed, list[str]]:
        """A condition that picks exactly this row, and its arguments."""
        parts = [sql.SQL("{} = %s::" + self.columns[name][0]).format(sql.Identifier(name)) for name in self.key]
        return sql.SQL(" AND ").join(parts), [values[name] for name in self.key]

    def _binding(self) -> list[Reference]:
        """Foreign keys a row cannot leave open: all their columns are needed."""
        return [one for one in self.references if all(name in self.columns for name in one.columns)]

    def _value(self, name: str, kind: str, modifier: int) -> str:
        if name in self.choices:
            return self.choices[name]
        if kind == "uuid":
            return str(uuid4())
        if kind == "text" or kind.startswith("character"):
            return f"bw-validation {uuid4()}"
        if kind.startswith("timestamp"):
            return "2000-01-01T00:00:00Z"
        if kind.endswith("vector"):
            return f"[1{',0' * (modifier - 1)}]"
        if kind in NUMBERS:
            return "0"
        if kind not in CONSTANTS:
            raise CouldNotRun(f"no value is known for rag.{self.name}.{name} of type {kind}")
        return CONSTANTS[kind]


def tables(db: Connection[Any]) -> list[Table]:
    """Return the shared tables, parents first."""
    found: dict[str, Table] = {}
    for name, column, kind, modifier, needed in db.execute(COLUMNS).fetchall():
        table = found.setdefault(name, Table(name))
        table.has_tenant = table.has_tenant or column == TENANT
        if needed:
            table.columns[column] = kind, modifier
    for name, kind, definition, parent, columns, parent_columns in db.execute(KEYS).fetchall():
        _constrain(found[name], kind, definition, parent, tuple(columns), tuple(parent_columns))
    order = TopologicalSorter({name: table.parents for name, table in found.items()}).static_order()
    return [found[name] for name in order]


def seed(db: Connection[Any], table: Table, tenant_id: UUID, rows: dict[str, dict[str, str]]) -> Answer:
    """Insert a made-up row as the present role and remember it in `rows`."""
    values = table.values(tenant_id, rows)
    answer = attempt(db, *table.insert(values))
    if not answer.state:
        rows[table.name] = values
    return answer


def _constrain(
    table: Table, kind: str, definition: str, parent: str, columns: tuple[str, ...], parent_columns: tuple[str, ...]
) -> None:
    if kind == "f":
        table.references.append(Reference(columns, parent, parent_columns))
    elif kind == "p":
        table.key = columns
    elif one_of := ONE_OF.match(definition):
        table.choices[one_of[1]] = one_of[2]
