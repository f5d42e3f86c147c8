"""A critical tenant moves only after a clone of it went to the same target, by the same engine, lately."""

import signal
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from lifecycle.migration import actions as moves
from lifecycle.migration.jobs import MOVE
from lifecycle.migration.models import Migration
from lifecycle.migration.rehearsing import kill
from lifecycle.migration.rehearsing.actions import demand, rehearse
from lifecycle.migration.rehearsing.guards import a_rehearsal_passed, approved_after_rehearsal
from lifecycle.migration.rehearsing.models import RehearsalDemand
from lifecycle.migration.rehearsing.steps import job_ended
from lifecycle.models import TenantRequest
from portal.access.actor import Actor
from portal.approvals.models import Case
from portal.jobs.actions import start_job
from portal.jobs.context import StepContext
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.errors import Absent, Blocked, Conflict, Invalid, NotAllowed
from tenants.models import Tenant
from tests.admin.world import person
from tests.lifecycle.asking import asked
from tests.migration.control.made import approve, bank, copied, migration, rehearsed
from tests.migration.engine import kills


@pytest.fixture
def critical(shipped: None) -> Tenant:
    made = bank(geography="GLOBAL", data_classes=[])
    Tenant.objects.filter(pk=made.pk).update(tier_id="platinum")
    return Tenant.objects.get(pk=made.pk)


@pytest.fixture
def priya(shipped: None) -> Actor:
    return Actor.of_user(person("priya"))


def refusal(one: Migration) -> str:
    with pytest.raises(Blocked) as refused:
        a_rehearsal_passed("migration.start", one)
    assert refused.value.by == "rehearsal" and "migration.rehearse" in refused.value.extra["remedy"]
    return refused.value.detail


@pytest.mark.parametrize(
    "more, said",
    [
        ({"at": now() - timedelta(days=31)}, "older than 30 days"),
        ({"engine": "another"}, "The engine has changed"),
        ({"target": "us-east-1"}, "No rehearsal"),
        ({"ok": False, "findings": "Cut."}, "No rehearsal"),
    ],
)
def test_no_old_other_or_failed_rehearsal_counts(critical: Tenant, more: Any, said: str) -> None:
    rehearsed(critical, **more)
    assert said in refusal(migration(critical))


def test_without_one_it_waits_in_plan_start_and_approval(critical: Tenant, priya: Actor) -> None:
    plan = moves.plan_migration(critical.pk, "eu-west-1", actor=priya)
    assert [one.outcome for one in plan.findings if one.code == "MIG-REHEARSAL"] == ["wait"]
    one = migration(critical)
    copied(critical, "us-east-1")
    approve(one)
    with pytest.raises(Blocked) as refused:
        moves.start(one.pk, actor=priya, reason="now")
    assert refused.value.by == "rehearsal"
    case = Case.objects.get(kind="migration", subject_id=str(one.pk))
    with pytest.raises(Blocked):
        approved_after_rehearsal("approval.take_effect", case)
    one = Migration.objects.get(pk=one.pk)
    one.start()
    with pytest.raises(IntegrityError, match="only after a rehearsal"), transaction.atomic():
        one.save()
    rehearsed(critical)
    approved_after_rehearsal("approval.take_effect", case)
    assert moves.start(one.pk, actor=priya, reason="now").job_id


@pytest.mark.parametrize("tier", ["gold", "silver", "bronze"])
def test_other_tiers_need_none_until_somebody_says_so(critical: Tenant, priya: Actor, tier: str) -> None:
    Tenant.objects.filter(pk=critical.pk).update(tier_id=tier)
    one = migration(Tenant.objects.get(pk=critical.pk))
    a_rehearsal_passed("migration.start", one)
    demand(tier, actor=priya, reason="A bad month.", days=7)
    assert "No rehearsal" in refusal(one)


def test_a_rehearsal_is_no_subject_of_the_gate(critical: Tenant) -> None:
    a_rehearsal_passed("migration.start", migration(critical, is_rehearsal=True))


