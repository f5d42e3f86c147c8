"""OFREP as its public Python provider speaks it, and as others might: the tenant is the credential's, always."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from openfeature import api as openfeature
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from rest_framework.test import APIClient

from portal.access import jwt
from portal.access.accounts import SEED
from portal.access.actions import issue_token
from portal.access.models import Grant, User
from portal.audit.models import Entry
from tenants.flags import actions
from tenants.flags.models import Exposure
from tenants.models import Tenant

from .made import admin, ended, flag, kill_switch, on_for, rolled_out

ALL = "/ofrep/v1/evaluate/flags"


def service(tenant: Tenant | None, scope: str = "flag.evaluate") -> str:
    """A token of the tenant's application."""
    user = User.objects.create_user(f"app-{uuid4()}", is_service=True)
    place = {"scope_type": "tenant", "scope_id": str(tenant.pk)} if tenant else {}
    Grant.objects.create(user=user, role="service", granted_by="system:test", **place)
    life = timedelta(days=1)
    return issue_token(actor=SEED, user=user, label="app", scopes=[scope], life=life, reason="test")[1]


def speaking(credential: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {credential}")
    return client


def ask(client: APIClient, path: str = ALL, body: Any = None, **headers: str) -> Any:
    return client.post(path, {"context": {}} if body is None else body, format="json", **headers)


@pytest.fixture
def client(live_server: Any, mine: Tenant) -> Any:
    """An OpenFeature client of the tenant's application, against a live server."""
    credential = service(mine)
    provider = OFREPProvider(live_server.url, headers_factory=lambda: {"Authorization": f"Bearer {credential}"})
    openfeature.set_provider_and_wait(provider)
    yield openfeature.get_client()
    openfeature.shutdown()


@pytest.mark.django_db(transaction=True)
def test_the_public_provider_gets_value_variant_and_reason(client: Any, mine: Tenant, foreign: Tenant) -> None:
    flag(), flag("needs-it"), kill_switch()
    actions.relate("needs-it", actor=admin(), reason="x", other="answers", word="needs")
    levels = {"off": {"depth": 1}, "deep": {"depth": 3}}
    flag("depth", type="object", variants=levels, rollout_variant="deep")
    flag("temperature", type="number", variants={"off": 0.5, "warm": 0.9}, rollout_variant="warm")
    flag("tone", type="string", variants={"off": "plain", "kind": "kind"}, rollout_variant="kind")
    on_for("cite-sources", mine)
    on_for("needs-it", mine)
    rolled_out("depth", "gold", 100)
    on_for("tone", foreign, "kind")
    found = client.get_boolean_details("cite-sources", False)
    assert (found.value, found.variant, found.reason) == (True, "on", "TARGETING_MATCH")
    found = client.get_object_details("depth", {})
    assert (found.value, found.variant, found.reason) == ({"depth": 3}, "deep", "SPLIT")
    assert client.get_float_value("temperature", 0.0) == 0.5
    found = client.get_string_details("tone", "")
    assert (found.value, found.reason) == ("plain", "STATIC"), "what another tenant gets shows nowhere"
    actions.switch_off("answers", actor=admin(), reason="wrong answers")
    found = client.get_boolean_details("needs-it", True)
    assert (found.value, found.reason, dict(found.flag_metadata)) == (
        False, "DISABLED", {"because": "needs", "about": "answers"},
    )  # fmt: skip
    assert client.get_boolean_details("nosuch", True).error_code == ErrorCode.FLAG_NOT_FOUND


@pytest.mark.django_db(transaction=True)
def test_the_public_provider_at_the_cap_and_after_the_end(client: Any, mine: Tenant) -> None:
    flags = [flag(f"flag-{number:02}") for number in range(50)]
    on_for("flag-07", mine)
    ended(flags[7])
    found = client.get_boolean_details("flag-07", False)
    assert (found.value, found.variant, found.reason) == (True, "on", "STALE")


@pytest.mark.django_db(transaction=True)
def test_the_public_provider_cannot_ask_for_another_tenant(client: Any, mine: Tenant, foreign: Tenant) -> None:
    flag()
    on_for("cite-sources", foreign)
    for context in (
        EvaluationContext(targeting_key=str(foreign.pk)),
        EvaluationContext(attributes={"tenant_id": str(foreign.pk)}),
        EvaluationContext(attributes={"Tenant": foreign.name}),
    ):
        found = client.get_boolean_details("cite-sources", False, context)
        assert (found.value, found.error_code) == (False, ErrorCode.INVALID_CONTEXT)
    entries = Entry.objects.filter(verb="flag.context_refused")
    assert [str(one.tenant_id) for one in entries] == [str(mine.pk)], "recorded, once a quarter of an hour"
    harmless = EvaluationContext(targeting_key="user-17", attributes={"tenantId": str(mine.pk), "page": 3})
    assert client.get_boolean_details("cite-sources", True, harmless).reason == "STATIC"


@pytest.mark.django_db
def test_all_flags_come_with_an_etag_that_changes_with_them(mine: Tenant) -> None:
    flag(), kill_switch()
    app = speaking(service(mine))
    first = ask(app)
    assert [one["key"] for one in first.json()["flags"]] == ["answers", "cite-sources"]
    assert first.json()["flags"][0] == {
        "key": "answers", "value": True, "variant": "on", "reason": "STATIC", "metadata": {"because": "default"},
    }  # fmt: skip
    again = ask(app, HTTP_IF_NONE_MATCH=f'"x", W/{first.headers["ETag"]}')
    assert (again.status_code, again.content) == (304, b"")
    on_for("cite-sources", mine)
    changed = ask(app, HTTP_IF_NONE_MATCH=first.headers["ETag"])
    assert changed.status_code == 200 and changed.headers["ETag"] != first.headers["ETag"]
    assert ask(app, f"{ALL}/cite-sources").json()["value"] is True
    assert set(Exposure.objects.values_list("flag", "variant")) == {
        ("answers", "on"), ("cite-sources", "off"), ("cite-sources", "on"),
    }  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "PARSE_ERROR"),
        ("[]", "PARSE_ERROR"),
        ('{"context": 3}', "INVALID_CONTEXT"),
        ('{"context": {"targetingKey": 3}}', "INVALID_CONTEXT"),
        ('{"context": {"targetingKey": "\\u0000"}}', "PARSE_ERROR"),
        ('{"context": {"tenant": ["x"]}}', "INVALID_CONTEXT"),
    ],
)
def test_a_body_of_another_shape(mine: Tenant, body: str, code: str) -> None:
    flag()
    app = speaking(service(mine))
    for path, key in ((ALL, {}), (f"{ALL}/cite-sources", {"key": "cite-sources"})):
        answer = app.post(path, body, content_type="application/json")
        assert answer.status_code == 400, answer.content
        assert {name: answer.json()[name] for name in ("errorCode", *key)} == {"errorCode": code, **key}


