"""Series: the platform forgets who is not bound to it, Prometheus deletes by label, Datadog says when they end."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from lifecycle.erasure.engine.denying import deny
from lifecycle.erasure.engine.metrics import Metrics, Prometheus
from lifecycle.stores.errors import Held, Permanent, Transient
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences
from portal.lib.regions import Metrics as Kept
from portal.lib.regions import Region
from tests.ragplatform.conftest import Platform, Tenant, free_port, ingest
from tests.ragplatform.conftest import acme as acme  # fixtures
from tests.ragplatform.conftest import fresh as fresh
from tests.ragplatform.conftest import platform as platform

from .datadog_double import Double
from .engine import erased, listed, person, target


def served(platform: Platform) -> Region:
    return replace(platform.region, platform_url=platform.url)


def used(tenant: Tenant) -> None:
    with tenant.client() as client:
        ingest(client, "Tides", "High water at noon.")
        assert client.post("/v1/query", json={"q": "when is high water"}).status_code == 200


def test_the_platform_forgets_a_tenant_that_is_not_bound(platform: Platform, fresh: Tenant, acme: Tenant) -> None:
    used(fresh)
    used(acme)
    region, of = served(platform), target(platform.region, fresh.names)
    eraser = Metrics(region)
    found = listed(region, eraser, of)
    assert f'rag_documents{{tenant="{fresh.id}"}}' in found and len(found) > 10
    assert eraser.erase(of, lambda _: None) == 0, "it is still bound, and told of"
    deny(region, of, platform.bindings)
    assert eraser.erase(of, lambda _: None) == len(found)
    eraser.settle(of)
    assert list(eraser.ids(target(region, acme.names)))


def test_of_a_person_there_was_never_a_series(platform: Platform, acme: Tenant) -> None:
    used(acme)
    eraser, of = Metrics(served(platform)), person(platform.region, acme.names, uuid4())
    assert erased(platform.region, eraser, of) == ([], 0)
    said = eraser.hint(of)
    assert said and said.outcome == "anonymised"


def test_a_platform_that_says_something_else_is_no_zero(region: Region, names: TenantNames) -> None:
    of = target(region, names)
    with pytest.raises(Transient):
        list(Metrics(replace(region, platform_url="http://127.0.0.1:9")).ids(of))
    html = replace(region, platform_url=f"{region.aws.endpoint_url}/no-such-bucket")
    with pytest.raises(Permanent):
        list(Metrics(html).ids(of))


@pytest.fixture
def datadog() -> Iterator[Double]:
    double = Double()
    threading.Thread(target=double.serve_forever, args=(0.02,), daemon=True).start()
    yield double
    double.shutdown()
    double.server_close()


def test_datadog_says_what_it_has_and_until_when(region: Region, names: TenantNames, datadog: Double) -> None:
    mine = [f"rag.metric.{n}" for n in range(5)]
    datadog.tagged = {f"tenant:{names.tenant_id}": mine, f"tenant:{uuid4()}": ["rag.other"]}
    eraser = Metrics(replace(region, platform_url="", metrics=Kept("datadog", datadog.url, "api", "app")))
    of = target(region, names)
    found, gone = erased(region, eraser, of)
    assert found == [f'{name}{{tenant="{names.tenant_id}"}}' for name in mine] and gone == 0
    said = eraser.hint(of)
    assert said and said.outcome == "expires" and said.until and said.until.year > time.gmtime().tm_year
    assert datadog.deletions == 0
    refused = replace(region, platform_url="", metrics=Kept("datadog", datadog.url, "api", "wrong"))
    with pytest.raises(Permanent, match="403"):
        list(Metrics(refused).ids(of))


PROGRAM = shutil.which("prometheus") or ""
needs_prometheus = pytest.mark.skipif(not PROGRAM, reason="prometheus is missing: apt-get install prometheus")
CONFIGURATION = """
global: {{scrape_interval: 50ms, scrape_timeout: 50ms}}
scrape_configs: [{{job_name: platform, static_configs: [{{targets: ["{target}"]}}]}}]
"""


class Exposed(ThreadingHTTPServer):
    """What a Prometheus scrapes: one series of each tenant."""

    daemon_threads = True

    def __init__(self, *tenants: UUID) -> None:
        super().__init__(("127.0.0.1", 0), _Metrics)
        self.tenants = tenants


class _Metrics(BaseHTTPRequestHandler):
    server: Exposed

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        lines = ("# TYPE rag_requests counter", *(f'rag_requests_total{{tenant="{t}"}} 5' for t in self.server.tenants))
        self.wfile.write("".join(f"{line}\n" for line in lines).encode())

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def prometheus(folder: Path, exposed: Exposed, *options: str) -> Iterator[Prometheus]:
    """A real one that scrapes what is exposed."""
    threading.Thread(target=exposed.serve_forever, args=(0.02,), daemon=True).start()
    port = free_port()
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(target=f"127.0.0.1:{exposed.server_address[1]}"))
    command = [PROGRAM, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error", *options]
    process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], cwd=folder)
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(transport=httpx.HTTPTransport(retries=40)) as client:  # connects until it listens
        client.get(f"{url}/-/ready")
    yield Prometheus(url)
    process.terminate()
    process.wait(20)
    exposed.shutdown()
    exposed.server_close()


def scraped(server: Prometheus, *tenants: UUID) -> None:
    """Return once it has a sample of each."""
    until = time.monotonic() + 120
    while not all(map(server.series, tenants)):
        assert time.monotonic() < until
        time.sleep(0.02)


@needs_prometheus
def test_prometheus_deletes_a_tenants_series(region: Region, names: TenantNames, tmp_path: Path) -> None:
    other = uuid4()
    exposed = Exposed(names.tenant_id, other)
    with prometheus(tmp_path, exposed, "--web.enable-admin-api") as server:
        scraped(server, names.tenant_id, other)
        kept = replace(region, platform_url="", metrics=Kept("prometheus", server.url))
        of = target(region, names)
        found = listed(region, Metrics(kept), of)
        assert len(found) == 1 and found[0].startswith("rag_requests_total{") and str(names.tenant_id) in found[0]
        fences.ensure(region, tenant_id=names.tenant_id, state="open")
        fences.set_hold(region, names.tenant_id, True, 1)
        with pytest.raises(Held):
            Metrics(kept).erase(of, lambda _: None)
        fences.set_hold(region, names.tenant_id, False, 2)
        assert server.series(names.tenant_id)
        exposed.tenants = (other,)  # the platform has forgotten the tenant
        assert [Metrics(kept).erase(of, lambda _: None) for _ in range(2)] == [1, 1]
        Metrics(kept).settle(of)
        assert not server.series(names.tenant_id) and server.series(other)


@needs_prometheus
def test_a_prometheus_that_may_not_delete_says_so(region: Region, names: TenantNames, tmp_path: Path) -> None:
    with prometheus(tmp_path, Exposed(names.tenant_id)) as server:
        kept, of = replace(region, platform_url="", metrics=Kept("prometheus", server.url)), target(region, names)
        listed(region, Metrics(kept), of)
        with pytest.raises(Permanent, match="admin APIs disabled"):
            Metrics(kept).erase(of, lambda _: None)
