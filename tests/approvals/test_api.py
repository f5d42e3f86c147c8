"""The REST door: what it shows, refuses and translates."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from portal.access import jwt
from portal.access.actions import issue_token
from portal.approvals import actions, queries
from portal.approvals.models import Case
from portal.lib.clock import now

from .people import PASSWORD, SYSTEM, act, opened, person

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.approvals.urls")]
URL = "/api/v1/approvals/"


@pytest.fixture(autouse=True)
def forget_failures():
    cache.clear()


def browser(user):
    client = APIClient()
    client.force_login(user)
    return client


def with_jwt(user):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {jwt.mint(str(user.pk))}")
    return client


def test_a_case_shows_everything_in_few_queries(rules, asker, cfo, django_assert_max_num_queries):
    chitra = person("chitra", "cco")
    case = opened(asker, facts={"data_classes": ["PII"]})
    actions.ask(case.pk, actor=act(chitra), text="Whose data?")
    client = browser(cfo)
    with django_assert_max_num_queries(10):  # two of them read the session and the user
        body = client.get(f"{URL}{case.pk}/").json()
    assert (body["amount_inr"], body["digest"], body["requested_by_name"]) == ("1200000.00", "d1", "Asha")
    assert [r["role"] for r in body["requirements"]] == ["cco", "cfo"]
    assert body["requirements"][0]["who"] == ["Chitra"]
    assert body["decision"]["can_sign"] is False
    assert body["decision"]["code"] == "not-your-turn"
    assert body["sentence"] == "0 of 2 signatures given; waiting for Chief Compliance Officer."
    assert body["questions"][0]["text"] == "Whose data?"
    assert body["requirements"][1]["rules"][0]["words"] == "amount above ₹10,00,000.00"


def test_sign_in_the_browser(rules, asker, cfo):
    case = opened(asker)
    client = browser(cfo)
    assert client.get(URL, {"waiting_for_me": "true"}).json()["count"] == 1
    answer = client.post(f"{URL}{case.pk}/signatures/", {"reason": "Needed.", "digest": "d1"})
    assert (answer.status_code, answer.json()["state"]) == (201, "signed")
    assert client.get(URL, {"waiting_for_me": "true"}).json()["count"] == 0
    again = client.post(f"{URL}{case.pk}/signatures/", {"reason": "Needed.", "digest": "d1"})
    assert (again.status_code, again.json()["type"]) == (409, "urn:bailiwick:problem:case-closed")


def test_reading_never_acts(rules, asker, cfo):
    case = opened(asker)
    client = browser(cfo)
    for path in ("", "signatures/", "rejections/"):
        client.get(f"{URL}{case.pk}/{path}")
    assert Case.objects.get(pk=case.pk).state == "open"


def test_a_bearer_signs_with_the_password_only(rules, asker):
    cfo = person("farid", "cfo", password=PASSWORD)
    case = opened(asker)
    client = with_jwt(cfo)
    body = {"reason": "Needed.", "digest": "d1"}
    bare = client.post(f"{URL}{case.pk}/signatures/", body)
    assert (bare.status_code, bare.json()["type"]) == (403, "urn:bailiwick:problem:reauthenticate")
    wrong = client.post(f"{URL}{case.pk}/signatures/", {**body, "password": "nope"})
    assert (wrong.status_code, wrong.json()["type"]) == (403, "urn:bailiwick:problem:wrong-password")
    right = client.post(f"{URL}{case.pk}/signatures/", {**body, "password": PASSWORD})
    assert (right.status_code, right.json()["state"]) == (201, "signed")


def test_an_api_token_reads_and_does_not_sign(rules, asker):
    cfo = person("farid", "cfo", password=PASSWORD)
    case = opened(asker)
    given = {"scopes": ["approval.read", "approval.write"], "life": timedelta(days=1), "reason": "Report."}
    _, credential = issue_token(actor=act(cfo), user=cfo, label="report", **given)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {credential}")
    assert client.get(f"{URL}{case.pk}/").status_code == 200
    for path, body in (
        ("signatures", {"password": PASSWORD, "digest": "d1"}),
        ("rejections", {}),
        ("questions", {"text": "?"}),
    ):
        answer = client.post(f"{URL}{case.pk}/{path}/", {"reason": "x", **body} if path != "questions" else body)
        assert answer.status_code == 403, path


def test_what_one_may_not_see_is_absent(rules, asker, cfo):
    case = opened(asker)
    stranger = browser(person("nia", "tenant_admin@retail"))
    assert stranger.get(URL).json()["count"] == 0
    for path in ("", "signatures/", "questions/"):
        method = stranger.post if path else stranger.get
        assert method(f"{URL}{case.pk}/{path}", {"reason": "x", "digest": "d1"} if path else {}).status_code == 404
    assert browser(asker).get(f"{URL}{case.pk}/").status_code == 200
    assert browser(person("aud", "auditor")).get(f"{URL}{case.pk}/").status_code == 200
    assert browser(person("nobody")).get(URL).status_code == 403
    assert APIClient().get(URL).status_code == 401


GOOD = {"reason": "x", "digest": "d1"}
BAD = [
    ({}, 422),
    ({"reason": "x"}, 422),
    ({"digest": "d1"}, 422),
    (GOOD | {"reason": ""}, 422),
    (GOOD | {"colour": 1}, 422),
    (GOOD | {"digest": ["d1"]}, 422),
    (GOOD | {"reason": "x" * 1001}, 422),
    (GOOD | {"role": "emperor"}, 422),
    ([1], 422),
    (GOOD | {"digest": "d2"}, 409),
]


@pytest.mark.parametrize(("body", "status"), BAD)
def test_bad_signatures_are_refused_and_change_nothing(rules, asker, cfo, body, status):
    case = opened(asker)
    answer = browser(cfo).post(f"{URL}{case.pk}/signatures/", body)
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert not case.signatures.exists()


@pytest.mark.parametrize("key", ["nope", "00000000-0000-0000-0000-000000000000", "..%2f"])
def test_an_unknown_case(rules, cfo, key):
    for client in (browser(cfo),):
        assert client.get(f"{URL}{key}/").status_code == 404
        assert client.post(f"{URL}{key}/signatures/", {"reason": "x", "digest": "d"}).status_code == 404


def test_unknown_filters_are_refused(rules, cfo):
    assert browser(cfo).get(URL, {"colour": "red"}).status_code == 422
    assert browser(cfo).get(URL, {"state": "green"}).status_code == 422


def test_a_signature_is_repeated_safely(rules, asker, cfo):
    case = opened(asker)
    client = browser(cfo)
    body = {"reason": "Needed.", "digest": "d1"}
    first = client.post(f"{URL}{case.pk}/signatures/", body, headers={"Idempotency-Key": "k1"})
    second = client.post(f"{URL}{case.pk}/signatures/", body, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, second.status_code, second["Idempotent-Replay"]) == (201, 201, "true")
    assert case.signatures.count() == 1


def test_reject_ask_answer_cancel(rules, asker, cfo):
    case = opened(asker)
    theirs, ours = browser(cfo), browser(asker)
    asked = theirs.post(f"{URL}{case.pk}/questions/", {"text": "Why?"}).json()
    question = asked["questions"][0]["id"]
    told = ours.post(f"{URL}{case.pk}/questions/{question}/answer/", {"text": "Month-end."})
    assert told.json()["questions"][0]["answer"] == "Month-end."
    assert theirs.post(f"{URL}{case.pk}/cancellation/", {"reason": "x"}).status_code == 403
    assert theirs.post(f"{URL}{case.pk}/rejections/", {"reason": "Too dear."}).json()["state"] == "rejected"
    assert ours.post(f"{URL}{case.pk}/cancellation/", {"reason": "x"}).status_code == 409
    other = opened(asker)
    assert ours.post(f"{URL}{other.pk}/cancellation/", {"reason": "Not needed."}).json()["state"] == "cancelled"


def test_delegations(rules, asker, cfo):
    delegate = person("devi", "cfo", "tenant_viewer@finance")
    client = browser(cfo)
    assert [p["id"] for p in client.get("/api/v1/delegations/candidates/cfo/").json()] == [str(delegate.pk)]
    body = {
        "delegate": str(delegate.pk),
        "role": "cfo",
        "valid_until": (now() + timedelta(days=3)).isoformat(),
        "reason": "Leave.",
    }
    made = client.post("/api/v1/delegations/", body)
    assert made.status_code == 201
    assert client.post("/api/v1/delegations/", body | {"delegate": str(asker.pk)}).status_code == 422
    assert client.post("/api/v1/delegations/", body | {"valid_from": "2020-01-01T00:00:00Z"}).status_code == 422
    url = f"/api/v1/delegations/{made.json()['id']}/"
    assert browser(delegate).get(url).status_code == 200
    assert browser(person("other", "cfo")).get(url).status_code == 404
    assert client.post(f"{url}revocation/", {"reason": "Back."}).json()["revoked_at"]


def test_a_delegate_sees_what_the_delegator_reaches(rules, asker, cfo):
    delegate = person("devi", "cfo@retail")
    case = opened(asker)
    assert browser(delegate).get(f"{URL}{case.pk}/").status_code == 404
    actions.delegate(
        actor=act(cfo), delegate=delegate, role="cfo", valid_until=now() + timedelta(days=1), reason="Leave."
    )
    body = browser(delegate).get(f"{URL}{case.pk}/").json()
    assert (body["decision"]["can_sign"], body["decision"]["acts_for"]) == (True, "Farid")


def test_rules_are_edited_as_versions(rules, cfo):
    admin = browser(person("adi", "platform_admin"))
    url = "/api/v1/approval-rules/"
    assert admin.get(url).json()["count"] == 5
    assert browser(cfo).patch(f"{url}APR-002/", {"quorum": 2, "reason": "x"}).status_code == 403
    changed = admin.patch(f"{url}APR-002/", {"quorum": 2, "reason": "Two CFOs."}).json()
    assert (changed["version"], changed["quorum"], changed["in_words"]) == (2, 2, "amount above ₹10,00,000.00")
    bad = admin.patch(f"{url}APR-002/", {"condition": {"sql": "1"}, "reason": "x"})
    assert (bad.status_code, "condition" in bad.json()["fields"]) == (422, True)
    new = {
        "rule_id": "APR-010",
        "title": "Ireland",
        "case_kind": "tenant_request",
        "role": "legal",
        "reason": "Counsel asks.",
        "condition": {"regions": ["eu-west-1"]},
    }
    assert admin.post(url, new).status_code == 201
    assert admin.post(url, new).status_code == 409
    assert admin.post(f"{url}APR-010/retirement/", {"reason": "Over."}).json()["is_active"] is False
    assert admin.get(f"{url}APR-999/").status_code == 404


# -- what waits for whom ---------------------------------------------------------------------------------------------
def test_waiting_says_what_standing_says(rules, asker, cfo):
    """The list and the page decide alike, for every person and every case."""
    people = [
        asker,
        cfo,
        person("both", "cfo", "cco"),
        person("cco", "cco"),
        person("far", "cfo@retail"),
        person("boss", "cfo", is_superuser=True),
        person("aud", "auditor"),
    ]
    actions.delegate(
        actor=act(cfo), delegate=people[4], role="cfo", valid_until=now() + timedelta(days=1), reason="Leave."
    )
    cases = [
        opened(p, facts={"data_classes": classes}) for p in (asker, cfo, people[2]) for classes in (["none"], ["PII"])
    ]
    actions.sign(cases[1].pk, actor=act(people[2]), reason="ok", digest="d1")
    actions.reject(cases[0].pk, actor=act(people[2]), reason="no")
    for user in people:
        listed = set(queries.waiting_for(act(user)).values_list("pk", flat=True))
        stands = {c.pk for c in Case.objects.all() if queries.case_page(c, act(user)).decision.can_sign}
        assert listed == stands, user
    assert not queries.waiting_for(SYSTEM).exists()
