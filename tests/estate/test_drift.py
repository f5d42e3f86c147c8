"""A tenant that really stands is compared with its modules: what differs is found, decided by others, and put right."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from lifecycle.estate import actions
from lifecycle.estate.carrying import act
from lifecycle.estate.models import Decision, Finding, Pin
from lifecycle.provisioning.subject import backend
from lifecycle.stores import aws
from lifecycle.stores.objects import buckets, keys
from portal.jobs.context import StepContext
from portal.jobs.errors import Permanent
from portal.jobs.kinds import StepDef
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.regions import Region
from tenants.models import Tenant

from .conftest import names
from .made import approved, carried_out, compared, kiran, noise, open_findings

pytestmark = pytest.mark.django_db
BUCKET, LOGS, USER, KEY = (
    "module.tenant.region_bucket.this",
    "module.tenant.region_log_group.this",
    "module.tenant.region_iam_user.this",
    "module.tenant.region_kms_key.this[0]",
)


def suspend_versions(region: Region, of: Tenant) -> None:
    aws.client(region, "s3").put_bucket_versioning(
        Bucket=names(of).bucket, VersioningConfiguration={"Status": "Suspended"}
    )


def test_what_was_changed_outside_is_found_decided_and_put_right(region: Region, standing: Tenant) -> None:
    assert compared(standing)["new"] == 0 and not open_findings(standing)
    suspend_versions(region, standing)
    aws.client(region, "logs").delete_log_group(logGroupName=names(standing).log_group)
    aws.client(region, "iam").tag_user(UserName=names(standing).iam_user, Tags=[{"Key": "Owner", "Value": "x"}])
    noise()
    assert compared(standing)["new"] == 2, "the user's tags are noise"
    found = open_findings(standing)
    assert {where: (one.kind, one.monthly_inr) for where, one in found.items()} == {
        BUCKET: ("drift", None), LOGS: ("missing", Decimal(0)),
    }  # fmt: skip
    assert found[BUCKET].words == "versioning is Suspended"

    one = actions.decide([found[BUCKET].pk], "repair", actor=kiran(), reason="Nobody asked for it.")
    with pytest.raises(Permanent, match="was not a part of what was signed"):
        carried_out(one)
    actions.end(one, "failed", "as the job's failure says")
    everything = Finding.objects.filter(tenant_id=standing.pk, state="open").values_list("pk", flat=True)
    both = carried_out(actions.decide(everything, "repair", actor=kiran(), reason="Both."))
    assert both.state == "done" and not Finding.objects.filter(tenant_id=standing.pk).exclude(state="gone").exists()
    bucket = buckets.read(region, names(standing).bucket)
    assert bucket and bucket.versioning == "Enabled"


def test_a_lost_state_is_found_adopted_and_nothing_is_made_twice(region: Region, standing: Tenant) -> None:
    """The state's object is gone: what stands is an orphan by name and tag, and is taken in again without a change."""
    store, key = backend(), f"tenants/{standing.pk}/terraform.tfstate"
    store.client().delete_object(Bucket=store.bucket, Key=key)
    assert compared(standing)["orphan"] >= 12
    found = open_findings(standing)
    assert found[BUCKET].kind == "orphan" and found[BUCKET].resource == names(standing).bucket
    assert found["terraform.tfstate"].kind == "state" and "the state is lost" in found["terraform.tfstate"].words
    assert not [one for one in found.values() if one.kind == "missing"], "everything is there"

    before = keys.of_tenant_keys(region, standing.pk)
    wanted = [found[one].pk for one in (BUCKET, KEY, "terraform.tfstate")]
    asked = actions.decide(wanted, "adopt", actor=kiran(), reason="Ours.")
    assert carried_out(asked).state == "done"
    assert keys.of_tenant_keys(region, standing.pk) == before and len(before) == 1
    assert not {"terraform.tfstate", KEY} & set(open_findings(standing))
    drift = open_findings(standing)[BUCKET]
    assert drift.kind == "drift", "what the import could not know is drift, to be decided by itself"
    job = Job.objects.get(pk=Decision.objects.get(pk=asked.pk).job_id)
    assert act(StepContext(job, job.steps.get(name="act"), StepDef("act", "again", act))) == {"adopted": []}
    pinned = Pin.objects.get(tenant=standing)
    state = json.loads(store.client().get_object(Bucket=store.bucket, Key=key)["Body"].read())
    assert (pinned.lineage, pinned.serial) == (state["lineage"], state["serial"])


def test_a_rolled_back_state_is_decided_first_and_what_is_left_alone_comes_back(
    region: Region, standing: Tenant
) -> None:
    Pin.objects.filter(tenant=standing).update(serial=10_000)
    suspend_versions(region, standing)
    compared(standing)
    found = open_findings(standing)
    assert found["terraform.tfstate"].words.startswith("the state was rolled back from serial 10000 to")
    asked = actions.decide([found[BUCKET].pk], "repair", actor=kiran(), reason="Put right.")
    with pytest.raises(Permanent, match="rolled back from serial"):
        carried_out(asked)
    actions.end(asked, "failed", "as the job's failure says")
    accepted = carried_out(actions.decide([found["terraform.tfstate"].pk], "adopt", actor=kiran(), reason="Known."))
    assert accepted.state == "done" and "terraform.tfstate" not in open_findings(standing)

    found = open_findings(standing)[BUCKET]
    until = now().date() + timedelta(days=3)
    ignored = approved(actions.decide([found.pk], "ignore", actor=kiran(), reason="A test of theirs.", until=until))
    assert ignored.state == "done" and compared(standing)["new"] == 0 and not open_findings(standing)
    Finding.objects.filter(pk=found.pk).update(ignored_until=now().date() - timedelta(days=1))
    assert compared(standing)["new"] == 1 and list(open_findings(standing)) == [BUCKET]


def test_a_stray_with_the_tenants_tag_is_an_orphan_and_what_holds_data_is_not_destroyed(
    region: Region, standing: Tenant
) -> None:
    s3, stray = aws.client(region, "s3"), f"copy-of-{standing.name}"
    s3.create_bucket(Bucket=stray, CreateBucketConfiguration={"LocationConstraint": region.name})
    s3.put_bucket_tagging(Bucket=stray, Tagging={"TagSet": [{"Key": "TenantID", "Value": str(standing.pk)}]})
    s3.put_object(Bucket=stray, Key="a", Body=b"b")
    assert compared(standing)["orphan"] == 1
    found = open_findings(standing)[f"arn:aws:s3:::{stray}"]
    assert found.monthly_inr is None, "nobody knows what it costs"
    with pytest.raises(Permanent, match=r"hold|empty|object"):
        carried_out(actions.decide([found.pk], "destroy", actor=kiran(), reason="Forgotten."))
    assert s3.list_objects_v2(Bucket=stray)["KeyCount"] == 1
    actions.end(found.__class__.objects.get(pk=found.pk).decision, "failed", "it holds data")
    s3.delete_object(Bucket=stray, Key="a")
    assert carried_out(actions.decide([found.pk], "destroy", actor=kiran(), reason="Empty now.")).state == "done"
    assert Finding.objects.get(pk=found.pk).state == "gone"
