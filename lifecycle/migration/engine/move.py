"""What moves where, and the proof that this worker may still move it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID

from psycopg import Connection

from lifecycle.stores.errors import Permanent, Transient
from lifecycle.stores.postgres.connection import SYSTEM, prompt, translated
from portal.lib.regions import Region

RESOURCE_CLASS = "migration"
OBJECTS, VECTORS = "objects", "vectors"  # the stores beside a database
DIRTY_KEYS, NATIVE = "dirty_keys", "native"  # who notes what changes: the guard's triggers, or the server's own stream
# A mover that sleeps between two statements of one transaction is ended by the server (LIMITS); one that sleeps in the
# middle of a pipeline is not: for the server it is busy. It holds its epoch's row, and whoever takes over ends it.
END_SLEEPERS = """
SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
WHERE a.usename = current_user AND a.state = 'active' AND a.wait_event = 'ClientRead'
  AND a.state_change < clock_timestamp() - interval '15 s'
  AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.relation = 'bw.job_epoch'::regclass)
"""


class Overtaken(Permanent):
    """A later job holds the tenant's move: this worker commits nothing any more."""


class NotInTime(Transient):
    """A store outside does not show what was written to it, or not as early as it must."""


@dataclass(frozen=True)
class Held:
    """Where a side keeps the tenant's vectors: as rows of its own, or in a namespace of an index outside."""

    provider: str = "pgvector"
    index: str = ""
    namespace: str = ""

    @property
    def as_rows(self) -> bool:
        return self.provider == "pgvector"


@dataclass(frozen=True)
class Placement:
    """Who owns the tenant, and the routing epoch by which clients are routed there."""

    owner: str
    epoch: int


@dataclass(frozen=True)
class Move:
    """Rows flow from `source` to `target`. `job_epoch` is the lease under which every transaction is made.

    `bucket` is the tenant's on either side, or empty for a tenant that has none; `other_bucket` is that of the target
    where it is another. `held` is where source and target keep its vectors. `without` names stores of the source that
    are given up: what only they have stays there, and its rows come alone. `capture` is how changes are noted, at the
    source from arming on and at the target once it is open; where capture is on, the fence says how. `placed` is who
    owned the tenant when this job's turn began, for its spans alone: what decides reads the placement itself.
    """

    id: UUID
    tenant_id: UUID
    job_epoch: int
    source: Region
    target: Region
    bucket: str = ""
    held: tuple[Held, Held] = (Held(), Held())
    other_bucket: str = ""
    without: frozenset[str] = frozenset()
    capture: str = DIRTY_KEYS
    placed: Placement | None = None

    @property
    def bucket_there(self) -> str:
        """The target's bucket."""
        return self.other_bucket or self.bucket

    @property
    def vectors_are_rows(self) -> bool:
        """Whether vectors go with the rows, as rows; else `vectors` brings them."""
        return all(side.as_rows for side in self.held)

    @property
    def told(self) -> dict[str, str | int]:
        """What every span of the move says of it."""
        about: dict[str, str | int] = {
            "bailiwick.migration.id": str(self.id),
            "bailiwick.tenant.id": str(self.tenant_id),
            "bailiwick.job.epoch": self.job_epoch,
            "bailiwick.source": self.source.name,
            "bailiwick.target": self.target.name,
        }
        if self.placed:
            about |= {"bailiwick.placement.region": self.placed.owner, "bailiwick.placement.epoch": self.placed.epoch}
        return about

    def reversed(self) -> "Move":
        """The same move flowing back. What opens at its end is captured for a moment only: by keys, without a slot."""
        turned = replace(self, source=self.target, target=self.source, held=(self.held[1], self.held[0]))
        turned = replace(turned, capture=DIRTY_KEYS)
        return replace(turned, bucket=self.bucket_there, other_bucket=self.bucket)


class Control(Protocol):
    """What the control database says and decides of the tenant, for the holder of the move's lease alone.

    `fresh_epoch` and `place` raise once a later job holds it: a worker that slept places nothing any more.
    """

    def placement(self) -> Placement:
        """Who owns the tenant now, read from the primary."""

    def fresh_epoch(self) -> int:
        """A routing epoch that was never handed out, durable before it is returned."""

    def place(self, owner: str, epoch: int, expected: Placement) -> bool:
        """Compare and set, in one transaction: the commit point. False when the placement was not as expected."""

    def admit(self, region: Region) -> None:
        """Bring holds and suspension into a store that is about to open."""


def acknowledge(move: Move) -> None:
    """Raise the job's epoch in both stores; returns only if neither has seen a later job."""
    for region in (move.source, move.target):
        acknowledge_in(region, move)


def acknowledge_in(region: Region, move: Move) -> None:
    """Raise the job's epoch in one store. Who has only the owner's may give the tenant back, and nothing else."""
    with translated("take over the move"), prompt(region, "mover") as db:
        db.execute(END_SLEEPERS)
        statement = "SELECT bw.raise_job_epoch(%s, %s, %s)"
        row = db.execute(statement, (move.tenant_id, RESOURCE_CLASS, move.job_epoch)).fetchone()
        is_ours(row and row[0], move, region)


@contextmanager
def fenced(db: Connection[Any], move: Move, region: Region) -> Iterator[None]:
    """One transaction that commits only under this job's epoch: a takeover waits for it, or it raises Overtaken."""
    with db.transaction():
        row = db.execute(
            "SELECT epoch FROM bw.job_epoch WHERE tenant_id = %s AND resource_class = %s FOR SHARE",
            (move.tenant_id, RESOURCE_CLASS),
        ).fetchone()
        is_ours(row and row[0], move, region)
        yield


def is_ours(epoch: int | None, move: Move, region: Region) -> None:
    """Raise Overtaken unless the store is at this job's epoch."""
    if epoch != move.job_epoch:
        raise Overtaken(SYSTEM, "job epoch", f"{region.name} is at {epoch}, this job at {move.job_epoch}")
