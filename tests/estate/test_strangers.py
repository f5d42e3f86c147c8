"""What stands in a region of a tenant that the registry does not have: found, priced, named, and destroyed only so."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from lifecycle.estate import actions, schedule
from lifecycle.estate.jobs import SEARCH
from lifecycle.estate.models import Decision, Finding
from lifecycle.stores import aws
from lifecycle.stores.objects import buckets
from portal.approvals.models import Requirement
from portal.jobs import actions as jobs
from portal.jobs.errors import Permanent
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.errors import Invalid
from portal.lib.regions import Region
from tenants.models import Tenant
from tests.admin.world import tenant

from .conftest import names
from .made import SYSTEM, carried_out, forgotten, held, kiran, open_findings, run_all

pytestmark = pytest.mark.django_db


def searched(region: Region) -> dict[str, Any]:
    return dict(
        run_all(jobs.start_job(SEARCH.name, actor=SYSTEM, subject=None, params={"region": region.name}))["search"]
    )


def test_a_strangers_things_are_found_and_destroyed_with_what_they_hold_named(region: Region, standing: Tenant) -> None:
    assert str(standing.pk) not in searched(region)["strangers"]
    forgotten(standing)
    bucket = names(standing).bucket
    aws.client(region, "s3").put_object(Bucket=bucket, Key="a", Body=b"b")
    assert str(standing.pk) in searched(region)["strangers"]
    found = open_findings(standing)
    assert found[bucket].kind == "orphan" and found[bucket].tenant_name == standing.name
    priced = {one.monthly_inr for one in found.values()}
    assert None in priced and Decimal("0.00") in priced, "a key has no price here, a role costs nothing"

    with pytest.raises(Invalid, match="destroy what is there, or leave it"):
        actions.decide([found[bucket].pk], "adopt", actor=kiran(), reason="Ours.")
    with pytest.raises(Invalid, match="1 versions and markers") as refused:
        actions.decide([found[bucket].pk], "destroy", actor=kiran(), reason="Forgotten.")
    assert list(refused.value.extra["holds"]) == [bucket]
    asked = actions.decide([found[bucket].pk], "destroy", actor=kiran(), reason="Forgotten.", acknowledged=True)
    assert asked.findings.count() == len(found), "a stranger is removed whole"
    roles = Requirement.objects.filter(case=asked.case_id).values_list("role", flat=True)
    assert set(roles) == {"compliance_officer", "change_board"}

    assert carried_out(asked).state == "done"
    assert buckets.read(region, bucket) is None and not open_findings(standing)
    assert str(standing.pk) not in searched(region)["strangers"]


def test_data_that_came_after_the_question_is_not_destroyed(region: Region, standing: Tenant) -> None:
    forgotten(standing)
    searched(region)
    bucket = names(standing).bucket
    asked = actions.decide([open_findings(standing)[bucket].pk], "destroy", actor=kiran(), reason="Empty.")
    assert asked.holds == {}
    aws.client(region, "s3").put_object(Bucket=bucket, Key="a", Body=b"b")
    with pytest.raises(Permanent, match="holds data that nobody was asked about"):
        carried_out(asked)
    assert buckets.read(region, bucket) and Decision.objects.get(pk=asked.pk).state == "approved"


def test_looks_are_due_once_a_day_and_after_a_failure_in_an_hour(shipped: None, region: Region) -> None:
    one, other = tenant("first-x", "FIN", "meera"), tenant("second-x", "FIN", "meera")
    schedule.tick()
    mine = Job.objects.filter(kind="estate.compare")
    assert set(mine.values_list("tenant_id", flat=True)) == {one.pk, other.pk}
    assert Job.objects.filter(kind="estate.search").count() >= 1
    for job in mine:
        held(job)
    hour_ago = now() - timedelta(minutes=61)
    mine.filter(tenant_id=one.pk).update(state="failed", finished_at=now(), created_at=hour_ago)
    mine.filter(tenant_id=other.pk).update(state="succeeded", finished_at=now(), created_at=hour_ago)
    schedule.tick()
    assert list(mine.filter(state="queued").values_list("tenant_id", flat=True)) == [one.pk]
    assert Finding.objects.count() == 0
