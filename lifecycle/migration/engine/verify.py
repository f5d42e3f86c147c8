"""Compares both sides while writes flow. Shares no code with the copier: another login, catalogue query and ranges.

A row is what PostgreSQL's record_send makes of its columns in order of their names: for each its type, its length
(-1 for NULL) and its binary form, which knows no time zone and keeps 1.0 apart from 1.00. The tenant is not among them:
rows are asked for by it, and a clone differs in nothing else. A range of rows is the SHA-256 over its rows' SHA-256 in
key order; a tenant is the RFC 9162 tree over its ranges.
"""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bailiwick_proof import merkle
from psycopg import Connection, sql

from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres.connection import SYSTEM, Limited, at_length, connection, translated
from portal.lib.regions import Region

from . import tables
from .copy import both
from .move import Move, fenced
from .rounds import carried

RANGE = 20_000
COLUMNS = """
SELECT c.relname::text, a.attname::text, CASE WHEN t.oid < 16384 THEN '' ELSE t.typsend::regproc::text END,
       format_type(a.atttypid, a.atttypmod),
       coalesce(array_position(i.indkey::int2[], a.attnum), -1)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relnamespace = 'rag'::regnamespace AND NOT c.relispartition AND c.relkind IN ('r', 'p')
ORDER BY c.relname, a.attname
"""
BOUNDS = sql.SQL("""
SELECT {key} FROM (SELECT {names}, row_number() OVER (ORDER BY {names}) AS n FROM {table} WHERE tenant_id = {tenant}) r
WHERE n % {rows} = 0 ORDER BY n
""")
DIGEST = sql.SQL("""
SELECT count(*), sha256(coalesce(string_agg(h, ''::bytea ORDER BY {names}), ''))
FROM (SELECT {names}, sha256({row}) AS h FROM {table} WHERE {condition}) AS hashed
""")
EACH = sql.SQL("SELECT {key}, sha256({row}) FROM {table} WHERE {condition}")
MAKE_DIRTY = "INSERT INTO bw.dirty (tenant_id, table_name, key) VALUES (%s, %s, %s)"
Keys = dict[str, list[list[str]]]


@dataclass(frozen=True)
class Shape:
    """A table as the verifier sees it: columns, with an extension's send function; the key's, with their types."""

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Span:
    """Rows of one table with keys above `after` and up to `upto`; None is no bound."""

    shape: Shape
    after: list[str] | None
    upto: list[str] | None


@dataclass(frozen=True)
class Verification:
    """`mismatches` are the keys that differ, per table; `roots` each side's tree, hex; `snapshot` the source's."""

    rows: int
    root_source: str
    root_target: str
    tables: dict[str, int]
    mismatches: Keys
    snapshot: str

    @property
    def ok(self) -> bool:
        return self.root_source == self.root_target and not self.mismatches


def verify(move: Move, beat: Callable[[], None] = lambda: None) -> Verification:
    """Compare every row of both sides as of one round. Keys that differ are made dirty and so brought over again.

    The design has a supervised process hold both snapshots, so that many ticks could import them. Here one call in one
    process holds them and computes every digest in them: with it they end, and nothing of a verification is kept
    before all of it is. So no digest outlives its snapshot, and a verification whose process dies is void.
    """
    with translated("verify"), both(move) as (source, target):
        found = tables.read(source)
        left = 1
        while left:
            beat()
            with carried(source, target, move, found) as done:
                left = done.left
                if not left:
                    source.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                    row = source.execute("SELECT pg_export_snapshot()").fetchone()
                    assert row is not None
                    with reader(move.source, str(row[0])) as mine, reader(move.target) as theirs:
                        but = () if move.vectors_are_rows else ("chunk_vectors",)  # compare_vectors reads them
                        result = _compare(mine, theirs, (move.tenant_id, move.tenant_id), beat, but)
        if result.mismatches:
            with fenced(source, move, move.source):
                _make_dirty(source, move.tenant_id, result.mismatches)
    return result


def twins(
    mine: Connection[Any], theirs: Connection[Any], tenants: tuple[UUID, UUID], beat: Callable[[], None]
) -> Verification:
    """Compare every row of one tenant with those of another, each in the snapshot of its transaction."""
    return _compare(mine, theirs, tenants, beat)


