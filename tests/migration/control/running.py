"""A move whose job really runs: a tenant with rows in two regions, green provisioned as the step before would have."""

from dataclasses import dataclass
from typing import Any

from django.db import connections

from lifecycle.migration import actions
from lifecycle.migration.models import Migration
from lifecycle.migration.planning import regions
from lifecycle.stores import aws
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences, roles
from lifecycle.stores.vectors.store import store_of
from portal.access.actor import Actor
from portal.jobs import runner
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due
from portal.lib.regions import Region
from tenants.models import Tenant
from tenants.placement.actions import placement_of
from tests.admin.world import person
from tests.admin.world import tenant as made_tenant
from tests.jobs.support import eventually
from tests.migration.engine.conftest import World
from tests.migration.holder import turn

from .made import put

SIDES = ("ap-south-1", "eu-west-1")
GREEN_IS_READY = ("preflight", "provision_green")
BUCKETS: list[tuple[Region, str]] = []  # of moves of the test that runs; it is left without
NO_READS = {"reads": {"is_on": False}}  # there is no platform to hand any on; see test_reads.py


@dataclass
class Running:
    """The move, its tenant's stores, and its jobs as they stand."""

    migration: Migration
    stores: World

    @property
    def job(self) -> Job:
        self.migration.refresh_from_db()
        return Job.objects.get(pk=self.migration.rollback_job_id or self.migration.job_id)

    @property
    def stands(self) -> tuple[str, int]:
        found = placement_of(self.migration.tenant_id)
        return found.owner, found.epoch

    def open(self) -> list[tuple[str, int]]:
        """Region and epoch of the stores that take writes."""
        found = [(name, fences.read(regions()[name], self.migration.tenant_id)) for name in SIDES]
        return [(name, fence.epoch) for name, fence in found if fence and fence.state == "open"]

    def until(self, state: str) -> None:
        """Let a worker come again and again until the move is there."""
        eventually(lambda: self._work() == state, what=state)

    def _work(self) -> str:
        turn(self.job.pk)
        deliver_due()
        assert self.job.state != "failed", self.job.error
        return self.migration.state

    def outcome(self) -> dict[str, Any]:
        """What must not depend on who died on the way."""
        self.migration.refresh_from_db()
        return {
            "owner": self.stands[0],
            "state": self.migration.state,
            "operation": Tenant.objects.get(pk=self.migration.tenant_id).operation,
            "passages": list(self.migration.passages.order_by("id").values_list("old", "new")),
            "switched": list(self.migration.attempts.filter(outcome="switched").values_list("direction", flat=True)),
        }

    def roll_back(self) -> None:
        actions.roll_back(self.migration.pk, actor=kiran(), reason="enough")
        runner.run(self.migration.job_id)
        deliver_due()


def kiran() -> Actor:
    return Actor.of_user(person("kiran"))


def running(
    arguments: dict[str, Any], documents: int = 5, name: str = "investment-banking", strategy: str = "blue_green"
) -> Running:
    """A started move, its copy about to begin."""
    tenant = made_tenant(name, "FIN", "meera", environment="staging", geography="GLOBAL")
    sides = [regions()[name] for name in SIDES]
    names = {side.name: TenantNames(tenant.pk, tenant.name, side.name) for side in sides}
    for side, state in zip(sides, ("open", "closed"), strict=True):
        roles.ensure(side, role=names[side.name].role, tenant_id=tenant.pk, tenant_name=tenant.name)
        fences.ensure(side, tenant_id=tenant.pk, state=state)
        store_of(side, "pgvector").ensure(names[side.name])
        _bucket(side, names[side.name].bucket)
    stores = World(sides[0], sides[1], names, arguments, tenant.pk, tenant.pk)
    stores.fill(documents)
    return begun(stores, strategy)


def begun(stores: World, strategy: str = "blue_green") -> Running:
    """A started move from where the tenant's stores are ready."""
    said = {"reason": "A rehearsal.", "is_rehearsal": True, "strategy": strategy}
    made = actions.request(stores.id, stores.green.name, actor=kiran(), **said)
    stores.move_id = made.pk
    started = actions.start(made.pk, actor=kiran(), reason="now")
    Job.objects.get(pk=started.job_id).steps.filter(name__in=GREEN_IS_READY).update(state="succeeded")
    put(started, "provisioning_green")
    Tenant.objects.filter(pk=stores.id).update(operation="migrating")
    connections.close_all()
    return Running(Migration.objects.get(pk=made.pk), stores)


def _bucket(side: Region, name: str) -> None:
    BUCKETS.append((side, name))
    s3 = aws.client(side, "s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": side.name})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def unguarded(settings: Any) -> None:
    """Let blue go without a platform on green that could be judged, and at once."""
    settings.GUARDS = {**settings.GUARDS, "migration.decommission": []}
    settings.GUARDED_VERBS = settings.GUARDED_VERBS - {"migration.decommission"}
    settings.MIGRATION = {**settings.MIGRATION, "retention_hours": 0}
