"""Events reach every subscriber exactly once, whatever commits late, fails, or runs twice."""

import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection, transaction

from portal.audit.models import Entry
from portal.jobs import actions, outbox
from portal.jobs.models import Delivery, Job, OutboxEvent
from portal.jobs.schedule import clear_up
from portal.lib.clock import now
from portal.lib.errors import Absent, Conflict

from . import subscribers
from .support import ENGINEER
from .test_leases import at_once

HERE = "tests.jobs.subscribers"


@pytest.fixture(autouse=True)
def subscribed(settings: Any) -> Any:
    settings.OUTBOX_SUBSCRIBERS = {
        "thing.done": [f"{HERE}.one", f"{HERE}.two"],
        "thing.bad": [
            *(f"{HERE}.{name}" for name in ("breaks_the_transaction", "points_nowhere", "cuts_the_line", "absent")),
            "no.such.module",
            f"{HERE}.one",
        ],
        "thing.wanted": [f"{HERE}.starts_a_job"],
        "outbox.gave_up": [f"{HERE}.gave_up"],
    }
    subscribers.broken.clear()
    yield
    subscribers.broken.clear()


def heard(name: str) -> list[Any]:
    return sorted(entry.data["n"] for entry in Entry.objects.filter(verb=f"heard.{name}"))


@pytest.mark.django_db(transaction=True)
def test_emit_needs_the_transaction_of_the_change() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        outbox.emit("thing.done", {"n": 1})
    with pytest.raises(ValueError), transaction.atomic():
        outbox.emit("thing.done", {"n": 1})
        raise ValueError
    assert not OutboxEvent.objects.exists()


@pytest.mark.django_db
def test_each_subscriber_hears_once() -> None:
    for number in range(3):
        outbox.emit("thing.done", {"n": number})
    outbox.emit("thing.nobody_minds", {"id": uuid4(), "at": now()})
    assert outbox.deliver_due() == 6
    assert outbox.deliver_due() == 0
    assert heard("one") == heard("two") == [0, 1, 2]


@pytest.mark.django_db
def test_a_subscriber_may_mind_one_word_of_an_event_alone(settings: Any) -> None:
    settings.OUTBOX_SUBSCRIBERS = {"thing.done": [f"{HERE}.one"], "thing.done:ended": [f"{HERE}.two"]}
    for number, word in enumerate(("begun", "ended")):
        outbox.emit("thing.done", {"n": number, "word": word})
    outbox.deliver_due()
    assert (heard("one"), heard("two")) == ([0, 1], [1])


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_commits_late_is_not_overlooked() -> None:
    written, go_on = threading.Event(), threading.Event()

    def late() -> None:
        with transaction.atomic():
            outbox.emit("thing.done", {"n": 1})
            written.set()
            go_on.wait(10)
        connection.close()

    thread = threading.Thread(target=late)
    thread.start()
    written.wait(10)
    with transaction.atomic():
        outbox.emit("thing.done", {"n": 2})  # a higher number, committed earlier
    outbox.deliver_due()
    assert heard("one") == [2]
    go_on.set()
    thread.join()
    outbox.deliver_due()
    assert heard("one") == heard("two") == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_many_dispatchers_deliver_each_event_once_while_it_is_raining() -> None:
    count = 40

    def act(number: int) -> None:
        if number == 0:
            for n in range(count):
                with transaction.atomic():
                    outbox.emit("thing.done", {"n": n})
        while Entry.objects.filter(verb__startswith="heard.").count() < 2 * count:
            outbox.deliver_due()

    at_once(4, act)
    assert heard("one") == heard("two") == list(range(count))
    assert set(Delivery.objects.values_list("state", "attempts")) == {("delivered", 1)}


@pytest.mark.django_db
def test_a_failing_subscriber_keeps_nobody_waiting_and_leaves_nothing_half_done() -> None:
    subscribers.broken.add("two")
    for number in range(3):
        outbox.emit("thing.done", {"n": number})
    outbox.deliver_due()
    assert (heard("one"), heard("two")) == ([0, 1, 2], [])
    failed = Delivery.objects.filter(state="pending")
    assert {delivery.error for delivery in failed} == {"RuntimeError: no route to host, token=***"}
    assert all(delivery.next_at > now() for delivery in failed)
    subscribers.broken.clear()
    with time_machine.travel(now().replace(year=now().year + 1)):
        outbox.deliver_due()
    assert heard("two") == [0, 1, 2]


@pytest.mark.django_db
def test_it_gives_up_in_the_end_says_so_and_can_be_asked_again() -> None:
    subscribers.broken.add("two")
    outbox.emit("thing.done", {"n": 1})
    with time_machine.travel(now(), tick=False) as clock:
        pauses = []
        for _ in range(outbox.ATTEMPTS):
            outbox.deliver_due()
            waiting = Delivery.objects.filter(state="pending").order_by("next_at").first()
            if waiting:
                pauses.append((waiting.next_at - now()).total_seconds())
                clock.move_to(waiting.next_at)
        outbox.deliver_due()
        assert pauses[:8] == [1, 2, 4, 8, 16, 32, 64, 128]
        dead = Delivery.objects.get(state="dead")
        assert dead.attempts == outbox.ATTEMPTS
        assert Entry.objects.filter(verb="heard.gave_up").count() == 1
        subscribers.broken.clear()
        actions.redeliver(dead.pk, actor=ENGINEER, reason="route repaired")
        outbox.deliver_due()
        assert heard("two") == [1]
        with pytest.raises(Conflict):
            actions.redeliver(dead.pk, actor=ENGINEER, reason="again")
        with pytest.raises(Absent):
            actions.redeliver(0, actor=ENGINEER, reason="which")


@pytest.mark.django_db(transaction=True)
def test_subscribers_that_break_the_database_or_do_not_exist_are_isolated() -> None:
    with transaction.atomic():
        outbox.emit("thing.bad", {"n": 7})
    assert outbox.deliver_due() == 6
    assert heard("one") == [7]
    errors = Delivery.objects.filter(state="pending", attempts=1, next_at__gt=now()).values_list("subscriber", "error")
    found = {subscriber.rpartition(".")[2]: error.split(":")[0] for subscriber, error in errors}
    assert found == {
        "breaks_the_transaction": "IntegrityError",
        "points_nowhere": "IntegrityError",
        "cuts_the_line": found["cuts_the_line"],
        "absent": "ImportError",
        "module": "ModuleNotFoundError",
    }


@pytest.mark.django_db
def test_a_subscriber_may_start_a_job(world: Path) -> None:
    outbox.emit("thing.wanted", {"dir": str(world)})
    outbox.deliver_due()
    assert Job.objects.get().requested_by == "system:ear"


@pytest.mark.django_db
def test_old_delivered_events_are_cleared_and_undelivered_ones_kept() -> None:
    subscribers.broken.add("two")
    outbox.emit("thing.done", {"n": 1})
    outbox.emit("thing.nobody_minds", {})
    outbox.deliver_due()
    clear_up()
    assert OutboxEvent.objects.count() == 2
    OutboxEvent.objects.update(at=now().replace(year=now().year - 1))
    clear_up()
    assert [event.event for event in OutboxEvent.objects.all()] == ["thing.done"]
