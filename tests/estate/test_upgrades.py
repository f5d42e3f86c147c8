"""Tenants are brought to other modules in waves: signed, planned, applied, validated; a failure stops the rest."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from lifecycle.estate.models import ModuleVersion, Pin
from lifecycle.estate.modules import keep, pin
from lifecycle.estate.upgrades import actions
from lifecycle.estate.upgrades.models import Member, Upgrade
from lifecycle.estate.upgrades.running import SYSTEM, advance
from lifecycle.estate.upgrades.waves import waves
from lifecycle.models import TenantRequest
from lifecycle.provisioning.subject import backend
from lifecycle.provisioning.terraform.run import sources
from lifecycle.stores.objects import buckets
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent
from portal.jobs.kinds import get
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due, emit
from portal.lib.errors import Conflict
from portal.lib.regions import Region
from tenants.models import Tenant
from tests.admin.world import person, tenant
from tests.lifecycle.asking import asked
from tests.lifecycle.test_states import put

from .conftest import names
from .made import compared, held, kiran, open_findings

pytestmark = pytest.mark.django_db
MODULE = "modules/tenant_embedded/main.tf"


def changed(old: str, new: str) -> ModuleVersion:
    """Another version of the modules."""
    files = sources()
    assert old in files[MODULE]
    return keep({**files, MODULE: files[MODULE].replace(old, new)})


def approved(upgrade: Upgrade) -> Upgrade:
    """As if everybody had signed and that had been sealed."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE approvals_case DISABLE TRIGGER USER")
        cursor.execute("UPDATE approvals_case SET state = 'approved' WHERE id = %s", [upgrade.case_id])
        cursor.execute("ALTER TABLE approvals_case ENABLE TRIGGER USER")
    about = {"case_id": upgrade.case_id, "subject_type": "upgrades.upgrade", "subject_id": upgrade.pk}
    emit("approval.approved", about)
    while deliver_due():
        pass
    return Upgrade.objects.get(pk=upgrade.pk)


def step(member: Member, name: str) -> Any:
    job = held(Job.objects.get(pk=member.job_id))
    definition = get(job.kind).step(name)
    assert definition is not None
    return definition.func(StepContext(job, job.steps.get(name=name), definition))


@pytest.fixture
def many(shipped: None) -> ModuleVersion:
    """Six tenants with the modules that are installed here, one of them not in production; and a newer version."""
    for number in range(6):
        request = asked(name=f"many-{number}x")
        put(request, "active")
        request = TenantRequest.objects.get(pk=request.pk)
        more = {"environment": "dev"} if number == 3 else {}
        one = tenant(request.name, "FIN", "meera", id=request.tenant_id, **more)
        pin(one.pk, keep().pk, None, actor=SYSTEM)
    return changed('Role = "documents"', 'Role = "papers"')


def states(upgrade: Upgrade) -> list[str]:
    return list(upgrade.members.order_by("wave", "tenant__name").values_list("state", flat=True))


def ends(member: Member, state: str) -> None:
    """The job of a member comes to an end, and the news of it arrives."""
    job = held(Job.objects.get(pk=member.job_id))
    if state == "succeeded":
        step(member, "finish")
    Job.objects.filter(pk=job.pk).update(
        state=state, finished_at=job.created_at, error="" if state == "succeeded" else "no"
    )
    if state == "failed":
        about = {"job_id": job.pk, "subject_type": "upgrades.member", "subject_id": member.pk, "error": "no"}
        emit("job.failed", {**about, "compensates": None, "kind": job.kind})
    while deliver_due():
        pass


def test_one_then_five_percent_then_a_quarter_then_all() -> None:
    def sizes(count: int) -> list[int]:
        found = [wave for wave, _ in waves(range(count))]
        return [found.count(wave) for wave in (1, 2, 3, 4)]

    assert [sizes(count) for count in (1, 2, 4, 100, 2000)] == [
        [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1], [1, 4, 20, 75], [1, 99, 400, 1500],
    ]  # fmt: skip


