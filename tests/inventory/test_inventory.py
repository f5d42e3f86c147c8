"""The inventory: what is listed and by whom it is removed, how it is versioned, and what certificates read of it."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from bailiwick_proof.canonical import digest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from compliance.inventory import actions, defaults, schedule
from compliance.inventory.models import InventoryVersion, System
from compliance.inventory.queries import drift_count, snapshot
from portal.access.accounts import SEED
from portal.access.actor import Actor
from portal.audit.models import Entry
from portal.jobs import outbox
from portal.lib.clock import now
from portal.lib.errors import Conflict, Invalid, NotAllowed
from portal.notify.models import Notice
from tests.admin.world import person, read_with_a_reason

from .made import finding, system

pytestmark = pytest.mark.django_db
CRM = {"name": "partner-crm", "title": "Partner CRM", "kind": "attested", "processor": "Acme GmbH", "reason": "sold to"}


@pytest.fixture
def two(shipped: None) -> tuple[Actor, Actor]:
    read_with_a_reason("priya")
    return Actor.of_user(person("priya")), Actor.of_user(person("farah"))


def test_what_is_shipped(shipped: None) -> None:
    seen = snapshot()
    codes = ("postgres", "vectors", "objects", "exports", "cache", "logs", "metrics")
    expected = {f"{code}-{region}" for code in codes for region in ("ap-south-1", "eu-west-1")}
    assert {one.name for one in seen.systems} == expected | {"backups", "portal"}
    assert (seen.version, seen.removed) == (1, []) and all(one.simulated for one in seen.systems)
    defaults.install(SEED)
    assert snapshot() == seen


def test_the_digest_is_of_what_is_shown(two: tuple[Actor, Actor]) -> None:
    actions.add(actor=two[0], **CRM)
    seen, rows = snapshot(), []
    for one in seen.plain()["systems"]:
        rows.append({key: value for key, value in one.items() if key not in ("simulated", "attestation")})
    assert (seen.version, digest(rows)) == (2, seen.digest)
    assert InventoryVersion.objects.get(number=2).digest == seen.digest


def test_a_system_is_listed_and_removed_by_two(two: tuple[Actor, Actor]) -> None:
    added = actions.add(actor=two[0], **CRM)
    with pytest.raises(Conflict):
        actions.confirm_removal(added.pk, actor=two[1], reason="nobody asked")
    actions.ask_removal(added.pk, actor=two[0], reason="the contract ended")
    with pytest.raises(NotAllowed, match="does not confirm"):
        actions.confirm_removal(added.pk, actor=two[0], reason="I am sure")
    assert "partner-crm" in {one.name for one in snapshot().systems}
    actions.withdraw_removal(added.pk, actor=two[1], reason="not yet")
    actions.ask_removal(added.pk, actor=two[1], reason="the contract ended")
    gone = actions.confirm_removal(added.pk, actor=two[0], reason="read it")
    seen = snapshot()
    assert (gone.state, seen.version, seen.removed) == ("removed", 3, ["partner-crm"])
    assert "partner-crm" not in {one.name for one in seen.systems}
    with pytest.raises(Conflict):
        actions.ask_removal(added.pk, actor=two[1], reason="again")
    with pytest.raises(Invalid):  # the name stays taken: certificates speak of it
        actions.add(actor=two[0], **CRM)
    verbs = list(Entry.objects.filter(verb__startswith="system.").exclude(verb="system.added").order_by("id"))
    assert [one.verb for one in verbs][-4:] == [
        "system.removal_asked", "system.removal_withdrawn", "system.removal_asked", "system.removed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        {"name": "With Spaces"},
        {"name": "backups"},
        {"kind": "rumour"},
        {"kind": "connected", "verifier": "postgres"},
        {"kind": "connected", "connector": "x", "verifier": "nobody", "region": "ap-south-1"},
        {"kind": "expiring"},
        {"owner": "nobody"},
        {"processor": "dpo@acme.example"},
        {"categories": ["Two Words"]},
        {"containers": {"drawer": ["x"]}},
        {"containers": {"table": "rag.users"}},
        {"reason": " "},
    ],
)
def test_what_is_refused(two: tuple[Actor, Actor], more: dict[str, Any]) -> None:
    before = System.objects.count()
    with pytest.raises(Invalid):
        actions.add(actor=two[0], **{**CRM, **more})
    assert System.objects.count() == before


def test_who_may(shipped: None) -> None:
    for name in ("meera", "vikram", "oliver"):
        with pytest.raises(NotAllowed):
            actions.add(actor=Actor.of_user(person(name)), **CRM)
    removable = system()
    with pytest.raises(NotAllowed):
        actions.ask_removal(removable.pk, actor=SEED, reason="a process removes nothing")


def test_a_processors_word(two: tuple[Actor, Actor], time_machine: Any) -> None:
    added, until = actions.add(actor=two[0], **CRM), now().date() + timedelta(days=40)
    said = {"signed_by": "A. Smith, DPO", "expires_on": until, "reason": "received"}
    wrong: list[dict[str, Any]] = [
        {}, {"statement": "x", "digest": "0" * 64}, {"digest": "zz"}, {"statement": "x", "expires_on": now().date()},
    ]  # fmt: skip
    for more in wrong:
        with pytest.raises(Invalid):
            actions.attest(added.pk, actor=two[0], **{**said, **more})
    with pytest.raises(Conflict):
        connected = System.objects.get(name="cache-ap-south-1")
        actions.attest(connected.pk, actor=two[0], statement="x", **said)
    actions.attest(added.pk, actor=two[0], statement="All is gone.", **said)
    word = next(one.attestation for one in snapshot().systems if one.name == "partner-crm")
    assert word and (word.digest, word.expires_on) == (sha256(b"All is gone.").hexdigest(), until)
    bodies = " ".join(Entry.objects.filter(object_type__startswith="inventory.").values_list("body", flat=True))
    assert "A. Smith" not in bodies and "All is gone" not in bodies
    schedule.remind()
    assert not outbox.OutboxEvent.objects.filter(event="inventory.statement_ending").exists()
    time_machine.move_to(now() + timedelta(days=11))
    for _ in range(2):
        schedule.remind()
    deliver()
    assert Notice.objects.filter(event="inventory.statement_ending", user=person("farah")).count() == 1
    time_machine.move_to(now() + timedelta(days=30))
    assert all(one.attestation is None for one in snapshot().systems)


def deliver() -> None:
    while outbox.deliver_due():
        pass


def test_the_database_repeats_the_rules(two: tuple[Actor, Actor]) -> None:
    added = system(asked_by="priya")
    actions.attest(
        added.pk, actor=two[0], statement="x", signed_by="y", expires_on=now().date() + timedelta(1), reason="z"
    )
    found = finding()
    farah = f"'{person('farah').pk}'"
    removed = f"state = 'removed', removed_at = now(), removal_confirmed_by_id = {farah}"
    sql = {
        "DELETE FROM inventory_system": "its row stays",
        f"UPDATE inventory_system SET name = 'x' WHERE id = '{added.pk}'": "fixed when it is listed",
        f"UPDATE inventory_system SET state = 'removed', removed_at = now() WHERE id = '{added.pk}'": "takes_two",
        f"UPDATE inventory_system SET {removed}, removal_reason = 'other' WHERE id = '{added.pk}'": "asked for before",
        f"UPDATE inventory_system SET {removed} WHERE name = 'backups'": "takes_two",
        "UPDATE inventory_system SET verifier = '' WHERE kind = 'connected'": "connected_has_both",
        "UPDATE inventory_inventoryversion SET digest = ''": "numbered one by one",
        "DELETE FROM inventory_inventoryversion": "numbered one by one",
        "INSERT INTO inventory_inventoryversion (number, digest, systems, at) VALUES (9, '', 0, now())": "one by one",
        "UPDATE inventory_attestation SET signed_by = 'me'": "stays as it was taken in",
        "DELETE FROM inventory_attestation": "stays as it was taken in",
        "DELETE FROM inventory_finding": "settled once, and stays",
        f"UPDATE inventory_finding SET what = 'x' WHERE id = '{found.pk}'": "settled once, and stays",
        "UPDATE inventory_finding SET resolved_at = now()": "resolved_says_how",
    }
    for statement, words in sql.items():
        with pytest.raises(IntegrityError, match=words), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_a_finding_is_listed_under_a_system(two: tuple[Actor, Actor]) -> None:
    found, blind = finding(), finding("objects", kind="unsearched")
    assert drift_count() == 2
    with pytest.raises(Invalid):
        actions.list_finding(found.pk, actor=two[0], reason="ours", system="objects-eu-west-1")
    with pytest.raises(Conflict):
        actions.list_finding(blind.pk, actor=two[0], reason="ours", system="objects-ap-south-1")
    actions.list_finding(found.pk, actor=two[0], reason="ours", system="objects-ap-south-1")
    assert drift_count() == 1 and snapshot().version == 2
    assert System.objects.get(name="objects-ap-south-1").knows("bucket", "forgotten-exports")


def test_the_doors(two: tuple[Actor, Actor], api: Any) -> None:
    client = api("priya")
    assert client.post("/api/v1/systems/", {**CRM, "surprise": 1}).status_code == 422
    assert api("vikram").post("/api/v1/systems/", CRM).status_code == 403
    made = client.post("/api/v1/systems/", {**CRM, "containers": {"bucket": ["crm-*"]}})
    assert made.status_code == 201 and made.json()["containers"] == {"bucket": ["crm-*"]}
    at = f"/api/v1/systems/{made.json()['id']}/"
    until = (now().date() + timedelta(days=9)).isoformat()
    word = {"signed_by": "DPO", "expires_on": until, "digest": "0" * 64, "reason": "received"}
    assert client.post(f"{at}attestations/", word).json()["attestations"][0]["digest"] == "0" * 64
    assert client.post(f"{at}attestations/", {**word, "digest": "x"}).status_code == 422
    assert client.post(f"{at}removal/", {"reason": "over"}).json()["removal_asked_by"] == "priya"
    assert client.post(f"{at}removal-confirmation/", {"reason": "over"}).status_code == 403
    assert client.post(f"{at}removal-withdrawal/", {"reason": "no"}).status_code == 200
    assert client.post(f"{at}removal/", {"reason": "over"}).status_code == 200
    assert api("farah").post(f"{at}removal-confirmation/", {"reason": "x"}).json()["state"] == "removed"
    assert client.delete(at).status_code == 405
    found = finding()
    row = client.get("/api/v1/system-findings/?resolved_at__isnull=true").json()["results"][0]
    assert (row["id"], row["state"]) == (str(found.pk), "open")
    listing = {"system": "objects-ap-south-1", "reason": "ours"}
    assert client.post(f"/api/v1/system-findings/{found.pk}/listing/", listing).json()["state"] == "resolved"
    assert api("meera").get("/api/v1/systems/").status_code == 403


def test_the_pages(two: tuple[Actor, Actor]) -> None:
    browser = Client()
    browser.force_login(person("farah"), backend="django.contrib.auth.backends.ModelBackend")
    sent = {**CRM, "categories": "contacts, notes"}
    assert browser.post("/systems/new/", sent).status_code == 302
    added = System.objects.get(name="partner-crm")
    assert added.categories == ["contacts", "notes"]
    page = browser.get(f"/systems/{added.pk}/").content.decode()
    assert "Partner CRM" in page and "There is none yet" in page
    asked = browser.post(f"/systems/{added.pk}/do/ask_removal/", {"reason": "over", "verb": "ask_removal"})
    assert asked.status_code == 302 and "Ask for removal" not in browser.get(f"/systems/{added.pk}/").content.decode()
    found = finding()
    assert b"forgotten-exports" in browser.get("/system-findings/?is_open=yes").content
    said = {"reason": "ours", "verb": "list_finding", "system": "objects-ap-south-1"}
    assert browser.post(f"/system-findings/{found.pk}/do/list_finding/", said).status_code == 302
    assert b"forgotten-exports" not in browser.get("/system-findings/?is_open=yes").content
