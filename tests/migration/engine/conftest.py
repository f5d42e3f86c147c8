"""A tenant in two regions, with every kind of row, and the control of its move as a table of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from lifecycle.migration.engine import arm, copy, move, rounds, switch, verify
from lifecycle.migration.engine.move import DIRTY_KEYS, NATIVE, Move, Overtaken, Placement
from lifecycle.stores.errors import Transient
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences, roles
from lifecycle.stores.vectors.store import store_of
from portal.embedded.stack import Stack
from portal.lib.regions import Region, load

Connection = psycopg.Connection[Any]
# Another test's partition may be made, or be on its way out, beside this.
TABLES = "SELECT table_name FROM bw.row_security WHERE NOT is_partition AND table_name !~ '_[0-9a-f]{32}$'"
FEW = 20  # keys that a switch carries within any budget
CONTROL = """
CREATE TABLE IF NOT EXISTS placement (
    tenant_id uuid PRIMARY KEY, owner text, epoch bigint, issued bigint, job_epoch bigint)
"""


@dataclass(frozen=True)
class Control:
    """The port's contract in one table: compare and set, fresh epochs, nothing for a worker that lost its lease."""

    arguments: dict[str, Any] = field(repr=False)
    tenant_id: UUID
    job_epoch: int

    def placement(self) -> Placement:
        with self._ours() as db:
            return self._read(db)

    def fresh_epoch(self) -> int:
        with self._ours() as db:
            statement = "UPDATE placement SET issued = issued + 1 WHERE tenant_id = %s RETURNING issued"
            return int((db.execute(statement, [self.tenant_id]).fetchone() or [0])[0])

    def place(self, owner: str, epoch: int, expected: Placement) -> bool:
        with self._ours() as db:
            if self._read(db) != expected:
                return False
            db.execute(
                "UPDATE placement SET owner = %s, epoch = %s WHERE tenant_id = %s", [owner, epoch, self.tenant_id]
            )
            db.execute("NOTIFY placement")
            return True

    def admit(self, region: Region) -> None:
        """No holds and no suspension here."""

    def _read(self, db: Connection) -> Placement:
        row = db.execute("SELECT owner, epoch FROM placement WHERE tenant_id = %s", [self.tenant_id]).fetchone()
        assert row is not None
        return Placement(*row)

    @contextmanager
    def _ours(self) -> Iterator[Connection]:
        with psycopg.connect(**self.arguments) as db:
            query = "SELECT job_epoch FROM placement WHERE tenant_id = %s FOR UPDATE"
            row = db.execute(query, [self.tenant_id]).fetchone()
            if row != (self.job_epoch,):
                raise Overtaken("control", "job epoch", f"control is at {row}, this job at {self.job_epoch}")
            yield db


@dataclass
class World:
    """One tenant, its home and the region it may move to."""

    blue: Region
    green: Region
    names: dict[str, TenantNames]
    arguments: dict[str, Any]
    id: UUID
    move_id: UUID
    capture: str = DIRTY_KEYS

    def take(self, job_epoch: int) -> tuple[Move, Control]:
        """A worker that begins at this epoch; whoever worked before is overtaken."""
        with psycopg.connect(**self.arguments, autocommit=True) as db:
            db.execute(
                "UPDATE placement SET job_epoch = greatest(job_epoch, %s) WHERE tenant_id = %s", [job_epoch, self.id]
            )
        taken = Move(self.move_id, self.id, job_epoch, self.blue, self.green, capture=self.capture)
        while True:
            try:
                move.acknowledge(taken)
                break
            except Transient:  # a worker that sleeps inside its transaction: the server ends it
                continue
        return taken, Control(self.arguments, self.id, job_epoch)

    @contextmanager
    def writer(self, region: Region, epoch: int = 1, **arguments: Any) -> Iterator[Connection]:
        """A transaction of the platform for the tenant, routed by `epoch`."""
        with psycopg.connect(**region.database.connect_kwargs("platform")) as db:
            for name, value in arguments.items():
                setattr(db, name, value)
            db.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(self.names[region.name].role)))
            db.execute("SELECT set_config('bw.epoch', %s, true)", [str(epoch)])
            yield db

    def fill(self, documents: int, chunks: int = 2) -> None:
        with self.writer(self.blue) as db:
            fill(db, self.id, documents, chunks)

    def everything(self, region: Region, tenant: UUID | None = None) -> dict[str, list[Any]]:
        """Every row of the tenant in the region, by table, as text."""
        with psycopg.connect(**region.database.connect_kwargs("verifier")) as db:
            tables = [row[0] for row in db.execute(TABLES)]
            return {
                table: db.execute(
                    sql.SQL("SELECT t::text FROM rag.{} t WHERE tenant_id = %s ORDER BY 1").format(
                        sql.Identifier(table)
                    ),
                    [tenant or self.id],
                ).fetchall()
                for table in sorted(tables)
            }


