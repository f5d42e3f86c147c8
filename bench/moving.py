"""Moving a tenant, beside a plain binary COPY pipe of the same rows and beside updates that nobody captures.

Two regions of its own, with everything on disk. Run as a module it prints its rows as JSON.
"""

import json
import math
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from bench.rows import Row, timed
from lifecycle.migration.engine import arm, compare, copy, objects, rounds, switch, tables, verify
from lifecycle.migration.engine.load import pour
from lifecycle.migration.engine.move import Move
from lifecycle.migration.engine.snapshots import reading
from lifecycle.stores import aws
from portal.embedded.stack import Stack
from portal.lib.regions import Region, load
from tests.migration.engine.conftest import CONTROL, World, drained, moved, settle_in
from tests.migration.engine.writers import Crowd

ROWS, VECTORS, SWITCHES, UPDATES, TURNS, MEGABYTE = 1_000_000, 50_000, 200, 3_000, 2, 1 << 20
MOVES, DOCUMENTS, BLOCKS = 5, 500, 10
KEYS, VERSIONS, BYTES = 200, 3, 32 * 1024  # objects, the history of each, and the size of a version
CHUNKS = "INSERT INTO rag.chunks SELECT %s, %s, n, md5(n::text) || md5((n + 1)::text) FROM generate_series(1, %s) n"
EMBEDDINGS = """
INSERT INTO rag.chunk_vectors SELECT %s, %s, n, (
    SELECT array_agg(random()) FROM generate_series(1, 256 + 0 * n))::vector
FROM generate_series(1, %s) n
"""
CAPTURE = "UPDATE bw.fence SET capture = %s WHERE tenant_id = %s"
DOCUMENT = "INSERT INTO rag.documents (tenant_id, id, title) VALUES (%s, %s, 'large')"


