"""A tenant with rows, vectors and originals, a neighbour with as many in the same store, and an export of the first."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zipfile import ZipFile

import pytest

from lifecycle.exports import actions, downloads
from lifecycle.exports.engine import removing
from lifecycle.exports.engine.place import Place, place_of
from lifecycle.exports.models import Export
from lifecycle.migration.planning import regions
from lifecycle.stores import aws
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import emptying
from lifecycle.stores.postgres import fences, roles, rows
from lifecycle.stores.tags import OWNER
from lifecycle.stores.vectors.store import store_of
from portal.access.actor import Actor
from portal.jobs.models import Job
from portal.jobs.runner import run
from portal.lib.clock import now
from portal.lib.regions import Region
from tenants.models import Tenant
from tests.admin.world import person, tenant
from tests.migration.engine.conftest import World, fill
from tests.sealing import seal_here

HOME = "ap-south-1"
# by key: versions, oldest first; None is the mark that it was deleted
KEPT: dict[str, list[bytes | None]] = {"shared/documents/a/1": [b"old", b"new"], "users/../b": [b"gone", None]}


def act(name: str) -> Actor:
    return Actor.of_user(person(name))


def asked(of: Tenant, by: str = "farah") -> Export:
    return actions.ask(of.pk, actor=act(by), reason="The contract ends.")


def work(job_id: Any) -> Job:
    """Let a worker come until the job ends or waits for a hold."""
    for _ in range(40):
        Job.objects.filter(pk=job_id, state="waiting").update(wake_at=now())
        run(job_id)
        job = Job.objects.get(pk=job_id)
        if job.is_finished or "retained" in job.wait_reason:
            return job
        seal_here()
    raise AssertionError(f"{job.state}: {job.wait_reason}")


def deletion(of: Export) -> Job:
    return Job.objects.filter(kind=actions.DELETE, subject_id=str(of.pk)).latest("created_at")


@dataclass
class Settled:
    """The tenant in its region."""

    tenant: Tenant
    region: Region
    world: World

    @property
    def names(self) -> TenantNames:
        return TenantNames(self.tenant.pk, self.tenant.name, self.region.name)

    def made(self, by: str = "farah") -> Export:
        """An export, made, checked and sealed. Once a test: its transaction is sealed by it."""
        found = asked(self.tenant, by)
        job = work(found.job_id)
        assert job.state == "succeeded", job.error
        found.refresh_from_db()
        return found

    def place(self, of: Export) -> Place:
        return place_of(self.region, self.names, of.prefix)

    def zip(self, of: Export) -> ZipFile:
        return ZipFile(io.BytesIO(b"".join(downloads.zipped(self.place(of), of.places))))


def lines(archive: ZipFile, path: str) -> list[Any]:
    return [json.loads(one) for one in archive.read(path).splitlines()]


def settled(name: str, world: World | None = None) -> Settled:
    made, region = tenant(name, "FIN", "meera"), regions()[HOME]
    names = TenantNames(made.pk, made.name, region.name)
    roles.ensure(region, role=names.role, tenant_id=made.pk, tenant_name=made.name)
    fences.ensure(region, tenant_id=made.pk, state="open")
    store_of(region, "pgvector").ensure(names)
    found = World(region, region, {region.name: names}, {}, made.pk, made.pk)
    with found.writer(region) as db:
        fill(db, made.pk, 6)
    s3, owned = aws.client(region, "s3"), {"TagSet": [{"Key": OWNER, "Value": str(made.pk)}]}
    s3.create_bucket(Bucket=names.bucket, CreateBucketConfiguration={"LocationConstraint": region.name})
    s3.put_bucket_tagging(Bucket=names.bucket, Tagging=owned)
    s3.put_bucket_versioning(Bucket=names.bucket, VersioningConfiguration={"Status": "Enabled"})
    for key, versions in KEPT.items():
        for body in versions:
            if body is None:
                s3.delete_object(Bucket=names.bucket, Key=key)
            else:
                s3.put_object(Bucket=names.bucket, Key=key, Body=body, Metadata={"of": name}, ContentType="text/plain")
    return Settled(made, region, found)


@pytest.fixture
def notes(shipped: None, settings: Any) -> Iterator[Settled]:
    doubles = {name: f"tests.erasing.made.{name}" for name in ("inventory", "verifier_of", "user_of")}
    settings.ERASURE = {**settings.ERASURE, **doubles}
    both = [settled("closing-notes"), settled("beside-notes")]
    yield both[0]
    for one in both:
        fences.set_hold(one.region, one.tenant.pk, False, 10**6)
        emptying.empty(one.region, one.names.bucket)
        rows.remove(one.region, tenant_id=one.tenant.pk, role=one.names.role)
        fences.remove(one.region, one.tenant.pk)
        for made in Export.objects.filter(tenant=one.tenant):
            removing.remove(one.place(made), lambda key: False, lambda: None)
