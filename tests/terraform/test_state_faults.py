"""Failures around state and plan with the real runner: stale, not saved, another tenant's, a replacement."""

import json
import resource
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from lifecycle.provisioning.terraform import backend as state
from lifecycle.provisioning.terraform import commands, recovery
from lifecycle.provisioning.terraform.events import PAGE, events
from lifecycle.provisioning.terraform.files import ROOT, UNSAVED, write_json
from lifecycle.provisioning.terraform.plan import refusals
from lifecycle.provisioning.terraform.run import PROJECT, Run, prepare
from lifecycle.stores.objects import keys
from portal.lib.regions import Region
from tests.terraform.conftest import INPUTS

MEGABYTE = 1024 * 1024
ANOTHERS = """
resource "region_fence" "stolen" {{
  region      = "{region}"
  tenant_id   = "{tenant_id}"
  tenant_name = "somebody"
}}
"""


def test_a_stale_plan_is_not_applied(region: Region, run: Run, tmp_path: Path) -> None:
    """Somebody else applied meanwhile: the kept plan is of a state that is no more."""
    commands.plan(run)
    other = prepare(tmp_path / "other", names=run.names, inputs=INPUTS, backend=run.backend)
    commands.init(other)
    commands.plan(other)
    assert commands.apply(other).ok
    result = commands.apply(run)
    assert not result.ok and "stale" in commands.last_error(run.directory).lower()
    assert len(keys.of_tenant_keys(region, run.names.tenant_id)) == 1
    assert commands.plan(run).is_empty


class Refusing(ThreadingHTTPServer):
    """Passes everything on to the object store, but refuses to take a state while `refuses` is set."""

    refuses = False
    behind = ""


class Door(BaseHTTPRequestHandler):
    server: Refusing
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.refuses and self.command == "PUT" and urlsplit(self.path).path.endswith(".tfstate"):
            self._say(403, {}, b"<Error><Code>AccessDenied</Code><Message>the drill says no</Message></Error>")
            return
        behind = HTTPConnection(self.server.behind, timeout=30)
        behind.request(self.command, self.path, body, dict(self.headers))
        answer = behind.getresponse()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in ("connection", "date")}
        self._say(answer.status, kept, answer.read())
        behind.close()

    def _say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding"):
                self.send_header(name, value)
        is_head = self.command == "HEAD"
        self.send_header("Content-Length", headers.get("Content-Length", "0") if is_head else str(len(body)))
        self.end_headers()
        if not is_head:
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def door(backend: state.Backend) -> Iterator[Refusing]:
    server = Refusing(("127.0.0.1", 0), Door)
    server.behind = urlsplit(backend.endpoint_url or "").netloc
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield server
    server.shutdown()
    serving.join(30)


def test_a_state_that_the_backend_refuses_is_kept_beside_and_saved_by_the_successor(
    new_run: Callable[..., Run], backend: state.Backend, door: Refusing, tmp_path: Path
) -> None:
    names = new_run().names
    reached = replace(backend, endpoint_url=f"http://127.0.0.1:{door.server_port}")
    run = prepare(tmp_path / "refused", names=names, inputs=INPUTS, backend=reached)
    commands.init(run)
    commands.plan(run)
    door.refuses = True
    result = commands.apply(run)
    assert not result.ok and result.state_suspect and (run.root / UNSAVED).exists()
    assert not (state.read_state(backend, names.state_key) or {}).get("resources")

    door.refuses = False
    found = recovery.recover(run)
    assert found.verdict == "clear" and found.suspect and not (run.root / UNSAVED).exists()
    assert len((state.read_state(backend, names.state_key) or {})["resources"]) > 9
    assert commands.plan(run).is_empty, "what was made is known, and nothing is made twice"


def test_a_plan_that_touches_another_tenant_is_refused(run: Run) -> None:
    thief = uuid4()
    (run.root / "stolen.tf").write_text(ANOTHERS.format(region=run.names.region, tenant_id=thief))
    commands.init(run)
    plan = commands.plan(run)
    assert plan.other_tenants == ("region_fence.stolen",)
    for destroying in (False, True):
        said = refusals(plan, run.names, destroying=destroying)
        assert said == [f"region_fence.stolen belongs to another tenant than {run.names.tenant_id}"]
    (run.root / "stolen.tf").unlink()


def test_replacing_what_holds_data_is_refused(run: Run) -> None:
    commands.plan(run)
    assert commands.apply(run).ok
    bucket = "module.tenant.region_bucket.this"
    commands._call(run, "taint", ["taint", bucket], 60)
    plan = commands.plan(run)
    assert [one.action for one in plan.changes if one.address == bucket] == ["replace"]
    assert refusals(plan, run.names) == [f"{bucket} holds data and would be deleted and made anew"]
    assert refusals(plan, run.names, destroying=True) == refusals(plan, run.names), "not even when destroying"


def test_200_megabytes_of_log_are_read_in_pages_and_told_from_their_last_word(tmp_path: Path) -> None:
    about = {"resource": {"addr": "a.b"}, "action": "create", "elapsed_seconds": 1}
    noise = json.dumps({"type": "apply_progress", "hook": about, "@message": "x" * 65_000}).encode() + b"\n"
    last = {"summary": "AccessDenied", "detail": "no", "severity": "error", "address": "a.b"}
    with open(tmp_path / "log.jsonl", "wb") as log:
        while log.tell() < 200 * MEGABYTE:
            log.write(noise)
        line = {"type": "diagnostic", "diagnostic": last, "@message": "no"}
        log.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    write_json(tmp_path / "heartbeat.json", {"command": "apply", "last_event": "", "at": 0.0, "log_offset": 0})
    tracemalloc.start()
    offset, pages = 0, 0
    while (page := events(tmp_path, offset)).offset > offset:
        offset, pages = page.offset, pages + 1
        rows = page.resources
    assert commands.last_error(tmp_path) == "a.b: AccessDenied: no"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert offset > 200 * MEGABYTE and pages >= 200 * MEGABYTE // PAGE and peak < 10 * PAGE
    assert [row.state for row in rows] == ["failed"]


LOUD = """
import json, sys
noise = json.dumps({"type": "apply_progress", "@message": "x" * 65_000}) + "\\n"
for _ in range(200 * 1024 * 1024 // len(noise) + 1):
    sys.stdout.write(noise)
sys.stdout.write(json.dumps({"type": "apply_complete", "@message": "the last word"}) + "\\n")
"""


def test_a_command_that_writes_200_megabytes_is_supervised_in_little_memory(tmp_path: Path) -> None:
    """The real supervisor over a command as loud as that, with less memory than the log has."""
    (tmp_path / ROOT).mkdir(parents=True)
    call = [sys.executable, "-m", "lifecycle.provisioning.terraform.child", "--run-dir", str(tmp_path)]
    loud = json.dumps([sys.executable, "-c", LOUD])
    most = (150 * MEGABYTE, 150 * MEGABYTE)
    confined = partial(resource.setrlimit, resource.RLIMIT_DATA, most)
    done = subprocess.run([*call, "--terraform", loud, "--", "apply"], cwd=PROJECT, preexec_fn=confined, timeout=120)
    assert done.returncode == 0 and (tmp_path / "log.jsonl").stat().st_size > 200 * MEGABYTE
    result = commands.wait(tmp_path, timeout=10)
    assert result.ok and result.last_event == "the last word"