def fill(db: Connection, tenant: UUID, documents: int, chunks: int = 2) -> None:
    """Rows in every kind of table, some with NULLs."""
    arguments = {"tenant": tenant, "documents": documents, "chunks": chunks}
    for statement in (
        "INSERT INTO rag.users (tenant_id, id, email)"
        " SELECT %(tenant)s, u, u || '@example.org' FROM (SELECT gen_random_uuid() u FROM generate_series(1, 5)) x",
        "INSERT INTO rag.documents (tenant_id, id, title, owner_user_id) SELECT %(tenant)s, gen_random_uuid(),"
        " 'd' || n, (SELECT id FROM rag.users LIMIT 1) FROM generate_series(1, %(documents)s) n",
        "INSERT INTO rag.chunks SELECT tenant_id, id, n - 1, 'text ' || n"
        " FROM rag.documents, generate_series(1, %(chunks)s) n ON CONFLICT DO NOTHING",
        "INSERT INTO rag.chunk_vectors SELECT tenant_id, document_id, ordinal,"
        " (SELECT array_agg(random()) FROM generate_series(1, 256))::vector FROM rag.chunks ON CONFLICT DO NOTHING",
        "INSERT INTO rag.access_controls (tenant_id, id, document_id) SELECT tenant_id, gen_random_uuid(), id"
        " FROM rag.documents ON CONFLICT DO NOTHING",
        "INSERT INTO rag.usage_counters VALUES (%(tenant)s, 'documents', '2026-01-01', 0, %(documents)s)"
        " ON CONFLICT (tenant_id, metric, day, slot) DO UPDATE SET amount = usage_counters.amount + excluded.amount",
        "INSERT INTO rag.usage_reports VALUES (%(tenant)s, 'queries', '2026-01-01', 1, 1.00) ON CONFLICT DO NOTHING",
    ):
        db.execute(statement, arguments)


@pytest.fixture(scope="session")
def arguments(stack: Stack) -> dict[str, Any]:
    arguments = stack.superuser_kwargs("control", "postgres") | {"options": "-c idle_in_transaction_session_timeout=2s"}
    with psycopg.connect(**arguments, autocommit=True) as db:
        db.execute(CONTROL)
    return arguments


@pytest.fixture(scope="session")
def sides(stack: Stack) -> tuple[Region, Region]:
    blue, green = list(load(stack.home.regions_file).values())[:2]
    return blue, green


def settle_in(blue: Region, green: Region, arguments: dict[str, Any], capture: str = DIRTY_KEYS) -> World:
    """A tenant that blue owns and green has room for."""
    tenant = uuid4()
    names = {region.name: TenantNames(tenant, "mover", region.name) for region in (blue, green)}
    for region, state in ((blue, "open"), (green, "closed")):
        roles.ensure(region, role=names[region.name].role, tenant_id=tenant, tenant_name="mover")
        fences.ensure(region, tenant_id=tenant, state=state)
        store_of(region, "pgvector").ensure(names[region.name])
    with psycopg.connect(**arguments, autocommit=True) as db:
        db.execute("INSERT INTO placement VALUES (%s, %s, 1, 1, 0)", [tenant, blue.name])
    return World(blue, green, names, arguments, tenant, uuid4(), capture)


@pytest.fixture
def capture(request: pytest.FixtureRequest) -> str:
    """Who notes what changes; `both_ways` has a module's tests hold for either."""
    return getattr(request, "param", DIRTY_KEYS)


both_ways = pytest.mark.parametrize("capture", [DIRTY_KEYS, NATIVE], indirect=True)


def slots(world: World) -> list[tuple[str, str]]:
    """What stands of the move in the streams of both regions: region, and slot or publication."""
    found = []
    for region in (world.blue, world.green):
        with psycopg.connect(**region.database.connect_kwargs("mover")) as db:
            query = "SELECT slot_name::text FROM pg_replication_slots UNION SELECT pubname FROM pg_publication"
            found += [(region.name, name) for (name,) in db.execute(query) if world.move_id.hex in name]
    return found


def leave(world: World) -> None:
    """Take away the slots of a move that a test did not bring to its end: a server has room for a few."""
    for region in (world.blue, world.green):
        with psycopg.connect(**region.database.connect_kwargs("mover"), autocommit=True) as db:
            like = f"%{world.move_id.hex}%"
            db.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE %s", [like]
            )
            db.execute("SELECT bw.unpublish(pubname) FROM pg_publication WHERE pubname LIKE %s", [like])


@pytest.fixture
def world(make: Any) -> World:
    return make()


def copied(taken: Move) -> None:
    """Capture on and everything copied."""
    arm.arm(taken)
    copy.plan(taken)
    while not copy.copy_some(taken).is_complete:
        pass


def drained(taken: Move, few: int = 0) -> None:
    """Until no more than `few` keys were left for a round: beside writers there is always one."""
    while rounds.round(taken).keys > few:
        pass


def moved(world: World, job_epoch: int = 1) -> switch.Switched:
    """The whole way to green."""
    taken, control = world.take(job_epoch)
    if not switch.recover(taken, control):
        copied(taken)
        drained(taken, FEW)
        found = verify.verify(taken)
        assert found.ok, found.mismatches
    return switch.switch(taken, control, budget_ms=5_000)


@pytest.fixture
def make(sides: tuple[Region, Region], arguments: dict[str, Any], capture: str) -> Iterator[Any]:
    """Makes worlds, for tests that need many."""
    made: list[World] = []

    def one() -> World:
        made.append(settle_in(*sides, arguments, capture))
        return made[-1]

    yield one
    if capture == NATIVE:
        for world in made:
            leave(world)
