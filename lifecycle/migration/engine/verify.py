"""Compares both sides while writes flow. Shares no code with the copier: another login, catalogue query and ranges.

A row is what PostgreSQL's record_send makes of its columns in order of their names: for each its type, its length
(-1 for NULL) and its binary form, which knows no time zone and keeps 1.0 apart from 1.00. The tenant is not among them:
rows are asked for by it, and a clone differs in nothing else. A range of rows is the SHA-256 over them in key order,
each itself or, where it is longer than 256 bytes, its SHA-256 (and which of the two); a tenant is the RFC 9162 tree
over its ranges.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from bailiwick_proof import merkle
from psycopg import Connection, sql

from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres.connection import SYSTEM, connection, translated

from .move import Move, fenced
from .rounds import round
from .snapshots import Snapshot, held, reader

RANGE, AT_ONCE = 20_000, 8  # rows of a range; ranges read on both sides before they are told
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
END = sql.SQL("SELECT {key} FROM {table} WHERE {condition} ORDER BY {names} OFFSET {rows} LIMIT 1")
# Short rows are hashed here: PostgreSQL sends one faster than it hashes it. OFFSET 0: a row's bytes are made only once.
DIGEST = sql.SQL("""
SELECT count(*), coalesce(string_agg(told, ''::bytea ORDER BY {names}), '') FROM (
    SELECT {names},
        CASE WHEN octet_length(r) > 256 THEN '\\x01'::bytea || sha256(r) ELSE '\\x00'::bytea || r END AS told
    FROM (SELECT {names}, {row} AS r FROM {table} WHERE {condition} ORDER BY {names} OFFSET 0) AS found
) AS found
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
class Compared:
    """A range of `table` up to the key `upto` (None: to the end): rows and digest of each side, keys that differ."""

    table: str
    upto: list[str] | None
    rows: int
    digest: bytes
    rows_there: int
    digest_there: bytes
    unlike: list[list[str]]


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

    This process holds both snapshots and reads in them; with it they end, and all that was found is void. Where
    another process holds them (lifecycle/migration/comparing) it is the same in parts.
    """
    with translated("verify"):
        while True:
            beat()
            with held(move.source) as (_, mine):
                if round(move, mine).left:
                    continue
                with held(move.target) as (_, theirs), reading(move, mine, theirs) as sides:
                    found = [one for some in ranges(*sides, move=move, beat=beat) for one in some]
            result = concluded(found, mine.shows)
            bring_again(move, result.mismatches)
            return result


def ranges(
    mine: Connection[Any],
    theirs: Connection[Any],
    *,
    move: Move,
    after: Compared | None = None,
    beat: Callable[[], None] = lambda: None,
) -> Iterator[list[Compared]]:
    """Range by range in order, from behind `after`, some at a time; whoever calls keeps them."""
    but = () if move.vectors_are_rows else ("chunk_vectors",)  # compare_vectors reads them
    return _ranges(mine, theirs, (move.tenant_id, move.tenant_id), beat, but, after)


@contextmanager
def reading(move: Move, mine: Snapshot, theirs: Snapshot) -> Iterator[tuple[Connection[Any], Connection[Any]]]:
    """The verifier on both sides in these snapshots; raises Gone when nobody holds one of them any more."""
    with reader(move.source, mine) as here, reader(move.target, theirs) as there:
        yield here, there


def concluded(found: Sequence[Compared], shows: str) -> Verification:
    """What all ranges together say."""
    mismatches: Keys = {}
    rows: dict[str, int] = {}
    for one in found:
        rows[one.table] = rows.get(one.table, 0) + one.rows
        if one.unlike:
            mismatches.setdefault(one.table, []).extend(one.unlike)
    ours = _root((one.table, one.rows, one.digest) for one in found)
    other = _root((one.table, one.rows_there, one.digest_there) for one in found)
    return Verification(sum(rows.values()), ours, other, rows, mismatches, shows)


def bring_again(move: Move, mismatches: Keys) -> None:
    """Make the keys dirty that were found to differ."""
    if mismatches:
        with translated("verify"), connection(move.source, "mover") as source, fenced(source, move, move.source):
            _make_dirty(source, move.tenant_id, mismatches)


def twins(
    mine: Connection[Any], theirs: Connection[Any], tenants: tuple[UUID, UUID], beat: Callable[[], None]
) -> Verification:
    """Compare every row of one tenant with those of another, each in the snapshot of its transaction."""
    found = [one for some in _ranges(mine, theirs, tenants, beat) for one in some]
    row = mine.execute("SELECT pg_current_snapshot()::text").fetchone()
    return concluded(found, str(row[0]) if row else "")


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


def _ranges(
    mine: Connection[Any],
    theirs: Connection[Any],
    tenants: tuple[UUID, UUID],
    beat: Callable[[], None],
    but: Collection[str] = (),
    after: Compared | None = None,
) -> Iterator[list[Compared]]:
    described = shapes(mine)
    if described != shapes(theirs):
        raise Permanent(SYSTEM, "verify", "the tables of the two regions are not alike")
    left = [shape for shape in described if shape.name not in but]
    spans = (span for shape in left for span in _spans(mine, tenants[0], shape, after))
    with ThreadPoolExecutor(2) as pool:
        while some := list(islice(spans, AT_ONCE)):
            sides = [pool.submit(_digests, db, one, some) for db, one in zip((mine, theirs), tenants, strict=True)]
            pairs = zip(some, *_patiently(sides, beat), strict=True)
            yield [_compared(mine, theirs, tenants, *pair) for pair in pairs]


def _compared(
    mine: Connection[Any],
    theirs: Connection[Any],
    tenants: tuple[UUID, UUID],
    span: Span,
    one: tuple[int, bytes],
    other: tuple[int, bytes],
) -> Compared:
    unlike: list[list[str]] = []
    if one != other:
        unlike = _different(mine, theirs, span.shape, (_bounded(span, tenants[0]), _bounded(span, tenants[1])))
    return Compared(span.shape.name, span.upto, *one, *other, unlike)


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
        row = db.execute(DIGEST.format(condition=_bounded(span, tenant_id), **parts), binary=True).fetchone()
        assert row is not None
        found.append((int(row[0]), hashlib.sha256(row[1]).digest()))
    return found


def _root(found: Iterable[tuple[str, int, bytes]]) -> str:
    return merkle.root(merkle.leaf_hash(f"{table} {rows} ".encode() + digest) for table, rows, digest in found).hex()


def _spans(db: Connection[Any], tenant_id: UUID, shape: Shape, behind: Compared | None) -> Iterator[Span]:
    """Ranges without a gap before, between or behind them: what only one side has is in one of them.

    Each begins where the last one ended, so that nothing has to be kept but that one, `behind` which they go on.
    """
    if behind and (shape.name < behind.table or (shape.name == behind.table and behind.upto is None)):
        return
    after = behind.upto if behind and shape.name == behind.table else None
    while True:
        yield (span := Span(shape, after, _end(db, tenant_id, shape, after)))
        if span.upto is None:
            return
        after = span.upto


def _end(db: Connection[Any], tenant_id: UUID, shape: Shape, after: list[str] | None) -> list[str] | None:
    """The key that ends a full range behind `after`; None where fewer rows are left."""
    parts = {"key": _key(shape), "names": _names(shape), "table": _table(shape)}
    condition = _bounded(Span(shape, after, None), tenant_id)
    row = db.execute(END.format(condition=condition, rows=sql.Literal(RANGE - 1), **parts)).fetchone()
    return list(row[0]) if row else None


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
    with source.pipeline(), source.cursor() as cursor:
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
    """The rows with these keys, of which each part is one literal: ten thousand would cost longer than the rows."""
    arrays = sql.SQL(", ").join(
        sql.SQL("{}::text[]::{}[]").format(sql.Literal(list(values)), sql.SQL(kind))
        for values, (_, kind) in zip(zip(*keys, strict=True), shape.key, strict=True)
    )
    parts = (sql.Literal(tenant_id), _names(shape), arrays)
    return sql.SQL("tenant_id = {} AND ({}) IN (SELECT * FROM unnest({}))").format(*parts)


def _cast(value: str, kind: str) -> sql.Composed:
    return sql.SQL("{}::{}").format(sql.Literal(value), sql.SQL(kind))
