"""Every account is searched for stores that nobody listed; an owner signs once each of them is settled."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from compliance.inventory import defaults
from compliance.scans import accounts, actions, schedule
from compliance.scans.models import Scan, StoreFinding
from lifecycle.stores import aws
from portal.access.accounts import SEED
from portal.access.actor import Actor
from portal.audit.context import acting
from portal.jobs import runner
from portal.jobs.outbox import deliver_due
from portal.lib.clock import now
from portal.lib.errors import Conflict, Invalid, NotAllowed
from portal.lib.ids import new_id
from portal.lib.regions import Region
from portal.notify.models import Notice
from tests.admin.world import person
from tests.compliance.certificates.test_issuing import due_now

pytestmark = pytest.mark.django_db
RDS = """<DescribeDBInstancesResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><DescribeDBInstancesResult>
<DBInstances><DBInstance><DBInstanceIdentifier>payroll</DBInstanceIdentifier></DBInstance></DBInstances>
</DescribeDBInstancesResult></DescribeDBInstancesResponse>"""


class Account(BaseHTTPRequestHandler):
    """An account with one database and two tables, which refuses everything else."""

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.headers.get("X-Amz-Target", "").startswith("DynamoDB"):
            self._answer(200, json.dumps({"TableNames": ["orders", "carts"]}))
        elif "DescribeDBInstances" in asked:
            self._answer(200, RDS)
        else:
            self._answer(403, '{"__type": "AccessDeniedException"}')

    def do_GET(self) -> None:
        self._answer(200, "<html>Sign in</html>")

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def elsewhere(tmp_path: Path, settings: Any, shipped: None, stack: Any) -> Iterator[str]:
    """Another account beside the regions' own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Account)
    Thread(target=server.serve_forever, daemon=True).start()
    address, file = f"http://127.0.0.1:{server.server_port}", tmp_path / "accounts.json"
    key = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "secret", "endpoint_url": address}
    file.write_text(json.dumps([{"account": "legacy", "regions": ["eu-west-1"], **key}]))
    settings.SCANS = {**settings.SCANS, "accounts_file": str(file)}
    settings.REGIONS_FILE = stack.home.regions_file
    with acting(SEED):
        defaults.install(SEED)
    yield address
    server.shutdown()
    server.server_close()


def act(name: str) -> Actor:
    return Actor.of_user(person(name))


def deliver() -> None:
    while deliver_due():
        pass


def searched() -> Scan:
    made = actions.begin(actor=act("farah"), reason="I want to know.")
    runner.run(made.job_id)
    deliver()
    return Scan.objects.get(pk=made.pk)


def found(scan: Scan, **which: Any) -> set[tuple[str, str]]:
    return set(scan.findings.filter(**which).values_list("kind", "name"))


def test_stores_of_another_account_are_found_and_what_refuses_is_said(elsewhere: str) -> None:
    scan = searched()
    there = found(scan, account="legacy")
    assert {("rds_instance", "payroll"), ("dynamodb_table", "orders"), ("dynamodb_table", "carts")} <= there
    blind = {name for kind, name in there if kind == "unsearched"}
    assert {"opensearch", "elasticache", "ebs_snapshot", "bucket", "log_group"} <= blind
    assert scan.state == "open" and {one["account"] for one in scan.places} == {"legacy", accounts.OURS}
    assert Notice.objects.filter(event="scan.ended", user__username="farah").exists()


def test_a_bucket_that_nobody_listed_is_found_and_a_tenants_is_not(elsewhere: str, region: Region) -> None:
    name, s3 = f"forgotten-{new_id().hex[:8]}", aws.client(region, "s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region.name})
    try:
        ours = found(searched(), account=accounts.OURS, region=region.name)
    finally:
        s3.delete_bucket(Bucket=name)
    assert ("bucket", name) in ours and not any(known.startswith("bailiwick-") for _kind, known in ours)


def test_an_owner_signs_once_everything_is_settled_and_it_is_known_from_then_on(elsewhere: str) -> None:
    scan = searched()
    with pytest.raises(Conflict, match="not settled"):
        actions.sign(scan.pk, actor=act("farah"), reason="All seen.")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE scans_scan SET state = 'signed', signed_at = now(), signed_by_id = %s", [person("farah").pk]
        )
    payroll = scan.findings.get(name="payroll")
    with pytest.raises(Invalid):
        actions.settle(payroll.pk, actor=act("farah"), reason="Ours.", system="nosuch")
    actions.settle(payroll.pk, actor=act("farah"), reason="Listed.", system="backups")
    for one in scan.findings.filter(resolved_at=None):
        actions.settle(one.pk, actor=act("farah"), reason="No tenant's data is in it.")
    with pytest.raises(NotAllowed):
        actions.sign(scan.pk, actor=act("meera"), reason="All seen.")
    assert actions.sign(scan.pk, actor=act("farah"), reason="All seen.").state == "signed"
    again = found(searched(), account="legacy")
    assert ("rds_instance", "payroll") not in again and ("unsearched", "opensearch") in again


def test_killed_after_each_step_it_is_kept_once(elsewhere: str) -> None:
    made = actions.begin(actor=act("farah"), reason="I want to know.")
    turn = runner.claim(made.job_id)
    while turn is not None:
        runner.attempt(turn)
        due_now(made.job_id)
        turn = runner.claim(made.job_id)
        assert turn is not None
        turn = runner.settle(turn, runner.attempt(turn))
    assert StoreFinding.objects.filter(name="payroll").count() == 1 and Scan.objects.get().state == "open"


def test_every_quarter_has_one_and_what_nobody_signs_is_said_every_week(shipped: None, settings: Any) -> None:
    settings.SCANS = {**settings.SCANS, "sign_days": -1}
    schedule.tick()
    schedule.tick()
    row = Scan.objects.get()
    assert row.quarter == actions.quarter_of(now().date()) and row.state == "running"
    deliver()
    told = Notice.objects.filter(event="scan.overdue", user__username="farah")
    assert told.count() == 1 and told[0].severity == "critical"


@pytest.mark.parametrize(("month", "quarter"), [(1, "2026-Q1"), (3, "2026-Q1"), (4, "2026-Q2"), (12, "2026-Q4")])
def test_quarters(month: int, quarter: str) -> None:
    assert actions.quarter_of(now().date().replace(year=2026, month=month, day=1)) == quarter
