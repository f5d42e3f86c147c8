"""The read path as it runs: processes that act, processes that enforce, and what happens when something between stops.

Its own home: here stores are stopped, emptied and killed.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import redis
from bailiwick_client.registry import boot_seconds

from portal.embedded.stack import Stack
from tests.journeys.product import Person, until
from tests.sweeps import SEED, WHOLE

from .servers import standing_still

PARTS = ("postgres", "redis", "aws", "migrate", "web", "dispatcher")
LEASE = 2.0


class Process:
    """A Python module of the tests that answers each line with a line."""

    def __init__(self, module: str, stack: Stack, *arguments: str) -> None:
        env = {**os.environ, **stack.env, "DJANGO_SETTINGS_MODULE": "portal.settings"}
        self.child = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], env=env, text=True, stdin=-1, stdout=-1, bufsize=1
        )

    def ask(self, *words: str) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(" ".join(words) + "\n")

    def hear(self) -> Any:
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        return json.loads(line) if line else None

    def say(self, *words: str) -> Any:
        self.ask(*words)
        return self.hear()

    def end(self) -> None:
        self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe is not None:
                pipe.close()


class World:
    """A running portal with active tenants; one process that changes them, some that enforce."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.token = (stack.home.secrets / "service_token").read_text().strip()
        self.act = Process("tests.registry.act", stack)
        self.tenants: list[str] = self.act.say("make", "40")["said"]
        self.processes: list[Process] = [self.act]
        self.officer = Person(stack.url, "farah")

    def reader(self, name: str, *, copy: Path | None = None) -> Process:
        more = [str(copy)] if copy else []
        made = Process("tests.registry.reader", self.stack, self.stack.url, self.token, name, self.stream, *more)
        self.processes.append(made)
        return made

    def fresh_act(self) -> None:
        self.act = Process("tests.registry.act", self.stack)
        self.processes.append(self.act)

    @property
    def stream(self) -> str:
        return self.stack.env["REDIS_URL"]

    def one(self) -> str:
        return self.tenants.pop()

    def sql(self, statement: str, *values: Any) -> Any:
        with psycopg.connect(**self.stack.superuser_kwargs("control"), autocommit=True) as db:
            return db.execute(statement, values).fetchall()

    def receipt(self, tenant_id: str) -> dict[str, str]:
        found = self.officer.get(f"/api/v1/tenants/{tenant_id}/propagation/")
        return {one["point"]: one["word"] for one in found["points"]}

    def stopped(self, name: str) -> AbstractContextManager[None]:
        return standing_still(self.stack.runtime["pids"][name])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with Stack(tmp_path_factory.mktemp("registry") / "home", regions=("ap-south-1",), only=PARTS) as stack:
        made = World(stack)
        yield made
        for one in made.processes:
            one.end()


def statuses(reader: Process, tenant_id: str, seconds: float) -> list[tuple[float, str]]:
    return [(asked, said) for asked, said in reader.say("look", tenant_id, str(seconds))]


def knows(reader: Process, tenant_id: str, status: str) -> Any:
    def look() -> Any:
        known = reader.say("know", tenant_id)
        return known if known["status"] == status else None

    return until(f"{status} at the enforcement point", look, 60, every=0)


def test_a_suspension_reaches_every_point_and_the_receipt_names_each(world: World) -> None:
    tenant = world.one()
    points = {f"point-{number}": world.reader(f"point-{number}") for number in range(3)}
    for reader in points.values():
        knows(reader, tenant, "active")
    world.act.say("suspend", tenant)
    for reader in points.values():
        knows(reader, tenant, "not_active")
    until("all three acknowledge", lambda: world.receipt(tenant) == dict.fromkeys(points, "applied"), 60)
    points["point-2"].end()
    world.act.say("reactivate", tenant)
    until("the dead one is fenced", lambda: world.receipt(tenant).get("point-2") == "fenced", 60)


def test_an_edit_and_a_suspension_at_once_end_in_both(world: World) -> None:
    reader = world.reader("edits")
    for tenant in [world.one() for _ in range(5)]:
        knows(reader, tenant, "active")
        for words in (("edit", tenant, "new"), ("suspend", tenant)):
            world.act.ask(*words)
        assert world.act.hear() and world.act.hear()
        knows(reader, tenant, "not_active")


def test_after_hurried_updates_and_paused_readers_nothing_is_stale(world: World) -> None:
    """What commit-then-delete leaves 26.8 % stale (registry.md)."""
    readers = [world.reader(f"paused-{number}") for number in range(2)]
    tenant, seed = world.one(), SEED
    print(f"seed {seed}")
    chance = random.Random(seed)
    knows(readers[0], tenant, "active")
    for _ in range(400 if WHOLE else 25):
        paused = chance.sample(readers, chance.randrange(3))
        for one in paused:
            os.kill(one.child.pid, signal.SIGSTOP)
        words = chance.sample([("suspend", tenant), ("edit", tenant, "x"), ("reactivate", tenant)], 3)
        words.sort(key=lambda one: one[0] == "reactivate")
        for one in words:
            world.act.ask(*one)
        for _ in words:
            world.act.hear()
        for one in paused:
            os.kill(one.child.pid, signal.SIGCONT)
        last = world.sql("SELECT max(version) FROM registry_published WHERE tenant_id = %s", tenant)[0][0]
        for reader in readers:
            assert knows(reader, tenant, "active")["config_version"] <= last
    until("everybody knows the last one", lambda: {r.say("know", tenant)["config_version"] for r in readers} == {last})