def test_waves_follow_each_other_and_the_first_failure_stops_the_rest(many: ModuleVersion) -> None:
    upgrade = actions.request(actor=kiran(), reason="A new role tag.", version=many.pk)
    with pytest.raises(Conflict, match="finish or withdraw"):
        actions.request(actor=kiran(), reason="Another.", version=many.pk)
    first = upgrade.members.get(wave=1)
    assert first.tenant.environment == "dev", "what is not production goes first"
    assert set(states(upgrade)) == {"waiting"} and not Job.objects.filter(kind="upgrade.tenant").exists()
    upgrade = approved(upgrade)
    assert states(upgrade) == ["running", *["waiting"] * 5]
    advance(upgrade.pk, actor=SYSTEM)
    assert Job.objects.filter(kind="upgrade.tenant").count() == 1, "looked at twice it begins once"

    ends(upgrade.members.get(wave=1), "succeeded")
    assert states(upgrade)[:3] == ["done", "running", "waiting"]
    ends(upgrade.members.get(wave=2), "failed")
    upgrade.refresh_from_db()
    assert upgrade.state == "stopped" and states(upgrade)[:3] == ["done", "failed", "waiting"]
    with pytest.raises(IntegrityError, match="a wave begins"), transaction.atomic():
        Member.objects.filter(upgrade=upgrade, wave=3).update(state="running")

    actions.resume(upgrade.pk, actor=kiran(), reason="Its key was disabled.", leave_out_failed=True)
    advance(upgrade.pk, actor=SYSTEM)
    assert states(upgrade)[1] == "left" and states(upgrade).count("running") == upgrade.members.filter(wave=3).count()
    for _ in range(6):
        for member in upgrade.members.filter(state="running"):
            ends(member, "succeeded")
    advance(upgrade.pk, actor=SYSTEM)
    upgrade.refresh_from_db()
    assert upgrade.state == "done" and states(upgrade).count("done") == 5


def test_a_tenant_that_got_other_modules_meanwhile_voids_what_was_signed(many: ModuleVersion) -> None:
    upgrade = actions.request(actor=kiran(), reason="A new role tag.", version=many.pk)
    assert actions.digest_now(str(upgrade.pk)) == upgrade.digest
    pin(upgrade.members.get(wave=2).tenant_id, changed('"runtime"', '"run"').pk, None, actor=SYSTEM)
    assert actions.digest_now(str(upgrade.pk)) != upgrade.digest


def test_a_real_tenant_is_planned_applied_and_pinned_and_a_killed_apply_goes_on(
    region: Region, standing: Tenant
) -> None:
    version = changed('Role = "documents"', 'Role = "papers"')
    upgrade = approved(actions.request(actor=kiran(), reason="A new role tag.", version=version.pk))
    member = upgrade.members.get()
    assert step(member, "plan")["update"] == 1
    assert step(member, "apply")["applied"] == ["module.tenant.region_bucket.this"]
    assert step(member, "apply")["applied"] == [], "begun again after a kill it finds nothing left"
    bucket = buckets.read(region, names(standing).bucket)
    assert bucket and bucket.tags["Role"] == "papers" and Pin.objects.get(tenant=standing).version == version
    assert Tenant.objects.get(pk=standing.pk).module_version == version.pk[:12]
    compared(standing)
    assert not open_findings(standing), "it is compared with its own modules, not with those installed here"


def test_an_upgrade_that_would_replace_data_is_refused_even_when_signed(region: Region, standing: Tenant) -> None:
    version = changed("var.encryption_cmk ? 1 : 0", "var.encryption_cmk ? 0 : 0")
    upgrade = approved(actions.request(actor=kiran(), reason="No key of our own.", version=version.pk))
    with pytest.raises(Permanent, match=r"region_kms_key.this\[0\] holds data and would be deleted"):
        step(upgrade.members.get(), "plan")
    assert Pin.objects.get(tenant=standing).version_id == keep().pk


def test_a_tenant_whose_state_was_lost_is_not_upgraded_before_that_is_decided(standing: Tenant) -> None:
    """Terraform would make all of it a second time, or fail on names that are taken."""
    version = changed('Role = "documents"', 'Role = "papers"')
    upgrade = approved(actions.request(actor=kiran(), reason="A new role tag.", version=version.pk))
    store = backend()
    store.client().delete_object(Bucket=store.bucket, Key=f"tenants/{standing.pk}/terraform.tfstate")
    with pytest.raises(Permanent, match=r"The state is lost.*decided first"):
        step(upgrade.members.get(), "plan")
    assert Pin.objects.get(tenant=standing).version_id == keep().pk


def test_over_http_and_its_page(api: Any, client: Client, many: ModuleVersion) -> None:
    engineer, url = api("kiran"), "/api/v1/module-upgrades/"
    assert api("meera").post(url, {"reason": "Why."}).status_code == 403
    assert engineer.post(url, {"reason": "Why."}).status_code == 409, "everybody has what is installed here"
    assert engineer.post(url, {"reason": "Why.", "version": "x"}).status_code == 422
    made = engineer.post(url, {"reason": "Why.", "version": many.pk})
    assert made.status_code == 201 and len(made.json()["members"]) == 6
    client.force_login(person("kiran"))
    for path in ("module-upgrades", f"module-upgrades/{made.json()['id']}", f"approvals/{made.json()['case_id']}"):
        assert client.get(f"/{path}/").status_code == 200, path
    client.force_login(person("anita"))
    assert ">Why.<" in client.get(f"/approvals/{made.json()['case_id']}/").content.decode(), "who signs reads why"
    assert engineer.post(f"{url}{made.json()['id']}/stop/", {"reason": "No."}).status_code == 409
    assert engineer.post(f"{url}{made.json()['id']}/cancellation/", {"reason": "No."}).json()["state"] == "cancelled"