@pytest.mark.django_db
def test_who_may_ask(mine: Tenant, foreign: Tenant) -> None:
    flag()
    assert ask(APIClient()).status_code == 401
    assert ask(speaking("bwk_no_such")).status_code == 401
    assert ask(speaking(service(mine, scope="snapshot.read"))).status_code == 403
    many = ask(speaking(service(None)))
    assert (many.status_code, many.json()["errorCode"]) == (400, "TARGETING_KEY_MISSING")
    meera = User.objects.get(username="meera")
    unit_wide = ask(speaking(jwt.mint(str(meera.pk))))
    assert unit_wide.json()["errorCode"] == "TARGETING_KEY_MISSING"
    missing = ask(speaking(service(mine)), f"{ALL}/nosuch")
    assert (missing.status_code, missing.json()["errorCode"]) == (404, "FLAG_NOT_FOUND")


@pytest.mark.django_db
def test_the_platform_token_of_a_tenant_speaks_for_that_tenant(mine: Tenant, foreign: Tenant) -> None:
    flag()
    on_for("cite-sources", mine)
    meera = str(User.objects.get(username="meera").pk)

    def token(subject: str, tenant: Any) -> APIClient:
        return speaking(jwt.mint(subject, audience=jwt.PLATFORM_AUDIENCE, tenant=str(tenant), scope="read"))

    assert ask(token(meera, mine.pk)).json()["flags"][0]["value"] is True
    for refused in (token(meera, foreign.pk), token(meera, uuid4())):
        assert ask(refused).status_code == 403
    for unknown in (token("system:access", mine.pk), token(meera, "no-id"), token(str(uuid4()), mine.pk)):
        assert ask(unknown).status_code == 401


@pytest.mark.django_db
def test_a_tenant_that_is_not_active_is_given_nothing(mine: Tenant) -> None:
    flag()
    app = speaking(service(mine))
    from tenants import actions as registry

    registry.suspend(mine.pk, actor=admin(), reason="unpaid")
    answer = ask(app)
    assert (answer.status_code, answer.json()["errorDetails"]) == (403, "The tenant is suspended.")
