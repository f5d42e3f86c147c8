"""Lists and details with 5,000 tenants: console and API, beside a view that returns a constant and the bare SQL."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import psycopg
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.product import Person
from bench.rows import Row, alternating
from portal.access.actor import Actor
from portal.access.models import Scope, User
from portal.access.sessions import open_session
from portal.admin.listing import batched
from portal.audit.context import acting
from portal.embedded.stack import Stack
from portal.lib.clock import now
from tenants.models import BusinessUnit, Tenant, Tier
from tenants.registry import schedule

TENANTS, TIMES, AT_ONCE = 5_000, 40, 200
LIST_SQL = "SELECT * FROM tenants_tenant t JOIN tenants_tier r ON r.code = t.tier_id ORDER BY t.name LIMIT 50"
DETAIL_SQL = "SELECT * FROM tenants_tenant t JOIN tenants_tier r ON r.code = t.tier_id WHERE t.id = %s"


@dataclass(frozen=True)
class Door:
    """One page or call, its bar in seconds and the most queries it may take."""

    name: str
    path: str
    bar: float
    queries: int
    is_page: bool
    sql: str


def measure(stack: Stack) -> list[Row]:
    """Adds the tenants, then asks the running product over HTTP; queries are counted in this process."""
    fill(TENANTS)
    some = Tenant.objects.filter(name__startswith="many-").order_by("name")[2_500]
    reader = Actor.of_user(User.objects.get(username="priya"))
    open_session(actor=reader, scope_type=Scope.TENANT, scope_id=str(some.pk), reason="To measure how fast it reads.")
    doors = [
        Door("console: tenant list", "/tenants/", 0.3, 8, True, LIST_SQL),
        Door("console: tenant list, searched", "/tenants/?q=many-0042", 0.3, 8, True, LIST_SQL),
        Door("console: tenant page", f"/tenants/{some.pk}/", 0.3, 8, True, DETAIL_SQL),
        Door("API: tenant list", "/api/v1/tenants/", 0.3, 8, False, LIST_SQL),
        Door("API: tenant", f"/api/v1/tenants/{some.pk}/", 0.012, 4, False, DETAIL_SQL),
    ]
    rows: list[Row] = []
    for door in doors:
        rows.extend(_rows(stack, door, some.pk))
    return rows


def fill(count: int) -> None:
    """So many active tenants beside those there are, over all business units, tiers and regions."""
    tiers, units = list(Tier.objects.order_by("rank")), list(BusinessUnit.objects.all())
    people = list(User.objects.filter(username__in=("meera", "arjun", "ishaan", "clara")))
    for batch in batched(_tenants(count, tiers, units, people), AT_ONCE):  # the app's transactions end after 5 s
        with acting(Actor.system("bench")):
            Tenant.objects.bulk_create(batch)
    with psycopg.connect(os.environ["BAILIWICK_MIGRATE_DATABASE_URL"], autocommit=True) as owner:
        owner.execute("ANALYZE tenants_tenant")
    schedule.repair()


def _tenants(count: int, tiers: list[Tier], units: list[BusinessUnit], people: list[User]) -> Iterator[Tenant]:
    at = now()
    for number in range(count):
        tier, unit, person = (many[number % len(many)] for many in (tiers, units, people))
        yield Tenant(
            name=f"many-{number:05}",
            display_name=f"Many {number}",
            business_unit=unit,
            cost_centre=unit.cost_centre,
            owner=person,
            champion=person,
            tier=tier,
            region="eu-west-1" if number % 5 == 0 else "ap-south-1",
            geography="EU" if number % 5 == 0 else "IN",
            vector_provider="pgvector",
            annual_budget_inr=Decimal(100_000 + number),
            monthly_cost_inr=Decimal(10_000 + number % 7_000),
            created_by="system:bench",
            status="suspended" if number % 40 == 0 else "active",
            activated_at=at,
            validated_at=at,
            validation_outcome="warn" if number % 30 == 0 else "pass",
            **tier.limits(),
        )


def _rows(stack: Stack, door: Door, key: UUID) -> Iterator[Row]:
    inside = Client(headers={"host": "127.0.0.1"})
    inside.force_login(User.objects.get(username="priya"), backend="django.contrib.auth.backends.ModelBackend")
    if door.is_page:
        outside = httpx.Client(base_url=stack.url, cookies={"sessionid": inside.cookies["sessionid"].value}, timeout=60)
    else:
        outside = Person(stack.url, "priya").http
        inside.defaults["HTTP_AUTHORIZATION"] = outside.headers["Authorization"]
        inside.cookies.clear()
    queries = min(_queries(inside, door.path) for _ in range(2))
    works = [_getting(outside, door.path), _getting(outside, "/health/live"), _selecting(door.sql, key)]
    taken, constant, bare = alternating(works, TIMES)
    outside.close()
    yield Row(door.name, taken[0], constant[0], "constant view", taken[1], door.bar, queries, door.queries)
    yield Row("  the same", taken[0], bare[0], "bare SQL", taken[1])


def _queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        answer = client.get(path)
    if answer.status_code != 200:
        raise SystemExit(f"{path}: {answer.status_code}")
    return len(seen)


def _getting(client: httpx.Client, path: str) -> Callable[[], Any]:
    def get() -> None:
        answer = client.get(path)
        if answer.status_code != 200:
            raise SystemExit(f"{path}: {answer.status_code}")

    return get


def _selecting(sql: str, key: UUID) -> Callable[[], Any]:
    def select() -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, [key] if "%s" in sql else [])
            cursor.fetchall()

    return select
