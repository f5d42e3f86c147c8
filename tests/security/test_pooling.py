"""Behind PgBouncer in transaction mode: every client works, and none leaves anything in a session it does not own."""

import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from django.db import connection, connections, transaction
from django.test import Client
from rest_framework.test import APIClient

from portal.access import jwt
from portal.access.models import User
from portal.celery import app
from portal.embedded.stack import Stack
from portal.jobs import dispatch, outbox, runner
from portal.jobs.models import Job
from portal.lib.databases import django as database
from tests.admin.world import build
from tests.jobs import KINDS
from tests.jobs.support import eventually, fresh, start
from tests.lifecycle.asking import body

from .pooler import PROGRAM, Pooler

pytestmark = pytest.mark.django_db(transaction=True)
POOL, CLIENTS, CALLS = 3, 12, 120
# What PgBouncer itself sets for the client whose turn it is.
ITS_OWN = {"client_encoding", "DateStyle", "TimeZone", "standard_conforming_strings", "application_name"}
LEFT_BEHIND = {
    "settings": "SELECT name || '=' || setting FROM pg_settings WHERE source = 'session' AND name <> ALL(%s)",
    "role": "SELECT current_user::text WHERE current_user <> session_user OR session_user <> 'app'",
    "advisory locks": "SELECT objid::text FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
    "prepared statements": "SELECT name FROM pg_prepared_statements",
    "cursors": "SELECT name FROM pg_cursors WHERE is_holdable",
    "listening": "SELECT pg_listening_channels()",
    "temporary tables": "SELECT relname::text FROM pg_class WHERE relnamespace = pg_my_temp_schema()",
}


@pytest.fixture
def pooler(stack: Stack, shipped: None) -> Iterator[Pooler]:
    """From here on Django's connections, those of new threads too, are the app role's through PgBouncer.

    The world is built before: as the product does, whoever writes from here on says who they are.
    """
    if PROGRAM is None:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("pgbouncer is missing; on Debian: apt-get install pgbouncer")
    theirs = database(stack.env["DATABASE_URL"])
    server = {name.lower(): theirs[name] for name in ("HOST", "PORT", "USER", "PASSWORD")}
    running = Pooler(server, POOL)
    build()
    connection.close()
    have = connections.settings["default"]
    before = {name: have[name] for name in ("HOST", "PORT", "USER", "PASSWORD", "OPTIONS")}
    have.update({**{name: theirs[name] for name in before}, "HOST": "127.0.0.1", "PORT": running.port})
    yield running
    connection.close()
    have.update(before)  # before the test's rows are removed, by their owner and past the pooler
    running.close()


def client_of(pooler: Pooler) -> "psycopg.Connection[tuple[str]]":
    have = connection.settings_dict
    return psycopg.connect(
        host="127.0.0.1", port=pooler.port, dbname=have["NAME"], user=have["USER"], password=have["PASSWORD"],
        prepare_threshold=None,
    )  # fmt: skip


def left_behind(pooler: Pooler) -> set[str]:
    """Look into every server session at once: as many transactions are held open as there are sessions."""
    found, seen = set(), set()
    with ExitStack() as held:
        for _ in range(pooler.size):
            db = held.enter_context(client_of(pooler))
            seen.add(db.execute("SELECT pg_backend_pid()").fetchone())
            for what, query in LEFT_BEHIND.items():
                values = (list(ITS_OWN),) if "%s" in query else None
                found |= {f"{what}: {row[0]}" for row in db.execute(query, values)}
    assert len(seen) == pooler.size
    return found


def everybody_at_once(calls: list[Callable[[], Any]]) -> None:
    def run(call: Callable[[], Any]) -> None:
        try:
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(run, calls))


def bearer(username: str) -> APIClient:
    user = User.objects.get(username=username)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {jwt.mint(str(user.pk), epoch=user.credential_epoch)}")
    return client


def reads(name: str, path: str) -> Callable[[], None]:
    def call() -> None:
        assert bearer(name).get(path).status_code == 200, path

    return call


