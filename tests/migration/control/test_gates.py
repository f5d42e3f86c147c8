"""While green serves the tenant its health is judged: a failure takes the tenant back by itself, doubt never does."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.test import Client
from prometheus_client import generate_latest

from lifecycle.migration.actions import MOVE
from lifecycle.migration.control import move_at
from lifecycle.migration.engine.arm import arm
from lifecycle.migration.engine.move import acknowledge
from lifecycle.migration.judging.models import Judgement
from lifecycle.migration.models import Migration, Passage
from lifecycle.migration.planning import regions
from lifecycle.migration.reading.actions import report_problem
from lifecycle.migration.schedule import Watch
from lifecycle.naming.queries import names_in
from lifecycle.stores.cache import users as cache_users
from lifecycle.stores.credentials import issue
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import users as iam_users
from lifecycle.stores.postgres import fences, roles
from lifecycle.stores.secrets import TenantBinding, VectorBinding, store_of
from lifecycle.stores.vectors.store import store_of as vectors_of
from portal.access.actor import Actor
from portal.audit.models import Entry
from portal.embedded.stack import Stack
from portal.guards import refusals
from portal.jobs.actions import start_job
from portal.jobs.models import Job, LogLine
from portal.jobs.outbox import deliver_due
from portal.jobs.runner import run
from portal.lib.clock import now
from portal.notify.models import Delivery, Notice
from ragplatform import metrics as theirs
from tenants.health.models import Condition
from tenants.placement.actions import fresh_epoch, place, placement_of
from tests.admin.world import person

from .made import bank, migration

BLUE, GREEN = "ap-south-1", "eu-west-1"
SYSTEM = Actor.system("test")


class Platform(http.server.BaseHTTPRequestHandler):
    """Green's platform, with the reference platform's own metrics, or none while it is `mute`."""

    mute = broken = False
    tenant = ""

    def do_GET(self) -> None:
        self.send_response(500 if type(self).mute else 200)
        self.end_headers()
        self.wfile.write(generate_latest(theirs.REGISTRY))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        broken, tenant = type(self).broken, type(self).tenant
        theirs.REQUESTS.labels(tenant, "POST /v1/query", "503" if broken else "200").inc()
        theirs.ERRORS.labels(tenant, "POST /v1/query").inc(broken)
        self.send_response(503 if broken else 200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def platform(settings: Any, tmp_path: Any) -> Iterator[type[Platform]]:
    kind = type("OnePlatform", (Platform,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    known = json.loads(settings.REGIONS_FILE.read_text())
    known[GREEN]["platform"]["url"] = f"http://127.0.0.1:{server.server_port}"
    settings.REGIONS_FILE = tmp_path / "regions.json"
    settings.REGIONS_FILE.write_text(json.dumps(known))
    settings.MIGRATION = {**settings.MIGRATION, "gate_seconds": 0}
    yield kind
    server.shutdown()
    server.server_close()


@pytest.fixture
def moved(shipped: None, platform: type[Platform]) -> Iterator[Migration]:
    """A move after its switch: green is open, blue follows, and the job stands at its stability."""
    one = migration(bank(), "traffic_cutover_complete")
    platform.tenant = str(one.tenant_id)
    before = placement_of(one.tenant_id)
    assert place(one.tenant_id, GREEN, fresh_epoch(one.tenant_id), before, actor=SYSTEM, reason="test")
    for name, state in ((BLUE, "closed"), (GREEN, "open")):
        fences.ensure(regions()[name], tenant_id=one.tenant_id, state=state)
    held = move_at(one, Watch(one).epoch, regions()[BLUE], regions()[GREEN])
    acknowledge(held)
    arm(held.reversed())
    job = start_job(MOVE, actor=SYSTEM, subject=one, params={"migration_id": str(one.pk)})
    job.steps.exclude(name__in=("stability", "decommission")).update(state="succeeded")
    Passage.objects.create(migration=one, old="provisioning_green", new="initial_sync", actor=SYSTEM.id)
    Migration.objects.filter(pk=one.pk).update(job_id=job.pk, switched_at=now())
    yield Migration.objects.get(pk=one.pk)
    for name in (BLUE, GREEN):
        fences.remove(regions()[name], one.tenant_id)


@pytest.fixture
def reachable(moved: Migration, settings: Any, tmp_path: Any) -> Migration:
    """A tenant whose platform can be asked in its name."""
    settings.SECRETS_DIR = tmp_path / "secrets"
    names = TenantNames(moved.tenant_id, "investment-banking", GREEN)
    vector, none = VectorBinding("pgvector", "", ""), ""
    binding = TenantBinding(
        moved.tenant_id, names.name, GREEN, "nobody", names.bucket, none, none, none, "nobody", none, "nobody:", vector,
        none,
    )  # fmt: skip
    store_of(GREEN, settings.SECRETS_DIR).write(binding)
    return moved


@pytest.fixture
def probed(moved: Migration, settings: Any, tmp_path: Any) -> Migration:
    """A tenant with stores and credentials of its own on green, where it can be tried whether rows cross."""
    settings.SECRETS_DIR = tmp_path / "secrets"
    settings.MIGRATION = {**settings.MIGRATION, "isolation_seconds": 0}
    moved.tenant.refresh_from_db()
    region, names = regions()[GREEN], names_in(moved.tenant, GREEN)
    roles.ensure(region, role=names.role, tenant_id=names.tenant_id, tenant_name=names.name)
    vectors_of(region, "pgvector").ensure(names)
    iam_users.ensure(region, iam_users.UserSpec(names.tenant_id, names.iam_user, names.bucket, names.log_group, {}))
    cache_users.ensure(region, user=names.cache_user, prefix=names.cache_prefix)
    issue(region, names, store_of(GREEN, settings.SECRETS_DIR))
    return moved


def serve(one: Migration, requests: int, errors: int = 0) -> None:
    """Green's platform answers so many questions, so many of them badly."""
    key = str(one.tenant_id)
    theirs.REQUESTS.labels(key, "POST /v1/query", "200").inc(requests)
    theirs.ERRORS.labels(key, "POST /v1/query").inc(errors)
    for _ in range(requests):
        theirs.QUERY_LATENCY.labels(key).observe(0.03)


