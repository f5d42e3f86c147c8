"""Pages show only what policy reaches, refuse with words and a status, and stay within eight queries."""

import csv
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from lifecycle.models import TenantRequest, Ticket
from portal.notify.models import Channel, Delivery

from .world import World, read_with_a_reason, tenant

pytestmark = pytest.mark.django_db
CEILING = 8
PEOPLE = ("meera", "nadia", "vikram", "leela", "thomas", "sanjay", "anita", "farah", "oliver", "kiran", "priya")


def lists() -> list[str]:
    """Every list page that is registered: a new one is tested without being named here."""
    return [page.list_url() for page in admin.site.governed()]


def objects(world: World) -> list[str]:
    return [
        f"/tenants/{world.tenant.pk}/",
        f"/requests/{world.request.pk}/",
        f"/approvals/{world.case.pk}/",
        f"/jobs/{world.running.pk}/",
        f"/jobs/{world.failed.pk}/",
        f"/validations/{world.run.pk}/",
        f"/incidents/{world.incident.pk}/",
        "/tiers/gold/",
        "/business-units/FIN/",
        "/prices/2026-01 v1/",
    ]


def queries_of(client: Any, path: str) -> int:
    """How many queries a page takes; the least of several, because names and counts are kept for some seconds."""
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    assert answer.status_code in (200, 403, 404), (path, answer.status_code)
    return len(queries)


def test_every_page_answers_every_role_within_eight_queries(page: Any, world: World) -> None:
    too_many = {}
    for username in PEOPLE:
        client = page(username)
        for path in ["/", *lists(), *objects(world)]:
            counted = [queries_of(client, path) for _ in range(3)]
            if min(counted) > CEILING:
                too_many[username, path] = counted
    assert not too_many


def test_a_list_does_not_ask_more_for_more_rows(page: Any, world: World) -> None:
    client = page("priya")

    def asked() -> int:
        client.get("/tenants/")
        with CaptureQueriesContext(connection) as queries:
            client.get("/tenants/")
        return len(queries)

    few = asked()
    for number in range(12):
        tenant(f"more-{number}x", "FIN", "meera")
    assert asked() == few


def test_a_business_unit_sees_its_own_only(page: Any, world: World) -> None:
    client = page("meera")
    body = client.get("/tenants/").content.decode()
    assert "finance-notes" in body and "hr-notes" not in body
    assert client.get(f"/tenants/{world.foreign.pk}/").status_code == 404
    assert client.get("/tenants/not-an-id/").status_code == 404
    assert "hr-notes" not in client.get("/search/?q=notes").content.decode()
    assert client.get(f"/jobs/{world.failed.pk}/").status_code == 404


def test_the_rail_shows_what_policy_lets_one_see(page: Any, world: World) -> None:
    auditor, viewer = page("oliver").get("/").content.decode(), page("nadia").get("/").content.decode()
    assert 'href="/ledger/"' in auditor and 'href="/ledger/"' not in viewer
    assert page("nadia").get("/ledger/").status_code == 403


def test_a_verb_asks_the_policy_again(page: Any, world: World) -> None:
    path = f"/tenants/{world.tenant.pk}/do/suspend/"
    assert page("meera").post(path, {"reason": "because"}).status_code == 403
    world.tenant.refresh_from_db()
    assert world.tenant.status == "active"


def test_a_refused_verb_says_why_and_keeps_what_was_typed(page: Any, world: World) -> None:
    client = page("kiran")
    read_with_a_reason("kiran")
    answer = client.post(f"/tenants/{world.tenant.pk}/do/suspend/", {"reason": "", "verb": "suspend"})
    assert answer.status_code == 422 and "reason" in answer.content.decode()
    long = client.post(f"/jobs/{world.failed.pk}/do/cancel/", {"reason": "keep these words", "verb": "cancel"})
    assert long.status_code == 403


def test_a_verb_is_done_and_said(page: Any, world: World) -> None:
    client = page("kiran")
    read_with_a_reason("kiran")
    answer = client.post(f"/tenants/{world.tenant.pk}/do/suspend/", {"reason": "payment overdue"}, follow=True)
    assert "The platform refuses the tenant from now on" in answer.content.decode()
    assert "payment overdue" in answer.content.decode()
    assert client.get(f"/tenants/{world.tenant.pk}/do/reactivate/").status_code == 302, "a GET does nothing"
    world.tenant.refresh_from_db()
    assert world.tenant.status == "suspended"


