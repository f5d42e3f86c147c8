"""Measuring: what a platform reports becomes a score, an alarm needs a second look, and what is unknown stays so."""

import http.server
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import DatabaseError, transaction
from prometheus_client import CollectorRegistry, generate_latest

from portal.access.actor import Actor
from portal.audit.context import acting
from portal.audit.models import Entry
from portal.jobs.models import OutboxEvent
from portal.lib.clock import now
from portal.notify.models import Notice
from tenants.health import schedule, subscribers
from tenants.health.models import Condition, Reading, Scale
from tenants.health.scrape import Counted, Look, look_at, read
from tenants.models import Tenant
from tests.admin.world import job, tenant

START = datetime(2026, 11, 21, 12, 0)
EDGES = ("0.1", "0.2", "0.5", "5.0", "+Inf")
REGION = "ap-south-1"


class Platform:
    """What a region's platform would report, moved on by the minute."""

    def __init__(self, clock: Any, about: Tenant) -> None:
        self.clock, self.tenant, self.started = clock, about, 1.0
        self.counted = Counted(stored_bytes=10**9, buckets=dict.fromkeys(EDGES, 0.0))

    def minute(self, requests: int = 20, errors: int = 0, slow: int = 0, *, up: bool = True) -> Tenant:
        """One minute passes with so much traffic; the pass looks once. Returns the tenant as it is then."""
        self.clock.shift(timedelta(minutes=1))
        self.counted.requests += requests
        self.counted.errors += errors
        for edge in EDGES:
            self.counted.buckets[edge] += requests if edge in EDGES[3:] else requests - slow
        look = Look(True, self.started, {str(self.tenant.pk): self.counted}) if up else Look(False)
        schedule.take_in(REGION, look)
        return Tenant.objects.get(pk=self.tenant.pk)

    def minutes(self, number: int, **traffic: Any) -> Tenant:
        return [self.minute(**traffic) for _ in range(number)][-1]


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def subject(clock: Any, shipped: None) -> Tenant:
    long_ago = now() - timedelta(days=30)
    moments = dict.fromkeys(("activated_at", "validated_at", "status_changed_at"), long_ago)
    return tenant("measured", "FIN", "meera", region=REGION, **moments)


@pytest.fixture
def platform(subject: Tenant, clock: Any) -> Platform:
    return Platform(clock, subject)


def news() -> list[str]:
    return list(OutboxEvent.objects.filter(event__startswith="health.").order_by("id").values_list("event", flat=True))


def test_a_tenant_that_is_served_well_has_all_points(platform: Platform) -> None:
    assert platform.minute().health_score is None, "the first look only says from where to count"
    assert platform.minutes(5).health_score == 100
    assert news() == []


def test_what_is_not_known_is_never_all_right(platform: Platform) -> None:
    assert platform.minutes(5, requests=0).health_score is None
    held = Condition.objects.get()
    assert held.points["errors"] is held.points["latency"] is None and held.points["uptime"] == 100


def test_an_outage_is_told_once_and_so_is_its_end(platform: Platform) -> None:
    platform.minutes(60)
    assert platform.minutes(10, up=False).health_score < 80
    assert platform.minutes(5, up=False) and news() == ["health.fell"]
    assert platform.minutes(240).health_score >= 80
    assert news() == ["health.fell", "health.recovered"]


def test_a_bad_moment_that_is_over_at_the_second_look_alarms_nobody(platform: Platform) -> None:
    platform.minutes(5)
    assert platform.minute(requests=100, errors=60).health_score < 80
    assert Condition.objects.get().suspected_at is not None
    assert platform.minutes(3).health_score < 80, "the average remembers it"
    assert news() == [] and Condition.objects.get().suspected_at is None


def test_the_same_reading_twice_is_one_reading(platform: Platform) -> None:
    platform.minutes(5)
    platform.minute(requests=100, errors=60)
    platform.minutes(5, requests=0)
    assert news() == [], "nothing was counted since, so nothing is confirmed"
    platform.minute(requests=20, errors=20)
    assert news() == ["health.fell"]


