"""The job of a copy: killed anywhere it finishes, what differs is no copy, and nothing stays captured."""

import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from lifecycle.migration.copies.actions import make_copy
from lifecycle.migration.copies.models import TenantCopy
from lifecycle.migration.planning import regions
from lifecycle.stores import aws
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import emptying
from lifecycle.stores.postgres import fences, roles
from lifecycle.stores.vectors.store import store_of
from portal.access.actor import Actor
from portal.embedded.stack import Stack
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due
from portal.lib.clock import now
from portal.lib.regions import Region
from tenants.models import Tenant
from tests.admin.world import person
from tests.migration.control.made import bank
from tests.migration.engine import kills
from tests.migration.engine.conftest import World, fill
from tests.migration.holder import turn
from tests.sweeps import SEED

SPOIL = """
CREATE FUNCTION public.spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.title := 'spoiled'; RETURN NEW; END $$;
CREATE TRIGGER spoil BEFORE INSERT ON rag.documents FOR EACH ROW WHEN (NEW.tenant_id = {}::uuid)
    EXECUTE FUNCTION public.spoil();
ALTER TABLE rag.documents ENABLE ALWAYS TRIGGER spoil
"""


@dataclass
class Place:
    """A tenant with rows and an object at home, and room in the third region."""

    tenant: Tenant
    home: Region
    third: Region
    world: World

    def ask(self) -> TenantCopy:
        made = make_copy(self.tenant.pk, "us-east-1", actor=Actor.of_user(person("kiran")), reason="test")
        Job.objects.get(pk=made.job_id).steps.filter(name="provision").update(state="succeeded")  # Terraform's part
        return made

    def is_equal(self) -> bool:
        mine, theirs = (self.world.everything(one, self.tenant.pk) for one in (self.home, self.third))
        return mine == theirs

    def captures(self) -> bool:
        with psycopg.connect(**self.home.database.connect_kwargs("observer")) as db:
            row = db.execute("SELECT capture FROM bw.fence WHERE tenant_id = %s", [self.tenant.pk]).fetchone()
        assert row is not None
        return bool(row[0])


@pytest.fixture
def place(shipped: None, third: str) -> Iterator[Place]:
    tenant = bank(geography="GLOBAL", data_classes=[])
    home, away = regions()["ap-south-1"], regions()[third]
    names = {one.name: TenantNames(tenant.pk, tenant.name, one.name) for one in (home, away)}
    for region, state in ((home, "open"), (away, "closed")):
        roles.ensure(region, role=names[region.name].role, tenant_id=tenant.pk, tenant_name=tenant.name)
        fences.ensure(region, tenant_id=tenant.pk, state=state)
        store_of(region, "pgvector").ensure(names[region.name])
        s3 = aws.client(region, "s3")
        where = {"LocationConstraint": "eu-west-1" if region is away else home.name}  # whose stores those are
        s3.create_bucket(Bucket=names[home.name].bucket, CreateBucketConfiguration=where)
        s3.put_bucket_versioning(Bucket=names[home.name].bucket, VersioningConfiguration={"Status": "Enabled"})
    world = World(home, away, names, {}, tenant.pk, tenant.pk)
    with world.writer(home) as db:
        fill(db, tenant.pk, 4)
    aws.client(home, "s3").put_object(Bucket=names[home.name].bucket, Key="shared/a", Body=b"text")
    yield Place(tenant, home, away, world)
    for region in (home, away):
        emptying.empty(region, names[home.name].bucket)
        aws.client(region, "s3").delete_bucket(Bucket=names[home.name].bucket)
        fences.remove(region, tenant.pk)


def settled(made: TenantCopy) -> TenantCopy:
    turn(made.job_id)  # type: ignore[arg-type]  # it has one
    deliver_due()
    return TenantCopy.objects.get(pk=made.pk)


def test_a_copy_is_equal_closed_and_replaces_the_one_before(place: Place) -> None:
    first = settled(place.ask())
    assert first.state == "verified", (first.error, Job.objects.get(pk=first.job_id).error)
    assert place.is_equal() and first.root_source == first.root_copy and first.objects_found == 1
    assert not place.captures(), "nothing is captured for nobody"
    with place.world.writer(place.home) as db:
        db.execute("UPDATE rag.documents SET title = 'changed' WHERE tenant_id = %s", [place.tenant.pk])
    second = settled(place.ask())
    assert second.state == "verified" and place.is_equal() and second.root_copy != first.root_copy
    assert TenantCopy.objects.get(pk=first.pk).state == "replaced"
    fence = fences.read(place.third, place.tenant.pk)
    assert fence is not None and fence.state == "closed"


@pytest.fixture
def spoiled(place: Place, stack: Stack) -> Iterator[None]:
    """The third region changes what is written into it."""
    arguments = stack.superuser_kwargs("eu-west-1", "rag")
    with psycopg.connect(**arguments, autocommit=True) as db:
        db.execute(sql.SQL(SPOIL).format(sql.Literal(str(place.tenant.pk))))
        yield
        db.execute("DROP FUNCTION public.spoil CASCADE")


def test_what_differs_is_no_copy(place: Place, spoiled: None) -> None:
    made = place.ask()
    job = Job.objects.get(pk=made.job_id)
    while not job.is_finished:
        Job.objects.filter(pk=job.pk, state="waiting").update(wake_at=now())
        turn(job.pk)
        job.refresh_from_db()
    deliver_due()
    made.refresh_from_db()
    assert (made.state, made.verified_at) == ("failed", None) and "differs" in made.error
    turn(job.compensation.pk)
    assert not place.captures()


@pytest.mark.django_db(transaction=True)
def test_killed_anywhere_it_goes_on_and_finishes(place: Place) -> None:
    killed = 0
    for at in random.Random(SEED).sample(range(1, 40), 3):
        made = place.ask()

        def work(made: TenantCopy = made) -> None:
            connection.connection = None  # the parent's; a child has its own
            turn(made.job_id)  # type: ignore[arg-type]  # it has one

        ended = kills.wait(kills.fork(work, at))
        assert ended in (0, -signal.SIGKILL), f"point {at}, seed {SEED}"
        killed += ended < 0
        found = settled(made)
        assert found.state == "verified" and place.is_equal() and not place.captures(), f"point {at}, seed {SEED}"
    assert killed, "a copy has more commits than that"