def measure() -> list[Row]:
    """All rows, from a home of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="bailiwick-moving-") as folder,
        Stack(Path(folder) / "home", only=("stores",), durable=True) as stack,
    ):
        arguments = stack.superuser_kwargs("control", "postgres")
        with psycopg.connect(**arguments, autocommit=True) as db:
            db.execute(CONTROL)
        blue, green = list(load(stack.home.regions_file).values())[:2]
        found: list[Row] = []
        for name, table, statement, rows, least in (
            ("rows", "chunks", CHUNKS, ROWS, 0.7),
            ("vectors", "chunk_vectors", EMBEDDINGS, VECTORS, 0.7),
        ):
            world = settle_in(blue, green, arguments)
            _fill(stack, world, statement, rows)
            found += _copies(stack, world, name, table, rows, least)
        world = settle_in(blue, green, arguments)
        found += [
            *_writes(world, stack.superuser_kwargs(blue.name)),
            _neighbour(stack, world, settle_in(blue, green, arguments)),
            *_switches(world),
        ]
        return [*found, _versions(settle_in(blue, green, arguments)), _at_once(blue, green, arguments), _memory()]


def _fill(stack: Stack, world: World, statement: str, rows: int) -> None:
    document = uuid4()
    with psycopg.connect(**stack.superuser_kwargs(world.blue.name)) as db:
        db.execute("SELECT set_config('bw.epoch', '1', true)")
        db.execute(DOCUMENT, [world.id, document])
        db.execute(statement, [world.id, document, rows])
    _vacuum(stack, world)


def _vacuum(stack: Stack, world: World) -> None:
    for region in (world.blue, world.green):
        with psycopg.connect(**stack.superuser_kwargs(region.name), autocommit=True) as db:
            db.execute("VACUUM ANALYZE")


def _copies(stack: Stack, world: World, name: str, table: str, rows: int, least: float) -> Iterator[Row]:
    floors, copies = [], []
    for turn in range(1, TURNS + 1):
        taken, _ = world.take(turn)
        arm.arm(taken)
        floors.append(timed(lambda taken=taken: _pipe(taken, table)))  # type: ignore[misc]
        _void(stack, world)
        copies.append(timed(lambda taken=taken: _copy(taken)))  # type: ignore[misc]
        if turn < TURNS:
            _void(stack, world)
    drained(taken)
    checked = min(timed(lambda: _verified(taken)) for _ in range(TURNS))
    rate, floor = rows / min(copies), rows / min(floors)
    yield Row(
        f"{rows:,} {name} copied", rate, floor, "binary COPY pipe", per_second=True, most_ratio=round(1 / least, 2)
    )
    # vectors have no bar: the embedded PostgreSQL has no OpenSSL, and hashes wide rows a third as fast as one that has
    most = 1.0 if name == "rows" else None
    yield Row(f"{rows:,} {name} of both sides verified", checked, min(copies), "their copy", most_ratio=most)


def _pipe(taken: Move, table: str) -> None:
    """The floor: all rows in one COPY out and one COPY in."""
    with copy.both(taken) as (source, target), reading(source), copy.into(target, taken):
        found = next(one for one in tables.read(source) if one.name == table)
        pour(source, target, found, sql.SQL("tenant_id = {}").format(sql.Literal(taken.tenant_id)))


def _void(stack: Stack, world: World) -> None:
    """Green without a row of the tenant and without a plan."""
    with psycopg.connect(**stack.superuser_kwargs(world.green.name), autocommit=True) as db:
        db.execute("SET session_replication_role = replica")
        db.execute("DELETE FROM bw.move_chunk")
        for table in ("chunk_vectors", "chunks", "documents"):
            db.execute(sql.SQL("DELETE FROM rag.{} WHERE tenant_id = %s").format(sql.Identifier(table)), [world.id])
    _vacuum(stack, world)


def _copy(taken: Move) -> None:
    copy.plan(taken)
    while not copy.copy_some(taken, 60).is_complete:
        pass


def _verified(taken: Move) -> None:
    if not verify.verify(taken).ok:
        raise SystemExit("the copy of the bench does not hold")


def _writes(world: World, superuser: dict[str, Any]) -> Iterator[Row]:
    """One update of the platform: captured, guarded only, and with neither, in turns."""
    world.fill(50)
    with psycopg.connect(**world.blue.database.connect_kwargs("platform")) as db:
        (document,) = _as_tenant(db, world).execute("SELECT id FROM rag.documents LIMIT 1").fetchone() or (None,)
        db.rollback()
        seen: dict[str, list[float]] = {"bare": [], "guarded": [], "captured": []}
        arm.arm(world.take(1)[0])
        with (
            psycopg.connect(**world.blue.database.connect_kwargs("mover")) as mover,
            psycopg.connect(**superuser, autocommit=True) as fence,
        ):
            for _ in range(BLOCKS):
                for name, connection in (("bare", mover), ("guarded", db), ("captured", db)):
                    fence.execute(CAPTURE, [name == "captured", world.id])
                    for _ in range(UPDATES // BLOCKS):
                        if connection is db:
                            _as_tenant(db, world)
                        seen[name].append(timed(lambda connection=connection: _update(connection, world, document)))  # type: ignore[misc]
                        connection.rollback()
    bare, guarded, captured = (statistics.median(found) for found in seen.values())
    micro = 1e-6
    yield Row("guard: an update of a tenant that stays", guarded - bare, bare, "the update without it")
    yield Row("capture: an update of one that moves", captured - guarded, bare, "the update without it", bar=30 * micro)


def _neighbour(stack: Stack, moving: World, other: World) -> Row:
    """An update of a tenant that stays while another one's changes are captured, in turns with while nobody's are."""
    other.fill(1)
    seen: dict[bool, list[float]] = {False: [], True: []}
    arguments = stack.superuser_kwargs(moving.blue.name)
    with (
        psycopg.connect(**other.blue.database.connect_kwargs("platform")) as db,
        psycopg.connect(**arguments, autocommit=True) as fence,
    ):
        (document,) = _as_tenant(db, other).execute("SELECT id FROM rag.documents LIMIT 1").fetchone() or (None,)
        db.rollback()
        for block in range(2 * BLOCKS):
            captures = bool(block % 2)
            fence.execute(CAPTURE, [captures, moving.id])
            for _ in range(UPDATES // BLOCKS):
                _as_tenant(db, other)
                seen[captures].append(timed(lambda: _update(db, other, document)))
                db.rollback()
    beside, alone = statistics.median(seen[True]), statistics.median(seen[False])
    # nothing is done for it at all; what is allowed is what two halves of one measurement differ by on a quiet machine
    return Row("capture: an update of its neighbour", beside, alone, "while nobody moves", most_ratio=1.05)


def _as_tenant(db: psycopg.Connection[Any], world: World) -> psycopg.Connection[Any]:
    db.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(world.names[world.blue.name].role)))
    db.execute("SELECT set_config('bw.epoch', '1', true)")
    return db


def _update(db: psycopg.Connection[Any], world: World, document: Any) -> None:
    db.execute("UPDATE rag.documents SET source = 'x' WHERE tenant_id = %s AND id = %s", [world.id, document])


def _switches(world: World) -> Iterator[Row]:
    """There and back under four writers: what the writers wait for."""
    taken, control = world.take(2)
    _copy(taken)
    pauses: dict[bool, list[float]] = {False: [], True: []}
    whole: list[float] = []
    missed = 0
    with Crowd(world, is_patient=True) as crowd:
        for number in range(SWITCHES):
            back = bool(number % 2)
            way = taken.reversed() if back else taken
            began = time.perf_counter()
            while True:
                try:
                    pauses[back].append(switch.switch(way, control).pause_ms / 1000)
                    break
                except switch.OverBudget:
                    missed += 1
            whole.append(time.perf_counter() - began)
            while rounds.round(way.reversed()).keys > 20:
                pass
    crowd.check()
    both = pauses[False] + pauses[True]
    said = f"a second ({missed} attempts over budget and undone)"
    yield Row("switch: writers wait, median", statistics.median(both), 1.0, said)
    yield Row(f"switch: writers wait, p99 of {len(both)}", _p99(both), 1.0, said, max(both), bar=0.1)
    backs = whole[1::2]
    yield Row(f"engine's rollback, p99 of {len(backs)}", _p99(backs), 1.0, "a second", max(backs), bar=1.0)


def _p99(seen: list[float]) -> float:
    """The smallest that 99 in a hundred do not exceed."""
    return sorted(seen)[math.ceil(0.99 * len(seen)) - 1]


def _versions(world: World) -> Row:
    """Objects with their versions, beside reading and writing the same bytes as often with nothing looked at."""
    bucket, plain = (f"{word}-{world.id.hex[:12]}" for word in ("bench", "floor"))
    for region, name in ((world.blue, bucket), (world.green, bucket), (world.green, plain)):
        s3 = aws.client(region, "s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region.name})
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    keys = [f"originals/{number:06d}" for number in range(KEYS)]
    with ThreadPoolExecutor(objects.AT_ONCE) as pool:
        for number in range(VERSIONS):
            list(pool.map(lambda key, n=number: _put(world.blue, bucket, key, os.urandom(BYTES - n)), keys))  # type: ignore[misc]
        known = [(key, one.id) for key in keys for one in objects.history(world.blue, bucket, key)]
        floor = timed(lambda: list(pool.map(lambda one: _through(world, bucket, plain, *one), known)))
    taken = replace(world.take(1)[0], bucket=bucket)
    took = timed(lambda: objects.bring_some(taken, 3_600))
    if not compare.compare(taken).ok:
        raise SystemExit("the objects of the bench are not alike")
    rate, least = len(known) / took, len(known) / floor
    name = f"{len(known):,} versions of {KEYS:,} objects copied"
    return Row(name, rate, least, "plain get and put", per_second=True, most_ratio=2.0)


def _put(region: Region, bucket: str, key: str, body: bytes) -> None:
    aws.client(region, "s3").put_object(Bucket=bucket, Key=key, Body=body)


def _through(world: World, bucket: str, plain: str, key: str, version: str) -> None:
    got = aws.client(world.blue, "s3").get_object(Bucket=bucket, Key=key, VersionId=version)
    _put(world.green, plain, key, got["Body"].read())


def _at_once(blue: Region, green: Region, arguments: dict[str, Any]) -> Row:
    """Five tenants moved at once, beside five that are moved one after another."""
    alone, together = ([settle_in(blue, green, arguments) for _ in range(MOVES)] for _ in range(2))
    for world in (*alone, *together):
        world.fill(DOCUMENTS)
    floor = timed(lambda: [moved(world) for world in alone])
    with ThreadPoolExecutor(MOVES) as pool:
        measured = timed(lambda: list(pool.map(moved, together)))
    return Row(f"{MOVES} moves at once", measured, floor, "one after another", most_ratio=1.0)


def _memory() -> Row:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Row("memory of the mover", used / MEGABYTE, 300.0, "its limit", bar=300.0, unit="MB")


if __name__ == "__main__":
    sys.stdout.write(json.dumps([asdict(row) for row in measure()]))
