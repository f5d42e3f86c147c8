"""Erasures over HTTP: preview, request, what each role may do and read, bad input; pages with their words."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from compliance.erasing import running
from compliance.erasing.intake import digest_of
from compliance.erasing.models import ErasureRequest, RetentionRule
from portal.access.accounts import SEED
from tenants.models import Tenant
from tests.admin.world import person
from tests.erasing.made import EMAIL, USER_ID, ask, erasure, owed, put, sign
from tests.erasing.test_requests import tables_with
from tests.holds.made import hold

pytestmark = pytest.mark.django_db
URL = "/api/v1/erasure-requests/"
WHOM = {"kind": "person", "legal_basis": "gdpr-17", "email": EMAIL}
BODY = {**WHOM, "identity": "document", "reason": "She asked for it in writing."}


def console(name: str) -> Client:
    client = Client()
    client.force_login(person(name), backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_preview_then_request_and_the_address_is_nowhere(notes: Tenant, api: Any) -> None:
    meera, whom = api("meera"), {**WHOM, "tenant_id": str(notes.pk)}
    shown = meera.post(f"{URL}preview/", whom)
    assert shown.status_code == 200 and not ErasureRequest.objects.exists()
    assert [one["found"] for one in shown.json()["systems"]] == [7] * 6 + [None] * 2
    assert shown.json()["inventory_version"] == 3 and shown.json()["open_request"] is None
    keyed = {"HTTP_IDEMPOTENCY_KEY": "first"}
    made = meera.post(URL, {**BODY, "tenant_id": str(notes.pk)}, **keyed)
    assert (made.status_code, made.json()["state"]) == (201, "awaiting_approval")
    assert meera.post(URL, {**BODY, "tenant_id": str(notes.pk)}, **keyed).json() == made.json()
    again = meera.post(URL, {**BODY, "tenant_id": str(notes.pk)})
    assert (again.status_code, again.json()["open"]) == (409, "ER-0001")
    assert meera.post(f"{URL}preview/", whom).json()["open_request"] == "ER-0001"
    assert tables_with("asha.rao") == set() and tables_with(str(USER_ID)) == {"erasing_subjectkey"}


BAD: list[tuple[dict[str, Any], int]] = [
    ({"tenant_id": "no"}, 422),
    ({"tenant_id": str(uuid4())}, 404),
    ({"kind": "planet"}, 422),
    ({"legal_basis": "contract", "kind": "tenant"}, 422),
    ({"email": "not an address"}, 422),
    ({"email": ["a"]}, 422),
    ({"user_id": "7"}, 422),
    ({"document_ids": "all"}, 422),
    ({"document_ids": [str(uuid4())] * 1001}, 422),
    ({"identity": None}, 422),
    ({"reason": ""}, 422),
    ({"reason": f"because {EMAIL} said so"}, 422),
    ({"priority": 1}, 422),
]


def test_bad_input_is_a_clear_4xx(notes: Tenant, api: Any) -> None:
    farah = api("farah")
    for more, status in BAD:
        answer = farah.post(URL, {**BODY, "tenant_id": str(notes.pk), **more})
        assert answer.status_code == status, (more, answer.content)
        assert answer["Content-Type"] == "application/problem+json"
    for path in ("?state=nosuch", "?who=me", f"{uuid4()}/", "ER-0001/"):
        assert 400 <= farah.get(URL + path).status_code < 500, path
    assert not ErasureRequest.objects.exists()


def test_what_each_role_may_do(notes: Tenant, api: Any) -> None:
    one = ask(notes, "meera")
    why = {"reason": "because"}
    doors = {"refusal": "farah", "extension": "farah", "retry": "farah", "cancellation": "farah"}
    for word in doors:
        for name, status in (("arjun", 404), ("nadia", 404), ("kiran", 403), ("oliver", 403)):
            assert api(name).post(f"{URL}{one.pk}/{word}/", why).status_code == status, (word, name)
    assert api("meera").post(f"{URL}{one.pk}/refusal/", why).status_code == 403
    assert api("farah").post(f"{URL}{one.pk}/retry/", why).status_code == 409
    assert api("farah").post(f"{URL}{one.pk}/extension/", why).json()["extended_at"]
    told = {"name": "Payroll Ltd", "how": "By letter.", **why}
    assert api("farah").post(f"{URL}{one.pk}/recipients/", told).json()["recipients"][0]["name"] == "Payroll Ltd"
    assert api("meera").post(f"{URL}{one.pk}/cancellation/", why).json()["state"] == "cancelled"
    listed = api("meera").get(f"{URL}?state=cancelled&ordering=-due_on").json()["results"]
    assert [row["reference"] for row in listed] == ["ER-0001"]
    assert api("arjun").get(URL).json()["results"] == []


def test_obligations_and_rules_by_rest(notes: Tenant, api: Any) -> None:
    debt = owed(notes)
    refused = api("farah").post(f"/api/v1/obligations/{debt.pk}/erasure/", {"reason": "Its day has come."})
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "not-kept"), refused.json()
    assert api("meera").post(f"/api/v1/obligations/{debt.pk}/erasure/", {"reason": "x"}).status_code == 403
    answer = api("farah").post(f"/api/v1/obligations/{debt.pk}/settlement/", {"reason": "The processor wrote."})
    assert answer.json()["state"] == "lapsed"
    assert api("meera").post(f"/api/v1/obligations/{debt.pk}/settlement/", {"reason": "x"}).status_code == 403
    rules = "/api/v1/retention-rules/"
    assert [row["code"] for row in api("oliver").get(rules).json()["results"]] == [
        "RET-CONTRACT",
        "RET-DPDP",
        "RET-SOX",
    ]
    changed = api("farah").patch(f"{rules}RET-SOX/", {"days": 3000, "reason": "Longer."})
    assert (changed.status_code, RetentionRule.objects.get(pk="RET-SOX").days) == (200, 3000)
    assert api("priya").patch(f"{rules}RET-SOX/", {"days": 1, "reason": "Shorter."}).status_code == 403
    new = {
        "code": "RET-TAX", "title": "Invoices", "statute": "CGST Act s. 36", "category": "invoices", "days": 2190,
        "ground": "Invoices, kept by tax law", "review_on": "2027-04-01", "reason": "Law.",
    }  # fmt: skip
    assert api("thomas").post(rules, new).status_code == 201
    for more, status in (({}, 409), ({"code": "x"}, 422), ({"code": "RET-X", "ground": "a@b.example"}, 422)):
        assert api("thomas").post(rules, {**new, **more}).status_code == status


def test_a_rule_does_not_keep_a_part_of_what_is_erased_whole(notes: Tenant, api: Any) -> None:
    """It would be printed as kept and be gone: neither is it written, nor does a request pass that meets one."""
    new = {
        "code": "RET-HISTORY", "title": "Questions", "statute": "A law", "category": "history", "days": 365,
        "ground": "Questions, kept by law", "review_on": "2027-04-01", "reason": "Law.", "system": "postgres",
    }  # fmt: skip
    refused = api("thomas").post("/api/v1/retention-rules/", new)
    assert refused.status_code == 422 and "place a legal hold" in str(refused.json()["fields"]["system"])
    for system, part in (("postgres", "nowhere"), ("postgres", "a@b"), ("logs", "*"), ("metrics", "m"), ("", "users")):
        answer = api("thomas").post("/api/v1/retention-rules/", {**new, "system": system, "part": part})
        assert answer.status_code == 422, (system, part, answer.content)
    RetentionRule.objects.filter(pk="RET-CONTRACT").update(system="postgres")  # the inventory came to list it later
    for door, body in (("preview/", WHOM), ("", BODY)):
        answer = api("farah").post(f"{URL}{door}", {**body, "tenant_id": str(notes.pk)})
        assert answer.status_code == 423 and answer.json()["by"] == "retention", answer.json()


def test_a_rule_keeps_a_table_and_the_preview_and_the_signature_name_it(notes: Tenant, api: Any) -> None:
    new = {
        "code": "RET-HISTORY", "title": "Questions", "statute": "A law", "category": "history", "days": 365,
        "ground": "Questions, kept by law", "review_on": "2027-04-01", "reason": "Law.", "system": "postgres",
        "part": "query_history",
    }  # fmt: skip
    assert api("thomas").post("/api/v1/retention-rules/", new).json()["part"] == "query_history"
    shown = api("farah").post(f"{URL}preview/", {**WHOM, "tenant_id": str(notes.pk)}).json()["exemptions"]
    assert [one["system"] for one in shown if one["part"] == "query_history"] == ["postgres-ap-south-1"]
    one = ask(notes)
    before = one.digest
    one.exemptions.filter(rule="RET-HISTORY").update(part="users")
    assert digest_of(one) != before, "who signed for the one has not signed for the other"
    told = api("farah").get(f"{URL}{one.pk}/").json()["exemptions"]
    assert [kept["part"] for kept in told if kept["rule"] == "RET-HISTORY"] == ["users"]


def test_a_rule_of_a_category_keeps_it_wherever_it_lies(notes: Tenant, api: Any) -> None:
    RetentionRule.objects.filter(pk="RET-SOX").update(data_class="")
    found = api("farah").post(f"{URL}preview/", {**WHOM, "tenant_id": str(notes.pk)}).json()["exemptions"]
    assert {one["rule"]: one["system"] for one in found} == dict.fromkeys(
        ("RET-CONTRACT", "RET-DPDP", "RET-SOX"), "portal"
    )


STATES = [
    "awaiting_approval", "scheduled", "executing", "verifying", "completed", "failed", "refused", "cancelled",
    "not_certifiable", "legal_hold_blocked",
]  # fmt: skip


def test_a_page_for_every_state(notes: Tenant) -> None:
    one, farah = ask(notes, "meera"), console("farah")
    running_now = put(one, "executing", phase="deleting")
    running.enter_ledger(one.pk, actor=SEED)
    running.note_system(
        one.pk, "postgres", "ap-south-1", actor=SEED, targeted=1311, acknowledged=1204, outcome="erased"
    )
    assert running_now.was_started
    for state in STATES:
        put(one, state)
        page = farah.get(f"/erasures/{one.pk}/").content.decode()
        assert "Evidence by system" in page and "1,311" in page, state
        assert str(ErasureRequest.objects.get(pk=one.pk).get_state_display()) in page.replace("&#x27;", "'")
    assert farah.get("/erasures/").status_code == 200 == console("meera").get(f"/erasures/{one.pk}/").status_code
    assert console("nadia").get(f"/erasures/{one.pk}/").status_code == 404


def test_the_banner_says_what_was_gone_in_neutral_words(notes: Tenant) -> None:
    one = put(ask(notes, "meera"), "executing")
    running.enter_ledger(one.pk, actor=SEED)
    running.note_system(one.pk, "postgres", "ap-south-1", actor=SEED, targeted=1311, acknowledged=1204)
    hold(notes)
    running.hold_blocked(one.pk, actor=SEED)
    theirs = console("meera").get(f"/erasures/{one.pk}/").content.decode()
    assert "1,204 of 1,311 records had already been erased" in theirs and "Retained under law" in theirs
    said = theirs.lower()
    assert "legal hold" not in said and "legal_hold" not in said
    assert "/holds/?q=" in console("farah").get(f"/erasures/{one.pk}/").content.decode()


def test_the_form_previews_and_asks(notes: Tenant) -> None:
    farah = console("farah")
    sent = {**BODY, "tenant": str(notes.pk), "user_id": "", "documents": ""}
    shown = farah.post("/erasures/new/", {**sent, "preview": "1"})
    assert shown.status_code == 200 and "What it would reach" in shown.content.decode()
    assert farah.post("/erasures/new/", {**sent, "email": "no@nobody.example"}).status_code == 422
    assert farah.post("/erasures/new/", {**sent, "documents": "abc"}).status_code == 422
    assert farah.post("/erasures/new/", sent).status_code == 302
    one = ErasureRequest.objects.get()
    assert "What is to be erased" in console("leela").get(f"/approvals/{one.case_id}/").content.decode()
    sign(one)
    assert farah.post(f"/erasures/{one.pk}/do/cancel/", {"verb": "cancel", "reason": "No."}).status_code == 302
    assert ErasureRequest.objects.get().state == "cancelled"


def test_the_other_pages(notes: Tenant) -> None:
    farah, debt = console("farah"), owed(notes)
    erasure(notes)
    for path in ("/", "/obligations/", f"/obligations/{debt.pk}/", "/retention-rules/", "/retention-rules/RET-SOX/"):
        assert farah.get(path).status_code == 200, path
    assert "the most pressing first" in farah.get("/").content.decode()
    rule = {name: getattr(RetentionRule.objects.get(pk="RET-SOX"), name) for name in ("title", "statute", "category")}
    sent = {**rule, "days": 10, "ground": "G", "review_on": "2027-01-01", "reason": "Because.", "is_active": "on"}
    assert farah.post("/retention-rules/RET-SOX/do/edit/", {**sent, "verb": "edit"}).status_code == 302
    assert farah.post("/retention-rules/new/", {**sent, "code": "RET-NEW"}).status_code == 302
    assert farah.post(f"/obligations/{debt.pk}/do/settle/", {"verb": "settle", "reason": "Seen."}).status_code == 302
