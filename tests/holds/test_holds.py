"""Holds in the portal: who places and releases them, what others see, what they stop, and what that leaves behind."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from compliance.holds import actions, schedule
from compliance.holds.models import Hold, RefusedAttempt
from compliance.holds.queries import stands
from compliance.holds.stores import Told, report
from portal.access.accounts import SEED
from portal.access.actor import Actor
from portal.access.models import Grant
from portal.audit.models import Entry
from portal.guards import check_guards
from portal.jobs import outbox
from portal.jobs.models import Job
from portal.lib.clock import now
from portal.lib.errors import Absent, Blocked, Conflict, Invalid, NotAllowed
from portal.notify.models import Notice
from tenants import actions as registry
from tenants.models import Tenant
from tests.admin.world import person, read_with_a_reason, tenant
from tests.holds.conftest import Two
from tests.migration.control.made import migration
from tests.sealing import seal_here

pytestmark = pytest.mark.django_db
MATTER = "Rao against Meridian"


@pytest.fixture
def noted(shipped: None) -> Tenant:
    return tenant("closing-notes", "FIN", "meera", status="archived")


def place(noted: Tenant, by: Actor, **more: Any) -> Hold:
    usual = {"kind": "litigation", "matter": MATTER, "case_ref": "CS 41/2026", "reason": "A suit was filed."}
    return actions.place(noted.pk, actor=by, **{**usual, **more})


def told(hold: Hold, state: str) -> bool:
    version = stands(hold.tenant_id).version
    counts = {"destroyed": {"Empty": 3}, "present": {"rows": 9}}
    return report(hold.tenant_id, [Told("ap-south-1", state, version, **counts)], actor=SEED)


def confirm(hold: Hold, counsel: Two) -> None:
    actions.ask_release(hold.pk, actor=counsel[0], reason="settled")
    actions.confirm_release(hold.pk, actor=counsel[1], reason="read it")


def deliver() -> None:
    while outbox.deliver_due():
        pass


def test_a_hold_is_placed_answered_and_released_by_two(noted: Tenant, counsel: Two) -> None:
    hold = place(noted, counsel[0])
    assert (str(hold), hold.state, stands(noted.pk).is_held) == ("LH-0001", "placing", True)
    assert not told(hold, "pending") and Hold.objects.get().state == "placing"
    assert told(hold, "held") and Hold.objects.get().state == "active"
    [store] = hold.stores.all()
    assert (store.state, store.destroyed, store.present) == ("held", {"Empty": 3}, {"rows": 9})
    with pytest.raises(Conflict):
        actions.confirm_release(hold.pk, actor=counsel[1], reason="nobody asked")
    actions.ask_release(hold.pk, actor=counsel[0], reason="settled")
    with pytest.raises(NotAllowed, match="does not confirm"):
        actions.confirm_release(hold.pk, actor=counsel[0], reason="I am sure")
    assert actions.confirm_release(hold.pk, actor=counsel[1], reason="read it").state == "releasing"
    with pytest.raises(Blocked, match="not sealed"):
        actions.effect_of(hold.pk)
    assert stands(noted.pk).is_held
    seal_here()
    assert actions.effect_of(hold.pk).state == "released" == actions.effect_of(hold.pk).state
    assert stands(noted.pk) == type(stands(noted.pk))(False, 2)
    assert told(hold, "clear") and Hold.objects.get().closed_at


def test_what_was_confirmed_and_no_longer_holds_keeps_the_hold(noted: Tenant, counsel: Two) -> None:
    hold = place(noted, counsel[0])
    confirm(hold, counsel)
    seal_here()
    Grant.objects.filter(user=counsel[0].user).update(revoked_at=now())
    assert actions.effect_of(hold.pk).state == "active" and stands(noted.pk).is_held


def test_overlapping_holds_end_with_the_last(noted: Tenant, counsel: Two) -> None:
    one, two = place(noted, counsel[0]), place(noted, counsel[1])
    assert told(two, "held") and stands(noted.pk).version == 2
    confirm(one, counsel)
    confirm(two, counsel)
    seal_here()
    actions.effect_of(one.pk)
    assert stands(noted.pk).is_held and told(two, "held")
    assert not outbox.OutboxEvent.objects.filter(event="hold.released").exists()
    actions.effect_of(two.pk)
    assert not stands(noted.pk).is_held and told(two, "clear")
    assert outbox.OutboxEvent.objects.filter(event="hold.released").count() == 1


def test_who_may_and_what_is_asked(noted: Tenant, counsel: Two) -> None:
    for name in ("priya", "meera", "vikram"):
        with pytest.raises((NotAllowed, Absent)):
            place(noted, Actor.of_user(person(name)))
    with pytest.raises(NotAllowed):
        place(noted, SEED)
    wrong: list[dict[str, Any]] = [
        {"matter": " "}, {"kind": "rumour"}, {"reason": " "}, {"custodians": ["nobody"]},
        {"from_on": date(2026, 2, 1), "until_on": date(2026, 1, 1)},
    ]  # fmt: skip
    for more in wrong:
        with pytest.raises(Invalid):
            place(noted, counsel[0], **more)
    assert not Hold.objects.exists() and not stands(noted.pk).is_held
    gone = tenant("gone-notes", "FIN", "meera", status="deleted")
    with pytest.raises(Conflict):
        place(gone, counsel[0])


def test_a_subject_is_a_pseudonym_and_no_entry_names_the_matter(noted: Tenant, counsel: Two) -> None:
    hold = place(noted, counsel[0], subject="Asha.Rao@example.com", category="chat")
    assert len(hold.subject) == 64 and hold.subject == actions.pseudonym(noted.pk, " asha.rao@EXAMPLE.com")
    assert hold.subject != actions.pseudonym(tenant("other-notes", "FIN", "meera").pk, "asha.rao@example.com")
    bodies = " ".join(Entry.objects.filter(object_type="holds.hold").values_list("body", flat=True))
    assert bodies and MATTER not in bodies and "CS 41" not in bodies and "asha" not in bodies.lower()


def test_nothing_destructive_of_a_held_tenant_is_allowed(noted: Tenant, counsel: Two) -> None:
    place(noted, counsel[0])
    move = migration(noted)
    for verb, obj in (
        ("tenant.start_erasing", noted),
        ("tenant.finish_erasing", noted),
        ("migration.decommission", move),
        ("migration.release_green", move),
        ("copy.release", move),
        ("ledger.retire", object()),
    ):
        with pytest.raises(Blocked, match="retained under law") as blocked:
            check_guards(verb, obj)
        assert blocked.value.by == "hold" and blocked.value.status == 423


def test_no_page_deletes_what_is_held(noted: Tenant, counsel: Two) -> None:
    hold = place(noted, counsel[0])
    for user in (person("priya"), counsel[0].user):
        browser = Client()
        browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        for path, row in (("tenants", noted), ("holds", hold)):
            assert browser.post(f"/{path}/{row.pk}/delete/", {"post": "yes"}).status_code in (403, 404)
            marked = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
            browser.post(f"/{path}/", marked)
    assert Tenant.objects.filter(pk=noted.pk).exists() and Hold.objects.filter(pk=hold.pk).exists()


def test_a_refused_attempt_is_kept_and_its_verb_is_not(noted: Tenant, counsel: Two) -> None:
    place(noted, counsel[0])
    admin, clock = Actor.of_user(person("priya")), Actor.system("retention")
    for actor in (admin, admin, clock, clock):
        with pytest.raises(Blocked):
            registry.move(noted.pk, "start_erasing", actor=actor, reason="clean up")
    kept = RefusedAttempt.objects.order_by("id").values_list("actor", "verb", "place", "times")
    assert list(kept) == [
        (admin.id, "tenant.start_erasing", "portal", 1),
        (admin.id, "tenant.start_erasing", "portal", 1),
        (clock.id, "tenant.start_erasing", "portal", 2),
    ]
    assert Tenant.objects.get(pk=noted.pk).status == "archived"


def test_the_database_repeats_the_rules(noted: Tenant, counsel: Two) -> None:
    hold = place(noted, counsel[0])
    sql = {
        "DELETE FROM holds_hold": "never removed",
        "UPDATE holds_hold SET matter = 'other'": "fixed when it is placed",
        "UPDATE holds_hold SET state = 'released'": "does not go from placing",
        "UPDATE holds_hold SET state = 'releasing'": "hold_release_takes_two",
        f"UPDATE holds_hold SET state = 'releasing', release_asked_by_id = '{counsel[0].id}',"
        f" release_confirmed_by_id = '{counsel[0].id}'": "hold_release_takes_two",
        "UPDATE holds_holdversion SET value = 0": "only rises",
        "UPDATE tenants_tenant SET status = 'erasing'": "retained under law",
        "UPDATE tenants_tenant SET status = 'deleted'": "retained under law",
        "DELETE FROM tenants_tenant": "retained under law",
    }
    for statement, words in sql.items():
        with pytest.raises(IntegrityError, match=words), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    confirm(hold, counsel)
    with pytest.raises(IntegrityError, match="not anchored"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE holds_hold SET state = 'released', released_at = now()")


def test_custodians_are_told_acknowledge_and_are_reminded(noted: Tenant, counsel: Two, time_machine: Any) -> None:
    hold = place(noted, counsel[0], custodians=["meera", "arjun"])
    deliver()
    notices = Notice.objects.filter(event="hold.custodian")
    assert notices.count() == 2 and not notices.filter(title__contains=MATTER).exists()
    meera = Actor.of_user(person("meera"))
    actions.acknowledge(hold.pk, actor=meera)
    with pytest.raises(Conflict):
        actions.acknowledge(hold.pk, actor=meera)
    with pytest.raises(Absent):
        actions.acknowledge(hold.pk, actor=Actor.of_user(person("nadia")))
    with pytest.raises(NotAllowed):
        actions.remind(hold.pk, actor=meera, reason="again")
    actions.remind(hold.pk, actor=counsel[1], reason="again")
    deliver()
    assert notices.filter(user=person("arjun")).count() == 2 and notices.filter(user=person("meera")).count() == 1
    at = now() + timedelta(days=8)
    time_machine.move_to(at)
    schedule.tick()
    schedule.tick()
    deliver()
    assert notices.filter(user=person("arjun")).count() == 3


def test_a_review_day_reminds_and_ends_nothing(noted: Tenant, counsel: Two) -> None:
    hold = place(noted, counsel[0], review_on=now().date(), until_on=date(2020, 1, 1))
    schedule.tick()
    schedule.tick()
    deliver()
    reviews = Notice.objects.filter(event="hold.changed", title__contains="due for review", user=counsel[0].user)
    assert reviews.count() == 1 and Hold.objects.get(pk=hold.pk).is_standing


def test_the_matter_is_for_legal_and_compliance_only(noted: Tenant, counsel: Two, api: Any) -> None:
    hold = place(noted, counsel[0], custodians=["meera"])
    seen = api("first-counsel").get(f"/api/v1/holds/{hold.pk}/").json()
    read_with_a_reason("priya")
    assert (seen["matter"], seen["kind"], seen["ground"]) == (MATTER, "litigation", "retained under law")
    for name in ("priya", "vikram", "meera"):
        client = api(name)
        answers = [client.get("/api/v1/holds/"), client.get(f"/api/v1/holds/{hold.pk}/")]
        assert all(answer.status_code == 200 for answer in answers), (name, answers[1].content)
        assert not set(answers[1].json()) & {"matter", "kind", "case_ref", "reason", "subject", "custodians"}
        browser = Client()
        browser.force_login(person(name), backend="django.contrib.auth.backends.ModelBackend")
        for path in ("/holds/", f"/holds/{hold.pk}/", f"/tenants/{noted.pk}/", "/holds/export.csv"):
            answer = browser.get(path)
            text = b"".join(answer.streaming_content) if answer.streaming else answer.content
            assert MATTER.encode() not in text and b"litigation" not in text, (name, path)
            if path == f"/tenants/{noted.pk}/":
                assert b"Retained under law" in text
    assert api("nadia").get(f"/api/v1/holds/{hold.pk}/").status_code == 404


def test_the_doors(noted: Tenant, counsel: Two, api: Any) -> None:
    client = api("first-counsel")
    body = {"tenant_id": str(noted.pk), "kind": "regulatory", "matter": "Inquiry", "reason": "Asked by the regulator."}
    assert client.post("/api/v1/holds/", {**body, "surprise": 1}).status_code == 422
    assert client.post("/api/v1/holds/", {**body, "kind": "rumour"}).status_code == 422
    assert api("priya").post("/api/v1/holds/", body).status_code == 403
    made = client.post("/api/v1/holds/", body)
    assert made.status_code == 201 and made.json()["reference"] == "LH-0001"
    at = f"/api/v1/holds/{made.json()['id']}/"
    assert client.post(f"{at}release/", {"reason": "over"}).status_code == 200
    assert client.post(f"{at}release-confirmation/", {"reason": "over"}).status_code == 403
    assert api("second-counsel").post(f"{at}release-confirmation/", {"reason": "over"}).json()["state"] == "releasing"
    assert client.delete(at).status_code == 405
    assert client.get("/api/v1/refused-attempts/?ordering=-at").json()["results"] == []


def test_a_page_places_and_releases(noted: Tenant, counsel: Two) -> None:
    browser = Client()
    browser.force_login(counsel[0].user, backend="django.contrib.auth.backends.ModelBackend")
    sent = {"tenant": str(noted.pk), "kind": "contract", "matter": MATTER, "custodians": "meera, arjun", "reason": "x"}
    assert browser.post("/holds/new/", sent).status_code == 302
    hold = Hold.objects.get()
    assert hold.custodians.count() == 2
    told(hold, "held")
    page = browser.get(f"/holds/{hold.pk}/").content.decode()
    assert MATTER in page and "keeps everything" in page and "Empty: 3" in page
    asked = browser.post(f"/holds/{hold.pk}/do/ask_release/", {"reason": "over", "verb": "ask_release"})
    assert asked.status_code == 302
    refused = browser.post(f"/holds/{hold.pk}/do/confirm_release/", {"reason": "x", "verb": "confirm_release"})
    assert refused.status_code == 403 and Hold.objects.get().state == "active"
    assert browser.get("/refused-attempts/").status_code == 200


def test_a_release_wakes_what_waited(noted: Tenant, counsel: Two) -> None:
    hold = place(noted, counsel[0])
    told(hold, "held")
    about = {"tenant_id": noted.pk, "requested_by": "system:test"}
    waits = Job.objects.create(kind="provision.roll_back", title="Roll back", **about)
    confirm(hold, counsel)
    seal_here()
    actions.effect_of(hold.pk)
    told(hold, "clear")
    deliver()
    assert waits.wakes.exists()
    assert Entry.objects.filter(verb="hold.released").exists()