def test_a_point_that_stood_still_across_a_suspension_never_admits_on_waking(world: World) -> None:
    reader, tenant = world.reader("still"), world.one()
    knows(reader, tenant, "active")
    reader.ask("look", tenant, "6")
    os.kill(reader.child.pid, signal.SIGSTOP)
    at = world.act.say("suspend", tenant)["at"]
    until("the lease is over", lambda: world.receipt(tenant).get("still") == "fenced", 30)
    os.kill(reader.child.pid, signal.SIGCONT)
    late = [asked for asked, said in reader.hear() if said == "active" and asked > at + LEASE]
    assert not late


def test_killed_between_commit_and_publication_it_is_still_refused(world: World) -> None:
    reader, tenant = world.reader("killed"), world.one()
    knows(reader, tenant, "active")
    world.act.ask("die-suspending", tenant)
    assert world.act.hear() is None
    world.fresh_act()
    knows(reader, tenant, "not_active")
    keys = redis.Redis.from_url(world.stream)
    told = "bailiwick:registry:standing"
    until("the outbox tells Redis", lambda: b'"suspended"' in (keys.hget(told, tenant) or b""), 60)
    keys.close()


def test_an_emptied_redis_is_filled_again(world: World) -> None:
    reader, tenant = world.reader("flushed"), world.one()
    knows(reader, tenant, "active")
    keys = redis.Redis.from_url(world.stream)
    keys.flushall()
    assert reader.say("know", tenant)["status"] == "active"
    world.act.say("suspend", tenant)
    knows(reader, tenant, "not_active")
    until("Redis has all", lambda: keys.hlen("bailiwick:registry:configuration") >= len(world.tenants), 60)
    keys.close()


def test_without_redis_a_suspension_comes_with_the_lease(world: World) -> None:
    reader, tenant = world.reader("no-redis"), world.one()
    knows(reader, tenant, "active")
    with world.stopped("redis control"):
        at = world.act.say("suspend", tenant)["at"]
        seen = statuses(reader, tenant, 4)
        assert httpx.get(f"{world.stack.url}/health/live").status_code == 200
    assert [asked for asked, said in seen if said == "active" and asked > at + LEASE] == []
    assert seen[-1][1] == "not_active"


@pytest.mark.parametrize("gone", [("postgres control",), ("postgres control", "redis control")])
def test_without_the_database_nobody_is_admitted_longer_than_a_lease(
    world: World, gone: tuple[str, ...], tmp_path: Path
) -> None:
    reader, active = world.reader("no-database", copy=tmp_path / "copy.json"), world.tenants[0]
    suspended = world.one()
    world.act.say("suspend", suspended)
    knows(reader, suspended, "not_active")
    region = knows(reader, active, "active")["region"]
    with ExitStack() as still:
        for name in gone:
            still.enter_context(world.stopped(name))
        seen = statuses(reader, active, 5)
        assert seen[-1][1] == "unreachable" and seen[-1][0] - seen[0][0] > LEASE
        assert {said for _, said in statuses(reader, suspended, 1)} == {"not_active"}
        assert reader.say("know", "0198c0de-0000-7000-8000-0000000000ff") == {"status": "unreachable"}
        assert reader.say("know", active) == {**reader.say("know", active), "region": region}
        assert httpx.get(f"{world.stack.url}/health/live").status_code == 200
    knows(reader, active, "active")


def test_a_wall_clock_that_jumps_lengthens_no_lease(world: World) -> None:
    reader, tenant = world.reader("jumping"), world.one()
    assert reader.say("jump", "86400") is None
    knows(reader, tenant, "active")
    with world.stopped("redis control"), world.stopped("postgres control"):
        stopped = boot_seconds()
        reader.say("jump", "-172800")
        seen = statuses(reader, tenant, LEASE + 1)
    assert seen[-1][1] == "unreachable"
    assert not [asked for asked, said in seen if said == "active" and asked > stopped + LEASE + 0.1]
    knows(reader, tenant, "active")


CROWD = 250


def test_ten_thousand_that_start_at_once_do_not_stampede_the_database(world: World) -> None:
    clients = 10_000 if WHOLE else 1_000
    count = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'bailiwick'"
    where, headers = urlsplit(world.stack.url), {"Authorization": f"Bearer {world.token}"}

    def crowd(size: int) -> None:
        """All ask before the first is answered, each on a connection of its own: they know nothing of each other."""
        with ExitStack() as open_:
            asked = [HTTPConnection(where.hostname or "", where.port, timeout=60) for _ in range(size)]
            for http in asked:
                open_.callback(http.close)
                http.request("GET", "/v1/snapshots", headers=headers)
            for http in asked:
                answer = http.getresponse()
                assert len(json.loads(answer.read())["configurations"]) >= len(world.tenants)
                assert answer.status == 200

    before = world.sql(count)[0][0]
    for _ in range(clients // CROWD):
        crowd(CROWD)
    used = world.sql(count)[0][0] - before
    assert used < clients / 2, f"{used} transactions for {clients} clients"
