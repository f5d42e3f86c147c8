"""A region of its own with a tenant, two neighbours and a platform, and an erasure that is due there."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest

from compliance.erasing.models import ErasureRequest
from lifecycle.erasure.planting import ALWAYS
from lifecycle.stores import aws, credentials
from lifecycle.stores.cache.connection import connection as cache
from lifecycle.stores.names import TenantNames
from lifecycle.stores.secrets import store_of
from portal.embedded.stack import Stack
from portal.jobs.models import Job
from portal.lib.regions import Region, load
from tenants.models import Tenant
from tests.admin.world import tenant as registered
from tests.contracts import tenants
from tests.erasing.made import ask, scheduled
from tests.erasure.made import Settled, settle, unsettle
from tests.jobs.support import ROOT, child_env
from tests.sealing import seal_here
from tests.suspension.conftest import deliver

OWNED = "SELECT id FROM rag.documents WHERE tenant_id = %s AND owner_user_id = %s ORDER BY id"
REGION = "ap-south-1"
BATCH = 7
TOLD = f'rag_started_seconds 1.0\nrag_requests_total{{tenant="{ALWAYS}"}} 1.0\n'


class Platform(ThreadingHTTPServer):
    """One that tells its series, the canary's among them, and lets nobody in."""

    def __init__(self) -> None:
        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_asked = self.path == "/metrics"
                body = TOLD.encode() if is_asked else b'{"type": "urn:bailiwick:problem:tenant-not-active"}'
                self.send_response(200 if is_asked else 403)
                self.send_header("Content-Type", "text/plain" if is_asked else "application/problem+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None: ...

        super().__init__(("127.0.0.1", 0), Door)


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Path]]:
    """Stores of one region in which nobody else plants anything: drift is looked for before a certificate."""
    home, platform = tmp_path_factory.mktemp("run"), Platform()
    Thread(target=platform.serve_forever, args=(0.02,), daemon=True).start()
    with Stack(home / "home", regions=(REGION,)) as stack:
        regions = json.loads(stack.home.regions_file.read_text())
        regions[REGION]["platform"]["url"] = f"http://127.0.0.1:{platform.server_port}"
        (home / "regions.json").write_text(json.dumps(regions))
        yield stack, home / "regions.json"
    platform.shutdown()
    platform.server_close()


class Worker:
    """A `tests.erasure.run.worker` process. `late`: seconds that a task of the platform may live."""

    late = 0

    def __init__(self, regions: Path) -> None:
        at_once = {"BAILIWICK_ERASURE_GRACE_SECONDS": "0"}
        env = child_env(BAILIWICK_REGIONS_FILE=str(regions), BAILIWICK_LOG_LEVEL="WARNING", **at_once)
        argv = [sys.executable, "-m", "tests.erasure.run.worker"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.log = regions.parent / f"worker-{uuid4()}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(argv, cwd=ROOT, env=env, stderr=log, **pipes)
        assert self.heard()["ready"]

    def begin(self, job: Job, deaths: dict[str, Any] | None = None) -> int:
        """Have a child take its turn at the job; return its pid."""
        assert self.process.stdin
        line = {"job": str(job.pk), "deaths": deaths or {}, "batch": BATCH, "late": self.late}
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        return int(self.heard()["pid"])

    def run(self, job: Job, deaths: dict[str, Any] | None = None) -> dict[str, Any]:
        self.begin(job, deaths)
        return self.heard()

    def heard(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the worker process ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


@dataclass
class World:
    """A tenant whose person is to be erased, and two others beside it."""

    tenant: Tenant
    settled: Settled
    beside: list[Settled]
    worker: Worker

    @property
    def region(self) -> Region:
        return self.settled.region

    def due(self) -> ErasureRequest:
        """Ann is to go: asked for, signed by two, its undo window over."""
        one = ask(self.tenant, "farah", user_id=self.settled.ann)
        return scheduled(one)

    def jobs(self, kind: str = "erasure.run") -> list[Job]:
        return list(Job.objects.filter(kind=kind).order_by("created_at"))

    def news(self) -> None:
        """What sealer and dispatcher do meanwhile, and the job that issues a certificate."""
        seal_here()
        deliver()
        for job in self.jobs("certificate.issue"):
            if not job.is_finished:
                self.worker.run(job)
        deliver()

    def seen(self) -> list[Any]:
        return [one.seen() for one in self.beside]


def filled(region: Region, row: Tenant, documents: int) -> Settled:
    names = TenantNames(row.pk, row.name, region.name)
    tenants.make(region, names)
    made = settle(region, documents=documents, names=names)
    s3, redis = aws.client(region, "s3"), cache(region)
    for document in made.ask(OWNED, made.id, made.ann):
        s3.put_object(Bucket=names.bucket, Key=f"users/{made.ann}/documents/{document}/1", Body=b"a")
    s3.put_object(Bucket=names.bucket, Key=f"users/{made.bob}/documents/kept/1", Body=b"b")
    redis.set(f"{names.cache_prefix}1:session:a", str(made.ann))
    redis.set(f"{names.cache_prefix}1:session:b", str(made.bob))
    return made


@pytest.fixture(scope="session")
def worker(own: tuple[Stack, Path], django_db_setup: None) -> Iterator[Worker]:
    process = Worker(own[1])
    yield process
    process.close()


@pytest.fixture(scope="session")
def second(own: tuple[Stack, Path], worker: Worker) -> Iterator[Worker]:
    """Another one beside `worker`."""
    process = Worker(own[1])
    yield process
    process.close()


@pytest.fixture
def _theirs(own: tuple[Stack, Path], settings: Any) -> None:
    """Before `shipped` lists the systems of the regions that there are."""
    settings.REGIONS_FILE = own[1]
    settings.ERASURE = {**settings.ERASURE, "undo_seconds": 0}


@pytest.fixture
def world(_theirs: None, shipped: None, worker: Worker, settings: Any) -> Iterator[World]:
    region = load(settings.REGIONS_FILE)[REGION]
    rows = [registered(name, "FIN", "meera") for name in ("closing-notes", "beside-notes", "further-notes")]
    made = [filled(region, row, documents) for row, documents in zip(rows, (20, 3, 3), strict=True)]
    credentials.issue(region, made[0].names, store_of(region.name, settings.SECRETS_DIR))
    yield World(rows[0], made[0], made[1:], worker)
    for one in made:
        unsettle(one)
        tenants.unmake(region, one.names, settings.SECRETS_DIR)