UNTRIED = "it could not be tried whether rows cross between tenants"
LEAKY = "ALTER POLICY tenant_isolation ON rag.documents USING (true)"
TIGHT = "ALTER POLICY tenant_isolation ON rag.documents USING (tenant_id = (SELECT bw.tenant_of(current_user)))"


@pytest.fixture
def leaky(stack: Stack) -> Iterator[Callable[[], None]]:
    """Once called, every tenant on green sees the documents of all."""

    def run(statement: str) -> None:
        with psycopg.connect(**stack.superuser_kwargs(GREEN), autocommit=True) as db:
            db.execute(statement)

    yield lambda: run(LEAKY)
    run(TIGHT)


def look(one: Migration) -> Judgement:
    """The job's next tick."""
    Job.objects.filter(pk=one.job_id).update(wake_at=now())
    run(one.job_id)  # type: ignore[arg-type]  # it has one
    deliver_due()
    one.refresh_from_db()
    return Judgement.objects.filter(migration=one)[0]


def test_a_fifth_of_all_requests_failing_takes_the_tenant_back_once_and_says_why(moved: Migration) -> None:
    assert look(moved).outcome == "hold", "the first look only says from where to count"
    serve(moved, 200, errors=40)
    judged = look(moved)
    assert (judged.outcome, judged.outcomes["errors"]) == ("fail", "fail")
    assert moved.rollback_job_id and "40 of 200 (20.00%) requests failed on green" in moved.state_reason
    run(moved.rollback_job_id)
    moved.refresh_from_db()
    assert moved.state == "rolled_back" and "requests failed on green" in moved.state_reason
    asked = Entry.objects.get(verb="migration.roll_back_asked", object_id=str(moved.pk))
    assert asked.actor == "system:migration.gates"
    told = Notice.objects.filter(event="migration.gates_failed", user=person("kiran")).get()
    assert told.severity == "critical"
    assert Delivery.objects.filter(event="migration.gates_failed").exists(), "the inbox alone is one way"


def test_a_healthy_green_is_left_alone_and_compared_with_blue(probed: Migration) -> None:
    on_blue = {"requests": 500.5, "errors": 0.9, "buckets": {"0.02": 100.2, "0.05": 500.1, "+Inf": 500.1}}
    moved = probed
    Condition.objects.create(tenant=moved.tenant, read_at=now(), tally=on_blue)
    look(moved)
    for _ in range(3):
        serve(moved, 400, errors=1)
        judged = look(moved)
    assert {judged.outcomes[gate] for gate in ("errors", "latency", "metrics", "hard triggers")} == {"pass"}
    assert judged.figures["green"]["requests"] == 1200 and "answers" not in judged.outcomes
    assert (moved.state, moved.rollback_job_id) == ("traffic_cutover_complete", None)


