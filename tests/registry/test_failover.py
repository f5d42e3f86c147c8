"""The primary of the database and that of Redis are killed, cut off and replaced while points enforce.

A copy of the test run's database with a standby, a pair of Redis behind a sentinel, and the portal's own processes. The
tests play the operator: they promote. Whoever was acknowledged as suspended is never admitted under a newer question.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx
import kombu
import pytest
from bailiwick_client import Refused, Registry, Standing
from bailiwick_client.registry import boot_seconds
from bailiwick_client.stream import Stream
from django.db import connection

from portal.embedded.stack import Stack
from portal.lib import brokers
from tests.journeys.product import Person, until

from .servers import DEADLINE, Cluster, Pair, standing_still
from .test_outages import LEASE, Process

pytestmark = pytest.mark.django_db  # for the schema that is copied
UNKNOWN = "0198c0de-0000-7000-8000-0000000000ff"
WEB = ("gunicorn", "--worker-class", "gthread", "--workers", "1", "--threads", "8", "--no-control-socket")


class World:
    """A portal on three possible primaries, of which the second follows the first."""

    def __init__(self, home: Path, stack: Stack, database: str, new_port: Callable[[], int], ends: ExitStack) -> None:
        self.home, self.ends, self.database = home, ends, database
        for directory in ("pg", "secrets"):
            (home / directory).mkdir()
        source = stack.superuser_kwargs("control", database)
        self.ports = [new_port() for _ in range(3)]
        self.clusters = 0
        self.primary = self.cluster(source, follows=False)
        self.standby: Cluster | None = self.cluster(self.primary.at)
        self.redis = Pair(home, new_port)
        ends.callback(self.redis.end)
        self.url = f"http://127.0.0.1:{new_port()}"
        self.env = {**os.environ, **self.environment(stack.env)}
        self.run("-m", *WEB, "--bind", self.url.removeprefix("http://"), "portal.wsgi:application")
        for command in ("dispatch", "seal"):
            self.run("manage.py", command)
        owner = {**self.env, "DATABASE_URL": self.env["BAILIWICK_MIGRATE_DATABASE_URL"]}
        self.act = Process("tests.registry.act", SimpleNamespace(env=owner))
        ends.callback(self.act.end)
        assert self.act.say("seed")
        self.tenants: list[str] = self.act.say("make", "40")["said"]
        self.primary.require("*")
        until("the portal is ready", lambda: self.health() == 200, DEADLINE)
        self.token = (home / "secrets" / "service_token").read_text().strip()
        self.officer = Person(self.url, "priya")
        self.statuses: set[int] = set()

    def cluster(self, source: dict[str, Any], *, follows: bool = True) -> Cluster:
        made = Cluster(self.home, f"number-{self.clusters}", self.ports[self.clusters], source, follows=follows)
        self.ends.callback(made.kill)
        self.clusters += 1
        return made

    def both(self) -> tuple[Cluster, Cluster]:
        """The primary, and a standby that confirms: a new one where the last has been promoted."""
        if self.standby is None:
            self.standby = self.cluster(self.primary.at)
            self.primary.require("*")
        return self.primary, self.standby

    def promote(self) -> Cluster:
        """What the cluster's manager does: it lets the standby take over, which then has none itself."""
        assert self.standby is not None
        self.standby.promote()
        self.primary, self.standby = self.standby, None
        return self.primary

    def environment(self, given: dict[str, str]) -> dict[str, str]:
        logins = {
            "DATABASE_URL": "DATABASE_URL",
            "BAILIWICK_MIGRATE_DATABASE_URL": "BAILIWICK_MIGRATE_DATABASE_URL",
            "BAILIWICK_SEALER_DATABASE_URL": "BAILIWICK_SEALER_DATABASE_URL",
        }
        return {name: self.at(given[url], *self.ports) for name, url in logins.items()} | {
            "BAILIWICK_REPLICA_DATABASE_URL": self.at(given["DATABASE_URL"], self.ports[1]),
            "BAILIWICK_DATABASE_STANDBY": "1",
            "BAILIWICK_HOME": str(self.home),
            "BAILIWICK_SECRETS_DIR": str(self.home / "secrets"),
            "BAILIWICK_ANCHOR_BUCKET": "failover",
            "REDIS_URL": self.redis.url,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
        }

    def at(self, url: str, *ports: int) -> str:
        login = urlsplit(url).netloc.rpartition("@")[0]
        return f"postgresql://{login}@{','.join(f'127.0.0.1:{port}' for port in ports)}/{self.database}"

    def run(self, *arguments: str) -> None:
        with (self.home / "portal.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, *arguments], env=self.env, stdout=log, stderr=log, start_new_session=True
            )
        self.ends.callback(end, child)

    def health(self) -> int:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=10).status_code
        except httpx.TransportError:
            return 0

    def suspend(self, tenant_id: str, *, timeout: float = 30) -> int:
        path = f"/api/v1/tenants/{tenant_id}/suspension/"
        status = self.officer.call("POST", path, json={"reason": "unpaid"}, timeout=timeout).status_code
        self.statuses.add(status)
        return status

    def lease(self) -> int:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.get(f"{self.url}/v1/snapshots", headers=headers, timeout=10).status_code

    def standby_is(self) -> str:
        return str(httpx.get(f"{self.url}/health/ready").json()["components"]["standby"])

    @contextmanager
    def stream(self) -> Iterator[Callable[[str], bool]]:
        """Whether the stream has told that a tenant may not be served."""
        heard: list[Any] = []
        followed = Stream(self.redis.url, heard.extend)
        followed.start()
        yield lambda tenant: any(
            isinstance(one, Standing) and one.tenant_id == tenant and not one.servable for one in heard
        )
        followed.close()

    @contextmanager
    def gate(self, name: str, *tenants: str) -> Iterator["Gate"]:
        opened = Gate(Registry(self.url, lambda: self.token, point=name, stream_url=self.redis.url), tenants)
        opened.start()
        try:
            yield opened
        finally:
            opened.done.set()
            opened.join()
            opened.registry.close()


