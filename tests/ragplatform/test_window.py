"""A move in a window from its start to its record, its worker killed in the middle: clients are told until when."""

import json
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connections

from lifecycle.migration.models import Migration
from lifecycle.migration.windows.models import Window
from lifecycle.stores import aws
from lifecycle.stores.postgres import fences
from portal.audit.models import Entry
from portal.embedded.stack import Stack
from portal.jobs.outbox import deliver_due
from tenants.models import Tenant
from tenants.registry.contents import configurations
from tests.jobs.support import eventually
from tests.migration.control.running import NO_READS, SIDES, Running, running
from tests.migration.control.test_workers import SWITCHED, THERE, killed, points
from tests.migration.engine import kills
from tests.migration.holder import turn
from tests.ragplatform.conftest import Platform, ingest, make_tenant, problem
from tests.ragplatform.conftest import Tenant as Client

pytestmark = pytest.mark.django_db(transaction=True)
BLUE, GREEN = SIDES


@pytest.fixture
def moving(shipped: None, settings: Any, stack: Stack) -> Running:
    settings.MIGRATION = {**settings.MIGRATION, **NO_READS, "gate_seconds": 3600}
    return running(stack.superuser_kwargs("control", "postgres"), strategy="short_window")


@pytest.fixture
def client(moving: Running, platform: Platform) -> Client:
    """The tenant as its own client sees it, by what the registry says: with credentials, and a bucket with its tags."""
    names = moving.stores.names[BLUE]
    aws.client(platform.region, "s3").delete_bucket(Bucket=names.bucket)
    found = make_tenant(platform, name=names.name, tenant_id=names.tenant_id)
    tell(moving, found)
    return found


def tell(one: Running, client: Client) -> None:
    """What the registry says of the tenant now reaches the platforms."""
    tenant = Tenant.objects.select_related("tier").get(pk=one.migration.tenant_id)
    known = client.platform.portal.snapshots
    version = known[str(tenant.pk)]["config_version"] + 1
    said = json.loads(configurations([tenant])[tenant.pk])
    known[str(tenant.pk)] = {**known[str(tenant.pk)], "service": {}, **said, "config_version": version}


def status(http: httpx.Client) -> int:
    return http.post("/v1/documents", json={"title": "t", "text": "x"}).status_code


def test_clients_are_told_until_it_is_over_and_nothing_is_lost(moving: Running, client: Client, api: Any) -> None:
    one = moving
    with client.client() as http:
        kept = ingest(http, "before", "What was written before the window.")["id"]
        at = points(60, 1)[0] + 20
        assert kills.wait(killed(one, at)) == -9, f"commit {at}"
        window = Window.objects.get(pk=one.migration.pk)
        assert window.is_open, f"commit {at} is not in the window"
        tell(one, client)
        eventually(lambda: status(http) == 503, what="a 503")
        refused = http.get(f"/v1/documents/{kept}")
        assert problem(refused, 503, "tenant-in-maintenance")["until"] == window.ends_at.isoformat()
        assert 0 < int(refused.headers["Retry-After"]) <= 3600
        with pytest.raises(psycopg.Error), one.stores.writer(one.stores.blue) as db:
            db.execute("DELETE FROM rag.documents")
        _the_next_worker_ends_it(one, client, http)
        handed = {"X-Routed-From": "elsewhere"}
        eventually(lambda: http.get("/v1/documents", headers=handed).status_code == 421, what="an end of the window")
    with one.stores.writer(one.stores.green, one.stands[1]) as db:
        assert db.execute("SELECT title FROM rag.documents WHERE id = %s", [kept]).fetchone() == ("before",)
    assert one.stores.everything(one.stores.blue) == one.stores.everything(one.stores.green)
    _is_recorded(one, api)


def _the_next_worker_ends_it(one: Running, client: Client, http: httpx.Client) -> None:
    """Until the placement is set whoever asks is told to come later."""

    def work() -> bool:
        tell(one, client)
        assert status(http) == 503
        turn(one.job.pk)
        deliver_due()
        one.migration.refresh_from_db()
        assert one.migration.state != "failed", one.job.error
        return one.migration.state == SWITCHED

    eventually(work, what=SWITCHED)
    tell(one, client)
    connections.close_all()


def _is_recorded(one: Running, api: Any) -> None:
    assert one.outcome() == THERE and one.open() == [one.stands]
    window = Window.objects.get(pk=one.migration.pk)
    assert window.closed_at and window.closed_at < window.ends_at and f"{GREEN} serves" in window.closed_because
    verbs = ("migration.window_opened", "migration.window_closed", "migration.recorded")
    entries = Entry.objects.filter(object_id=str(one.migration.pk), verb__in=verbs).order_by("id")
    assert [entry.verb for entry in entries] == list(verbs), "each once, whoever died"
    found = Migration.objects.get(pk=one.migration.pk)
    assert found.verified_rows and found.root_source == found.root_target
    fence = fences.read(one.stores.blue, one.stores.id)
    assert fence and fence.state == "closed"
    assert api("kiran").get(f"/api/v1/migrations/{found.pk}/").json()["loss"] is None
