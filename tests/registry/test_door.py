"""What enforcement points are told: complete, newest, and only to services."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.access.actor import Actor
from tenants import actions
from tenants.models import Tenant
from tenants.registry import door
from tenants.registry.models import Published
from tenants.registry.publish import publish
from tests.admin.world import tenant

from .conftest import Ask, service_key

pytestmark = pytest.mark.django_db
ENGINEER = Actor.system("test")


@pytest.fixture
def acme(shipped: None) -> Tenant:
    made = tenant("acme", "FIN", "meera")
    actions.restrict(made.pk, actor=ENGINEER, reason="first", restricted=False)
    publish([made.pk])
    return made


def one(asked: tuple[int, Any], kind: str) -> Any:
    status, said = asked
    assert status == 200
    (found,) = said[kind]
    return found


def test_a_first_question_is_told_everything_and_the_next_only_what_changed(ask: Ask, acme: Tenant) -> None:
    _, first = ask()
    assert [c["tenant_id"] for c in first["configurations"]] == [s["tenant_id"] for s in first["standings"]]
    cursors = {"since": first["config_version"], "status": first["status_version"]}
    assert ask(**cursors)[1] == {**first, "configurations": [], "standings": []}
    actions.suspend(acme.pk, actor=ENGINEER, reason="unpaid since June")
    told = one(ask(**cursors), "standings")
    assert (told["status"], told["reason"]) == ("suspended", "unpaid since June")
    assert told["status_version"] == cursors["status"] + 1


def test_an_incident_is_a_suspension_to_everybody_but_the_validation(ask: Ask, acme: Tenant) -> None:
    actions.restrict(acme.pk, actor=ENGINEER, reason="leak")
    told = one(ask(), "standings")
    assert (told["status"], told["validating"]) == ("suspended", True)


def test_a_tenant_nobody_published_is_published_when_it_is_asked_for(ask: Ask, acme: Tenant) -> None:
    Published.objects.all().delete()
    assert one(ask(), "configurations")["limits"] == acme.limits()


def test_one_snapshot_has_an_etag_that_changes_with_either_half(shipped: None, acme: Tenant) -> None:
    key, path = f"Bearer {service_key()}", f"/v1/snapshot/{acme.pk}"
    status, headers, _ = door.answer("GET", path, "", key)
    assert status == 200
    assert door.answer("GET", path, "", key, headers["ETag"])[0] == 304
    actions.suspend(acme.pk, actor=ENGINEER, reason="x")
    status, headers, body = door.answer("GET", path, "", key, headers["ETag"])
    assert (status, b'"suspended"' in body) == (200, True)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("since=-1", "since"), ("since=1e3", "since"), ("status=x", "status"), ("since=" + "9" * 19, "since"),
        ("wait=soon", "wait"), ("point=a b", "point"), ("point=" + "p" * 65, "point"), ("tenant=1", "tenant"),
    ],
)  # fmt: skip
def test_a_question_of_the_wrong_shape_is_told_what_would_be_right(shipped: None, query: str, says: str) -> None:
    status, headers, body = door.answer("GET", "/v1/snapshots", query, f"Bearer {service_key()}")
    assert (status, headers["Content-Type"]) == (400, "application/problem+json")
    assert says in body.decode() and json.loads(body)["type"] == "urn:bailiwick:problem:bad-request"


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x", "Basic Zm9vOmJhcg==", "Bearer bwk_a_b"])
def test_nobody_without_a_service_credential(shipped: None, authorization: str) -> None:
    status, headers, _ = door.answer("GET", "/v1/snapshots", "", authorization)
    assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="bailiwick"')


def test_an_unknown_tenant_method_and_address(shipped: None) -> None:
    key = f"Bearer {service_key()}"
    assert door.answer("GET", f"/v1/snapshot/{uuid4()}", "", key)[0] == 404
    assert door.answer("POST", "/v1/snapshots", "", key)[0] == 405
    assert door.answer("GET", "/v1/elsewhere", "", key)[0] == 404


def test_what_has_not_changed_costs_one_query(ask: Ask, acme: Tenant) -> None:
    _, first = ask(point="a")
    with CaptureQueriesContext(connection) as seen:
        ask(since=first["config_version"], status=first["status_version"])
    assert len(seen) == 1
