"""Reads go to green share by share, each only once every gate passes; what fails or is halted gives all back."""

import http.server
import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from lifecycle.migration import actions
from lifecycle.migration.actions import MOVE
from lifecycle.migration.control import move_at
from lifecycle.migration.engine.arm import arm
from lifecycle.migration.engine.move import acknowledge
from lifecycle.migration.models import Migration, Passage
from lifecycle.migration.planning import regions
from lifecycle.migration.reading.actions import report_problem
from lifecycle.migration.reading.models import Reading
from lifecycle.migration.schedule import Watch
from lifecycle.migration.steps import reads
from lifecycle.stores.postgres import fences
from portal.access.actor import Actor
from portal.audit.context import acting
from portal.audit.models import Entry
from portal.jobs.actions import start_job
from portal.jobs.models import Job
from portal.jobs.outbox import deliver_due
from portal.jobs.runner import run
from portal.lib.clock import now
from portal.lib.errors import Conflict
from tenants.models import Tenant, Tier
from tenants.placement.actions import begin_operation
from tenants.reads.models import PERCENTS, ReadSplit
from tenants.registry.contents import configurations
from tests.admin.world import person
from tests.jobs.support import eventually

from .made import bank, migration

pytestmark = pytest.mark.django_db(transaction=True)
BLUE, GREEN = "ap-south-1", "eu-west-1"
SYSTEM = Actor.system("test")


class Sides:
    """Two platforms that answer for each other as the reference platform does, and what they count."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.tenant, self.mirrored, self.status, self.mute = "", "same", "200", False
        self.lock = threading.Lock()

    def count(self, region: str, name: str, labels: str, n: int = 1) -> None:
        with self.lock:
            self.counts[region, name, labels] += n

    def asked(self, region: str, load: bool) -> None:
        """A quiet question: at the owner it is put to both sides."""
        if load:
            return
        for one in (region, BLUE, GREEN) if region == BLUE else (region,):
            status = self.status if one == GREEN else "200"
            self.count(one, "rag_handed_reads_total", f'status="{status}"')
            self.count(one, "rag_handed_seconds_bucket", 'le="0.01"')
            self.count(one, "rag_handed_seconds_bucket", 'le="+Inf"')
        self.count(BLUE, "rag_mirrored_total", f'as="{self.mirrored}"')

    def metrics(self, region: str) -> str:
        lines = ["rag_started_seconds 1.0", "rag_cpus 2.0", "process_cpu_seconds_total 5.0", "rag_memory_bytes 100.0"]
        lines += ["process_resident_memory_bytes 10.0", "rag_pool_max 10.0", "rag_pool_used 1.0"]
        with self.lock:
            for (where, name, labels), n in sorted(self.counts.items()):
                if where == region:
                    lines.append(f'{name}{{tenant="{self.tenant}",{labels}}} {n}.0')
        return "\n".join(lines) + "\n"


def serve(sides: Sides, region: str) -> http.server.ThreadingHTTPServer:
    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(500 if sides.mute else 200, sides.metrics(region))
                return
            sides.asked(region, self.headers.get("X-Routed-From") == "load")
            self._answer(200, json.dumps({"documents": [{"id": "a", "title": "Accruals"}]}))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            sides.asked(region, self.headers.get("X-Routed-From") == "load")
            self._answer(200, "{}")

        def _answer(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("X-Handed", "quiet")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture
def sides(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sides]:
    found = Sides()
    servers = {region: serve(found, region) for region in (BLUE, GREEN)}
    known = json.loads(settings.REGIONS_FILE.read_text())
    for region, server in servers.items():
        known[region]["platform"]["url"] = f"http://127.0.0.1:{server.server_port}"
    settings.REGIONS_FILE = tmp_path / "regions.json"
    settings.REGIONS_FILE.write_text(json.dumps(known))
    quick = {"is_on": True, "soak": 0.3, "look_seconds": 0.0, "load_seconds": 0.1}
    settings.MIGRATION = {**settings.MIGRATION, "reads": {**settings.MIGRATION["reads"], **quick}}
    monkeypatch.setattr(reads, "PAUSE", 0.11)  # so that a share of processor time can be told
    monkeypatch.setattr(reads, "SLICE_SECONDS", 60)
    yield found
    for server in servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture
def moving(shipped: None, sides: Sides) -> Iterator[Migration]:
    """A move that is verified and about to move its reads."""
    one = migration(bank(), "incremental_sync")
    sides.tenant = str(one.tenant_id)
    begin_operation(one.tenant_id, "migrating", actor=SYSTEM, reason="test")
    for name, state in ((BLUE, "open"), (GREEN, "closed")):
        fences.ensure(regions()[name], tenant_id=one.tenant_id, state=state)
    held = move_at(one, Watch(one).epoch, regions()[BLUE], regions()[GREEN])
    acknowledge(held)
    arm(held)
    job = start_job(MOVE, actor=SYSTEM, subject=one, params={"migration_id": str(one.pk)})
    job.steps.exclude(name__in=("reads", "switch", "stability", "decommission")).update(state="succeeded")
    Passage.objects.create(migration=one, old="provisioning_green", new="initial_sync", actor=SYSTEM.id)
    Migration.objects.filter(pk=one.pk).update(job_id=job.pk)
    yield Migration.objects.get(pk=one.pk)
    for name in (BLUE, GREEN):
        fences.remove(regions()[name], one.tenant_id)


def work(one: Migration, slice_seconds: float, monkeypatch: pytest.MonkeyPatch) -> Reading:
    """The job's next slice."""
    monkeypatch.setattr(reads, "SLICE_SECONDS", slice_seconds)
    Job.objects.filter(pk=one.job_id).update(wake_at=now())
    run(one.job_id)  # type: ignore[arg-type]  # it has one
    deliver_due()
    one.refresh_from_db()
    return Reading.objects.get(migration=one)


