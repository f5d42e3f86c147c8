"""The job of a scan, run by the runner against an account: once, and again after it was killed half-way."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from lifecycle.optimizer import actions
from lifecycle.optimizer.models import Finding, Scan
from portal.access.actor import Actor
from portal.jobs import runner
from portal.jobs.models import Job
from tests.admin.world import person

from .account import Double
from .estate import REGION, as_list, forget
from .tagged import TAGS

pytestmark = pytest.mark.django_db(transaction=True)
OPEN = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill."""


@pytest.fixture
def double(settings: Any) -> Iterator[Double]:
    """An account with one group, open over IPv6 alone."""
    forget()
    with Double() as one:
        ec2, tags = one.client("ec2"), [{"ResourceType": "security-group", "Tags": as_list(TAGS)}]
        made = ec2.create_security_group(GroupName="bastion", Description="d", TagSpecifications=tags)
        ec2.authorize_security_group_ingress(GroupId=made["GroupId"], IpPermissions=OPEN)
        here = {"regions": REGION, "endpoint": one.url, "key_id": "reader", "secret": "not-a-secret"}
        settings.OPTIMIZER = {**settings.OPTIMIZER, **here}
        yield one
    forget()


def at_its_end(execute: Any, sql: str, *given: Any) -> Any:
    """Findings are written by then; that the scan is over is not."""
    if sql.startswith('UPDATE "optimizer_scan"'):
        raise Killed
    return execute(sql, *given)


def test_a_killed_scan_begins_again_and_says_the_same(shipped: None, double: Double) -> None:
    scan = actions.start_scan(actor=Actor.of_user(person("kiran")), reason="look")

    with connection.execute_wrapper(at_its_end), pytest.raises(Killed):
        runner.run(scan.job_id)
    halfway = list(Finding.objects.values_list("pk", flat=True))
    assert halfway and Scan.objects.get().outcome == "running"
    Job.objects.filter(pk=scan.job_id).update(lease_until="2020-01-01T00:00:00Z")  # as if its worker were long dead
    runner.run(scan.job_id)
    scan.refresh_from_db()
    assert (scan.outcome, scan.findings, scan.gaps) == ("complete", len(halfway), [])
    assert list(Finding.objects.values_list("pk", flat=True)) == halfway
    assert {"group.open_admin", "group.unused"} <= set(Finding.objects.values_list("rule", flat=True))
    assert Job.objects.get(pk=scan.job_id).state == "succeeded"
