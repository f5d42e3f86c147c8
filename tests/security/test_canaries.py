"""Secrets put through the real flows turn up nowhere: no log, no row, no queue, no page, no refusal, no history."""

import base64
import json
import logging
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test import Client
from rest_framework.test import APIClient
from structlog.stdlib import ProcessorFormatter

from portal.access import jwt
from portal.access.actions import create_user
from portal.access.models import User
from portal.embedded.stack import Stack
from portal.jobs import drive, outbox, runner
from portal.jobs.context import StepContext
from portal.jobs.kinds import JobKind, StepDef
from portal.lib.logs import renderer
from portal.lib.masking import mask
from portal.lib.regions import load
from portal.notify.delivery import deliver_batch
from tests.admin.world import build
from tests.jobs.support import ENGINEER, start

LEAKS: dict[str, str] = {}


class Lines(logging.Handler):
    """Everything that is logged, as the console would show it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[list[str]]:
    root, listening = logging.getLogger(), Lines()
    listening.setFormatter(ProcessorFormatter(processor=renderer))
    before = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(listening)
    yield listening.lines
    root.removeHandler(listening)
    root.setLevel(before)


def everything_stored() -> Iterator[tuple[str, str]]:
    """Every row of every table as text, sessions opened."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT row::text FROM {table} AS row")
            yield from ((table, row[0]) for row in cursor.fetchall())
    for session in Session.objects.all():
        yield "an open session", json.dumps(session.get_decoded(), default=str)


def everything_queued() -> Iterator[tuple[str, str]]:
    """Every key of Redis, Celery's messages and their bodies opened."""
    from django.conf import settings

    store = redis.Redis.from_url(settings.REDIS_URL)
    for key in store.scan_iter():
        kind = store.type(key).decode()
        read: dict[str, Any] = {"string": store.get, "list": lambda k: store.lrange(k, 0, -1), "set": store.smembers,
                                "hash": store.hgetall, "zset": lambda k: store.zrange(k, 0, -1)}  # fmt: skip
        raw = repr(read[kind](key))
        yield f"Redis {key!r}", raw
        for word in raw.replace("\\", " ").replace('"', " ").split():
            yield f"Redis {key!r}, unpacked", opened(word)


def opened(word: str) -> str:
    """What base64, and compression in it, may hide."""
    try:
        raw = base64.b64decode(word + "=" * (-len(word) % 4))
    except ValueError:
        return ""
    try:
        raw = zlib.decompress(raw)
    except zlib.error:
        pass
    return raw.decode(errors="replace")


def found(canaries: dict[str, str], places: Iterator[tuple[str, str]]) -> list[str]:
    return [f"{what} in {where}" for where, text in places for what, canary in canaries.items() if canary in text]


