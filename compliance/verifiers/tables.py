"""What the catalogue says of a region's tables: whose rows they hold, and why some cannot be counted.

Every table of every schema with a tenant column, and every table of `rag`: the catalogue decides, no list of ours.
Partitions are their parents'; one that was detached stands alone and is looked at like any other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from .answering import NotChecked
from .looking import Question

TENANT = "tenant_id"
# Tables of schema bw that say how a tenant is kept here. None holds content, and the tenant's end takes them.
CONTROL = {
    "applied": "what a following store has received",
    "dirty": "keys of rows that a move has yet to carry on; goes with the move",
    "erasure_item": "the manifest, forgotten after the certificate",
    "erasure_progress": "how far the erasure is",
    "fence": "whether the tenant is written here",
    "hold_fence": "whether the tenant is held here",
    "job_epoch": "which worker is the last one",
    "move_chunk": "the mover's ledger: keys and counts",
    "move_round": "the mover's ledger: counts",
    "refused_attempt": "what a hold refused, without anybody's name; the portal has it, too",
    "resource_tag": "whose a role or cache user is",
    "subject_fence": "which person is not written any more",
    "tenant_role": "which role is whose",
}
CATALOGUE = """
SELECT n.nspname::text, c.relname::text, c.relkind::text,
       has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
       row_security_active(c.oid),
       coalesce((SELECT array_agg(a.attname::text ORDER BY k.place)
                 FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
                 WHERE i.indrelid = c.oid AND i.indisprimary), '{}'),
       coalesce((SELECT jsonb_object_agg(a.attname, format_type(a.atttypid, a.atttypmod)) FROM pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '{}')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY 1, 2
"""
READABLE = re.compile(r"text|character varying.*|character.*|json|jsonb|xml|name|citext|.*\[\]")


@dataclass(frozen=True)
class Table:
    """A table as the catalogue has it; `columns` are types by name, `key` is the primary key's."""

    schema: str
    name: str
    kind: str
    may_read: bool
    hides_rows: bool
    key: tuple[str, ...]
    columns: dict[str, str]

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def is_vectors(self) -> bool:
        """Of the system `vectors`: the table of vectors, and partitions of it that were detached."""
        return self.schema == "rag" and re.fullmatch(r"chunk_vectors(_[0-9a-f]{32})?", self.name) is not None

    @property
    def fault(self) -> str:
        """Why its rows cannot be told apart, counted or named, or an empty string."""
        if TENANT not in self.columns:
            return f"{self} has no tenant column, so nobody can tell whose its rows are."
        if self.kind in "mf":
            return f"{self} holds copies that are not rows of its own, so they cannot be named one by one."
        if not self.may_read:
            return f"{self} may not be read by the verifier."
        if self.hides_rows:
            return f"Row security hides rows of {self} from the verifier."
        if not self.key:
            return f"{self} has no primary key, so its rows cannot be named one by one."
        return ""

    def count(
        self, question: Question, *, but: sql.Composable | None = None, only: sql.Composable | None = None
    ) -> sql.Composed | None:
        """The query by what the rows are; None where no column could name what is sought.

        `but` leaves out rows of which a condition on `t` holds, `only` counts those alone.
        """
        whose = self._of_subject(question)
        if whose is None:
            return None
        parts = [self.of_tenant, whose]
        parts += [sql.SQL("NOT ({})").format(but)] if but is not None else []
        parts += [sql.SQL("({})").format(only)] if only is not None else []
        return sql.SQL("SELECT count(*) FROM {} AS t WHERE {}").format(self.identifier, sql.SQL(" AND ").join(parts))

    def elsewhere(self, question: Question) -> sql.Composed | None:
        """The query for the same person under any other tenant: a rehearsal's clone has a tenant of its own.

        By the user's id, which the platform makes. A document's may be its owner's choice, and the same in two tenants.
        """
        if question.user_id is None or not self._ids or self.columns[TENANT] != "uuid":
            return None
        ids = [sql.SQL("{} = ANY(%(users)s)").format(sql.Identifier("t", name)) for name in self._ids]
        query = "SELECT count(*) FROM {} AS t WHERE t.tenant_id = ANY(%(others)s) AND ({})"
        return sql.SQL(query).format(self.identifier, sql.SQL(" OR ").join(ids))

    @property
    def _ids(self) -> list[str]:
        return sorted(name for name, kind in self.columns.items() if kind == "uuid" and name != TENANT)

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    @property
    def of_tenant(self) -> sql.SQL:
        if self.columns[TENANT] == "uuid":
            return sql.SQL("t.tenant_id = %(tenant)s")
        return sql.SQL("t.tenant_id::text = %(tenant)s::text")

    def _of_subject(self, question: Question) -> sql.Composable | None:
        """A person is sought in every column of ids, and in every text, list and document by the id's digits."""
        if question.kind == "tenant":
            return sql.SQL("true")
        found = list(self._named(question))
        return sql.SQL("({})").format(sql.SQL(" OR ").join(found)) if found else None

    def _named(self, question: Question) -> Iterator[sql.Composed]:
        for name in self._ids:
            yield sql.SQL("{} = ANY(%(subject)s)").format(sql.Identifier("t", name))
        for name, kind in sorted(self.columns.items()):
            if question.user_id and READABLE.fullmatch(kind):
                text = sql.SQL("replace(lower({}::text), '-', '') ~ %(digits)s")
                yield text.format(sql.Identifier("t", name))


def read(db: Connection[Any]) -> list[Table]:
    """Every table that holds tenants' rows, or should tell whose its rows are."""
    found = [
        Table(schema, name, kind, may_read, hides, tuple(key), columns)
        for schema, name, kind, may_read, hides, key, columns in db.execute(CATALOGUE)
    ]
    return [one for one in found if (TENANT in one.columns or one.schema == "rag") and not is_control(one)]


def is_control(table: Table) -> bool:
    return table.schema == "bw" and table.name in CONTROL


def sound(found: list[Table]) -> list[Table]:
    """The same tables, every one of which can be counted; NotChecked says of the first that cannot."""
    for one in found:
        if one.fault:
            raise NotChecked(one.fault)
    return found
