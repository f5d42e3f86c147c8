"""A signed change goes through a real plan and apply of its tenant's stack, and stays there."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from lifecycle.estate import stacks
from lifecycle.estate.modules import keep, pin
from lifecycle.optimizer import actions, keeping
from lifecycle.optimizer.engine.findings import change_of
from lifecycle.optimizer.models import Finding, FindingChange
from lifecycle.provisioning.terraform.run import sources
from lifecycle.stores import aws
from lifecycle.stores.logs import groups
from portal.jobs.errors import Permanent
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due, emit
from portal.lib.clock import now
from portal.lib.regions import Region
from tenants.models import Tenant
from tests.estate.conftest import faults, names, served, standing
from tests.estate.made import SYSTEM, compared, kiran, open_findings, run_all

from .made import finding
from .test_doors import approved, kept, reported

__all__ = ["faults", "served", "standing"]
pytestmark = pytest.mark.django_db


def kept_long(of: Tenant, attribute: str = "retention_in_days", after: Any = 30) -> Finding:
    """Logs that nobody needs for so long."""
    group = names(of).log_group
    said = {"region": of.region, "tenant": str(of.pk), "cost_usd": Decimal("9.00"), "title": "Kept for long"}
    return finding(group, rule="log_group.kept_long", change=change_of(group, attribute, 90, after), **said)


def signed(one: Finding) -> tuple[FindingChange, Job]:
    change = approved(actions.propose(one.pk, actor=kiran(), justification="Nobody reads them."))
    return change, Job.objects.get(pk=change.job_id)


def days(region: Region, of: Tenant) -> int:
    group = groups.read(region, names(of).log_group)
    assert group
    return group.retention_days


def test_from_a_signature_to_a_stack_that_has_the_change(region: Region, standing: Tenant) -> None:
    before = days(region, standing)
    change, job = signed(kept_long(standing))
    assert change.state == "approved" and before != 30
    assert run_all(job)["apply"]["applied"] == ["module.tenant.region_log_group.this"]
    assert days(region, standing) == 30
    assert run_all(job)["apply"]["applied"] == [], "begun again after a kill it finds nothing left"
    assert compared(standing)["drift"] == 0 and not open_findings(standing), "its stack has the change for good"
    assert stacks.stack_of(standing).inputs.overrides == {names(standing).log_group: {"retention_in_days": "30"}}

    here = replace(reported(), regions=(standing.region,))
    kept(here)
    change.refresh_from_db()
    assert change.state == "applied", "the job did it, though no scan looks at log groups"
    kept(replace(here, at=now() + timedelta(days=15)))
    change.refresh_from_db()
    assert (change.state, change.realised_inr) == ("measured", None), "nor at what they cost"


@pytest.mark.parametrize(
    ("attribute", "after", "why"),
    [
        ("instance_type", 30, "nothing else"),
        ("retention_in_days", "soon", "whole numbers of days"),
        ("retention_in_days", 31, "CloudWatch Logs knows"),
    ],
)
def test_what_the_stack_does_not_have_is_refused_in_the_plan(
    region: Region, standing: Tenant, attribute: str, after: Any, why: str
) -> None:
    before = days(region, standing)
    change, job = signed(kept_long(standing, attribute, after))
    with pytest.raises(Permanent, match=why) as refused:
        run_all(job)
    about = {"job_id": job.pk, "subject_type": "optimizer.findingchange", "subject_id": change.pk, "kind": job.kind}
    emit("job.failed", {**about, "error": str(refused.value), "compensates": None})
    while deliver_due():
        pass
    change.refresh_from_db()
    assert days(region, standing) == before and change.carried_out_at is None
    assert change.state == "approved" and why in change.state_reason


def test_neither_the_law_nor_other_drift_nor_older_modules_let_it_pass(region: Region, standing: Tenant) -> None:
    _, job = signed(kept_long(standing))
    iam = aws.client(region, "iam")
    iam.tag_user(UserName=names(standing).iam_user, Tags=[{"Key": "Owner", "Value": "x"}])
    with pytest.raises(Permanent, match=r"region_iam_user\.this was not a part of what was signed"):
        run_all(job)
    older = {path: text for path, text in sources().items() if not path.endswith("/overrides.tf")}
    for root in ("tenant", "tenant_aws"):
        at = f"stacks/{root}/variables.tf"
        older[at] = older[at].partition('\nvariable "overrides"')[0]
        main = f"stacks/{root}/main.tf"
        older[main] = older[main].replace("local.days.logs", "var.log_retention_days")
        older[main] = older[main].replace("local.days.objects", "var.object_noncurrent_days")
    pin(standing.pk, keep(older).pk, None, actor=SYSTEM)
    with pytest.raises(Permanent, match="take no overrides"):
        run_all(job)
    request = stacks.request_of_tenant(standing)
    assert request
    request.placement = {**request.placement, "requires": {"log_retention_days": 2192}}
    request.save()
    with pytest.raises(Permanent, match="keep logs for 2192 days"):
        run_all(job)


def test_a_resource_of_nobody_here_is_left_to_who_runs_its_stack(shipped: None) -> None:
    change = approved(actions.propose(finding().pk, actor=kiran(), justification="It idles."))
    assert change.state == "approved" and change.job_id is None
    assert keeping.watched() == [("us-east-1", "i-1")]
    assert not Job.objects.filter(kind="optimizer.carry_out").exists()
