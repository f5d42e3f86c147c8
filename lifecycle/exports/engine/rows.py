"""Every row of a tenant, of one snapshot, a line of JSON each; and counted in that same snapshot by other eyes.

PostgreSQL itself writes the JSON, in UTC, and a cursor of its own hands it over: a tenant of any size passes through a
worker that keeps a few hundred rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from bailiwick_proof.canonical import digest
from psycopg import Connection, sql

from compliance.verifiers import tables
from compliance.verifiers.looking import Question
from lifecycle.migration.engine.snapshots import Snapshot, exported, lasting, reader
from lifecycle.migration.engine.verify import Shape, shapes
from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres.connection import connection, translated
from portal.lib.regions import Region

from .place import SYSTEM, Place
from .writing import Beat, Written, opened

AT_ONCE = 100
VECTORS = "chunk_vectors"
EACH = sql.SQL("SELECT row_to_json(r)::text FROM (SELECT {columns} FROM {table} WHERE tenant_id = %s ORDER BY {key}) r")


@dataclass(frozen=True)
class Dumped:
    """The files, the snapshot in PostgreSQL's words, its moment, the rows of each table as others counted them, and the
    digest of tables and columns as the catalogue has them."""

    files: list[Written]
    snapshot: str
    at: datetime
    counted: dict[str, int]
    schema: str


def dump(place: Place, attempt: str, tenant: UUID, name: str, beat: Beat) -> Dumped:
    """Write every table's rows of the tenant into files of this attempt."""
    with translated("export rows"), connection(place.region, "mover") as db, lasting(db):
        db.execute("SET LOCAL TimeZone = 'UTC'")
        of, row = exported(db), db.execute("SELECT now()").fetchone()
        assert row is not None
        counted = _counted(place.region, of, tenant, name)
        described = shapes(db)
        if missing := counted.keys() - {f"rag.{one.name}" for one in described}:
            raise Permanent(SYSTEM, "export rows", f"{', '.join(sorted(missing))} would not be exported")
        files = [_table(db, place, attempt, tenant, shape, beat) for shape in described]
        plain = {name.removeprefix("rag."): n for name, n in counted.items()}
        schema = digest({one.name: [list(pair) for pair in one.columns] for one in described})
        return Dumped(files, of.shows, row[0], plain, schema)


def path_of(table: str) -> str:
    return "vectors/pgvector.jsonl" if table == VECTORS else f"rows/{table}.jsonl"


def _table(db: Connection[Any], place: Place, attempt: str, tenant: UUID, shape: Shape, beat: Beat) -> Written:
    with opened(place, attempt, path_of(shape.name), beat) as file:
        for text in _each(db, tenant, shape):
            file.line(text)
            beat()
        return file.close()


def _each(db: Connection[Any], tenant: UUID, shape: Shape) -> Iterator[str]:
    columns = sql.SQL(", ").join(_column(name, send) for name, send in shape.columns)
    key = sql.SQL(", ").join(sql.Identifier(name) for name, _ in shape.key)
    query = EACH.format(columns=columns, table=sql.Identifier("rag", shape.name), key=key)
    with db.cursor(name=f"export_{shape.name}") as cursor:
        cursor.itersize = AT_ONCE
        cursor.execute(query, [tenant])
        for (text,) in cursor:
            yield text


def _column(name: str, send: str) -> sql.Composed:
    """A vector's text is a list of numbers, and so it is written as one; other extensions' types as their text."""
    column = sql.Identifier(name)
    return sql.SQL("{0}::text::json AS {0}").format(column) if send.endswith("vector_send") else sql.Composed([column])


def _counted(region: Region, of: Snapshot, tenant: UUID, name: str) -> dict[str, int]:
    """Rows of each table by the verifier's login, catalogue and query, in the exporter's snapshot."""
    question = Question(region, tenant, name, "tenant", tenant)
    with reader(region, of) as db:
        found = {str(one): one.count(question) for one in tables.sound(tables.read(db))}
        asked = {"tenant": tenant, "subject": [tenant], "digits": "", "user": None}
        return {table: int((db.execute(query, asked).fetchone() or [0])[0]) for table, query in found.items() if query}