def page(name: str, path: str) -> Callable[[], None]:
    def call() -> None:
        client = Client()
        client.force_login(User.objects.get(username=name))
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert b"".join(answer.streaming_content) if answer.streaming else answer.content

    return call


def asks(number: int) -> Callable[[], None]:
    def call() -> None:
        answer = bearer("meera").post(
            "/api/v1/tenant-requests/", body(name=f"pooled-{number}"), headers={"Idempotency-Key": f"pooled-{number}"}
        )
        assert answer.status_code == 201, answer.content

    return call


def works(directory: Path) -> Callable[[], None]:
    def call() -> None:
        job = start("three", directory)
        runner.run(job.pk)
        assert fresh(job).state == "succeeded"

    return call


def delivers() -> None:
    with transaction.atomic():
        outbox.emit("thing.done", {"n": 1})
    outbox.deliver_due()


def work(directory: Path) -> list[Callable[[], Any]]:
    """Everything that speaks to the database, in an order that no run repeats."""
    kinds = [
        reads("priya", "/api/v1/tenants/"),
        reads("meera", "/api/v1/tenant-requests/"),
        reads("oliver", "/api/v1/audit/entries/"),
        page("kiran", "/"),
        page("priya", "/tenants/"),
        page("priya", "/people/export.csv"),
        works(directory),
        delivers,
    ]
    calls = [kinds[number % len(kinds)] for number in range(CALLS)] + [asks(number) for number in range(8)]
    random.shuffle(calls)
    return calls


def test_nothing_is_left_behind(pooler: Pooler, settings: Any, tmp_path: Path) -> None:
    settings.JOB_KINDS = {**settings.JOB_KINDS, **KINDS}
    settings.OUTBOX_SUBSCRIBERS = {"thing.done": ["tests.jobs.subscribers.one"]}
    everybody_at_once(work(tmp_path))
    assert Job.objects.filter(kind="test.three", state="succeeded").count() >= CALLS // 8
    assert left_behind(pooler) == set()


def test_whoever_leaves_something_is_seen(pooler: Pooler) -> None:
    """The measure measures: each of these is found in one of the sessions afterwards."""
    sins = {
        "SET work_mem = '7MB'": "settings: work_mem=7168",
        "SELECT set_config('bw.tenant', 'x', false)": "",
        "SELECT pg_advisory_lock(7)": "advisory locks: 7",
        "PREPARE mine AS SELECT 1": "prepared statements: mine",
        "LISTEN mine": "listening: mine",
        "CREATE TEMP TABLE mine (n int)": "temporary tables: mine",
        "DECLARE mine CURSOR WITH HOLD FOR SELECT 1": "cursors: mine",
    }
    for sin, sign in sins.items():
        with client_of(pooler) as db:
            db.execute(sin)
        assert sign == "" or sign in left_behind(pooler), sin
    with client_of(pooler) as db:  # what SET LOCAL sets is gone with its transaction
        db.execute("SET LOCAL statement_timeout = '9s'")
    assert not any("statement_timeout" in one for one in left_behind(pooler))


@pytest.mark.parametrize("direct", [False, True])
def test_the_dispatcher_leaves_no_ear_in_a_strangers_session(
    pooler: Pooler, stack: Stack, settings: Any, tmp_path: Path, direct: bool
) -> None:
    """With the direct address it hears each ring; without one it looks often, and listens nowhere."""
    settings.JOB_KINDS, settings.OUTBOX_SUBSCRIBERS, settings.SCHEDULE = KINDS, {}, {}
    if direct:
        name = connection.settings_dict["NAME"]
        settings.DIRECT_DATABASE_URL = stack.env["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
    app.conf.task_always_eager = True
    stop = Event()
    ear = dispatch.Ear(stop)
    ear.wait(0)
    assert ear.hears is direct
    ear.close()
    thread = Thread(target=dispatch.run, args=(stop,))
    thread.start()
    try:
        for _ in range(3):
            job = start("three", tmp_path)
            eventually(lambda job=job: fresh(job).state == "succeeded", 120)
    finally:
        stop.set()
        thread.join(120)
        app.conf.task_always_eager = False
    assert not thread.is_alive() and left_behind(pooler) == set()
