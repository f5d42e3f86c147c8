"""A tenant that is served from home and has left a store full of rows, vectors, keys and objects behind."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lifecycle.erasure.planting import ALWAYS
from lifecycle.migration.planning import regions
from lifecycle.retiring.actions import retire
from lifecycle.retiring.models import Retirement
from lifecycle.stores import aws
from lifecycle.stores.cache.connection import connection as cache
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import emptying
from lifecycle.stores.postgres import fences, roles
from lifecycle.stores.tags import OWNER
from lifecycle.stores.vectors.store import store_of
from portal.access.actor import Actor
from portal.jobs.models import Job
from portal.jobs.runner import run
from portal.lib.clock import now
from portal.lib.ids import new_id
from portal.lib.regions import Region
from tenants.models import Tenant
from tests.admin.world import tenant
from tests.migration.engine.conftest import World, fill
from tests.sealing import seal_here
from tests.verifiers.hostile import http

HOME, LEFT = "ap-south-1", "eu-west-1"
ACTOR = Actor.system("test")
KEPT = {"kept": "Terraform is not run here"}


@dataclass
class Behind:
    """The tenant and both of its stores."""

    tenant: Tenant
    home: Region
    left: Region
    world: World

    def retire(self) -> Retirement:
        row = retire(self.tenant.pk, LEFT, occasion="green", subject=new_id(), actor=ACTOR, reason="test")
        Job.objects.get(pk=row.job_id).steps.filter(name="take_down").update(
            state="succeeded", evidence=KEPT
        )  # Terraform's part
        return row

    def go_on(self, row: Retirement) -> Job:
        """Let a worker come until the job ends or waits for a person or a hold."""
        for _ in range(40):
            Job.objects.filter(pk=row.job_id, state="waiting").update(wake_at=now())
            run(row.job_id)  # type: ignore[arg-type]  # it has one
            job = Job.objects.get(pk=row.job_id)
            if job.is_finished or "retained" in job.wait_reason:
                return job
            seal_here()
        raise AssertionError(f"{job.state}: {job.wait_reason}")

    def rows(self, region: Region) -> dict[str, int]:
        return {name: len(found) for name, found in self.world.everything(region, self.tenant.pk).items() if found}


@pytest.fixture
def told() -> Iterator[str]:
    """What a platform tells that has forgotten the tenant."""
    series = f'rag_started_seconds 1\nanswers_total{{tenant="{ALWAYS}"}} 1\n'.encode()
    with http(lambda path: (200, "text/plain", series, 0)) as url:
        yield url


@pytest.fixture
def behind(shipped: None, settings: Any, tmp_path: Any, told: str) -> Iterator[Behind]:
    known = json.loads(settings.REGIONS_FILE.read_text())
    settings.REGIONS_FILE = tmp_path / "regions.json"
    settings.REGIONS_FILE.write_text(json.dumps({n: {**one, "platform": {"url": told}} for n, one in known.items()}))
    made = tenant("closing-notes", "FIN", "meera")
    home, left = regions()[HOME], regions()[LEFT]
    names = {one.name: TenantNames(made.pk, made.name, one.name) for one in (home, left)}
    for region in (home, left):
        roles.ensure(region, role=names[region.name].role, tenant_id=made.pk, tenant_name=made.name)
        fences.ensure(region, tenant_id=made.pk, state="open")
        store_of(region, "pgvector").ensure(names[region.name])
    world = World(home, left, names, {}, made.pk, made.pk)
    for region in (home, left):
        with world.writer(region) as db:
            fill(db, made.pk, 6)
    fences.set_state(left, made.pk, "closed")
    _beside(left, names[LEFT])
    yield Behind(made, home, left, world)
    emptying.empty(left, names[LEFT].bucket)
    for region in (home, left):
        fences.set_hold(region, made.pk, False, 10**6)
        store_of(region, "pgvector").empty(names[region.name])
        fences.remove(region, made.pk)


def _beside(region: Region, names: TenantNames) -> None:
    """One record in each system that has no transactions."""
    s3, owned = aws.client(region, "s3"), {"TagSet": [{"Key": OWNER, "Value": str(names.tenant_id)}]}
    s3.create_bucket(Bucket=names.bucket, CreateBucketConfiguration={"LocationConstraint": region.name})
    s3.put_bucket_tagging(Bucket=names.bucket, Tagging=owned)
    s3.put_object(Bucket=names.bucket, Key="shared/a", Body=b"text")
    groups.ensure(region, groups.LogGroupSpec(names.tenant_id, names.log_group, 1, {OWNER: str(names.tenant_id)}))
    cache(region).set(f"{names.cache_prefix}a", "1", ex=600)
