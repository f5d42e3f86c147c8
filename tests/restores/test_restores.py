"""No restore happens before it replays the erasure ledger: whoever asks is told so, and that is on record."""

from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from compliance.erasing.entering import chained
from compliance.erasing.models import ErasureLedger, ErasureRequest
from compliance.erasing.queries import erasure_ledger_digest
from compliance.holds.models import RefusedAttempt
from lifecycle.restores import actions
from portal.access.actor import Actor
from portal.audit.models import Entry
from portal.jobs.models import Job
from portal.jobs.outbox import OutboxEvent
from portal.lib.errors import Absent, Blocked, Invalid, NotAllowed
from tenants.models import Tenant
from tests.admin.world import person, tenant
from tests.holds.made import hold

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/restores/"


@pytest.fixture
def noted(shipped: None) -> Tenant:
    return tenant("closing-notes", "FIN", "meera")


def body(of: Tenant, **more: Any) -> dict[str, Any]:
    return {"tenant_id": str(of.pk), "reason": "A table was emptied by mistake.", **more}


def refusals() -> list[Entry]:
    return list(Entry.objects.filter(verb="tenant.restore_refused").order_by("id"))


def state(of: Tenant) -> tuple[Any, ...]:
    return Tenant.objects.filter(pk=of.pk).values().get(), Job.objects.count(), OutboxEvent.objects.count()


@pytest.mark.parametrize("key", ["", "once"])
def test_a_restore_is_refused_says_what_would_allow_it_and_leaves_an_entry(noted: Tenant, api: Any, key: str) -> None:
    before = state(noted)
    headers = {"Idempotency-Key": key} if key else {}
    answer = api("meera").post(ADDRESS, body(noted), format="json", headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (423, "application/problem+json")
    said = answer.json()
    assert said["type"] == "urn:bailiwick:problem:restore-blocked" and said["by"] == "erasure-ledger"
    assert "becomes possible once it erases again" in said["detail"] and said["entries"] == 0
    [entry] = refusals()
    assert (entry.object_id, entry.actor) == (str(noted.pk), str(person("meera").pk))
    assert erasure_ledger_digest() in entry.body and state(noted) == before


def test_what_the_erasure_ledger_has_of_the_tenant_is_counted(noted: Tenant, api: Any) -> None:
    for of in (noted, tenant("other-notes", "FIN", "meera")):
        asked = ErasureRequest.objects.create(
            number=of.pk.int % 9000, tenant=of, kind="tenant", legal_basis="contract", justification="ends",
            subject="a" * 64, identifiers=[], identity="party", authority="owner", requested_by=person("meera"),
            due_on="2026-12-01", digest="d" * 64,
        )  # fmt: skip
        row = ErasureLedger(request=asked, word="begun", tenant=of, kind="tenant", subject="b" * 64)
        row.digest = chained(row, erasure_ledger_digest())
        row.save(force_insert=True)
    assert api("meera").post(ADDRESS, body(noted), format="json").json()["entries"] == 1


def test_under_a_hold_it_is_refused_by_the_hold(noted: Tenant, api: Any) -> None:
    hold(noted)
    said = api("meera").post(ADDRESS, body(noted), format="json", headers={"Idempotency-Key": "k"})
    assert (said.status_code, said.json()["by"]) == (423, "hold") and not refusals()
    [kept] = RefusedAttempt.objects.filter(tenant=noted)
    assert (kept.verb, kept.actor) == ("tenant.restore", str(person("meera").pk))


def test_who_may_ask_and_what_is_asked(noted: Tenant, api: Any) -> None:
    meera = Actor.of_user(person("meera"))
    with pytest.raises(Absent):
        actions.ask(uuid4(), actor=meera, reason="because")
    with pytest.raises(Invalid, match="reason"):
        actions.ask(noted.pk, actor=meera, reason=" ")
    with pytest.raises((NotAllowed, Absent)):
        actions.ask(noted.pk, actor=Actor.of_user(person("oliver")), reason="because")
    assert api("meera").post(ADDRESS, {"tenant_id": str(noted.pk)}, format="json").status_code in (400, 422)
    assert not refusals()


def test_without_a_guard_it_is_blocked_as_well(noted: Tenant, settings: Any) -> None:
    settings.GUARDS = {**settings.GUARDS, "tenant.restore": []}
    with pytest.raises(Blocked, match="No rule"):
        actions.ask(noted.pk, actor=Actor.of_user(person("meera")), reason="because")


def test_the_command_is_refused_the_same(noted: Tenant) -> None:
    before = state(noted)
    with pytest.raises(CommandError, match="Restores are not built yet"):
        call_command("restore", str(noted.pk), reason="A table was emptied by mistake.")
    assert [one.actor for one in refusals()] == ["system:command"] and state(noted) == before