def test_what_is_demanded_is_edited_by_admins_and_kept(priya: Actor, api: Any) -> None:
    path = "/api/v1/rehearsal-demands/platinum/"
    assert api("kiran").get(path).json()["days"] == 30
    assert api("kiran").patch(path, {"days": 0, "reason": "no"}).status_code == 403
    assert api("priya").patch(path, {"days": 400, "reason": "no"}).status_code == 422
    assert api("priya").patch(path, {"days": 14, "reason": "Every fortnight."}).json()["days"] == 14
    assert RehearsalDemand.objects.get(pk="platinum").days == 14


def test_asking_for_one_asks_for_a_clone_that_is_governed_alike(shipped: None, priya: Actor, api: Any) -> None:
    request = asked("meera", name="ledger", business_unit="FIN", owner="meera", champion="meera")
    tenant = bank(geography="IN", data_classes=list(request.data_classes))
    TenantRequest.objects.filter(pk=request.pk).update(tenant_id=tenant.pk)
    given = {"tenant_id": str(tenant.pk), "target": "eu-west-1", "reason": "Before the move."}
    assert api("kiran").post("/api/v1/rehearsals/", given).status_code == 403, "a clone is a tenant: admins ask for it"
    made = api("priya").post("/api/v1/rehearsals/", given)
    assert made.status_code == 201, made.content
    clone = TenantRequest.objects.get(tenant_id=made.json()["clone_id"])
    assert clone.environment == "dev" and clone.name == "investment-banking-rehearsal-1"
    assert (clone.data_classes, clone.geography, clone.business_unit_id) == (
        request.data_classes, request.geography, request.business_unit_id,
    )  # fmt: skip
    assert api("meera").get(f"/api/v1/rehearsals/{made.json()['id']}/").json()["ok"] is None
    with pytest.raises(Conflict):
        rehearse(tenant.pk, "eu-west-1", actor=priya, reason="again")
    with pytest.raises(Invalid):
        rehearse(tenant.pk, "ap-south-1", actor=priya, reason="where it is")
    with pytest.raises(Absent):
        rehearse(tenant.pk, "eu-west-1", actor=Actor.of_user(person("arjun")), reason="theirs")
    with pytest.raises(NotAllowed):
        rehearse(tenant.pk, "eu-west-1", actor=Actor.of_user(person("meera")), reason="mine")


def test_one_that_fails_has_not_passed_and_says_why(critical: Tenant) -> None:
    found = rehearsed(critical, ok=None, at=None)
    job_ended({"subject_type": "rehearsing.rehearsal", "subject_id": str(found.pk), "error": "The clone differs."})
    found.refresh_from_db()
    assert (found.ok, found.findings) == (False, "The clone differs.") and found.at


@pytest.mark.django_db(transaction=True)
def test_the_mover_kills_itself_once_in_its_step_and_says_that_it_was_meant(critical: Tenant) -> None:
    found = rehearsed(critical, killed_at_step="", ok=None, at=None)
    assert found.migration is not None
    params = {"migration_id": str(found.migration_id)}
    job = start_job("migration.move", actor=Actor.system("test"), subject=found.migration, params=params)
    Job.objects.filter(pk=job.pk).update(state="running", job_epoch=1, lease_holder="x", lease_until=now())

    def work() -> None:
        connection.connection = None  # the parent's; a child has its own
        row = Job.objects.get(pk=job.pk)
        for name in ("objects", "copy", "copy"):
            step, definition = row.steps.get(name=name), MOVE.step(name)
            assert definition is not None
            kill.passing(StepContext(row, step, definition), found.migration_id)

    assert kills.wait(kills.fork(work)) == -signal.SIGKILL
    assert kills.wait(kills.fork(work)) == 0, "once"
    found.refresh_from_db()
    assert found.killed_at_step == "copy"
    said = " ".join(job.log.values_list("text", flat=True))
    assert "Intended: this process kills itself at copy" in said
