"""A tenant is moved and copied between two regions of one AWS: neither set takes anything from the other."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from django.conf import settings as configured

from lifecycle.migration.copies.actions import make_copy
from lifecycle.migration.copies.models import TenantCopy
from lifecycle.migration.planning import regions
from lifecycle.models import TenantRequest
from lifecycle.naming.actions import name_set
from lifecycle.naming.queries import names_in
from lifecycle.retiring.actions import retire
from lifecycle.retiring.models import Retirement
from lifecycle.stores import credentials, sweep
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets, users
from lifecycle.stores.postgres import fences
from lifecycle.stores.secrets import SecretStore, store_of
from portal.access.actor import Actor
from portal.embedded.stack import Stack
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due
from portal.lib.ids import new_id
from portal.lib.regions import Region
from tenants.models import Tenant
from tests.admin.world import tenant
from tests.contracts import tenants as contracts
from tests.lifecycle.asking import asked
from tests.lifecycle.test_states import put
from tests.migration.control.running import NO_READS, Running, begun, kiran, unguarded
from tests.migration.engine.conftest import World
from tests.migration.holder import turn
from tests.retiring.conftest import KEPT, Behind

HOME, AWAY = "ap-south-1", "eu-west-1"
DOCUMENT = "INSERT INTO rag.documents (tenant_id, id, title, object_key) VALUES (%s, %s, 'd', %s)"
ACTOR = Actor.system("test")
pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Both:
    """The tenant with everything it has in each of the two."""

    tenant: Tenant
    world: World

    def names(self, name: str) -> TenantNames:
        return names_in(self.tenant, name)

    def bound(self, name: str) -> Any:
        """S3 and the bucket as the platform of the region is told of them."""
        bound = secrets(name).read(self.tenant.pk)
        assert bound is not None
        keys = {"aws_access_key_id": bound.aws_access_key_id, "aws_secret_access_key": bound.aws_secret_access_key}
        url = regions()[name].aws.endpoint_url
        return boto3.client("s3", region_name=name, endpoint_url=url, **keys), bound.bucket

    def put(self, name: str, key: str) -> None:
        s3, bucket = self.bound(name)
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())

    def write(self, name: str, key: str, epoch: int) -> None:
        """A document with its original, as the platform writes it."""
        self.put(name, key)
        with self.world.writer(regions()[name], epoch) as db:
            db.execute(DOCUMENT, [self.tenant.pk, new_id(), key])

    def held(self, name: str) -> dict[str, bytes]:
        s3, bucket = self.bound(name)
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def retired(self, name: str) -> Retirement:
        """What is left there is erased by its own job, all but Terraform's part, which is done by name and tag."""
        row = retire(self.tenant.pk, name, occasion="green", subject=new_id(), actor=ACTOR, reason="test")
        return self.carried_out(row)

    def carried_out(self, row: Retirement) -> Retirement:
        Job.objects.get(pk=row.job_id).steps.filter(name="take_down").update(state="succeeded", evidence=KEPT)
        job = Behind(self.tenant, self.world.blue, self.world.green, self.world).go_on(row)
        assert job.state == "succeeded", job.error
        region = regions()[row.region]
        _, failed = sweep.purge(region, self.names(row.region), secrets=secrets(row.region))
        assert failed == []
        row.refresh_from_db()
        return row

    def left(self, name: str) -> sweep.Sweep:
        return sweep.residue(regions()[name], self.names(name), secrets=secrets(name))


def secrets(name: str) -> SecretStore:
    return store_of(name, configured.SECRETS_DIR)


@pytest.fixture
def both(account: None, shipped: None, stack: Stack, settings: Any) -> Iterator[Both]:
    settings.MIGRATION = {**settings.MIGRATION, **NO_READS, "budget_ms": 5_000, "gate_seconds": 3600}
    request = asked(name="one-account", geography="GLOBAL")
    put(request, "active")
    request = TenantRequest.objects.get(pk=request.pk)
    made = tenant(
        request.name, "FIN", "meera", id=request.tenant_id, tier_id=request.tier_id, environment="staging",
        geography="GLOBAL", data_classes=[],
    )  # fmt: skip
    for name in (HOME, AWAY):
        settled(made, regions()[name])
    names = {name: names_in(made, name) for name in (HOME, AWAY)}
    arguments = stack.superuser_kwargs("control", "postgres")
    world = World(regions()[HOME], regions()[AWAY], names, arguments, made.pk, made.pk)
    world.fill(4)
    found = Both(made, world)
    found.put(HOME, "shared/first")
    yield found
    for name in (HOME, AWAY):
        fences.set_hold(regions()[name], made.pk, False, 10**6)
        sweep.purge(regions()[name], names[name], secrets=secrets(name))


def settled(of: Tenant, region: Region) -> None:
    """Everything a tenant has in a region, as Terraform and the step after it leave it."""
    name_set(of, region.name, actor=ACTOR, reason="test")
    names = names_in(of, region.name)
    contracts.make(region, names)
    fences.set_state(region, of.pk, "open" if region.name == of.region else "closed")
    credentials.issue(region, names, secrets(region.name))


def moved(both: Both) -> Running:
    going = begun(both.world)
    going.until("traffic_cutover_complete")
    return going


def test_it_moves_is_served_there_and_comes_back(both: Both) -> None:
    going = moved(both)
    assert both.held(AWAY) == both.held(HOME) == {"shared/first": b"shared/first"}
    assert both.bound(AWAY)[1] == f"{both.bound(HOME)[1]}-{AWAY}"
    both.write(AWAY, "shared/second", going.stands[1])
    going.roll_back()
    going.until("rolled_back")
    assert going.stands[0] == HOME and both.held(HOME)["shared/second"] == b"shared/second"
    row = both.retired(AWAY)
    assert row.evidence["systems"][f"objects-{AWAY}"]["leaves"] == 2
    assert both.left(AWAY).is_clean
    assert set(both.held(HOME)) == {"shared/first", "shared/second"}, "blue has lost nothing by it"
    assert users.read(both.world.blue, both.names(HOME).iam_user).key_ids


def test_it_moves_for_good_and_blue_goes(both: Both, settings: Any) -> None:
    unguarded(settings)
    going = moved(both)
    Job.objects.get(pk=going.migration.job_id).steps.filter(name="stability").update(state="succeeded")
    going.until("blue_decommissioned")
    row = both.carried_out(Retirement.objects.get(tenant=both.tenant))
    assert row.region == HOME and row.evidence["systems"][f"objects-{HOME}"]["after"] == 0
    assert both.left(HOME).is_clean and buckets.read(both.world.green, both.names(HOME).bucket) is None
    assert both.held(AWAY) == {"shared/first": b"shared/first"}
    sweep.purge(both.world.green, both.names(AWAY), secrets=secrets(AWAY))
    assert both.left(AWAY).is_clean


def test_a_copy_lies_beside_it(both: Both) -> None:
    made = make_copy(both.tenant.pk, AWAY, actor=kiran(), reason="test")
    Job.objects.get(pk=made.job_id).steps.filter(name="provision").update(state="succeeded")  # Terraform's part
    assert made.job_id
    turn(made.job_id)
    deliver_due()
    found = TenantCopy.objects.get(pk=made.pk)
    assert (found.state, found.error) == ("verified", "") and found.objects_found == 1
    assert found.objects_root_source == found.objects_root_copy and both.held(AWAY) == both.held(HOME)
    both.retired(AWAY)
    assert both.left(AWAY).is_clean and both.held(HOME) == {"shared/first": b"shared/first"}
