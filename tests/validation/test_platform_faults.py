"""Faults of the running platform: down, refusing everybody, believing everybody, slow, silent."""

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lifecycle.provisioning.validation import Target, run_suite, verdict
from lifecycle.stores.logs import groups
from tests.ragplatform.conftest import free_port
from tests.validation.conftest import CLEAN, Stand, failing, judged, left_behind, words

ASKED = ("authentication", "latency", "metrics")


def at(target: Target, url: str) -> Target:
    return dataclasses.replace(target, region=dataclasses.replace(target.region, platform_url=url))


@contextmanager
def answering(status: int, body: bytes = b"{}") -> Iterator[str]:
    """A platform that says the same to everybody."""

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_down(stand: Stand, healthy: Target) -> None:
    results = {
        one.name: one
        for one in run_suite(at(healthy, f"http://127.0.0.1:{free_port()}"), on_result=lambda result: None)
    }
    assert failing(results) == set(ASKED), words(results)
    assert {results[name].outcome for name in ASKED} == {"could_not_run"}
    judgement = verdict(results.values())
    assert (judgement.outcome, judgement.rule, judgement.could_not_run) == ("fail", "roll_back", True)
    assert "does not answer" in results["authentication"].summary


def test_refusing_everybody_is_no_proof(stand: Stand) -> None:
    """All hostile tokens are refused, and so is the honest one: nothing is proved."""
    target = stand.tenant()
    del stand.platform.portal.snapshots[str(target.tenant_id)]
    result = judged(target, "authentication")["authentication"]
    assert result.outcome == "could_not_run"
    assert "refuses an honest token: 403" in result.summary


def test_believing_everybody(healthy: Target) -> None:
    with answering(200, b'{"passages": [], "documents": []}') as url:
        result = judged(at(healthy, url), "authentication")["authentication"]
    assert result.outcome == "fail" and result.category == "security"
    failed = result.evidence["failed"]
    for what in ("no token", "algorithm none", "HS256 with the public key (PEM)", "expired", "another audience"):
        assert f"{what}: served with 200" in failed, failed


def test_broken_platform_neither_passes_nor_fails(healthy: Target) -> None:
    with answering(500) as url:
        results = judged(at(healthy, url), *ASKED)
    assert {one.outcome for one in results.values()} == {"could_not_run"}, words(results)


def test_tokens_from_nobody(stand: Stand, healthy: Target) -> None:
    """The portal's keys cannot be read: key confusion cannot be tried."""
    elsewhere = dataclasses.replace(healthy, issuer=f"http://127.0.0.1:{free_port()}")
    result = judged(elsewhere, "authentication")["authentication"]
    assert result.outcome == "could_not_run" and "keys at" in result.summary


def test_slow_query_is_a_warning(healthy: Target) -> None:
    results = judged(dataclasses.replace(healthy, p95_target_ms=0), "latency")
    assert results["latency"].outcome == "warn"
    assert "30 queries at concurrency 4, target 0 ms" in results["latency"].summary
    assert results["latency"].evidence["max_ms"] >= results["latency"].evidence["p95_ms"] > 0


def test_out_of_allowance_could_not_be_measured(stand: Stand) -> None:
    target = stand.tenant()
    stand.platform.portal.snapshots[str(target.tenant_id)]["limits"]["requests_per_minute"] = 10
    result = judged(target, "latency")["latency"]
    assert result.outcome == "could_not_run" and "429" in result.summary, result.summary
    assert left_behind(stand, target) == CLEAN


def test_retention_shorter_than_required(stand: Stand) -> None:
    target = stand.tenant()
    stand.admin("logs").put_retention_policy(logGroupName=target.binding.log_group, retentionInDays=7)
    result = judged(target, "metrics")["metrics"]
    assert (result.outcome, result.category) == ("fail", "compliance")
    assert result.summary == "logs are kept 7 days, 30 are required"


def test_no_log_group(stand: Stand, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    target = stand.tenant()
    monkeypatch.setattr("lifecycle.provisioning.validation.checks.metrics.ARRIVES_WITHIN", 1.5)
    groups.remove(stand.region, target.binding.log_group, target.tenant_id)
    result = judged(target, "metrics")["metrics"]
    assert result.outcome == "fail" and "does not exist" in result.summary


def test_clear_text_outside_a_simulated_region(healthy: Target) -> None:
    """TLS is a duty of this tenant's profile: loopback in the clear passes in a simulated region only."""
    real = dataclasses.replace(healthy, region=dataclasses.replace(healthy.region, simulated=False))
    results = judged(real, "database_connection", "authentication", "object_store", "metrics", "row_security")
    assert failing(results) == {"database_connection", "authentication", "object_store", "metrics"}, words(results)
    assert {one.category for one in results.values() if one.outcome == "fail"} == {"compliance"}
    assert "database path is in clear" in results["database_connection"].evidence["failed"][0]
    without = dataclasses.replace(real, requires={**real.requires, "tls": False})
    assert failing(judged(without, "database_connection")) == set()


def test_database_down(healthy: Target) -> None:
    database = dataclasses.replace(healthy.region.database, port=free_port())
    target = dataclasses.replace(healthy, region=dataclasses.replace(healthy.region, database=database))
    result = judged(target, "row_security")["row_security"]
    assert result.outcome == "could_not_run", result