class Gate(threading.Thread):
    """An enforcement point that is asked for its tenants, and for one that never was, again and again."""

    def __init__(self, registry: Registry, tenants: tuple[str, ...]) -> None:
        super().__init__(daemon=True)
        self.registry, self.tenants = registry, tenants
        self.admitted: list[tuple[float, str]] = []
        self.refused: list[tuple[float, str, str]] = []
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.002):
            for tenant in (*self.tenants, UNKNOWN):
                asked = boot_seconds()
                try:
                    self.registry.tenant(tenant)
                    self.admitted.append((asked, tenant))
                except Refused as refused:
                    self.refused.append((asked, tenant, refused.code))

    def asked(self) -> float:
        """When the question was put whose answer the lease is."""
        return boot_seconds() - self.registry.age_seconds

    def admits(self, tenant: str, since: float) -> bool:
        return any(asked > since for asked, one in self.admitted if one == tenant)

    def refuses(self, tenant: str, since: float) -> bool:
        return (tenant, "not_active") in {(one, code) for asked, one, code in self.refused if asked > since}

    def unlawful(self, acknowledged: dict[str, float]) -> list[tuple[float, str]]:
        """Who was admitted although nobody knows them, or by a question later than a lease after their suspension."""
        never = {UNKNOWN: float("-inf")}
        ends = {tenant: at + LEASE for tenant, at in acknowledged.items()} | never
        return [(asked, tenant) for asked, tenant in self.admitted if asked > ends.get(tenant, float("inf"))]


def end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, stack: Stack, django_db_setup: None, free_tcp_port_factory: Any
) -> Iterator[World]:
    name = connection.settings_dict["NAME"]
    with ExitStack() as ends:
        yield World(tmp_path_factory.mktemp("failover"), stack, name, free_tcp_port_factory, ends)


