"""A tenant in the registry and in its stores, and a platform that does what the registry says."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import jwt as pyjwt
import pytest
from django.db import connections

from lifecycle.stores import credentials
from lifecycle.stores.cache import users as cache_users
from lifecycle.stores.logs import groups
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import buckets
from lifecycle.stores.postgres import fences
from lifecycle.stores.secrets import FileSecrets
from portal.access.actor import Actor
from portal.embedded.stack import Stack
from portal.jobs import outbox, runner
from portal.jobs.actions import wake
from portal.jobs.models import Job
from portal.lib.regions import Region
from tenants import connect
from tenants.models import Tenant
from tenants.registry.contents import standings
from tests.admin.world import tenant as registered
from tests.contracts import tenants

SYSTEM = Actor.system("test")
AS_IS = {"fence": (False,), "objects": (), "cache": True, "logs": ""}
SHUT = {"fence": (True,), "objects": tuple(buckets.WRITES), "cache": False, "logs": "suspended"}


class Platform(ThreadingHTTPServer):
    """The platform's door: admits whom the registry tells it is active. `is_away` answers nothing of use."""

    is_away = False

    def __init__(self) -> None:
        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                token = self.headers["Authorization"].removeprefix("Bearer ")
                claims = pyjwt.decode(token, options={"verify_signature": False})
                is_active = standings([UUID(claims["tenant"])])[0].status == "active"
                connections.close_all()
                body = json.dumps({} if is_active else {"type": connect.NOT_ACTIVE}).encode()
                self.send_response(503 if self.server.is_away else 200 if is_active else 403)  # type: ignore[attr-defined]
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Door)


@dataclass
class World:
    """One active tenant with everything, and what became of it."""

    tenant: Tenant
    names: TenantNames
    region: Region
    platform: Platform
    regions_file: Path

    def now(self) -> dict[str, Any]:
        """The stores' own words."""
        fence, bucket = fences.read(self.region, self.tenant.pk), buckets.read(self.region, self.names.bucket)
        user, group = (
            cache_users.read(self.region, self.names.cache_user),
            groups.read(self.region, self.names.log_group),
        )
        assert fence and bucket and user and group
        return {"fence": (fence.suspended,), "objects": bucket.shut, "cache": user.is_on, "logs": group.status}

    def jobs(self, kind: str = "") -> list[Job]:
        found = Job.objects.filter(tenant_id=self.tenant.pk).order_by("created_at")
        return list(found.filter(kind=kind) if kind else found)

    def break_region(self, part: str, **wrong: Any) -> None:
        """Have the portal look for one store of the home region where nothing answers."""
        regions = json.loads(self.regions_file.read_text())
        regions[self.region.name][part] |= wrong
        self.regions_file.write_text(json.dumps(regions))


def deliver() -> None:
    while outbox.deliver_due():
        pass


def work(job: Job, patience: int = 8) -> Job:
    """Run the job to its end, ending its pauses between attempts."""
    for _ in range(patience):
        runner.run(job.pk)
        job = Job.objects.get(pk=job.pk)
        if job.is_finished:
            return job
        wake(job.pk)
    raise AssertionError(f"{job.title} is {job.state}: {job.wait_reason}")


def follow(world: World) -> Job:
    """Deliver the news and run what it started; return the newest job."""
    deliver()
    for job in world.jobs():
        if not job.is_finished:
            work(job)
    return world.jobs()[-1]


def said(job: Job) -> dict[str, str]:
    """System -> state, as the steps left it."""
    return {step.name: step.evidence.get("state", step.state) for step in job.steps.all()}


@pytest.fixture
def world(stack: Stack, region: Region, shipped: None, settings: Any, tmp_path: Path) -> Iterator[World]:
    platform = Platform()
    Thread(target=platform.serve_forever, args=(0.02,), daemon=True).start()
    regions = json.loads(stack.home.regions_file.read_text())
    for one in regions.values():
        one["platform"]["url"] = f"http://127.0.0.1:{platform.server_port}"
    settings.REGIONS_FILE = tmp_path / "regions.json"
    settings.REGIONS_FILE.write_text(json.dumps(regions))
    row = registered("closing-notes", "FIN", "meera")
    names = TenantNames(row.pk, row.name, row.region)
    tenants.make(region, names)
    credentials.issue(region, names, FileSecrets(tmp_path / "secrets"))
    yield World(row, names, region, platform, settings.REGIONS_FILE)
    tenants.unmake(region, names, tmp_path / "secrets")
    platform.shutdown()
    platform.server_close()
