"""What an auditor sees of the ledger: acts and what they changed, secrets and persons kept, receipts that prove."""

import json
from typing import Any

import pytest
from bailiwick_proof.receipt import Receipt
from django.core.cache import cache
from django.db import connection
from django.test import Client

from portal.access.actor import Actor
from portal.access.models import User
from portal.audit.context import acting
from portal.audit.models import Entry
from portal.audit.sealing.settings import keys
from tenants.models import Tenant
from tests.admin.world import World, build, person
from tests.sealing import seal_here

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def world(shipped: None) -> World:
    return build()


@pytest.fixture
def page(shipped: None) -> Any:
    def signed_in(username: str) -> Client:
        client = Client()
        client.force_login(person(username), backend=BACKEND)
        return client

    return signed_in


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.content.decode()


def suspended(page: Any, world: World, reason: str = "payment overdue") -> Entry:
    """Kiran suspends the tenant; the act."""
    page("kiran").post(f"/tenants/{world.tenant.pk}/do/suspend/", {"reason": reason}, HTTP_X_REQUEST_ID="01-asked")
    return Entry.objects.acts().filter(verb="tenant.suspend").get()


def test_the_list_shows_acts_and_by_a_switch_the_row_changes(page: Any, world: World) -> None:
    suspended(page, world)
    auditor = page("oliver")
    acts, changes = text(auditor, "/ledger/"), text(auditor, "/ledger/?show=changes")
    assert "Tenant suspend" in acts and "Kiran Das" in acts and "Finance-notes" in acts and "payment overdue" in acts
    assert "Tenant changed" not in acts and "Tenant changed" in changes and "Tenant suspend" not in changes
    both = text(auditor, "/ledger/?show=both")
    assert "Tenant changed" in both and "Tenant suspend" in both


def test_every_filter_narrows_and_nonsense_is_refused(page: Any, world: World) -> None:
    act = suspended(page, world)
    auditor = page("oliver")
    keep = (
        "who=kiran", "who=Kiran Das", f"who={act.actor}", "what=tenant", "what=tenant.suspend", "about=tenants.tenant",
        "tenant=finance-notes", f"tenant={world.tenant.pk}", f"object={world.tenant.pk}", "since=2020-01-01",
        f"request={act.request_id}", f"before={act.pk + 1}",
    )  # fmt: skip
    drop = (
        "who=meera", "what=grant", "about=jobs.job", "tenant=hr-notes", "object=nothing", "until=2020-01-01",
        "request=none", f"before={act.pk}",
    )  # fmt: skip
    for query in keep:
        assert "Tenant suspend" in text(auditor, f"/ledger/?{query}"), query
    for query in drop:
        assert "Tenant suspend" not in text(auditor, f"/ledger/?{query}"), query
    for query in ("since=x", "until=9999-12-31", "before=x", "show=x", "before=99999999999999999999", "nonsense=1"):
        assert auditor.get(f"/ledger/?{query}").status_code == 422, query


def test_an_entry_shows_before_and_after_and_what_else_happened(page: Any, world: World) -> None:
    act = suspended(page, world)
    change = Entry.objects.changes().filter(object_type="tenants.tenant", op="U", request_id=act.request_id).first()
    shown = text(page("oliver"), f"/ledger/{change.pk}/")
    assert "<del>active</del>" in shown and "<ins>suspended</ins>" in shown
    assert (
        f"/ledger/{act.pk}/" in shown and "Finance-notes" in shown and change.body[:20] in shown.replace("&quot;", '"')
    )


def test_a_secret_is_never_shown_and_a_person_only_to_who_may_see_persons(page: Any, world: World) -> None:
    with acting(Actor.system("test")):
        user = User.objects.create_user("canary.login", "canary-password-1")
    added = Entry.objects.changes().get(object_type="access.user", object_id=str(user.pk))
    for username, sees in (("oliver", True), ("thomas", False)):
        shown = text(page(username), f"/ledger/{added.pk}/")
        assert ("canary.login" in shown) is sees, username
        assert "kept as a hash" in shown and user.password not in shown
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit.forget(%s, 'system:test', 'system', 'asked', '')", [str(user.pk)])
        cursor.execute("UPDATE access_user SET username = 'gone-1' WHERE id = %s", [user.pk])
    cache.clear()
    assert "canary.login" not in text(page("oliver"), f"/ledger/{added.pk}/")


def test_a_receipt_proves_the_entry_once_it_is_anchored(page: Any, world: World) -> None:
    act = suspended(page, world)
    auditor, url = page("oliver"), f"/api/v1/audit/entries/{act.pk}/receipt/"
    early = auditor.get(url)
    assert (early.status_code, early.json()["type"]) == (409, "urn:bailiwick:problem:not-anchored")
    assert "being sealed" in text(auditor, f"/ledger/{act.pk}/")
    seal_here()
    assert url in text(auditor, f"/ledger/{act.pk}/")
    receipt = Receipt.parse(auditor.get(url, headers={"accept": "application/octet-stream"}).content)
    receipt.verify(keys().policy)
    assert json.loads(receipt.extra or b"")["reason"] == "payment overdue"


def test_history_unfolds_each_act_to_what_it_changed(page: Any, world: World) -> None:
    suspended(page, world)
    with acting(Actor.system("sweep")):
        Tenant.objects.filter(pk=world.tenant.pk).update(cost_centre="CC-9")  # no act speaks of this
    for path in ("", "history/"):
        shown = text(page("meera"), f"/tenants/{world.tenant.pk}/{path}")
        assert "Tenant suspend" in shown and "<ins>suspended</ins>" in shown and "payment overdue" in shown
        assert "<ins>CC-9</ins>" in shown, "a change past every act is in the history, too"
        assert "/ledger/" not in shown, "whoever may not read the ledger is not sent there"
    assert "/ledger/" in text(page("oliver"), f"/tenants/{world.tenant.pk}/history/")


def test_a_long_list_is_not_counted(page: Any, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.audit.admin.ledger.COUNTED", 60)
    monkeypatch.setattr("portal.audit.counting.COUNTED", 60)
    auditor = page("oliver")
    shown = text(auditor, "/ledger/?show=both")
    assert "more than 60 entries" in shown
    older = shown.partition("before=")[2].partition('"')[0]
    assert "entry" in text(auditor, f"/ledger/?show=both&before={older}")
    assert auditor.get("/api/v1/audit/entries/").json()["count"] == 61


def test_an_approver_sees_the_seal_and_takes_the_receipt(page: Any, world: World) -> None:
    address, digest = f"/approvals/{world.case.pk}/", world.case.digest
    receipt = f"/api/v1{address}receipt/"
    assert page("vikram").get(receipt).json()["type"] == "urn:bailiwick:problem:not-signed"
    for username in ("leela", "vikram", "sanjay"):
        page(username).post(f"{address}do/sign/", {"reason": "Needed.", "digest": digest})
    cfo = page("vikram")
    assert "Signed; being sealed in the ledger" in text(cfo, address)
    assert cfo.get(receipt).status_code == 409
    seal_here()
    assert receipt in text(cfo, address)
    proof = Receipt.parse(cfo.get(receipt).content)
    proof.verify(keys().policy)
    assert json.loads(proof.extra or b"")["data"]["digest"] == digest