def disputed(person: Person) -> set[str]:
    return {one["id"] for one in person.get("/api/v1/tenants/", payment_status="disputed")["results"]}


def test_who_wrote_reads_it_at_once_and_others_read_the_replica(world: World) -> None:
    reader, writer, tenant = Person(world.url, "oliver"), world.officer, world.tenants.pop()
    assert disputed(reader) == disputed(writer) == set()
    assert "written" not in httpx.get(f"{world.url}/health/live").cookies
    mark, (_, replica) = reader.http.cookies["written"].replace("-", "/"), world.both()
    reached = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
    until("the replica has it", lambda: replica.sql(reached, mark) == [(True,)], DEADLINE)
    replica.sql("SELECT pg_wal_replay_pause()")
    try:
        until("it rests", lambda: replica.sql("SELECT pg_get_wal_replay_pause_state()") == [("paused",)], DEADLINE)
        body = {"payment_status": "disputed", "reason": "test"}
        assert writer.call("POST", f"/api/v1/tenants/{tenant}/payment/", json=body).status_code == 200
        assert (disputed(writer), disputed(reader)) == ({tenant}, set())
    finally:
        replica.sql("SELECT pg_wal_replay_resume()")
    until("the reader sees it, too", lambda: disputed(reader) == {tenant}, DEADLINE)


def test_a_primary_without_its_standby_acknowledges_nothing_and_issues_no_lease(world: World) -> None:
    (primary, standby), steady, tenant = world.both(), world.tenants[0], world.tenants.pop()
    world.statuses.clear()
    with world.gate("cut-off", steady, tenant) as gate:
        until("both are admitted", lambda: gate.admits(steady, 0) and gate.admits(tenant, 0), DEADLINE)
        with standing_still(standby.child.pid):
            begun = boot_seconds()
            asking = threading.Thread(target=world.suspend, args=(tenant,))
            asking.start()
            assert [world.lease() for _ in range(3)] == [503] * 3
            until("the lease is over", lambda: gate.registry.age_seconds > LEASE, DEADLINE)
            waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'app'"
            until("the suspension waits", lambda: asking.is_alive() and primary.sql(waiting), DEADLINE)
            primary.sql(f"SELECT pg_cancel_backend(pid) FROM ({waiting}) AS waits")
            asking.join(DEADLINE)
            assert world.statuses == {503}  # it is committed here, and who takes over need not know it
            over = boot_seconds()
        assert [one for one in gate.admitted if begun + LEASE < one[0] < over] == []
        until("leases are back", lambda: gate.admits(steady, over), DEADLINE)


def test_redis_fails_over_and_admits_nobody(world: World) -> None:
    steady, others = world.tenants[0], [world.tenants.pop() for _ in range(3)]
    acknowledged: dict[str, float] = {}
    with world.gate("redis", steady, *others) as gate, world.stream() as told:
        until("all are admitted", lambda: all(gate.admits(one, 0) for one in (steady, *others)), DEADLINE)
        for tenant in others:
            assert world.suspend(tenant) == 200
            acknowledged[tenant] = boot_seconds()
            if tenant == others[0]:
                until("the stream tells it", lambda: told(others[0]), DEADLINE)
                killed = boot_seconds()
                world.redis.kill()
        until("the stream tells what happened meanwhile", lambda: all(map(told, others)), DEADLINE, every=0.02)
        took = boot_seconds() - killed
        until("the steady one is served", lambda: gate.admits(steady, killed + LEASE), DEADLINE)
        assert gate.unlawful(acknowledged) == []
    print(f"Redis: {took:.1f} s from the kill to the stream")
    address, options = brokers.address(world.redis.url)
    with kombu.Connection(address, transport_options=options) as queue:
        assert queue.default_channel.client.ping()


