"""The request form without a script: estimate, refusals beside the fields, input kept; and signing on the page."""

from typing import Any

import pytest

from lifecycle.models import TenantRequest
from portal.access.demo import PASSWORD
from portal.approvals.models import Signature
from tests.lifecycle.asking import body

from .world import World, person

pytestmark = pytest.mark.django_db


def typed(**changes: Any) -> dict[str, Any]:
    given = body(**{"name": "board-papers", **changes})
    return {**given, "environment": "prod", "owner": str(person("meera").pk), "champion": str(person("meera").pk)}


def test_the_estimate_is_shown_without_storing_anything(page: Any, shipped: None) -> None:
    answer = page("meera").post("/requests/new/", {**typed(tier="gold", expected_users=100), "preview": "1"})
    text = answer.content.decode()
    assert answer.status_code == 200 and "₹1,10,050.00" in text and "Who will sign" in text
    assert not TenantRequest.objects.exists()


def test_the_live_piece_says_what_is_missing(page: Any, shipped: None) -> None:
    answer = page("meera").post("/requests/new/estimate/", {"business_unit": "FIN"})
    assert answer.status_code == 200 and "Still needed: Tier" in answer.content.decode()
    assert page("oliver").post("/requests/new/estimate/", typed()).status_code == 403
    assert page("meera").get("/requests/new/estimate/").status_code == 403


def test_a_request_is_sent(page: Any, shipped: None) -> None:
    answer = page("meera").post("/requests/new/", {**typed(), "submit_now": "1"})
    made = TenantRequest.objects.get(name="board-papers")
    assert answer.status_code == 302 and answer.headers["Location"] == f"/requests/{made.pk}/"
    assert made.state == "submitted" and str(made.annual_budget_inr) == "180000.00"


def test_a_draft_is_kept(page: Any, shipped: None) -> None:
    page("meera").post("/requests/new/", {**typed(), "draft": "1"})
    assert TenantRequest.objects.get(name="board-papers").state == "draft"


BAD = [
    ("name", "../../x"),
    ("name", "Größe"),
    ("name", "a" * 64),
    ("name", "admin"),
    ("annual_budget_inr", "10 lakh"),
    ("annual_budget_inr", "-5"),
    ("annual_budget_inr", "NaN"),
    ("annual_budget_inr", "0"),
    ("annual_budget_inr", "9" * 400),
    ("expected_users", "-1"),
    ("expected_users", "9" * 30),
    ("business_unit", "HR"),
    ("tier", "none"),
    ("data_classes", "secret"),
    ("expires_on", "2020-01-01"),
]


def test_bad_input_is_told_beside_its_field_and_kept(page: Any, shipped: None) -> None:
    client = page("meera")
    for field, value in BAD:
        answer = client.post("/requests/new/", typed(**{field: value}) | {"submit_now": "1"})
        assert answer.status_code == 422, (field, value, answer.status_code)
        assert answer.context["form"].errors.get(field), (field, value, answer.context["form"].errors)
        assert "Analysts search ledger notes by hand." in answer.content.decode()
    assert not TenantRequest.objects.exists()


def test_a_refusal_by_the_rules_names_them(page: Any, shipped: None) -> None:
    answer = page("meera").post("/requests/new/", typed(geography="EU") | {"submit_now": "1"})
    assert answer.status_code == 422 and "RES-001" in answer.content.decode()


def test_the_cco_and_then_the_cfo_sign_on_the_page(page: Any, world: World) -> None:
    path = f"/approvals/{world.case.pk}/"
    cfo = page("vikram")
    assert "Not your turn yet" in cfo.get(path).content.decode()
    for username in ("leela", "vikram", "sanjay"):
        client = page(username)
        text = client.get(path).content.decode()
        assert "Sign ₹12 L" in text and "waiting for you" in text
        given = {"reason": "The figures are right.", "digest": world.case.digest}
        answer = client.post(path + "do/sign/", given, follow=True)
        assert "It is in the ledger" in answer.content.decode()
    assert Signature.objects.filter(case=world.case).count() == 3


def test_another_digest_than_the_one_shown_is_refused(page: Any, world: World) -> None:
    answer = page("leela").post(
        f"/approvals/{world.case.pk}/do/sign/", {"reason": "yes, these words", "digest": "other"}
    )
    text = answer.content.decode()
    assert answer.status_code == 409 and "read it again" in text and "yes, these words" in text


def test_nobody_signs_their_own_or_without_a_reason_or_by_get(page: Any, world: World) -> None:
    path = f"/approvals/{world.case.pk}/do/sign/"
    given = {"reason": "mine", "digest": world.case.digest}
    assert page("meera").post(path, given).status_code == 403
    assert page("priya").post(path, given).status_code == 403
    assert page("leela").post(path, {**given, "reason": " "}).status_code == 422
    assert page("leela").get(path, given).status_code == 302
    assert not Signature.objects.exists()


def test_above_the_second_threshold_the_password_is_asked_for(page: Any, world: World, settings: Any) -> None:
    settings.REAUTHENTICATE_ABOVE_INR = "1000.00"
    path = f"/approvals/{world.case.pk}/"
    client = page("leela")
    assert "Your password" in client.get(path).content.decode()
    given = {"reason": "right", "digest": world.case.digest}
    assert client.post(path + "do/sign/", given).status_code == 403
    assert client.post(path + "do/sign/", {**given, "password": "wrong"}).status_code == 403
    assert client.post(path + "do/sign/", {**given, "password": PASSWORD}).status_code == 302


def test_a_question_and_its_answer_stay_with_the_case(page: Any, world: World) -> None:
    path = f"/approvals/{world.case.pk}/"
    page("vikram").post(path + "do/ask/", {"reason": "Why gold?"})
    question = world.case.questions.get()
    page("meera").post(path + "do/answer/", {"reason": "Answers within half a second.", "question": str(question.pk)})
    text = page("vikram").get(path).content.decode()
    assert "Why gold?" in text and "Answers within half a second." in text


def test_rejecting_ends_the_case_with_the_reason(page: Any, world: World) -> None:
    path = f"/approvals/{world.case.pk}/"
    page("leela").post(path + "do/reject/", {"reason": "Not this year."})
    assert "Not this year." in page("meera").get(path).content.decode()
