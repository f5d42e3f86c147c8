"""Pages that a tenant admin understands: what it is for, who answers for it, when it ends, and why one has it."""

from typing import Any

import pytest
from django.test import Client

from tenants.flags import actions
from tenants.flags.models import Flag, Review
from tenants.models import Tenant
from tests.admin.world import person

from .made import ended, flag, kill_switch, on_for, rolled_out

pytestmark = pytest.mark.django_db


def page(username: str) -> Client:
    client = Client()
    client.force_login(person(username), backend="django.contrib.auth.backends.ModelBackend")
    return client


def text(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.status_code
    return " ".join(answer.content.decode().split())


def test_a_tenant_admin_reads_what_is_tried_in_their_tenant(mine: Tenant, foreign: Tenant) -> None:
    flag(), flag("storage", title="More storage", purpose="Room for scans.")
    on_for("cite-sources", mine)
    on_for("cite-sources", foreign)
    meera = page("meera")
    listed = text(meera.get("/flags/"))
    assert "Answers cite their source" in listed and "1 of 1 tenant" in listed and "0 of 1 tenant" in listed
    shown = text(meera.get(f"/tenant-flags/{mine.pk}/"))
    assert "Answers name the page they come from." in shown and "set for this tenant" in shown
    assert "Kiran" in shown and "in 90 days" in shown
    one = text(meera.get("/flags/cite-sources/"))
    assert "finance-notes" in one and "hr-notes" not in one and "What you can do" not in one
    assert f"/tenant-flags/{mine.pk}/" in text(meera.get(f"/tenants/{mine.pk}/"))


def test_kill_switches_stand_apart_with_their_consequence(shipped: None) -> None:
    kill_switch()
    flag()
    kiran = page("kiran")
    listed = text(kiran.get("/flags/"))
    assert listed.index("No tenant gets answers, only search results.") < listed.index("Answers cite their source")
    assert 'class="button small danger" href="/flags/answers/#verb-off"' in listed
    assert "danger" not in text(page("meera").get("/flags/"))
    done = kiran.post("/flags/answers/do/off/", {"verb": "off", "reason": "wrong answers"}, follow=True)
    assert "Switched off for everybody." in text(done) and Flag.objects.get(pk="answers").is_off


def test_a_flag_moves_by_steps_on_its_page(mine: Tenant) -> None:
    flag()
    kiran = page("kiran")
    sent = {"verb": "rollout", "tier": "gold", "percent": "50", "reason": "faster"}
    assert "its next step is 10 %" in text(kiran.post("/flags/cite-sources/do/rollout/", sent), 409)
    rolled_out("cite-sources", "gold", 100)
    shown = text(kiran.get("/flags/cite-sources/"))
    assert "<strong>100 %</strong>" in shown and "1 of 1" in shown


def test_a_flag_that_has_ended_says_what_to_do(shipped: None) -> None:
    ended(flag())
    shown = text(page("kiran").get("/flags/cite-sources/"))
    assert "ended in use" in shown and "move it to the tier configuration" in shown


def test_what_variants_did_stands_side_by_side(shipped: None) -> None:
    flag()
    row = {"flag": "cite-sources", "requests": 200, "failed": 1, "latency_ms": 60_000}
    rows = [{**row, "variant": "off"}, {**row, "variant": "on", "failed": 8, "latency_ms": 90_000}]
    actions.report(rows, actor=admin_as_service())
    shown = text(page("kiran").get("/flags/cite-sources/"))
    assert "0.5 %" in shown and "4.0 %" in shown and "300 ms" in shown and "450 ms" in shown


def admin_as_service() -> Any:
    from portal.access.actor import Actor
    from portal.access.models import Grant, User

    user = User.objects.create_user("platform-metrics", is_service=True)
    Grant.objects.create(user=user, role="service", granted_by="system:test")
    return Actor.of_user(user)


def test_the_month_is_reviewed_and_closed(shipped: None) -> None:
    ended(flag())
    kiran = page("kiran")
    shown = text(kiran.get("/flag-reviews/"))
    assert "Answers cite their source" in shown and "Close this month" in shown
    kiran.post("/flag-reviews/new/", {"reason": "to move"})
    assert Review.objects.get().findings["ended"] == ["cite-sources"]
    assert "closed for this month" in text(kiran.get("/flag-reviews/"))
    assert text(page("oliver").get(f"/flag-reviews/{Review.objects.get().pk}/")).count("cite-sources")


def test_a_new_flag_is_refused_in_words_beside_its_fields(shipped: None) -> None:
    sent = {"key": "new-one", "title": "T", "purpose": "P", "kind": "kill_switch", "owner": "nosuch", "reason": "x"}
    shown = text(page("kiran").post("/flags/new/", sent), 422)
    assert "Nobody signs in as nosuch." in shown
    shown = text(page("kiran").post("/flags/new/", {**sent, "owner": "kiran"}), 422)
    assert "say what tenants lose when it is switched off" in shown
    assert not Flag.objects.exists()