def test_blue_goes_only_while_green_is_known_to_be_well(probed: Migration) -> None:
    moved = probed

    def doubts() -> list[str]:
        return [one.detail for one in refusals("migration.decommission", moved) if one.by == "gates"]

    assert doubts() == ["Nobody has judged green of late."]
    look(moved)
    assert doubts() == [f"no metrics of green; {UNTRIED}"]
    serve(moved, 5)
    look(moved)
    assert doubts() == []
    Judgement.objects.update(at=now() - timedelta(hours=1), since=now() - timedelta(hours=2))
    assert doubts() == ["Nobody has judged green of late."]
    report_problem(moved.pk, actor=Actor.of_user(person("kiran")), reason="slow")
    serve(moved, 5)
    look(moved)
    assert doubts() == ["1 problems reported, 3 are enough to go back"]


@pytest.mark.parametrize("mute", [True, False])
def test_no_metrics_and_no_traffic_hold_and_take_nobody_back(
    moved: Migration, platform: type[Platform], mute: bool
) -> None:
    platform.mute = mute
    for _ in range(4):
        judged = look(moved)
    assert (judged.outcome, judged.outcomes["metrics"]) == ("hold", "hold")
    assert Judgement.objects.count() == 1, "the same verdict is one row, looked at again"
    assert (moved.state, moved.rollback_job_id) == ("traffic_cutover_complete", None)


def test_a_quiet_tenant_is_asked_for(reachable: Migration) -> None:
    look(reachable)
    for _ in range(3):
        judged = look(reachable)
    assert (judged.figures["green"]["probes"], judged.figures["green"]["requests"]) == (3, 3)
    assert judged.outcomes["metrics"] == "pass" and judged.outcome == "hold"


def test_a_quiet_tenant_whose_questions_all_fail_is_taken_back(reachable: Migration, platform: type[Platform]) -> None:
    look(reachable)
    platform.broken = True
    assert [look(reachable).outcome for _ in range(3)] == ["hold", "hold", "fail"]
    assert reachable.rollback_job_id


def test_a_refused_connection_takes_the_tenant_back_at_once(reachable: Migration, settings: Any) -> None:
    look(reachable)
    known = json.loads(settings.REGIONS_FILE.read_text())
    known[GREEN]["platform"]["url"] = "http://127.0.0.1:9"
    settings.REGIONS_FILE.write_text(json.dumps(known))
    judged = look(reachable)
    assert judged.outcomes["hard triggers"] == "fail" and "connections refused by green: 1" in reachable.state_reason
    assert reachable.rollback_job_id


def test_a_row_of_another_tenant_takes_the_tenant_back_at_once_and_says_why(
    probed: Migration, leaky: Callable[[], None]
) -> None:
    look(probed)
    assert look(probed).outcomes["hard triggers"] == "pass"
    leaky()
    judged, why = look(probed), "isolation probes that saw rows of another tenant: 1"
    assert (judged.outcomes["hard triggers"], judged.outcome) == ("fail", "fail") and judged.reason == why
    said = LogLine.objects.filter(job_id=probed.job_id, level="error").values_list("text", flat=True)
    assert f"Gates: fail. {why}" in list(said)
    failed = Entry.objects.get(verb="migration.gates_failed", object_id=str(probed.pk))
    assert failed.actor == "system:migration.gates" and why in failed.body
    assert probed.rollback_job_id and why in page(probed)
    run(probed.rollback_job_id)
    probed.refresh_from_db()
    assert probed.state == "rolled_back" and why in probed.state_reason
    assert placement_of(probed.tenant_id).owner == BLUE


def test_an_isolation_probe_that_cannot_be_made_holds_and_never_passes(probed: Migration, settings: Any) -> None:
    look(probed)
    serve(probed, 5)
    assert look(probed).outcomes["hard triggers"] == "pass"
    settings.SECRETS_DIR = settings.SECRETS_DIR / "elsewhere"
    for _ in range(2):
        serve(probed, 5)
        judged = look(probed)
        assert (judged.outcomes["hard triggers"], judged.outcome) == ("hold", "hold")
    assert UNTRIED in page(probed)
    assert [one.detail for one in refusals("migration.decommission", probed) if one.by == "gates"] == [UNTRIED]
    assert probed.rollback_job_id is None, "doubt takes nobody back"


def page(one: Migration) -> str:
    client = Client()
    client.force_login(person("kiran"), backend="django.contrib.auth.backends.ModelBackend")
    return client.get(f"/migrations/{one.pk}/").content.decode()


def test_the_live_page_shows_every_gate(moved: Migration) -> None:
    look(moved)
    said = page(moved)
    for words in ("Gates", "Hard triggers", "Errors", "inconclusive · hold", "takes the tenant back by itself"):
        assert words in said, words
