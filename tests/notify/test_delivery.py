"""Inbox, routes, retries, escalation, and what the administrators learn."""

from datetime import timedelta

import pytest

from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed
from portal.notify import actions, routing, schedule
from portal.notify.models import Channel, Delivery, Notice, Route
from tests.approvals.people import SYSTEM, act, person

pytestmark = pytest.mark.django_db


def hook(receiver, name="hook", *, events=("*",), **more):
    given = {"kind": "webhook", "target": {"url": f"{receiver.url}/{name}"}, "reason": "t", "events": events}
    return actions.create_channel(actor=SYSTEM, name=name, **given | more)[0]


@pytest.fixture
def clock(time_machine):
    """A clock that can be moved on."""
    time_machine.move_to(now())
    return time_machine


def tell(**more):
    return actions.notify(
        **{"event": "approval.waiting", "title": "Signature needed", "url": "https://p.test/a/", **more}
    )


# -- inbox -----------------------------------------------------------------------------------------------------------
def test_a_notice_reaches_people_and_role_holders_once(db):
    one, cfo, far = person("one"), person("farid", "cfo"), person("far", "cfo@retail")
    for _ in range(2):
        tell(users=[one, cfo], role="cfo", where={"business_unit": "finance"}, key="k1")
    assert set(Notice.objects.values_list("user", flat=True)) == {one.pk, cfo.pk}
    tell(role="cfo", where={"business_unit": "retail"}, key="k2")
    assert Notice.objects.filter(user=far).count() == 1


def test_an_inbox_is_ones_own(db):
    one, two = person("one"), person("two")
    (notice,) = tell(users=[one])
    with pytest.raises(Absent):
        actions.mark_read(notice.pk, actor=act(two))
    first = actions.mark_read(notice.pk, actor=act(one)).read_at
    assert actions.mark_read(notice.pk, actor=act(one)).read_at == first
    tell(users=[one])
    assert actions.mark_all_read(actor=act(one)) == 1


def test_nobody_holds_the_role_so_the_administrators_learn(db):
    admin = person("adi", "platform_admin")
    tell(role="cfo", severity="critical")
    assert Notice.objects.get().user == admin


# -- routes ----------------------------------------------------------------------------------------------------------
def test_routes_choose_by_event_severity_and_tenant(receiver):
    from portal.lib.ids import new_id

    tenant = new_id()
    everything = hook(receiver, "everything")
    family = hook(receiver, "family", events=["approval.*"])
    grave = hook(receiver, "grave", min_severity="critical")
    own = hook(receiver, "own", tenant_id=tenant)
    assert set(routing.channels_for("job.failed", "info", None)) == {everything}
    assert set(routing.channels_for("approval.waiting", "critical", None)) == {everything, family, grave}
    assert set(routing.channels_for("job.failed", "info", tenant)) == {everything, own}
    actions.stop_channel(everything.pk, actor=SYSTEM, reason="t")
    assert set(routing.channels_for("job.failed", "info", None)) == set()


@pytest.mark.parametrize(
    "event", ["approval.blocked", "rollback.finished", "certificate.revoked", "ledger.tampered", "incident.opened"]
)
def test_what_must_not_be_missed_goes_two_ways(shipped_routes, event):
    Route.objects.update(is_active=False)
    user = person("one", "platform_admin")
    tell(event=event, users=[user])
    assert Notice.objects.filter(event=event, user=user).count() == 1
    assert Delivery.objects.get(event=event).channel.kind == "mail"


# -- delivery --------------------------------------------------------------------------------------------------------
def test_one_message_per_channel_and_one_mail_per_person(receiver, shipped_routes, mails):
    hook(receiver)
    people = [person("one"), person("two")]
    for _ in range(2):
        tell(users=people, key="k", asked_by=people[1], details=[("Amount", "₹12,00,000.00 a year")])
    schedule.deliver()
    assert Delivery.objects.filter(state="delivered").count() == 3
    assert len(receiver.received) == 1
    assert len(mails()) == 2
    assert "Asked for by: Two" in mails()[0]
    schedule.deliver()
    assert len(receiver.received) == 1


def test_a_failing_receiver_is_tried_again_with_the_same_id(receiver, clock):
    hook(receiver)
    receiver.answers = [(500, {}), (500, {})]
    tell(users=[person("one")])
    for pause in (0, 10, 60):
        clock.shift(timedelta(seconds=pause))
        schedule.deliver()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("delivered", 3, 204)
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 1
    assert len({got.headers["webhook-timestamp"] for got in receiver.received}) == 3


def test_no_attempt_before_its_time(receiver, clock):
    hook(receiver)
    receiver.answers = [(503, {"Retry-After": "600"})]
    tell(users=[person("one")])
    schedule.deliver()
    for _ in range(3):
        clock.shift(timedelta(seconds=190))
        schedule.deliver()
    assert len(receiver.received) == 1
    clock.shift(timedelta(seconds=60))
    schedule.deliver()
    assert Delivery.objects.get().state == "delivered"


def test_given_up_at_last_and_told(receiver, clock):
    admin = person("adi", "platform_admin")
    hook(receiver)
    receiver.answers = [(500, {})] * 8
    tell(users=[person("one")])
    for _ in range(9):
        schedule.deliver()
        clock.shift(timedelta(hours=12))
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, len(receiver.received)) == ("failed", 8, 8)
    notice = Notice.objects.get(user=admin)
    assert (notice.event, "hook" in notice.title) == ("delivery.failed", True)


def test_gone_stops_the_channel(receiver):
    channel = hook(receiver)
    receiver.answers = [(410, {})]
    tell(users=[person("one")])
    schedule.deliver()
    channel.refresh_from_db()
    assert (channel.is_active, Delivery.objects.get().state) == (False, "failed")


