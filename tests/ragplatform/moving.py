"""Two regions' platforms and a tenant in both, moved by hand: rows carried over inside the fence, nothing finer."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from lifecycle.migration.engine import copy
from lifecycle.migration.engine.arm import arm
from lifecycle.migration.engine.move import Move, acknowledge
from portal.embedded.stack import Stack
from tests.ragplatform.conftest import Platform, Tenant

Connection = psycopg.Connection[Any]
TABLES = (
    *("users", "documents", "chunks", "chunk_vectors", "access_controls", "sessions", "api_keys"),
    *("query_history", "usage_counters", "usage_reports", "document_outbox", "budgets", "budget_transfers"),
)


@dataclass
class Moving:
    """A tenant's move between the platforms of `sides`, by region."""

    stack: Stack
    sides: dict[str, Platform]
    tenant: Tenant
    epoch: int = 1
    move_id: UUID = field(default_factory=uuid4)

    @property
    def owner(self) -> str:
        return str(self.tenant.platform.portal.snapshots[str(self.tenant.id)]["region"])

    @property
    def other(self) -> str:
        return next(region for region in self.sides if region != self.owner)

    def switch(self) -> None:
        """Fence the owner, carry its rows over, open the other side at a fresh epoch, and only then say so."""
        blue, green = self.owner, self.other
        self.fence()
        self._carry(blue, green)
        self.epoch += 1
        self.set_fence(green, "open", self.epoch)
        self.set_fence(blue, "closed", self.epoch - 1)
        self.publish(green)

    def abort(self) -> None:
        """Fence the owner and give up: the registry hears of the fresh epoch before the store is opened at it."""
        self.fence()
        self.epoch += 1
        self.publish(self.owner)
        self.set_fence(self.owner, "open", self.epoch)

    def fence(self) -> None:
        """Let the owner's store take no more writes; those let through before have ended."""
        self.set_fence(self.owner, "fenced", self.epoch)

    def publish(self, owner: str) -> None:
        snapshots = self.tenant.platform.portal.snapshots
        known = snapshots[str(self.tenant.id)]
        newer = {"region": owner, "routing_epoch": self.epoch, "config_version": known["config_version"] + 1}
        snapshots[str(self.tenant.id)] = known | newer

    def split(self, percent: int, mirror: float = 0.0) -> None:
        """Hand so many hundredths of the reads to the other side, as the registry would say; None of them at -1."""
        reads = {
            "region": self.other,
            "percent": percent,
            "mirror": mirror,
            "move": str(self.move_id),
            "ticket": "t" * 43,
        }
        snapshots = self.tenant.platform.portal.snapshots
        known = snapshots[str(self.tenant.id)]
        newer = {"reads": None if percent < 0 else reads, "config_version": known["config_version"] + 1}
        snapshots[str(self.tenant.id)] = known | newer

    def copied(self) -> Move:
        """The mover's own move of the tenant: captured, copied, and ready for its rounds."""
        blue, green = self.sides[self.owner].region, self.sides[self.other].region
        found = Move(self.move_id, self.tenant.id, 1, blue, green, self.tenant.names.bucket)
        acknowledge(found)
        arm(found)
        copy.plan(found)
        while (done := copy.copy_some(found, seconds=2.0)).chunks_done < done.chunks_total:
            """Until every chunk is over."""
        return found

    def set_fence(self, region: str, state: str, epoch: int) -> None:
        with self.store(region) as db:
            db.execute("SELECT pg_advisory_xact_lock(bw.fence_lock(%s))", (self.tenant.id,))
            change = "UPDATE bw.fence SET state = %s, epoch = %s WHERE tenant_id = %s"
            assert db.execute(change, (state, epoch, self.tenant.id)).rowcount == 1

    @contextmanager
    def store(self, region: str) -> Iterator[Connection]:
        """A transaction of a region's superuser, whom no trigger stops."""
        with psycopg.connect(**self.stack.superuser_kwargs(region)) as db:
            db.execute("SET LOCAL session_replication_role = replica")
            yield db

    def _carry(self, blue: str, green: str) -> None:
        with self.store(blue) as here, self.store(green) as there:
            for table in TABLES:
                _copy(here, there, sql.Identifier("rag", table), self.tenant.id)


def _copy(here: Connection, there: Connection, table: sql.Identifier, tenant_id: UUID) -> None:
    mine = sql.SQL("WHERE tenant_id = {}").format(sql.Literal(tenant_id))
    there.execute(sql.SQL("DELETE FROM {} {}").format(table, mine))
    with ExitStack() as both:
        out = both.enter_context(
            here.cursor().copy(sql.SQL("COPY (SELECT * FROM {} {}) TO STDOUT").format(table, mine))
        )
        into = both.enter_context(there.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(table)))
        for piece in out:
            into.write(piece)