def differing(mine: Connection[Any], theirs: Connection[Any], shapes: list[Shape], tenant_id: UUID, keys: Keys) -> Keys:
    """Those of the keys whose rows are not the same on both sides, neither of which changes meanwhile."""
    asked = [(shape, _among(shape, tenant_id, keys[shape.name])) for shape in shapes if shape.name in keys]
    with ThreadPoolExecutor(2) as pool:
        here, there = pool.map(lambda db: _each(db, asked), (mine, theirs))
    found = {shape.name: _unlike(one, other) for (shape, _), one, other in zip(asked, here, there, strict=True)}
    return {name: different for name, different in found.items() if different}


def shapes(db: Connection[Any]) -> list[Shape]:
    """Every table with a tenant, from the catalogue."""
    columns: dict[str, list[tuple[str, str]]] = {}
    keys: dict[str, list[tuple[int, str, str]]] = {}
    for table, column, send, kind, place in db.execute(COLUMNS):
        columns.setdefault(table, []).append((column, send))
        if place >= 0 and column != "tenant_id":
            keys.setdefault(table, []).append((place, column, kind))
    return [
        Shape(table, tuple(found), tuple((name, kind) for _, name, kind in sorted(keys[table])))
        for table, found in columns.items()
        if "tenant_id" in dict(found)
    ]


@contextmanager
def reader(region: Region, exported: str | None = None) -> Iterator[Limited]:
    """The verifier in a transaction of one snapshot: an exported one, or that of now."""
    with connection(region, "verifier") as db, snapshot(db, exported):
        yield db


@contextmanager
def snapshot(db: Limited, exported: str | None = None) -> Iterator[None]:
    """A transaction of one snapshot, for as long as it takes."""
    with db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if exported:
            db.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(exported)))
        db.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        with at_length(db):
            yield


def _compare(
    mine: Connection[Any],
    theirs: Connection[Any],
    tenants: tuple[UUID, UUID],
    beat: Callable[[], None],
    but: Collection[str] = (),
) -> Verification:
    described = shapes(mine)
    if described != shapes(theirs):
        raise Permanent(SYSTEM, "verify", "the tables of the two regions are not alike")
    spans = [span for shape in described if shape.name not in but for span in _spans(mine, tenants[0], shape)]
    with ThreadPoolExecutor(2) as pool:
        sides = [pool.submit(_digests, db, one, spans) for db, one in zip((mine, theirs), tenants, strict=True)]
        ours, other = _patiently(sides, beat)
    mismatches: Keys = {}
    rows: dict[str, int] = {}
    for span, one, two in zip(spans, ours, other, strict=True):
        name = span.shape.name
        rows[name] = rows.get(name, 0) + one[0]
        if one != two:
            conditions = _bounded(span, tenants[0]), _bounded(span, tenants[1])
            mismatches.setdefault(name, []).extend(_different(mine, theirs, span.shape, conditions))
    roots = (_root(spans, ours), _root(spans, other))
    return Verification(sum(rows.values()), *roots, rows, mismatches, _snapshot(mine))


def _snapshot(db: Connection[Any]) -> str:
    """What the transaction sees, in PostgreSQL's words: xmin:xmax:those under way."""
    row = db.execute("SELECT pg_current_snapshot()::text").fetchone()
    return str(row[0]) if row else ""


Digests = list[tuple[int, bytes]]


def _patiently(sides: list[Future[Digests]], beat: Callable[[], None]) -> list[Digests]:
    while wait(sides, timeout=1.0).not_done:
        beat()
    return [side.result() for side in sides]


def _digests(db: Connection[Any], tenant_id: UUID, spans: list[Span]) -> Digests:
    """Rows and hash of each span, in one snapshot."""
    found = []
    for span in spans:
        parts = {"row": _row(span.shape), "names": _names(span.shape), "table": _table(span.shape)}
        row = db.execute(DIGEST.format(condition=_bounded(span, tenant_id), **parts)).fetchone()
        assert row is not None
        found.append((int(row[0]), bytes(row[1])))
    return found