def test_a_grave_message_escalates_to_the_second_channel(receiver, clock):
    second = hook(receiver, "second", events=())
    hook(receiver, "first", escalate_to=second)
    receiver.answers = [(500, {}), (500, {})]
    tell(users=[person("one")], severity="critical", event="approval.blocked")
    schedule.deliver()
    clock.shift(timedelta(seconds=10))
    schedule.deliver()
    assert [got.path for got in receiver.received] == ["/first", "/first", "/second"]
    assert Delivery.objects.get(channel=second).state == "delivered"
    clock.shift(timedelta(seconds=60))
    schedule.deliver()
    assert Delivery.objects.filter(state="delivered").count() == 2, "the first is still tried, and escalates once"


def test_without_a_named_second_channel_mail_takes_over(receiver, shipped_routes, mails):
    admin = person("adi", "platform_admin")
    hook(receiver, "only", events=["ledger.tampered"])
    Route.objects.filter(channel__kind="mail").update(is_active=False)
    receiver.answers = [(410, {})]
    tell(users=[person("one")], severity="critical", event="ledger.tampered")
    schedule.deliver()
    assert Delivery.objects.get(channel__kind="mail").user == admin
    assert len(mails()) == 1


def test_a_dead_receiver_does_not_hold_up_the_others(receiver):
    """Many messages to one channel leave room for the others in each batch."""
    from portal.notify.delivery import BATCH, PER_CHANNEL, deliver_batch

    hook(receiver, "busy", events=["busy.*"])
    hook(receiver, "calm", events=["calm.*"])
    for n in range(BATCH + 2):
        tell(users=[person(f"p{n}")], event="busy.news")
    tell(users=[person("late")], event="calm.news")
    assert deliver_batch() == PER_CHANNEL + 1
    assert [got.path for got in receiver.received].count("/calm") == 1


def test_a_lease_keeps_two_dispatchers_apart(receiver):
    from portal.notify.delivery import LEASE, _claim

    hook(receiver)
    tell(users=[person("one")])
    (claimed,) = _claim()
    schedule.deliver()
    assert not receiver.received, "claimed by the first, which then died"
    Delivery.objects.filter(pk=claimed.pk).update(next_attempt_at=now())
    assert timedelta(seconds=30) < LEASE
    schedule.deliver()
    assert len(receiver.received) == 1


def test_a_receiver_that_never_ends_is_left_behind():
    from threading import Event

    from portal.notify.adapters import Outcome
    from portal.notify.delivery import in_parallel

    held = Event()
    outcomes = in_parallel([lambda: Outcome(held.wait(30)), lambda: Outcome(True), lambda: 1 / 0], deadline=0.3)
    held.set()
    assert [(o.is_delivered, o.error) for o in outcomes] == [
        (False, "No answer in time"),
        (True, ""),
        (False, "ZeroDivisionError"),
    ]


# -- channels --------------------------------------------------------------------------------------------------------
def test_addresses_and_secrets_are_sealed(receiver):
    from django.db import connection

    channel, secret = actions.create_channel(
        actor=SYSTEM, name="h", kind="webhook", target={"url": f"{receiver.url}/services/T0/secret-path"}, reason="t"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT notify_channel::text FROM notify_channel")
        (row,) = cursor.fetchone()
    sealed = bytes.fromhex(channel.sealed_target.hex())
    for secretive in (secret, "secret-path"):
        assert secretive not in row
        assert secretive.encode() not in sealed
    _, other = actions.new_channel_secret(channel.pk, actor=SYSTEM, reason="Rotated.")
    assert other != secret
    actions.send_test(channel.pk, actor=SYSTEM)
    schedule.deliver()
    assert receiver.received[0].json["type"] == "channel.test"


def test_only_administrators_keep_channels(receiver):
    channel = hook(receiver)
    for user in (person("cfo", "cfo"), person("eng", "platform_engineer")):
        for call in (
            lambda user=user: actions.stop_channel(channel.pk, actor=act(user), reason="x"),
            lambda user=user: actions.send_test(channel.pk, actor=act(user)),
            lambda user=user: actions.add_route(channel=channel, actor=act(user), event="*", reason="x"),
        ):
            with pytest.raises(NotAllowed):
                call()


@pytest.mark.parametrize(
    "event", ["", "approval", "approval.blocked.x", "Approval.*", "*.*", "approval.**", "approval.blocked\n"]
)
def test_a_route_names_events(receiver, event):
    with pytest.raises(Invalid):
        actions.add_route(channel=hook(receiver), actor=SYSTEM, event=event, reason="x")


def test_a_route_is_added_once(receiver):
    channel = hook(receiver)
    with pytest.raises(Conflict):
        actions.add_route(channel=channel, actor=SYSTEM, event="*", reason="x")
    actions.remove_route(channel.routes.get().pk, actor=SYSTEM, reason="x")
    actions.add_route(channel=channel, actor=SYSTEM, event="*", reason="x")
    assert Channel.objects.get(pk=channel.pk).routes.count() == 1


def test_no_personal_data_in_a_log_line(receiver, shipped_routes, mails, capsys, caplog):
    hook(receiver)
    receiver.answers = [(500, {})]
    tell(users=[person("zubaida")], body="Zubaida wrote this.", asked_by=person("yusuf"))
    schedule.deliver()
    said = capsys.readouterr()
    text = said.out + said.err + caplog.text
    assert "delivery.tried" in text
    for name in ("zubaida", "yusuf", "example.test"):
        assert name not in text.lower()