class Suspender(threading.Thread):
    """Suspends one tenant after the other, and notes when each was acknowledged."""

    def __init__(self, world: World, tenants: list[str]) -> None:
        super().__init__(daemon=True)
        self.world, self.tenants = world, tenants
        self.acknowledged: dict[str, float] = {}
        self.done = threading.Event()

    def run(self) -> None:
        for tenant in self.tenants:
            while not self.done.wait(0.05):
                if self.world.suspend(tenant) == 200:
                    self.acknowledged[tenant] = boot_seconds()
                    break


def test_the_database_fails_over_and_admits_nobody(world: World) -> None:
    (old, _), steady, others = world.both(), world.tenants[0], [world.tenants.pop() for _ in range(15)]
    assert world.standby_is() == "ok"
    world.statuses.clear()
    with world.gate("database", steady, *others) as gate:
        until("all are admitted", lambda: all(gate.admits(one, 0) for one in (steady, *others)), DEADLINE)
        suspender = Suspender(world, others)
        suspender.start()
        until("three are suspended", lambda: len(suspender.acknowledged) >= 3, DEADLINE, every=0.005)
        killed = boot_seconds()
        old.kill()
        new, promoted = world.promote(), boot_seconds()
        sealed = sealed_by(new)
        until("suspensions go on", lambda: max(suspender.acknowledged.values()) > promoted, DEADLINE, every=0.02)
        until("there is a new lease", lambda: gate.asked() > promoted, DEADLINE, every=0.02)
        took = boot_seconds() - killed
        suspender.done.set()
        suspender.join(DEADLINE)
        until("the old leases are over", lambda: gate.admits(steady, killed + LEASE), DEADLINE)
        assert gate.unlawful(suspender.acknowledged) == []
    print(f"PostgreSQL: {took:.1f} s from the kill to leases and suspensions")
    assert world.statuses <= {200, 409, 503}
    kept = new.sql("SELECT id::text FROM tenants_tenant WHERE status = 'suspended'")
    assert {(one,) for one in suspender.acknowledged} <= set(kept)
    until("the sealer goes on", lambda: sealed_by(new) > sealed, DEADLINE)
    assert world.standby_is() == "alone"
    waiting = "SELECT count(*) FROM jobs_delivery WHERE subscriber LIKE 'tenants.registry.%%' AND state = 'pending'"
    until("the publisher goes on", lambda: new.sql(waiting) == [(0,)], DEADLINE)


def test_a_primary_that_was_replaced_issues_no_lease(world: World) -> None:
    """For a while both take writes, and the portal speaks to the old one only."""
    (old, new), steady, tenant = world.both(), world.tenants[0], world.tenants.pop()
    there = {**world.env, "DATABASE_URL": world.at(world.env["DATABASE_URL"], new.cluster.port)}
    elsewhere = Process("tests.registry.act", SimpleNamespace(env=there))
    world.ends.callback(elsewhere.end)
    with world.gate("replaced", steady, tenant) as gate:
        until("both are admitted", lambda: gate.admits(steady, 0) and gate.admits(tenant, 0), DEADLINE)
        world.promote()
        suspended = {tenant: elsewhere.say("suspend", tenant)["at"]}
        until("the lease is over", lambda: gate.registry.age_seconds > LEASE, DEADLINE)
        assert world.lease() == 503 and old.sql("SELECT NOT pg_is_in_recovery()") == [(True,)]
        assert gate.unlawful(suspended) == []
        killed = boot_seconds()
        old.kill()
        until("the steady one is served", lambda: gate.admits(steady, killed), DEADLINE)
        until("the other is not", lambda: gate.refuses(tenant, killed), DEADLINE)
        assert gate.unlawful(suspended) == []


def sealed_by(server: Cluster) -> int:
    return int(server.sql("SELECT coalesce(max(size), 0) FROM ledger.checkpoint")[0][0])