def test_history_reads_as_old_and_new(page: Any, world: World) -> None:
    client = page("priya")
    read_with_a_reason("priya")
    client.post(
        f"/tenants/{world.tenant.pk}/do/edit/", {"reason": "r", "display_name": "New title", "cost_centre": "CC-1"}
    )
    body = client.get(f"/tenants/{world.tenant.pk}/history/").content.decode()
    assert "<del>Finance-notes</del>" in body and "<ins>New title</ins>" in body


def test_csv_cannot_carry_a_formula(page: Any, world: World) -> None:
    world.tenant.cost_centre = world.tenant.display_name = "=HYPERLINK(1)"
    world.tenant.save()
    answer = page("priya").get("/business-units/export.csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    tenants = b"".join(page("priya").get("/tenants/export.csv").streaming_content).decode()
    assert "finance-notes" in tenants and "96150.00" in tenants
    assert not [cell for row in csv.reader(tenants.splitlines()) for cell in row if cell.startswith("=")]


def test_bad_list_parameters_are_never_a_5xx(page: Any, world: World) -> None:
    client = page("priya")
    for query in ("nonsense=1", "p=999", "p=x", "o=zz", "status__exact=%00", "q=%00", "tier__code__exact=x'", "id=zz"):
        assert client.get(f"/tenants/?{query}").status_code in (200, 422), query


def test_a_new_tier_needs_a_form_and_no_code(page: Any, world: World) -> None:
    client = page("priya")
    given = {
        "code": "enterprise", "name": "Enterprise", "rank": 5, "sla_percent": "99.99", "support": "24/7",
        "p95_target_ms": 200, "max_users": 2000, "max_documents": 5000000, "max_queries_per_day": 100000,
        "max_storage_gb": 5000, "requests_per_minute": 6000, "tier_base": "1000000", "user": "0",
        "documents_1000": "0", "reason": "asked for by Risk",
    }  # fmt: skip
    answer = client.post("/tiers/new/", given)
    assert answer.status_code == 302 and answer.headers["Location"] == "/tiers/enterprise/"
    assert "₹10,00,000.00" in client.get("/tiers/enterprise/").content.decode()
    assert client.post("/tiers/new/", given).status_code == 422
    assert page("meera").post("/tiers/new/", given).status_code == 403


def test_nothing_is_deleted_and_nothing_is_edited_past_the_actions() -> None:
    for page in admin.site.governed():
        assert page.actions is None
        assert page.family or page.mount == "notifications", page
        names = {route.name or "" for route in page.get_urls()}
        assert not any(name.endswith("_delete") for name in names)


def test_error_pages_are_pages_of_the_product(page: Any, world: World) -> None:
    missing = page("meera").get("/no/such/page/")
    assert missing.status_code == 404 and "Bailiwick" in missing.content.decode()
    forged = Client(enforce_csrf_checks=True).post("/login/", {"username": "meera", "password": "x"})
    assert forged.status_code == 403 and "open too long" in forged.content.decode()
    for answer in (missing, forged):
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_manual_setup_leads_to_the_issue_a_tracker_made_of_it(page: Any, world: World) -> None:
    TenantRequest.objects.filter(pk=world.request.pk).update(manual_reasons=["A crore"])
    Ticket.objects.create(request=world.request, reference="MAN-1", items=[])
    jira = Channel.objects.create(name="Jira", kind="jira", created_by="system:test")
    shared = {"channel": jira, "event": "ticket.opened", "severity": "warning", "title": "x"}
    Delivery.objects.create(key=f"{jira.pk}:ticket.opened:MAN-1", link="https://acme.test/browse/OPS-1", **shared)
    Delivery.objects.create(key=f"{jira.pk}:ticket.opened:MAN-2", link="https://acme.test/browse/OPS-2", **shared)
    read_with_a_reason("kiran")
    shown = page("kiran").get(f"/requests/{world.request.pk}/").content.decode()
    assert '<a href="https://acme.test/browse/OPS-1" rel="noreferrer">OPS-1</a>' in shown and "OPS-2" not in shown
