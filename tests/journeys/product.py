"""The running product as journeys see it: people over HTTP, its stores from outside, its processes to kill."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
from psycopg.rows import dict_row

from lifecycle.provisioning.terraform.backend import Backend, read_lock, read_state
from lifecycle.provisioning.terraform.files import read_json
from lifecycle.stores import aws, sweep
from lifecycle.stores.names import TenantNames
from lifecycle.stores.objects import keys
from lifecycle.stores.objects import users as iam_users
from lifecycle.stores.secrets import FileSecrets
from lifecycle.stores.tags import of_tenant
from portal.access.demo import PASSWORD
from portal.embedded import procs
from portal.embedded.stack import Stack
from portal.lib.regions import Region

DEADLINE = 240.0  # what is awaited here takes seconds; a machine that does other work may take minutes
CHAMPIONS = {"FIN": "meera", "HR": "arjun", "RISK": "ishaan", "EUOPS": "clara"}
SIGNERS = {
    "cfo": "vikram",
    "cco": "leela",
    "legal": "thomas",
    "cto": "sanjay",
    "change_board": "anita",
    "compliance_officer": "farah",
}
FAILING = {"rejected", "expired", "cancelled", "failed", "rolled_back", "rollback_incomplete", "approval_voided"}
STATES = FAILING | {
    "submitted", "pending_approval", "approved", "provisioning", "pending_manual_setup", "validating",
    "awaiting_champion", "active",
}  # fmt: skip
NUMBERS = itertools.count(1)


def until(what: str, look: Callable[[], Any], seconds: float = DEADLINE, every: float = 0.1) -> Any:
    """Look again until `look` returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(every)
    return found


