"""The portal looks into itself by a login of its own: it sees everything, changes nothing and never looks blind."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from compliance.verifiers.portal import Place, Portal
from portal.access.models import User
from portal.notify.models import Notice
from tenants.models import Tenant
from tests.erasing.conftest import notes
from tests.erasing.made import USER_ID, ask

__all__ = ["notes"]
pytestmark = pytest.mark.django_db(transaction=True)


def place(**other: Any) -> Place:
    given = {**settings.PORTAL_VERIFIER, **other}
    database = given["database"]
    here = make_conninfo(database, dbname=connection.settings_dict["NAME"]) if database else ""
    return Place(here, given["cache"])


def test_it_finds_an_id_wherever_it_stands(notes: Tenant) -> None:
    person = uuid4()  # of whom no test before this one has left anything in the cache
    request = ask(notes, user_id=person)
    seen = Portal().look(place(), request.pk, [person])
    assert seen.found == 0, ("the open request's own key is named apart", seen.by)
    Notice.objects.create(user=User.objects.get(username="farah"), event="x", key="x", title=f"Of {person.hex.upper()}")
    cache = redis.Redis.from_url(settings.REDIS_URL)
    cache.set("told", f"she is {person}", ex=60)
    try:
        seen = Portal().look(place(), request.pk, [uuid4(), person])
    finally:
        cache.delete("told")
    assert (seen.found, seen.by) == (2, {"public.notify_notice": 1, "cache": 1}), seen.why


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"database": ""}, "No read-only credentials"),
        ({"cache": ""}, "No read-only credentials"),
        ({"cache": "redis://x:y@127.0.0.1:1/0"}, "cache did not answer"),
        ({"database": "postgresql://verifier:wrong@127.0.0.1:1/x"}, "database did not answer"),
    ],
)
def test_who_cannot_look_has_not_looked(notes: Tenant, other: dict[str, str], why: str) -> None:
    answer = Portal().look(place(**other), ask(notes).pk, [USER_ID])
    assert answer.found is None and why in answer.why


def test_a_query_that_does_not_see_the_request_itself_says_nothing(notes: Tenant) -> None:
    answer = Portal().look(place(), UUID(int=1), [USER_ID])
    assert answer.found is None and "would prove nothing" in answer.why


def test_its_logins_change_nothing() -> None:
    with psycopg.connect(place().database, autocommit=True) as db:
        for statement in ("DELETE FROM notify_notice", "CREATE TABLE public.x (a int)"):
            with pytest.raises(psycopg.Error):
                db.execute(statement)
        db.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("DELETE FROM notify_notice")
    found = redis.Redis.from_url(place().cache)
    for command in (("SET", "a", "b"), ("FLUSHALL",), ("CONFIG", "GET", "*")):
        with pytest.raises(redis.exceptions.NoPermissionError):
            found.execute_command(*command)
