"""A move starts only with a fresh verified copy on neither of its sides, and whoever is refused is told what to do."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lifecycle.migration import actions as moves
from lifecycle.migration.copies.actions import make_copy
from lifecycle.migration.copies.guards import a_copy_exists
from lifecycle.migration.copies.models import TenantCopy
from lifecycle.migration.copies.queries import way_out
from lifecycle.migration.models import Migration
from portal.access.actor import Actor
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.errors import Absent, Blocked, Conflict, Invalid, NotAllowed
from tenants.models import Tenant
from tests.admin.world import person
from tests.migration.control.made import approve, bank, copied, migration, put, under_way

OLD = now() - timedelta(hours=25)


@pytest.fixture
def kiran(shipped: None) -> Actor:
    return Actor.of_user(person("kiran"))


@pytest.fixture
def free(shipped: None, third: str) -> Tenant:
    return bank(geography="GLOBAL", data_classes=[])


def refusal(one: Migration) -> tuple[str, str]:
    with pytest.raises(Blocked) as refused:
        a_copy_exists("migration.start", one)
    assert refused.value.by == "copy"
    return refused.value.detail, refused.value.extra["remedy"]


def start(one: Migration) -> bool:
    """Whether the database lets it begin."""
    one.start()
    try:
        with transaction.atomic():
            one.save()
    except IntegrityError:
        return False
    return True


@pytest.mark.parametrize(
    "where, more, said",
    [
        ("", {}, "No verified copy"),
        ("us-east-1", {"verified_at": OLD}, "older than 24 hours"),
        ("us-east-1", {"state": "failed", "error": "Cut."}, "was not finished: Cut."),
        ("us-east-1", {"state": "making"}, "still being made"),
        ("eu-west-1", {}, "on one side of the move"),
    ],
)
def test_no_old_unfinished_or_near_copy_starts_a_move(free: Tenant, where: str, more: Any, said: str) -> None:
    one = migration(free)
    if where and more.get("state"):
        TenantCopy.objects.create(tenant=free, source=free.region, region=where, requested_by="x", reason="x")
        TenantCopy.objects.update(**more)
    elif where:
        copied(free, where, **more)
    words, remedy = refusal(one)
    assert said in words and remedy == "Make a copy (migration.make_copy) in us-east-1."
    approve(one)
    if not more.get("verified_at"):  # how old one may be is a setting, which the database does not know
        assert not start(Migration.objects.get(pk=one.pk))


def test_a_fresh_one_on_neither_side_does(free: Tenant, kiran: Actor) -> None:
    one = migration(free)
    copied(free)
    a_copy_exists("migration.start", one)
    plan = moves.plan_migration(free.pk, "eu-west-1", actor=kiran)
    assert "MIG-COPY" not in {one.code for one in plan.findings}
    approve(one)
    assert start(Migration.objects.get(pk=one.pk))


def test_what_a_later_move_wrote_over_is_no_copy(free: Tenant) -> None:
    copied(free)
    put(migration(free), "rolled_back")
    Migration.objects.update(target="us-east-1", started_at=now())
    assert "written over" in refusal(migration(free))[0]


def test_a_rehearsal_needs_none(free: Tenant) -> None:
    a_copy_exists("migration.start", migration(free, is_rehearsal=True))


def test_the_plan_offers_the_verb_where_a_copy_may_lie(free: Tenant, kiran: Actor) -> None:
    plan = moves.plan_migration(free.pk, "eu-west-1", actor=kiran)
    (found,) = (one for one in plan.findings if one.code == "MIG-COPY")
    assert found.outcome == "wait" and "us-east-1" in found.remedy


def test_without_a_third_region_it_says_so(shipped: None) -> None:
    assert "Connect a third region" in refusal(migration(bank()))[1]


def test_where_residency_forbids_a_copy_it_names_the_rule(free: Tenant, kiran: Actor) -> None:
    Tenant.objects.filter(pk=free.pk).update(geography="IN", data_classes=["financial"])
    one = migration(Tenant.objects.get(pk=free.pk))
    assert "us-east-1: RES-" in refusal(one)[1]
    with pytest.raises(Invalid) as refused:
        make_copy(free.pk, "us-east-1", actor=kiran, reason="now")
    assert "RES-" in refused.value.fields["region"]


@pytest.mark.parametrize("region, said", [("ap-south-1", "served from there"), ("eu-north-1", "not connected")])
def test_a_copy_lies_elsewhere(free: Tenant, kiran: Actor, region: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        make_copy(free.pk, region, actor=kiran, reason="now")
    assert said in refused.value.fields["region"]


def test_one_at_a_time_and_never_beside_a_move(free: Tenant, kiran: Actor) -> None:
    made = make_copy(free.pk, "us-east-1", actor=kiran, reason="Before the move.")
    job = Job.objects.get(pk=made.job_id)
    assert (job.kind, job.resource_class, job.tenant_id) == ("migration.copy", "migration", free.pk)
    with pytest.raises(Conflict):
        make_copy(free.pk, "us-east-1", actor=kiran, reason="again")
    TenantCopy.objects.update(state="failed")
    put(migration(free), "failed")
    with pytest.raises(Conflict, match="MV-"):
        make_copy(free.pk, "us-east-1", actor=kiran, reason="a failed move keeps what it captured")


def test_engineers_make_them_and_the_tenants_people_see_them(free: Tenant, api: Any) -> None:
    given = {"tenant_id": str(free.pk), "region": "us-east-1", "reason": "Before the move."}
    made = api("kiran").post("/api/v1/tenant-copies/", given)
    assert made.status_code == 201, made.content
    path = f"/api/v1/tenant-copies/{made.json()['id']}/"
    assert api("meera").get(path).json()["state"] == "making"
    assert api("arjun").get(path).status_code == 404
    with pytest.raises(NotAllowed):
        make_copy(free.pk, "us-east-1", actor=Actor.of_user(person("meera")), reason="mine")
    with pytest.raises(Absent):
        make_copy(free.pk, "us-east-1", actor=Actor.of_user(person("arjun")), reason="theirs")


def test_a_way_back_that_cannot_finish_offers_the_copy_and_states_the_loss(
    free: Tenant, kiran: Actor, api: Any
) -> None:
    one, held = migration(free, "traffic_cutover_complete"), copied(free)
    under_way(one)
    path = f"/api/v1/migrations/{one.pk}/"
    assert api("kiran").get(path).json()["way_out"] is None
    about = {"tenant_id": free.pk, "kind": "migration.roll_back", "subject_type": "migration.migration"}
    job = Job.objects.create(**about, state="failed", error="green is dead", finished_at=now(), requested_by="x")
    Migration.objects.filter(pk=one.pk).update(rollback_job_id=job.pk)
    offered = api("kiran").get(path).json()["way_out"]
    assert (offered["copy_id"], offered["region"]) == (str(held.pk), "us-east-1")
    assert offered["rows_lost_at_least"] == 212 + 37 and "at least 249 rows" in offered["loss"]
    Migration.objects.filter(pk=one.pk).update(exposure=None)
    one.rounds.all().delete()
    found = way_out(Migration.objects.get(pk=one.pk))
    assert found is not None and "unknown" in found.loss
