"""From an approval's life to what people find in their inbox and mail."""

from datetime import timedelta

import pytest
from django.conf import settings as configured
from django.utils.module_loading import import_string

from portal.approvals import actions as approvals
from portal.approvals import defaults as approval_defaults
from portal.approvals import schedule as approval_clock
from portal.approvals.models import Case
from portal.jobs import outbox
from portal.jobs.models import OutboxEvent
from portal.lib.ids import new_id
from portal.notify import schedule, subscribers
from portal.notify.models import Notice
from tests.approvals.people import SYSTEM, act, effected, opened, person, signed, subject
from tests.sealing import seal_here

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ground(shipped_routes):
    approval_defaults.install(SYSTEM)


def dispatch():
    """Hand every event so far to the subscribers of this app, twice each: they must not mind."""
    for event in OutboxEvent.objects.order_by("pk"):
        for path in configured.OUTBOX_SUBSCRIBERS.get(event.event, []):
            if path.startswith("portal.notify."):
                for _ in range(2):
                    import_string(path)(event.payload)
    OutboxEvent.objects.all().delete()


def told(user):
    return sorted(Notice.objects.filter(user=user).values_list("event", flat=True))


def test_every_subscriber_named_in_settings_exists():
    named = [path for paths in configured.OUTBOX_SUBSCRIBERS.values() for path in paths]
    for path in named:
        if path.startswith(("portal.notify.", "portal.approvals.")):
            assert callable(import_string(path)), path


def test_from_opening_to_approval(mails):
    asker, cfo = person("asha", "tenant_admin@finance"), person("farid", "cfo")
    delegate, other = person("devi", "cfo@retail"), person("other", "cfo@retail")
    approvals.delegate(
        actor=act(cfo),
        delegate=delegate,
        role="cfo",
        valid_until=approvals.time.now() + timedelta(days=2),
        reason="Leave.",
    )
    case = opened(asker)
    dispatch()
    assert (told(asker), told(cfo), told(delegate), told(other)) == (
        ["approval.opened"],
        ["approval.waiting"],
        ["approval.waiting"],
        [],
    )
    schedule.deliver()
    assert len(mails()) == 2, "the requester's own opening stays in the inbox"
    for wanted in ("Signature needed: finance-analytics", "Asked for by: Asha", "Sign by:", case.url):
        assert all(wanted in mail for mail in mails()), wanted
    signed(case, cfo)
    effected(case)
    dispatch()
    assert told(asker) == ["approval.approved", "approval.opened", "approval.signed"]


def test_one_that_needs_no_signature_is_told_once():
    asker = person("asha")
    effected(opened(asker, "5.00"))
    dispatch()
    assert told(asker) == ["approval.approved", "approval.signed"]


@pytest.mark.parametrize("end", ["reject", "void", "expire"])
def test_an_end_is_told_to_all_who_acted(end, time_machine):
    asker, cco, cfo = person("asha"), person("chitra", "cco"), person("farid", "cfo")
    case = opened(asker, facts={"data_classes": ["PII"]})
    signed(case, cco)
    if end == "reject":
        approvals.reject(case.pk, actor=act(cfo), reason="Too dear.")
    elif end == "void":
        approvals.void(case.pk, actor=SYSTEM, reason="The plan changed.")
    else:
        time_machine.move_to(case.expires_at)
        approval_clock.tick()
    dispatch()
    event = {"reject": "approval.rejected", "void": "approval.voided", "expire": "approval.expired"}[end]
    assert event in told(asker)
    assert event in told(cco)


def test_blocked_and_open_again_and_overdue(time_machine):
    asker, admin = person("asha"), person("adi", "platform_admin")
    case = opened(asker)
    dispatch()
    assert told(admin) == ["approval.blocked"]
    cfo = person("farid", "cfo")
    approval_clock.tick()
    dispatch()
    assert told(cfo) == ["approval.waiting"]
    time_machine.move_to(case.requirements.get().due_at)
    approval_clock.tick()
    dispatch()
    assert (told(cfo), told(admin)) == (
        ["approval.escalated", "approval.waiting"],
        ["approval.blocked", "approval.escalated"],
    )


def test_questions_and_answers():
    asker, cfo = person("asha"), person("farid", "cfo")
    case = opened(asker)
    question = approvals.ask(case.pk, actor=act(cfo), text="Why now?")
    dispatch()
    assert Notice.objects.get(event="approval.asked").body == "Why now?"
    approvals.answer(question.pk, actor=act(asker), text="Month-end.")
    dispatch()
    assert Notice.objects.get(event="approval.answered").user == cfo


def test_requests_jobs_tickets_rollbacks_incidents():
    asker, admin = person("asha"), person("adi", "platform_admin")
    engineer, officer = person("eng", "platform_engineer"), person("dpo", "compliance_officer")
    person("farid", "cfo")
    about = subject()
    notify = "portal.notify.subscribers."
    changed = {"request_id": str(about.pk), "tenant_id": None, "name": "finance-analytics", "users": [str(asker.pk)]}
    changed |= {"state": "active", "at": "2026-11-21T08:00:00+00:00"}
    job = {"job_id": str(new_id()), "kind": "provision.apply", "tenant_id": None, "step": "apply", "error": "boom"}
    for name, payload in {
        "request_changed": changed,
        "job_failed": job,
        "ticket_opened": {"request_id": str(about.pk), "reference": "MAN-1"},
        "rollback_finished": {
            "request_id": str(about.pk),
            "state": "rollback_incomplete",
            "left": 2,
            "monthly_inr": "900.00",
        },
        "incident_opened": {"incident_id": str(new_id()), "tenant_id": None, "title": "Isolation"},
    }.items():
        for _ in range(2):
            import_string(notify + name)(payload)
    import_string(notify + "request_changed")({**changed, "state": "submitted"})
    assert told(asker) == ["request.changed"]
    assert told(engineer) == ["job.failed", "rollback.finished", "ticket.opened"]
    assert told(officer) == told(admin) == ["incident.opened"]


def test_through_the_real_outbox(settings):
    """At the limit nobody signs: the news alone carries the case to approved and tells the requester."""
    settings.OUTBOX_SUBSCRIBERS = {
        event: [path for path in paths if path.startswith("portal.")]
        for event, paths in configured.OUTBOX_SUBSCRIBERS.items()
    }
    asker = person("asha")
    case = opened(asker, "1000000.00")
    while outbox.deliver_due():
        pass
    assert Case.objects.get(pk=case.pk).state == "signed", "held back until the ledger is sealed"
    seal_here()
    while outbox.deliver_due():
        pass
    case.refresh_from_db()
    assert case.state == "approved"
    assert "approval.approved" in told(asker)
    assert not outbox.Delivery.objects.exclude(state="delivered").exists()


def test_news_the_outbox_gave_up_reaches_the_engineers():
    engineer = person("eng", "platform_engineer")
    subscribers.outbox_gave_up({"delivery_id": 7, "name": "approval.approved", "subscriber": "x.y.z", "error": "boom"})
    assert told(engineer) == ["outbox.gave_up"]