class Shown:
    """Keeps every body that was answered, and whose it was meant to be."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, str]] = []

    def keep(self, where: str, answer: Any) -> Any:
        self.bodies.append((where, answer.content.decode(errors="replace") + str(dict(answer.headers))))
        return answer


def test_no_secret_is_written_down_anywhere(
    stack: Stack, settings: Any, lines: list[str], tmp_path: Path, shipped: None
) -> None:
    settings.JOB_KINDS = {**settings.JOB_KINDS, "test.leaking": f"{__name__}.LEAKING"}
    settings.OUTBOX_SUBSCRIBERS = {"thing.done": [f"{__name__}.leaks"]}
    settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES = True
    world, shown = build(), Shown()
    password, wrong, next_one = (f"canary-{secrets.token_hex(12)}" for _ in range(3))
    user = create_user(
        actor=ENGINEER, username="canary", full_name="C", email="c@example.com", password=password, reason="test"
    )
    # signing in, rightly and wrongly, on the page and over the API
    page = Client()
    for given in (wrong, password):
        shown.keep("sign-in page", page.post("/login/", {"username": "canary", "password": given}))
        shown.keep("sign-in", APIClient().post("/api/v1/auth/token", {"username": "canary", "password": wrong}))
    minted = APIClient().post("/api/v1/auth/token", {"username": "canary", "password": password}).json()
    session = page.cookies[settings.SESSION_COOKIE_NAME].value
    # changing the password
    form = {"old_password": password, "new_password1": next_one, "new_password2": next_one}
    assert shown.keep("password page", page.post("/account/password/", form)).status_code == 302
    # an API token, shown once by the page and once by the API
    made = {"label": "canary", "scopes": ["tenant.read"], "days": 1, "reason": "test"}
    place = page.post("/tokens/new/", {**made, "own_password": next_one}).headers["Location"]
    by_page = page.get(place).content.decode().split("bwk_", 1)[1].split("<")[0].split()[0]
    shown.keep("the token's page, again", page.get(place))
    bearing = APIClient()
    bearing.credentials(HTTP_AUTHORIZATION=f"Bearer {jwt.mint(str(user.pk), epoch=user.credential_epoch)}")
    by_api = bearing.post("/api/v1/tokens/", {**made, "password": next_one}).json()["credential"]
    for credential in (by_api, minted["access_token"], minted["access_token"][:-4] + "AAAA"):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {credential}")
        for url in ("/api/v1/me", "/api/v1/users/", "/api/v1/nothing/", f"/api/v1/me?access_token={credential}"):
            shown.keep(url.split("?")[0], client.get(url))
    # a webhook whose receiver is away, and one that is refused
    whsec = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    admin = APIClient()
    admin.force_login(User.objects.get(username="priya"))
    hook = {"name": "canary", "url": "http://127.0.0.1:1/", "secret": whsec, "reason": "test", "events": ["*"]}
    channel = admin.post("/api/v1/webhooks/", hook).json()["id"]
    shown.keep("webhook", admin.get(f"/api/v1/webhooks/{channel}/"))
    shown.keep("webhook test", admin.post(f"/api/v1/webhooks/{channel}/test/"))
    shown.keep("webhook refused", admin.post("/api/v1/webhooks/", {**hook, "name": "b", "url": "nowhere"}))
    replaced = admin.post(f"/api/v1/webhooks/{channel}/secret/", {"reason": "test"}).json()["secret"]
    deliver_batch()
    # the installation's own credentials, in an exception of a step and of a subscriber
    region = load(settings.REGIONS_FILE)["ap-south-1"]
    held = {
        "a region's database password": region.database.passwords["provisioner"],
        "a region's secret key": region.aws.secret_access_key,
        "a region's cache password": region.cache.admin_password,
        "the signing key of sessions": settings.SECRET_KEY,
    }
    LEAKS.update(held)
    job = start("leaking", tmp_path)
    drive.send_due()
    runner.run(job.pk)
    with transaction.atomic():
        outbox.emit("thing.done", {"n": 1})
    while outbox.deliver_due():
        pass
    logging.getLogger("some.library").error("could not connect with %s", region.cache.admin_password)
    for url in ("/", f"/jobs/{job.pk}/", f"/tenants/{world.tenant.pk}/", "/ledger/", "/people/", f"/people/{user.pk}/"):
        priya = Client()
        priya.force_login(User.objects.get(username="priya"))
        shown.keep(url, priya.get(url))
    canaries = {
        "the password": password,
        "a wrong password": wrong,
        "the next password": next_one,
        "the token of the page": by_page.split("_", 1)[1],
        "the token of the API": by_api.split("_", 2)[2],
        "the access token": minted["access_token"].rpartition(".")[2],
        "the webhook's secret": whsec.removeprefix("whsec_"),
        "the webhook's next secret": replaced.removeprefix("whsec_"),
        **held,
    }
    assert any("refused: ***" in text for table, text in everything_stored() if "jobs_" in table), "the flow ran"
    assert len(lines) > 30 and any("outbox.delivery_failed" in line for line in lines)
    assert found(canaries, everything_stored()) == []
    assert found(canaries, everything_queued()) == []
    assert found({**canaries, "the session": session}, (("the log", line) for line in lines)) == []
    assert found({**canaries, "the session": session}, iter(shown.bodies)) == []


def leaks(payload: dict[str, Any]) -> None:
    """A subscriber whose exception quotes what it should not."""
    raise RuntimeError(f"refused: {' '.join(LEAKS.values())}")


def leaking(ctx: StepContext) -> dict[str, Any]:
    ctx.log(f"connecting with {next(iter(LEAKS.values()))}")
    raise ValueError(f"refused: {' '.join(LEAKS.values())}")


LEAKING = JobKind("test.leaking", [StepDef("leak", "Leak", leaking)])


def test_the_measure_finds_what_is_there(shipped: None, settings: Any) -> None:
    """Each place is really looked into: a canary put there is found."""
    canary = {"it": f"canary-{secrets.token_hex(12)}"}
    page = Client()
    page.force_login(User.objects.get(username="priya"))
    held = page.session
    held["x"] = canary["it"]
    held.save()
    settings.JOB_KINDS = {**settings.JOB_KINDS, "test.three": "tests.jobs.kinds.THREE"}
    start("three", Path(canary["it"]))
    where = " ".join(found(canary, everything_stored()))
    assert "jobs_job" in where and "an open session" in where
    from portal.celery import app

    app.send_task("portal.jobs.tasks.run_job", args=[canary["it"]])
    assert found(canary, everything_queued())


@pytest.mark.parametrize("what", ["password", "secret", "key"])
def test_our_own_credentials_are_known_by_value(stack: Stack, settings: Any, what: str) -> None:
    region = load(settings.REGIONS_FILE)["eu-west-1"]
    value = {"password": region.database.passwords["platform"], "secret": region.aws.secret_access_key,
             "key": settings.SECRET_KEY}[what]  # fmt: skip
    assert mask(f"it said {value}, twice {value}") == "it said ***, twice ***"
    assert value not in renderer(None, "error", {"event": "x", "exception": f"Traceback: {value}"})


def test_a_new_regions_credentials_are_known_at_once(stack: Stack, settings: Any, tmp_path: Path) -> None:
    settings.REGIONS_FILE = tmp_path / "regions.json"
    assert mask("newly-made-password") == "newly-made-password"
    settings.REGIONS_FILE.write_text(json.dumps({"x": {"cache": {"admin_password": "newly-made-password"}}}))
    assert mask("newly-made-password") == "***"