def published(one: Migration) -> Any:
    """What platforms are told."""
    return json.loads(configurations([Tenant.objects.select_related("tier").get(pk=one.tenant_id)])[one.tenant_id])


def test_reads_go_share_by_share_and_then_the_switch(moving: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    done = work(moving, 60, monkeypatch)
    assert (done.percent, done.outcome, bool(done.over_at)) == (100, "pass", True), done.reason
    told = Entry.objects.filter(verb="tenant.read_split", object_id=str(moving.tenant_id)).order_by("id")
    assert [json.loads(one.body)["data"]["percent"] for one in told] == [*PERCENTS, 0], "and none after the switch"
    assert moving.state == "traffic_cutover_complete"
    assert "reads" not in published(moving)
    assert "wanted" in done.figures["load"]["reason"]
    client = Client()
    client.force_login(person("kiran"), backend="django.contrib.auth.backends.ModelBackend")
    said = client.get(f"/migrations/{moving.pk}/").content.decode()
    for words in ("Mirrored answers alike", "Load before the first user", "<polyline", "Report a problem"):
        assert words in said, words
    api = client.get(f"/api/v1/migrations/{moving.pk}/").json()
    assert (api["reading"]["percent"], api["reading"]["observed"]) == (100, {"blue": 0, "green": 0})


def test_no_metrics_hold_where_reads_are_and_move_nobody(
    moving: Migration, sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides.mute = True
    held = work(moving, 0.5, monkeypatch)
    assert (held.percent, held.outcome) == (0, "hold")
    assert {one["gate"]: one["outcome"] for one in held.gates}["metrics"] == "hold"
    assert [one["title"] for one in held.gates if one["gate"] == "cpu"] == ["CPU"]
    assert published(moving)["reads"]["percent"] == 0 and published(moving)["reads"]["mirror"] == 1.0
    assert (moving.state, moving.rollback_job_id) == ("traffic_cutover_started", None)


def test_nobody_is_led_to_a_green_that_does_not_bear_the_load(
    moving: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    Tier.objects.filter(pk=moving.tenant.tier_id).update(p95_target_ms=1)
    eventually(
        lambda: "1 allowed" in work(moving, 0.5, monkeypatch).figures["load"]["reason"], what="a load that was tried"
    )
    held = work(moving, 0.0, monkeypatch)
    assert (held.percent, held.figures["load"]["outcome"]) == (0, "hold")
    assert published(moving)["reads"]["percent"] == 0 and moving.state == "traffic_cutover_started"


@pytest.mark.parametrize(("fault", "value", "gate"), [("mirrored", "empty", "answers"), ("status", "503", "errors")])
def test_a_gate_that_fails_gives_every_read_back_and_rolls_back(
    moving: Migration, sides: Sides, monkeypatch: pytest.MonkeyPatch, fault: str, value: str, gate: str
) -> None:
    setattr(sides, fault, value)
    failed = work(moving, 60, monkeypatch)
    assert (failed.percent, failed.outcome) == (0, "fail")
    assert {one["gate"]: one["outcome"] for one in failed.gates}[gate] == "fail"
    assert moving.rollback_job_id and "reads" not in published(moving)
    run(moving.rollback_job_id)
    moving.refresh_from_db()
    assert moving.state == "rolled_back" and Tenant.objects.get(pk=moving.tenant_id).operation == ""


def test_a_pause_gives_the_reads_back_and_going_on_takes_them_where_they_were(
    moving: Migration, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kiran = Actor.of_user(person("kiran"))
    work(moving, 0.0, monkeypatch)
    Reading.objects.update(percent=25)
    settings.MIGRATION = {**settings.MIGRATION, "reads": {**settings.MIGRATION["reads"], "soak": 600.0}}
    work(moving, 0.0, monkeypatch)
    assert published(moving)["reads"]["percent"] == 25
    actions.pause(moving.pk, actor=kiran, reason="Lunch.")
    assert "reads" not in published(moving)
    assert ReadSplit.objects.get(pk=moving.tenant_id).is_on is False
    actions.resume(moving.pk, actor=kiran, reason="Back.")
    assert work(moving, 0.0, monkeypatch).percent == 25
    assert published(moving)["reads"]["percent"] == 25


def test_three_people_who_report_a_problem_take_the_reads_back(
    moving: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    kiran = Actor.of_user(person("kiran"))
    with pytest.raises(Conflict):
        report_problem(moving.pk, actor=kiran, reason="Too early.")
    work(moving, 0.0, monkeypatch)
    report_problem(moving.pk, actor=kiran, reason="My documents are gone.")
    with pytest.raises(Conflict):
        report_problem(moving.pk, actor=kiran, reason="Again.")
    held = work(moving, 0.5, monkeypatch)
    assert held.percent == 0 and {one["gate"]: one["outcome"] for one in held.gates}["reported problems"] == "hold"
    with acting(SYSTEM):
        for name in ("a", "b"):
            moving.problems.create(words="Mine, too.", reporter=name)
    assert work(moving, 60, monkeypatch).outcome == "fail"
    assert "3 problems reported" in moving.state_reason


def test_the_database_lets_nobody_read_elsewhere_who_does_not_move(moving: Migration) -> None:
    split = {"move": moving.pk, "epoch": 1, "region": GREEN, "percent": 10}
    with acting(SYSTEM):
        for wrong in ({"percent": 11}, {"region": BLUE}, {"epoch": 7}):
            with pytest.raises(IntegrityError), transaction.atomic():
                ReadSplit.objects.create(tenant_id=moving.tenant_id, **{**split, **wrong})
        ReadSplit.objects.create(tenant_id=moving.tenant_id, **split)
        with pytest.raises(IntegrityError), transaction.atomic():
            Tenant.objects.filter(pk=moving.tenant_id).update(operation="")
        ReadSplit.objects.update(percent=0)
        Tenant.objects.filter(pk=moving.tenant_id).update(operation="")
        with pytest.raises(IntegrityError), transaction.atomic():
            ReadSplit.objects.update(percent=10)