def _root(spans: list[Span], digests: Digests) -> str:
    leaves = (
        merkle.leaf_hash(f"{span.shape.name} {rows} ".encode() + digest)
        for span, (rows, digest) in zip(spans, digests, strict=True)
    )
    return merkle.root(leaves).hex()


def _spans(db: Connection[Any], tenant_id: UUID, shape: Shape) -> Iterator[Span]:
    """Ranges without a gap before, between or behind them: what only one side has is in one of them."""
    parts = {"key": _key(shape), "names": _names(shape), "table": _table(shape)}
    after = None
    for (upto,) in db.execute(
        BOUNDS.format(tenant=sql.Literal(tenant_id), rows=sql.Literal(RANGE), **parts)
    ).fetchall():
        yield Span(shape, after, upto)
        after = upto
    yield Span(shape, after, None)


def _different(
    mine: Connection[Any], theirs: Connection[Any], shape: Shape, conditions: tuple[sql.Composed, sql.Composed]
) -> list[list[str]]:
    sides = zip((mine, theirs), conditions, strict=True)
    (one,), (other,) = (_each(db, [(shape, condition)]) for db, condition in sides)
    return _unlike(one, other)


Hashes = dict[tuple[str, ...], bytes]


def _each(db: Connection[Any], asked: list[tuple[Shape, sql.Composed]]) -> list[Hashes]:
    """The hash of each row that meets the conditions, in one round trip."""
    with db.pipeline():
        answers = [
            db.execute(EACH.format(key=_key(shape), row=_row(shape), table=_table(shape), condition=condition))
            for shape, condition in asked
        ]
        return [{tuple(key): hashed for key, hashed in answer} for answer in answers]


def _unlike(one: Hashes, other: Hashes) -> list[list[str]]:
    return [list(key) for key in sorted({key for key, _ in one.items() ^ other.items()})]


def _make_dirty(source: Connection[Any], tenant_id: UUID, mismatches: Keys) -> None:
    with source.cursor() as cursor:
        lines = [(tenant_id, table, key) for table, keys in mismatches.items() for key in keys]
        cursor.executemany(MAKE_DIRTY, lines)


def _table(shape: Shape) -> sql.Identifier:
    return sql.Identifier("rag", shape.name)


def _names(shape: Shape) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name, _ in shape.key)


def _key(shape: Shape) -> sql.Composed:
    return sql.SQL("ARRAY[{}]").format(
        sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name, _ in shape.key)
    )


def _row(shape: Shape) -> sql.Composed:
    """The row's bytes. A type of an extension has another number in each database, so it goes in as what it sends."""
    names = (
        sql.SQL("{0}({1})" if send else "{1}").format(sql.SQL(send), sql.Identifier(name))
        for name, send in shape.columns
        if name != "tenant_id"
    )
    return sql.SQL("record_send(ROW({}))").format(sql.SQL(", ").join(names))


def _bounded(span: Span, tenant_id: UUID) -> sql.Composed:
    clauses = [sql.SQL("tenant_id = {}").format(sql.Literal(tenant_id))]
    for sign, bound in (("> ", span.after), ("<=", span.upto)):
        if bound is not None:
            values = sql.SQL(", ").join(
                _cast(value, kind) for value, (_, kind) in zip(bound, span.shape.key, strict=True)
            )
            clauses.append(sql.SQL(f"({{}}) {sign} ({{}})").format(_names(span.shape), values))
    return sql.SQL(" AND ").join(clauses)


def _among(shape: Shape, tenant_id: UUID, keys: list[list[str]]) -> sql.Composed:
    rows = (
        sql.SQL("({})").format(
            sql.SQL(", ").join(_cast(value, kind) for value, (_, kind) in zip(key, shape.key, strict=True))
        )
        for key in keys
    )
    parts = (sql.Literal(tenant_id), _names(shape), sql.SQL(", ").join(rows))
    return sql.SQL("tenant_id = {} AND ({}) IN ({})").format(*parts)


def _cast(value: str, kind: str) -> sql.Composed:
    return sql.SQL("{}::{}").format(sql.Literal(value), sql.SQL(kind))