def test_slow_answers_and_errors_are_told_with_their_parts(platform: Platform) -> None:
    platform.minutes(3)
    platform.minutes(8, slow=20, errors=2)
    event = OutboxEvent.objects.get(event="health.fell")
    assert event.payload["points"]["uptime"] == 100 and event.payload["points"]["errors"] == 0
    for _ in range(2):
        subscribers.fell(event.payload)
    notice = Notice.objects.get(event="health.fell")
    assert notice.user.username == "meera" and "measured is not well" in notice.title


@pytest.mark.parametrize("what", ["validation", "upgrade", "reactivation"])
def test_no_alarm_right_after_work_on_the_tenant(platform: Platform, what: str) -> None:
    platform.minutes(5)
    mine = Tenant.objects.filter(pk=platform.tenant.pk)
    if what == "upgrade":
        job(platform.tenant, "running")
    else:
        mine.update(**{"validated_at" if what == "validation" else "status_changed_at": now()})
    platform.minutes(8, errors=20)
    assert mine.get().health_score < 80 and news() == []


def test_an_alarm_comes_when_it_stays_bad_after_the_work(platform: Platform) -> None:
    platform.minutes(5)
    Tenant.objects.filter(pk=platform.tenant.pk).update(validated_at=now())
    platform.minutes(14, errors=20)
    assert news() == ["health.fell"]


def test_a_platform_that_starts_anew_counts_from_nought(platform: Platform) -> None:
    platform.minutes(10, requests=1000)
    platform.started, platform.counted = 2.0, Counted(stored_bytes=10**9, buckets=dict.fromkeys(EDGES, 0.0))
    assert platform.minute(requests=20).health_score == 100
    assert Condition.objects.get().tally["errors"] == 0


def test_small_changes_are_measured_and_not_recorded(platform: Platform) -> None:
    platform.minutes(60)
    entries = Entry.objects.filter(verb="tenant.measured").count()
    platform.minute(errors=1)
    assert Condition.objects.get().score < 100 == Tenant.objects.get(pk=platform.tenant.pk).health_score
    assert Entry.objects.filter(verb="tenant.measured").count() == entries == 1
    assert Reading.objects.count() < 5, "once an hour, and when it matters"


def test_a_tenant_that_is_not_in_use_has_no_score(platform: Platform, settings: Any, tmp_path: Any) -> None:
    platform.minutes(5)
    with acting(Actor.system("test")):
        Tenant.objects.filter(pk=platform.tenant.pk).update(status="suspended")
    settings.REGIONS_FILE = tmp_path / "none.json"
    schedule.tick()
    assert Tenant.objects.get(pk=platform.tenant.pk).health_score is None
    assert not Condition.objects.exists()


def test_old_readings_go(platform: Platform, clock: Any) -> None:
    platform.minutes(2)
    clock.shift(timedelta(days=15))
    platform.minute()
    schedule.forget_old()
    assert Reading.objects.count() == 1


# -- the scale --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [{"uptime_weight": 31}, {"errors_none": 0.1}, {"latency_none": 1}, {"storage_full": 100}, {"half_life_minutes": 0}],
)
def test_the_database_holds_the_scale_to_its_rules(shipped: None, change: dict[str, Any]) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), acting(Actor.system("test")):
        Scale.objects.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic(), acting(Actor.system("test")):
        Scale(pk=2).save(force_insert=True)


def test_an_alarm_needs_a_suspicion(subject: Tenant) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Condition.objects.create(tenant=subject, read_at=now(), alarmed_at=now())


# -- pages and REST ---------------------------------------------------------------------------------------------------
def test_people_read_the_parts_in_words(platform: Platform, api: Any) -> None:
    url = f"/api/v1/tenants/{platform.tenant.pk}/health/"
    assert api("meera").get(url).json() == {
        "score": None, "band": "unknown", "parts": [], "measured_at": None, "alarmed_at": None,
    }  # fmt: skip
    platform.minutes(5)
    found = api("meera").get(url).json()
    assert (found["score"], found["band"]) == (100, "healthy")
    assert [one["name"] for one in found["parts"]] == ["uptime", "errors", "latency", "storage"]
    assert "100.00 % of looks" in found["parts"][0]["says"]
    assert api("arjun").get(url).status_code == 404