class Person:
    """One demo person who has signed in for a bearer token; signs in again when it has run out."""

    def __init__(self, url: str, username: str) -> None:
        self.username = username
        fresh = httpx.Limits(max_keepalive_connections=0)  # none that the server is just about to close
        self.http = httpx.Client(base_url=url, timeout=30, limits=fresh)
        self._lock = threading.Lock()
        self.sign_in()

    def sign_in(self) -> None:
        answer = self.http.post("/api/v1/auth/token", json={"username": self.username, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = self.http.request(method, path, **more)
        if answer.status_code == 401:
            with self._lock:
                self.sign_in()
            answer = self.http.request(method, path, **more)
        return answer

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("GET", path, params=params)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.call("POST", path, json=body)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()


class Product:
    """The whole product, running."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._people: dict[str, Person] = {}
        self._lock = threading.Lock()

    def person(self, username: str) -> Person:
        with self._lock:
            if username not in self._people:
                self._people[username] = Person(self.stack.url, username)
            return self._people[username]

    def region(self, name: str = "ap-south-1") -> Region:
        return self.stack.region(name)

    def sql(self, statement: str, *values: Any, cluster: str = "control") -> list[dict[str, Any]]:
        """Run one statement as superuser, for faults and for what no page shows."""
        kwargs = self.stack.superuser_kwargs(cluster)
        with psycopg.connect(**kwargs, autocommit=True, row_factory=dict_row) as db:
            db.execute("SELECT set_config('bailiwick.actor', 'system:test', false)")
            cursor = db.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def planted(self, fault: str, mend: str, region: str = "ap-south-1") -> Iterator[None]:
        """The fault is in the region's database inside the block."""
        self.sql(fault, cluster=region)
        try:
            yield
        finally:
            self.sql(mend, cluster=region)

    def faults(self, **faults: Any) -> None:
        """Let calls of the Terraform provider fail as said (terraform/provider/faults.py); nothing ends all drills."""
        path = self.stack.home.root / "faults.json"
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(faults))
        draft.rename(path)

    def start_job(self, kind: str, **params: str) -> str:
        """Start a job that only the clock starts, as its scheduler would; return its id."""
        ask = "from portal.access.actor import Actor; from portal.jobs.actions import start_job; import sys, json;"
        ask += "job = start_job(sys.argv[1], actor=Actor.system('test'), subject=None, params=json.loads(sys.argv[2]));"
        call = [sys.executable, "-c", f"import django; django.setup(); {ask} sys.stdout.write(str(job.pk))"]
        env = {**os.environ, **self.stack.env, "DJANGO_SETTINGS_MODULE": "portal.settings"}
        done = subprocess.run([*call, kind, json.dumps(params)], env=env, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def worker(self) -> int:
        """The Celery worker's pid; waits for the next one while the supervisor starts it."""
        return int(until("a worker", lambda: self.stack.runtime["pids"].get("worker"), every=0.02))

    def kill_worker_group(self) -> None:
        """SIGKILL to the Celery worker and all its children at once; the supervisor starts another."""
        procs.signal_group(self.worker(), signal.SIGKILL)

    @contextmanager
    def workers_stopped(self) -> Iterator[None]:
        """Inside the block every worker process stands still."""
        group = self.worker()
        procs.signal_group(group, signal.SIGSTOP)
        try:
            yield
        finally:
            procs.signal_group(group, signal.SIGCONT)

    def backend(self) -> Backend:
        home = next(iter(self.stack.regions().values()))
        return Backend(home.name, home.aws.endpoint_url, home.aws.access_key_id, home.aws.secret_access_key)

    def ask(self, *, tier: str = "bronze", unit: str = "HR", name: str = "", **more: Any) -> "Request":
        """Ask for a tenant as the unit's champion, for the least that the tier costs."""
        champion = CHAMPIONS[unit]
        name = name or f"j{os.getpid()}-{next(NUMBERS)}"
        body = {
            "name": name,
            "display_name": name,
            "business_unit": unit,
            "tier": tier,
            "region": "ap-south-1",
            "geography": "IN",
            "data_classes": [],
            "expected_users": 5,
            "expected_documents": 100,
            "annual_budget_inr": "150000.00",
            "justification": "A journey of the tests.",
            "owner": champion,
            "champion": champion,
            **more,
        }
        made = self.person(champion).post("/api/v1/tenant-requests/", body)
        return Request(self, self.person(champion), made)


class Request:
    """One tenant request followed over HTTP."""

    def __init__(self, product: Product, champion: Person, made: dict[str, Any]) -> None:
        self.product, self.champion = product, champion
        self.id, self.tenant_id = made["id"], UUID(made["tenant_id"])
        self.names = TenantNames(self.tenant_id, made["name"], made["region"])
        self.path = f"/api/v1/tenant-requests/{self.id}/"

    def now(self) -> dict[str, Any]:
        found: dict[str, Any] = self.champion.get(self.path)
        return found

    def reach(self, *states: str, seconds: float = DEADLINE) -> dict[str, Any]:
        """Wait for one of the states; fail at once with its reason when it ends elsewhere."""

        def look() -> Any:
            now = self.now()
            wrong = now["state"] in FAILING - set(states) and not (set(states) & FAILING)
            assert not wrong, f"{self.names.name} is {now['state']}: {now['state_reason']}"
            return now if now["state"] in states else None

        try:
            found: dict[str, Any] = until(f"{self.names.name} reaching {states}", look, seconds)
        except AssertionError as late:
            raise AssertionError(f"{late}; it is {self.now()['state']}\n{self.story()}") from None
        return found

    def case(self) -> dict[str, Any]:
        """The request's approval case as the CFO sees it, once it is open."""
        case_id = self.reach(*set(STATES) - {"submitted"})["case_id"]
        found: dict[str, Any] = self.product.person("vikram").get(f"/api/v1/approvals/{case_id}/")
        return found

    def sign(self, case: dict[str, Any], role: str) -> httpx.Response:
        body = {"digest": case["digest"], "reason": "agreed", "password": PASSWORD}
        path = f"/api/v1/approvals/{case['id']}/signatures/"
        return self.product.person(SIGNERS[role]).call("POST", path, json=body)

    def sign_all(self) -> list[str]:
        """Sign whatever is asked for, in order; return the roles. Returns at once where nothing is."""
        roles: list[str] = []
        self.reach(*set(STATES) - {"submitted"} - FAILING)
        while (case := self.case())["state"] == "open":
            wanted = sorted(
                (one for one in case["requirements"] if one["state"] == "open"), key=lambda one: one["order"]
            )
            for one in wanted[:1]:
                answer = self.sign(case, one["role"])
                assert answer.status_code in (201, 409), answer.text
                roles += [one["role"]] if answer.status_code == 201 else []
        return roles

    def accept(self) -> None:
        self.reach("awaiting_champion")
        self.champion.post(f"{self.path}acceptance/", {"reason": "It is what we asked for."})

    def tick_all(self, reason: str = "done") -> None:
        """Do every line of the manual checklist, as an engineer."""
        engineer, item = self.product.person("kiran"), 0
        while True:
            said = engineer.post(f"{self.path}checklist/", {"item": item, "reason": reason})
            if said["closed_at"]:
                return
            item += 1

    def job(self, which: str = "job_id") -> dict[str, Any]:
        """The provisioning job, or with `rollback_job_id` the one that undoes it."""
        job_id = until(which, lambda: self.now()[which])
        found: dict[str, Any] = self.product.person("kiran").get(f"/api/v1/jobs/{job_id}/")
        return found

    def evidence(self, step: str, which: str = "job_id") -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in self.job(which)["steps"] if one["name"] == step)["evidence"]
        return found

    def story(self) -> str:
        """What its jobs say, for the message of a failed test."""
        rows = self.product.sql(
            "SELECT j.kind, j.state, j.wait_reason, s.name, s.state AS step, s.attempts, s.losses, s.error"
            " FROM jobs_job j JOIN jobs_step s ON s.job_id = j.id WHERE j.subject_id = %s ORDER BY j.created_at, s.seq",
            self.id,
        )
        return "\n".join(" ".join(str(value) for value in row.values() if value not in ("", None)) for row in rows)

    def checks(self) -> dict[str, dict[str, Any]]:
        """The nine checks of the latest validation, by name."""
        runs = self.product.person("kiran").get("/api/v1/validations/", tenant_id=str(self.tenant_id))["results"]
        return {check["name"]: check for check in runs[0]["checks"]}

    def shortcomings(self) -> dict[str, str]:
        """Checks that did not pass. A busy machine may miss the tier's latency, which warns and stops nothing."""
        return {name: check["outcome"] for name, check in self.checks().items() if check["outcome"] != "pass"}

    def connect(self) -> httpx.Client:
        """A client of the reference platform that acts for the tenant."""
        token = self.champion.post(f"/api/v1/tenants/{self.tenant_id}/access-tokens/", {"scope": ["read", "write"]})
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        return httpx.Client(base_url=token["platform_url"], headers=headers, timeout=30)

    def held_inr(self) -> dict[str, Any] | None:
        """The request's reservation of its unit's envelope."""
        rows = self.product.sql("SELECT state, amount_inr FROM tenants_reservation WHERE holder_id = %s", UUID(self.id))
        return rows[0] if rows else None

    def shape(self) -> dict[str, Any]:
        """What exists of the tenant, in numbers that a run without a fault has too."""
        region, backend = self.product.region(self.names.region), self.product.backend()
        state = read_state(backend, self.names.state_key) or {"resources": []}
        user = iam_users.read(region, self.names.iam_user)
        return {
            "state": sorted(f"{one['type']}.{one['name']}" for one in state["resources"]),
            "lock": read_lock(backend, self.names.state_key),
            "kms keys": len(keys.of_tenant_keys(region, self.tenant_id)),
            "access keys": len(user.key_ids) if user else 0,
            "tagged": sorted(one.arn.split(":")[2] for one in of_tenant(region, self.tenant_id)),
            "registry": [
                row["status"]
                for row in self.product.sql("SELECT status FROM tenants_tenant WHERE id = %s", self.tenant_id)
            ],
            "reservation": (self.held_inr() or {}).get("state"),
        }

    def residue(self) -> sweep.Sweep:
        """An independent look at every system for what is left."""
        secrets = FileSecrets(self.product.stack.home.secrets / "regions" / self.names.region / "tenants")
        state = read_state(self.product.backend(), self.names.state_key) or {"resources": []}
        return sweep.residue(
            self.product.region(self.names.region),
            self.names,
            secrets=secrets,
            state_addresses=[str(one["type"]) for one in state["resources"]],
        )

    def s3(self) -> Any:
        """An administrator's S3 client in the tenant's region."""
        return aws.client(self.product.region(self.names.region), "s3")

    def terraform(self) -> dict[str, Any]:
        """The heartbeat of the tenant's Terraform command."""
        directory = self.product.stack.home.root / "work" / "terraform" / str(self.tenant_id)
        return read_json(Path(directory) / "heartbeat.json") or {}
