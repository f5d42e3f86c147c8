"""The registry's read path with 5,000 tenants: in the client's memory, over HTTP, and from a commit to a refusal."""

import socket
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import redis
from bailiwick_client import Registry
from bailiwick_client.registry import boot_seconds
from django.db import transaction

from bench.rows import Row, alternating
from portal.access import jwt
from portal.access.actor import Actor
from portal.access.models import User
from portal.embedded.stack import Stack
from tenants import actions
from tenants.models import Tenant

LOOKUPS, READS, SUBSCRIBERS, ROUNDS = 100_000, 200, 8, 60
THREADS, SECONDS = 8, 3.0
BY = Actor.system("bench")


def measure(stack: Stack) -> list[Row]:
    """Django in this process looks at the stack's own database, which holds the tenants already."""
    key = (stack.home.secrets / "service_token").read_text().strip()
    registry = Registry(stack.url, lambda: key, point="bench")
    try:
        return [*lookups(registry), *reads(stack), *propagation(stack, key)]
    finally:
        registry.close()


def lookups(registry: Registry) -> Iterator[Row]:
    ids = list(map(str, Tenant.objects.filter(status="active").values_list("pk", flat=True)))
    held = {one: registry.tenant(one) for one in ids}
    several = (ids * (LOOKUPS // len(ids) + 1))[:LOOKUPS]

    def each(find: Callable[[str], object]) -> Callable[[], None]:
        def look() -> None:
            for one in several:
                find(one)

        return look

    (ours, _), (bare, _) = alternating([each(registry.tenant), each(held.__getitem__)], 5, warm=1)
    yield Row("client lookup", ours / LOOKUPS, bare / LOOKUPS, "a dict's", bar=0.3e-6)


def reads(stack: Stack) -> Iterator[Row]:
    """One connection for the latency; eight for the rate."""
    service = User.objects.get(username="platform")
    token = jwt.mint(str(service.pk), scope="snapshot.read", epoch=service.credential_epoch)
    some = Tenant.objects.filter(status="active").order_by("name")[42]
    hot = Getting(stack.url, f"/v1/snapshot/{some.pk}", token)
    live = Getting(stack.url, "/health/live", token)
    source = redis.Redis.from_url(stack.env["REDIS_URL"])
    works = [hot, lambda: source.hget("bailiwick:registry:configuration", str(some.pk)), live]
    (ours, p95), (floor, _), (view, _) = alternating(works, READS)
    yield Row("hot read over HTTP, JWT", ours, floor, "Redis GET", p95, bar=0.003)
    yield Row("  the same", ours, view, "constant view", p95)
    rates = [rate(stack, f"/v1/snapshot/{some.pk}", token), rate(stack, "/health/live", token)]
    yield Row("hot reads, 8 connections, 2 workers", rates[0], rates[1], "constant view", per_second=True, bar=1000.0)
    source.close()


class Getting:
    """One kept connection that sends the same request, with as little client around it as can be."""

    def __init__(self, url: str, path: str, token: str) -> None:
        where = urlsplit(url)
        self._request = f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        self._socket = socket.create_connection((where.hostname or "", where.port or 80))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __call__(self) -> None:
        self._socket.sendall(self._request)
        head, _, body = self._socket.recv(65_536).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(head.decode())
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += self._socket.recv(65_536)


def rate(stack: Stack, path: str, token: str) -> float:
    until = time.monotonic() + SECONDS

    def ask(_: int) -> int:
        get, done = Getting(stack.url, path, token), 0
        while time.monotonic() < until:
            get()
            done += 1
        return done

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(ask, range(THREADS))) / SECONDS


class Watched(Registry):
    """Notes when a change arrived that refuses a tenant."""

    refused_at = 0.0

    def _take(self, pieces: list) -> None:
        super()._take(pieces)
        if any(getattr(one, "status", "") == "suspended" for one in pieces):
            self.refused_at = boot_seconds()


def propagation(stack: Stack, key: str) -> Iterator[Row]:
    """From the commit of a suspension until each of eight subscribers refuses, beside a round trip to Redis."""
    points = [
        Watched(stack.url, lambda: key, point=f"bench-{n}", stream_url=stack.env["REDIS_URL"])
        for n in range(SUBSCRIBERS)
    ]
    tenants = list(Tenant.objects.filter(name__startswith="many-", status="active").order_by("name")[:ROUNDS])
    taken = []
    for tenant in tenants:
        for point in points:
            point.tenant(str(tenant.pk))
            point.refused_at = 0.0
        taken += _suspended(tenant, points)
    for point in points:
        point.close()
    source = redis.Redis.from_url(stack.env["REDIS_URL"])
    ((floor, _),) = alternating([source.ping], READS)
    source.close()
    taken.sort()
    worst = taken[int(len(taken) * 0.99)]
    yield Row("suspended: commit to refusal, 8 points", statistics.median(taken), floor, "Redis PING", worst, bar=0.005)
    yield Row("  its p99", worst, floor, "Redis PING", bar=0.050)


def _suspended(tenant: Tenant, points: list[Watched]) -> list[float]:
    committed: list[float] = []
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(boot_seconds()))
        actions.suspend(tenant.pk, actor=BY, reason="to measure")
    while not all(point.refused_at for point in points):
        time.sleep(0.001)
    return [point.refused_at - committed[0] for point in points]
