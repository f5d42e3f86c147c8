"""What the job tests share: waiting on a condition, a job's whole outcome, worker processes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection

from portal.access.actor import Actor
from portal.jobs import drive
from portal.jobs.actions import start_job
from portal.jobs.models import Job, OutboxEvent, ResourceLease, Wake
from portal.lib.clock import now

ROOT = Path(__file__).resolve().parents[2]
ENGINEER = Actor.system("test")


def start(kind: str, world: Path, **options: Any) -> Job:
    params = {"dir": str(world), **options.pop("params", {})}
    return start_job(f"test.{kind}", actor=ENGINEER, subject=None, params=params, reason="a test", **options)


def fresh(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def due() -> set[UUID]:
    """The jobs that a dispatcher would send now."""
    return set(drive._due(now(), now() - drive.RESEND).values_list("pk", flat=True))


def calls(world: Path) -> list[str]:
    path = world / "calls"
    return path.read_text().split("\n")[:-1] if path.exists() else []


def outcome(job: Job, world: Path) -> dict[str, Any]:
    """Everything that must not depend on how often a worker died. Attempts and repeated log lines may."""
    row = fresh(job)
    effects = world / "effects"
    return {
        "job": (row.state, row.error, row.retries),
        "steps": list(row.steps.values_list("seq", "name", "state", "evidence", "error", "done", "total")),
        "log": sorted(set(row.log.values_list("step", "level", "text"))),
        "dense": [line.seq for line in row.log.all()] == list(range(1, row.log_lines + 1)),
        "events": [event.event for event in OutboxEvent.objects.filter(payload__job_id=str(job.pk))],
        "compensation": Job.objects.filter(compensates=job).count(),
        "leases": ResourceLease.objects.filter(job=job).count(),
        "wakes": Wake.objects.filter(job=job).count(),
        "effects": sorted(path.name for path in effects.iterdir()) if effects.exists() else [],
    }


def eventually(true: Callable[[], Any], seconds: float = 120.0, what: str = "the condition") -> Any:
    """Poll until `true()` is truthy and return it; the deadline only bounds how long a failure takes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come about within {seconds} s")


def child_env(**extra: str) -> dict[str, str]:
    """The environment of a child process: the same database as this test's."""
    have = connection.settings_dict
    password = f":{have['PASSWORD']}" if have["PASSWORD"] else ""
    url = f"postgresql://{have['USER']}{password}@{have['HOST']}:{have['PORT']}/{have['NAME']}"
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "DATABASE_URL": url, "PYTHONPATH": path, **extra}


class Worker:
    """A `tests.jobs.worker` process."""

    def __init__(self, lease: float = 15) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=child_env(JOB_LEASE_SECONDS=str(lease)),
        )
        assert self.heard()["ready"]

    def begin(self, job: Job, die: str = "", at: int = 0) -> int:
        """Have a child run the job; return the child's pid."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"job": str(job.pk), "die": die, "at": at}) + "\n")
        self.process.stdin.flush()
        return int(self.heard()["pid"])

    def run(self, job: Job, die: str = "", at: int = 0) -> dict[str, int]:
        """Have a child run the job to its end; return its wait status and how many statements it made."""
        self.begin(job, die, at)
        return self.heard()

    def heard(self) -> dict[str, int]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the worker process ended"
        answer: dict[str, int] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