def test_lists_are_narrowed_by_health(platform: Platform, api: Any, client: Any) -> None:
    platform.minutes(5)
    tenant("not-measured", "FIN", "meera", region="eu-west-1")
    wanted = {"healthy": ["measured"], "unknown": ["not-measured"], "degraded": [], "unhealthy": []}
    for word, names in wanted.items():
        rows = api("meera").get("/api/v1/tenants/", {"health": word}).json()["results"]
        assert [one["name"] for one in rows] == names
    assert api("meera").get("/api/v1/tenants/", {"health": "splendid"}).status_code in (400, 422)
    client.force_login(platform.tenant.owner, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/tenants/", {"health": "unknown"}).content.decode()
    assert "not-measured" in page and ">measured<" not in page
    assert client.get("/tenants/", {"health": "splendid"}).status_code == 422
    assert "100 of 100" in client.get(f"/tenants/{platform.tenant.pk}/").content.decode()


# -- the look ---------------------------------------------------------------------------------------------------------
class Door(http.server.BaseHTTPRequestHandler):
    status, text = 200, b""

    def do_GET(self) -> None:
        is_probe = self.path == "/health/ready"
        self.send_response(type(self).status if is_probe else 200)
        self.end_headers()
        self.wfile.write(b"" if is_probe else type(self).text)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def door() -> Iterator[tuple[type[Door], str]]:
    kind = type("OneDoor", (Door,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kind, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_reference_platforms_own_text_is_read(door: Any) -> None:
    from ragplatform import metrics as theirs

    kind, url = door
    key = str(uuid4())
    theirs.REQUESTS.labels(key, "POST /v1/query", "200").inc(3)
    theirs.REQUESTS.labels(key, "POST /v1/query", "503").inc()
    theirs.ERRORS.labels(key, "POST /v1/query").inc()
    theirs.QUERY_LATENCY.labels(key).observe(0.04)
    theirs.STORED_BYTES.labels(key).set(77)
    kind.text = generate_latest(theirs.REGISTRY)
    look = look_at(url)
    mine = look.tenants[key]
    assert look.is_up and look.started and (mine.requests, mine.errors, mine.stored_bytes) == (4, 1, 77)
    assert mine.buckets["+Inf"] == 1 and mine.buckets["0.05"] == 1 and mine.buckets["0.02"] == 0
    kind.status = 503
    assert not look_at(url).is_up


def test_the_clock_looks_at_every_region(subject: Tenant, clock: Any, door: Any, settings: Any, tmp_path: Any) -> None:
    kind, url = door
    regions = json.loads(settings.REGIONS_FILE.read_text())
    for name, entry in regions.items():
        entry["platform"]["url"] = url if name == REGION else ""
    settings.REGIONS_FILE = tmp_path / "regions.json"
    settings.REGIONS_FILE.write_text(json.dumps(regions))
    elsewhere = tenant("elsewhere", "FIN", "meera", region="eu-west-1")
    for requests in (10, 30):
        clock.shift(timedelta(minutes=1))
        counters = {"rag_requests_total": requests, "query_latency_bucket": requests, "rag_stored_bytes": 5}
        lines = [f'{name}{{tenant="{subject.pk}",le="0.1"}} {value}' for name, value in counters.items()]
        kind.text = "\n".join(["rag_started_seconds 1", *lines, ""]).encode()
        schedule.tick()
    assert Tenant.objects.get(pk=subject.pk).health_score == 100
    assert not Condition.objects.filter(tenant=elsewhere).exists(), "nobody reports of it, so nothing is known"


def test_nonsense_is_no_knowledge(door: Any) -> None:
    kind, url = door
    for text in (b"{not metrics", b"\xff\xfe", b'rag_requests_total{route="x"} 1\n', b""):
        kind.text = text
        assert look_at(url) == Look(is_up=True), text
    assert look_at("http://127.0.0.1:9") == Look(is_up=False)
    assert read(generate_latest(CollectorRegistry()).decode()) == (None, {})
