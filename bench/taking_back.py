"""A tenant taken back as a person does it: from the button until blue owns it again, job, worker and stores included.

Once after a quiet hour, once at the worst moment: ten thousand writes were made on green just now, of documents,
passages, vectors and counters, deletes among them, and all of them have to be on blue first.
`python -m bench.taking_back` starts a product of its own, measures it and leaves nothing behind.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from bench.product import PARTS, PATIENCE, Person, active_tenant
from bench.rows import Row, table, timed
from lifecycle.migration.engine.load import pipe
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres.fences import read
from portal.embedded.stack import Stack
from tests.migration.engine.burst import FILLED, burst
from tests.migration.engine.conftest import World, fill

DRILLS, HERE, THERE = 3, "ap-south-1", "eu-west-1"
LONGEST = 1.0
STAGING = {"environment": "staging", "geography": "GLOBAL", "vector_provider": "pgvector"}
OWNED = "SELECT count(*) FROM tenants_tenant WHERE id = %s AND region = %s"
LOOK = 0.005  # seconds between two looks at the registry
CARRIED = ("documents", "chunks", "chunk_vectors", "usage_counters")


def measure(stack: Stack, drills: int = DRILLS) -> list[Row]:
    """Each drill of a tenant of its own, moved there first. The longest of each kind, on the clock of who asked."""
    engineer = Person(stack.url, "kiran")
    quiet = [_drilled(engineer, _settled(stack)) for _ in range(drills)]
    worlds = [_settled(stack) for _ in range(drills)]
    busy = [_drilled(engineer, world, writes=True) for world in worlds]
    floor = max(_plainly(world) for world in worlds)
    name = f"rollback, from the button to blue's ownership, longest of {drills}"
    changes = min(one["changes"] for one in busy)
    return [
        Row(name, max(one["took"] for one in quiet), quiet[0]["bar_seconds"], "what is promised", bar=LONGEST),
        Row(
            f"the same right after {changes:,} writes on green",
            max(one["took"] for one in busy),
            floor,
            "the same rows in plain COPY pipes",
            bar=LONGEST,
        ),
    ]


def _settled(stack: Stack) -> World:
    """A tenant with rows of every kind."""
    request = active_tenant(stack.url, "HR", **STAGING)[1]
    tenant, sides = UUID(request["tenant_id"]), [stack.regions()[name] for name in (HERE, THERE)]
    names = {side.name: TenantNames(tenant, request["name"], side.name) for side in sides}
    world = World(*sides, names, stack.superuser_kwargs("control"), tenant, uuid4())
    fence = read(world.blue, tenant)
    with world.writer(world.blue, fence.epoch if fence else 0) as db:
        fill(db, tenant, FILLED)
    return world


def _drilled(engineer: Person, world: World, *, writes: bool = False) -> dict[str, Any]:
    asked = {"tenant_id": str(world.id), "target": THERE, "is_rehearsal": True, "strategy": "blue_green"}
    made = engineer.post("/api/v1/migrations/", {**asked, "reason": "A measurement."})
    path = f"/api/v1/migrations/{made['id']}/"
    engineer.post(f"{path}start/", {"reason": "A measurement."})
    _until(lambda: _state(engineer, path) == "traffic_cutover_complete", "a switch")
    changes = burst(world, world.green) if writes else 0
    with psycopg.connect(**world.arguments, autocommit=True) as registry:
        began = time.monotonic()
        drill = engineer.post("/api/v1/rollback-drills/", {"migration_id": made["id"], "reason": "A measurement."})
        _until(lambda: registry.execute(OWNED, (world.id, HERE)).fetchone() == (1,), "blue's ownership", LOOK)
        took = time.monotonic() - began
    found = _until(lambda: _ended(engineer, drill["id"]), "a drill")
    if world.everything(world.blue) != world.everything(world.green):
        raise SystemExit("what was written on green is not all on blue")
    return {**found, "took": took, "changes": changes}


def _plainly(world: World) -> float:
    """The floor: the rows of the tables that were written, one COPY out and one COPY in each."""
    arguments = (side.database.connect_kwargs("mover") for side in (world.green, world.blue))
    with psycopg.connect(**next(arguments)) as source, psycopg.connect(**next(arguments)) as target:
        for name in CARRIED:
            room = sql.Identifier("pg_temp", name)
            target.execute(sql.SQL("CREATE TEMPORARY TABLE {} (LIKE rag.{})").format(room, sql.Identifier(name)))
        return timed(lambda: [_piped(source, target, name, world.id) for name in CARRIED])


def _piped(source: Any, target: Any, name: str, tenant: UUID) -> None:
    rows = sql.SQL("COPY (SELECT * FROM rag.{} WHERE tenant_id = {}) TO STDOUT (FORMAT BINARY)")
    into = sql.SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(sql.Identifier("pg_temp", name))
    pipe(source, target, rows.format(sql.Identifier(name), sql.Literal(tenant)), into)
    target.commit()


def _state(engineer: Person, path: str) -> str:
    found = engineer.get(path)
    if found["state"] in ("failed", "paused", "rolled_back"):
        raise SystemExit(f"the move is {found['state']}: {found['state_reason']}")
    return str(found["state"])


def _ended(engineer: Person, drill: str) -> dict[str, Any] | None:
    found: dict[str, Any] = engineer.get(f"/api/v1/rollback-drills/{drill}/")
    if found["outcome"] == "unmeasured":
        raise SystemExit("the way back came and was not measured")
    return None if found["outcome"] == "running" else found


def _until(true: Callable[[], Any], what: str, every: float = 0.1) -> Any:
    began = time.monotonic()
    while not (found := true()):
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"{what} did not come within {PATIENCE:g} s")
        time.sleep(every)
    return found


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory(prefix="bailiwick-taking-back-") as folder,
        Stack(Path(folder) / "home", only=PARTS, durable=True) as running,
    ):
        sys.stdout.write(f"{table(measure(running))}\n")
