"""API tokens, sessions and accounts: what a credential carries, and that it ends when it should."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from portal.access import actions, jwt
from portal.access.actor import Actor
from portal.access.demo import PASSWORD
from portal.access.models import ApiToken, Grant, User
from portal.audit.models import Entry
from portal.lib.clock import now
from portal.lib.errors import Invalid, NotAllowed
from tests.lifecycle.asking import body

ME, REQUESTS = "/api/v1/me", "/api/v1/tenant-requests/"
WHY = {"reason": "A test."}
PROVED = {**WHY, "password": PASSWORD}


def token_of(user: User, *scopes: str, life: timedelta = timedelta(days=1)) -> tuple[ApiToken, str]:
    return actions.issue_token(
        actor=Actor.of_user(user), user=user, label="test", scopes=list(scopes), life=life, reason="test"
    )


def person(username: str) -> User:
    return User.objects.get(username=username)


# -- API tokens -------------------------------------------------------------------------------------------------------
def test_a_token_carries_its_scopes_and_no_more(bearing: Any, meera: User) -> None:
    reader = bearing(token_of(meera, "request.read")[1])
    assert reader.get(REQUESTS).status_code == 200
    assert reader.get(REQUESTS).json()["count"] == 0
    assert reader.post(REQUESTS, body()).status_code == 403
    assert reader.get("/api/v1/approvals/").status_code == 403
    writer = bearing(token_of(meera, "request.write")[1])
    assert writer.post(REQUESTS, body()).status_code == 201


def test_a_token_is_not_more_than_its_owner(bearing: Any, shipped: None) -> None:
    viewer = bearing(token_of(person("nadia"), "request.write", "access.write", "approval.write")[1])
    assert viewer.post(REQUESTS, body()).status_code == 403
    assert viewer.get("/api/v1/users/").status_code == 403


@pytest.mark.parametrize("username", ["priya", "vikram"])
def test_a_token_neither_signs_nor_gives_roles_nor_makes_tokens(bearing: Any, username: str) -> None:
    scopes = ("approval.write", "access.write", "access.read", "approval.read")
    client = bearing(token_of(person(username), *scopes)[1])
    subject = f"/api/v1/users/{person('nadia').pk}/"
    assert client.post(subject + "grants/", {"role": "auditor", **WHY}).status_code in (403, 404)
    assert client.post(subject + "disabling/", WHY).status_code in (403, 404)
    made = client.post("/api/v1/tokens/", {"label": "x", "scopes": ["tenant.read"], "days": 1, "reason": "x"})
    assert made.status_code == 403 and made.json()["type"].endswith("token-by-token")
    delegated = {"delegate": str(person("leela").pk), "role": "cfo", "valid_until": now() + timedelta(days=1)}
    assert client.post("/api/v1/delegations/", {**delegated, "reason": "x"}).status_code == 403


def test_a_token_ends(bearing: Any, meera: User, time_machine: Any) -> None:
    row, credential = token_of(meera, "request.read", life=timedelta(hours=1))
    client = bearing(credential)
    assert client.get(ME).status_code == 200
    actions.revoke_token(row.pk, actor=Actor.of_user(meera), reason="test")
    assert client.get(ME).status_code == 401
    client = bearing(token_of(meera, "request.read", life=timedelta(hours=1))[1])
    time_machine.move_to(now() + timedelta(hours=1, seconds=1))
    assert client.get(ME).status_code == 401


def test_a_secret_that_is_nearly_right(bearing: Any, meera: User) -> None:
    row, credential = token_of(meera, "request.read")
    bad = [credential[:-1], credential + "x", credential.upper(), "bwk_", "bwk__", f"bwk_{row.prefix}_",
           f"bwk_{row.prefix}_{row.secret_sha256}", "bwk_" + "0" * 12 + credential[16:], "bwk_é_x"]  # fmt: skip
    for one in bad:
        assert bearing(one).get(ME).status_code == 401, one
    assert row.secret_sha256 not in credential and credential.split("_", 2)[2] not in str(row.__dict__)


def test_a_token_is_its_owners(api: Any, meera: User) -> None:
    row, _ = token_of(meera, "request.read")
    other = api("arjun")
    assert other.get(f"/api/v1/tokens/{row.pk}/").status_code == 404
    assert other.delete(f"/api/v1/tokens/{row.pk}/").status_code == 404
    assert other.get("/api/v1/tokens/").json()["count"] == 0
    assert api("meera").delete(f"/api/v1/tokens/{row.pk}/").status_code == 204


# -- accounts ---------------------------------------------------------------------------------------------------------
def test_disabling_ends_sessions_and_tokens_at_once_and_for_good(api: Any, bearing: Any, meera: User) -> None:
    page = Client()
    page.force_login(meera)
    doors = [
        (api("meera"), 401),
        (bearing(jwt.mint(str(meera.pk), epoch=meera.credential_epoch)), 401),
        (bearing(token_of(meera, "request.read")[1]), 401),
    ]
    assert all(client.get(ME).status_code == 200 for client, _ in doors) and page.get("/").status_code == 200
    admin, url = api("priya"), f"/api/v1/users/{meera.pk}/"
    answer = admin.post(url + "disabling/", PROVED)
    assert answer.status_code == 200 and answer.json()["is_active"] is False
    for client, status in doors:
        assert client.get(ME).status_code == status
    assert page.get("/").status_code == 302
    refused = APIClient().post("/api/v1/auth/token", {"username": "meera", "password": PASSWORD})
    assert refused.status_code == 401

    assert admin.post(url + "enabling/", PROVED).json()["is_active"] is True
    for client, status in doors:
        assert client.get(ME).status_code == status
    assert page.get("/").status_code == 302
    again = APIClient().post("/api/v1/auth/token", {"username": "meera", "password": PASSWORD})
    assert bearing(again.json()["access_token"]).get(ME).status_code == 200
    verbs = set(Entry.objects.acts().filter(object_id=str(meera.pk)).values_list("verb", flat=True))
    assert {"user.disabled", "user.enabled"} <= verbs


def test_nobody_disables_themselves_and_few_disable_anybody(api: Any, meera: User) -> None:
    admin = api("priya")
    answer = admin.post(f"/api/v1/users/{person('priya').pk}/disabling/", PROVED)
    assert answer.status_code == 403 and answer.json()["type"].endswith("self-disable")
    for username in ("kiran", "oliver", "vikram", "arjun", "farah", "nadia"):
        assert api(username).post(f"/api/v1/users/{meera.pk}/disabling/", WHY).status_code == 403, username
    assert admin.post(f"/api/v1/users/{meera.pk}/disabling/", {}).status_code == 422
    assert User.objects.get(pk=meera.pk).is_active and person("priya").is_active


# -- giving and taking roles ------------------------------------------------------------------------------------------
def test_a_role_is_given_and_taken(api: Any, shipped: None) -> None:
    admin, nadia = api("priya"), person("nadia")
    given = {"role": "tenant_admin", "scope_type": "business_unit", "scope_id": "HR", **PROVED}
    answer = admin.post(f"/api/v1/users/{nadia.pk}/grants/", given)
    assert answer.status_code == 201, answer.content
    grant = answer.json()["id"]
    assert api("nadia").post(REQUESTS, body(business_unit="HR")).status_code == 201
    assert admin.post(f"/api/v1/grants/{grant}/revocation/", PROVED).json()["revoked_at"]
    refused = api("nadia").post(REQUESTS, body(business_unit="HR", name="second-one"))
    assert refused.status_code == 403
    verbs = list(Entry.objects.acts().filter(object_id=grant).order_by("at").values_list("verb", flat=True))
    assert verbs == ["grant.given", "grant.revoked"]


def test_nobody_gives_a_role_to_themselves(api: Any) -> None:
    answer = api("priya").post(f"/api/v1/users/{person('priya').pk}/grants/", {"role": "cfo", **PROVED})
    assert answer.status_code == 403 and answer.json()["type"].endswith("self-grant")
    with pytest.raises(NotAllowed):
        actions.grant(actor=Actor.of_user(person("priya")), user=person("priya"), role="cfo", reason="mine")


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "emperor"},
        {"role": ["cfo"]},
        {"scope_type": "planet"},
        {"scope_type": "business_unit"},
        {"scope_id": "FIN"},
        {"scope_type": "business_unit", "scope_id": "NOPE"},
        {"scope_type": "business_unit", "scope_id": "x" * 36},
        {"scope_type": "tenant", "scope_id": "not-a-uuid"},
        {"scope_type": "tenant", "scope_id": "z" * 36},
        {"scope_type": "tenant", "scope_id": "00000000-0000-0000-0000-000000000000"},
        {"valid_until": "2020-01-01T00:00:00Z"},
        {"valid_until": "soon"},
        {"valid_from": "2020-01-01T00:00:00Z"},
        {"valid_from": "2099-01-02T00:00:00Z", "valid_until": "2099-01-01T00:00:00Z"},
        {"valid_from": "2099-01-01T00:00:00Z", "valid_until": "2099-01-01T00:00:00Z"},
        {"reason": " "},
        {"granted_by": "system:seed"},
    ],
    ids=str,
)
def test_a_grant_that_makes_no_sense(api: Any, changes: dict[str, Any]) -> None:
    nadia, before = person("nadia"), Grant.objects.count()
    answer = api("priya").post(f"/api/v1/users/{nadia.pk}/grants/", {"role": "auditor", **PROVED, **changes})
    assert answer.status_code == 422, answer.content
    assert Grant.objects.count() == before


def test_only_administrators_of_access_give_roles(api: Any) -> None:
    nadia = person("nadia")
    for username in ("kiran", "oliver", "vikram", "meera", "farah", "nadia"):
        answer = api(username).post(f"/api/v1/users/{nadia.pk}/grants/", {"role": "auditor", **WHY})
        assert answer.status_code == 403, username
    assert api("oliver").get("/api/v1/users/").status_code == 200  # an auditor reads everything
    assert api("meera").get("/api/v1/users/").status_code == 403
    assert api("meera").get("/api/v1/grants/").status_code == 403


def test_the_console_gives_disables_and_enables(shipped: None) -> None:
    nadia, page = person("nadia"), Client()
    page.force_login(person("priya"))
    url = f"/people/{nadia.pk}/"
    assert "Disable the account" in page.get(url).content.decode()
    own = {"own_password": PASSWORD}
    given = {**own, "verb": "grant", "reason": "Cover.", "role": "auditor", "scope_type": "global", "valid_from": ""}
    assert page.post(url + "do/grant/", given).status_code == 302
    assert Grant.objects.live().filter(user=nadia, role="auditor").exists()
    bad = page.post(url + "do/grant/", {**given, "valid_until": "2020-01-01T00:00"})
    assert bad.status_code == 422 and "must come after" in bad.content.decode()
    assert page.post(url + "do/disable/", {**own, "verb": "disable", "reason": "Left."}).status_code == 302
    assert not person("nadia").is_active
    assert "Enable the account" in page.get(url).content.decode()
    assert page.post(url + "do/enable/", {**own, "verb": "enable", "reason": "Back."}).status_code == 302
    assert person("nadia").is_active
    assert "Disable the account" not in page.get(f"/people/{person('priya').pk}/").content.decode()


def test_a_superuser_is_an_administrator_who_never_signs(bearing: Any, shipped: None) -> None:
    from portal.access import policy

    boss = User.objects.create_superuser("boss", "x")
    for verb in policy.VERBS:
        allowed = policy.can(Actor.of_user(boss), verb)
        assert allowed == ("platform_admin" in policy.VERBS[verb] and verb not in policy.PEOPLE_ONLY), verb
    assert not policy.can(Actor.of_user(boss), "approval.sign")


# -- signing in -------------------------------------------------------------------------------------------------------
def attempt(username: str, password: str, address: str = "203.0.113.7") -> int:
    given = {"username": username, "password": password}
    return APIClient().post("/api/v1/auth/token", given, REMOTE_ADDR=address).status_code


def test_the_sixth_wrong_password_is_not_looked_at(shipped: None) -> None:
    assert [attempt("meera", "wrong") for _ in range(6)] == [401] * 5 + [429]
    assert attempt("meera", PASSWORD) == 429
    assert attempt(" MEERA ", PASSWORD) == 429
    assert attempt("arjun", PASSWORD) == 200


def test_a_success_forgets_the_failures(shipped: None) -> None:
    assert [attempt("meera", "wrong") for _ in range(4)] == [401] * 4
    assert attempt("meera", PASSWORD) == 200
    assert [attempt("meera", "wrong") for _ in range(5)] == [401] * 5
    assert attempt("meera", PASSWORD) == 429


def test_one_address_does_not_try_everybody(shipped: None) -> None:
    assert {attempt(f"nobody{number}", "guess") for number in range(50)} == {401}
    assert attempt("arjun", PASSWORD) == 429
    assert attempt("arjun", PASSWORD, address="198.51.100.9") == 200


def test_a_scope_is_a_family_and_a_word(shipped: None) -> None:
    for bad in ("everything", "tenant", "nosuch.read", ""):
        with pytest.raises(Invalid):
            token_of(person("meera"), bad)
