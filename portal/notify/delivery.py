"""Deliver: claim what is due, send it outside any transaction, write down how it went.

A claim pushes the next attempt a lease ahead, so that a dispatcher that dies loses nothing and two never send the same
message at once. A message sent but not written down is sent again: receivers recognise it by its id.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

import structlog
from django.db import transaction

from portal.access.actor import Actor
from portal.access.models import Role
from portal.access.queries import users_with_role
from portal.audit.context import action_of
from portal.lib.clock import now

from .actions.channels import stop
from .actions.notices import delivery as new_delivery
from .actions.notices import notify
from .adapters import SEND, Message, Outcome
from .models import Channel, Delivery, Severity
from .routing import second_way
from .seal import unseal

log = structlog.get_logger(__name__)
PAUSES = (5, 30, 300, 1800, 7200, 18_000, 36_000)
ESCALATE_AFTER = {Severity.CRITICAL: 2, Severity.WARNING: 3, Severity.INFO: len(PAUSES) + 1}
BATCH, PER_CHANNEL = 16, 4
LEASE = timedelta(minutes=2)
DEADLINE = 20.0
MESSENGER = Actor.system("messenger")


def deliver_batch() -> int:
    """Try up to one batch of due messages; return how many were tried."""
    claimed = _claim()
    calls = [_call(delivery) for delivery in claimed]
    for delivery, outcome in zip(claimed, in_parallel(calls), strict=True):
        _write_down(delivery, outcome)
    return len(claimed)


@transaction.atomic
def _claim() -> list[Delivery]:
    """Take what is due, a few per channel, so that one dead receiver does not hold up the others."""
    due = (
        Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(state=Delivery.State.PENDING, next_attempt_at__lte=now(), channel__is_active=True)
        .select_related("channel", "escalate_to", "user__person", "asked_by__person")
        .order_by("next_attempt_at")[: BATCH * PER_CHANNEL]
    )
    taken: list[Delivery] = []
    seen: Counter[object] = Counter()
    for delivery in due:
        seen[delivery.channel_id] += 1
        if seen[delivery.channel_id] <= PER_CHANNEL and len(taken) < BATCH:
            delivery.attempts += 1
            delivery.next_attempt_at = now() + LEASE
            taken.append(delivery)
    Delivery.objects.bulk_update(taken, ["attempts", "next_attempt_at"])
    return taken


def _call(delivery: Delivery) -> Callable[[], Outcome]:
    """Everything the adapter needs, read here: the call itself touches no database."""
    person = getattr(delivery.user, "person", None)
    message = Message(
        id=str(delivery.pk),
        event=delivery.event,
        severity=delivery.severity,
        title=delivery.title,
        url=delivery.url,
        at=delivery.created_at,
        details=[(str(label), str(value)) for label, value in delivery.details],
        tenant_id=str(delivery.tenant_id or ""),
        body=delivery.body,
        asked_by=delivery.asked_by.display_name if delivery.asked_by else "",
        to=person.email if person else "",
    )
    target = unseal(delivery.channel.sealed_target)
    send = SEND[delivery.channel.kind]
    return lambda: send(target, message)


def in_parallel(calls: Sequence[Callable[[], Outcome]], deadline: float = DEADLINE) -> list[Outcome]:
    """Run the calls at once; what has not answered by the deadline counts as failed and is left to its thread."""
    answers: SimpleQueue[tuple[int, Outcome]] = SimpleQueue()

    def run(index: int) -> None:
        try:
            answers.put((index, calls[index]()))
        except Exception as error:  # noqa: BLE001 - one adapter's fault must not stop the others
            answers.put((index, Outcome(False, error=type(error).__name__)))

    for index in range(len(calls)):
        Thread(target=run, args=(index,), daemon=True).start()
    outcomes = [Outcome(False, error="No answer in time")] * len(calls)
    until = monotonic() + deadline
    for _ in calls:
        try:
            index, outcome = answers.get(timeout=max(0.0, until - monotonic()))
        except Empty:
            break
        outcomes[index] = outcome
    return outcomes


@action_of(MESSENGER)
def _write_down(claimed: Delivery, outcome: Outcome) -> None:
    row = Delivery.objects.select_for_update(of=("self",)).select_related("channel", "escalate_to").get(pk=claimed.pk)
    if row.state != Delivery.State.PENDING or row.attempts != claimed.attempts:
        return  # the channel was stopped meanwhile, or the lease ran out and somebody else tried
    row.last_status, row.last_error = outcome.status, outcome.error[:300]
    if outcome.is_delivered:
        row.state, row.delivered_at, row.link = Delivery.State.DELIVERED, now(), outcome.link[:500]
    elif outcome.is_final or row.attempts > len(PAUSES):
        row.state = Delivery.State.FAILED
    else:
        row.next_attempt_at = now() + timedelta(seconds=_pause(row.attempts, outcome))
    row.save()
    log.info("delivery.tried", delivery_id=str(row.pk), channel_id=str(row.channel_id), state=row.state, n=row.attempts)
    if row.state != Delivery.State.DELIVERED:
        _react(row, outcome)


def _pause(attempts: int, outcome: Outcome) -> float:
    """The scheduled pause plus up to a tenth of it, or longer if the receiver asked for longer."""
    pause = PAUSES[attempts - 1]
    return max(pause + secrets.randbelow(100) / 1000 * pause, outcome.retry_after or 0.0)


def _react(row: Delivery, outcome: Outcome) -> None:
    """Escalate what fails too often, tell the administrators of what was given up, stop a channel that is gone."""
    failed = row.state == Delivery.State.FAILED
    if row.escalated_at is None and (failed or row.attempts >= ESCALATE_AFTER[Severity(row.severity)]):
        _escalate(row)
    if failed:
        notify(
            "delivery.failed",
            role=Role.PLATFORM_ADMIN,
            severity=Severity.WARNING,
            title=f"A message through {row.channel.name} could not be delivered",
            details=[("Event", row.event), ("Error", row.last_error), ("Attempts", str(row.attempts))],
            key=f"delivery.failed:{row.pk}",
            inbox_only=True,  # this news about sending must not send
        )
    if outcome.status == 410:
        stop(row.channel, "The receiver answered 410 Gone.")


def _escalate(row: Delivery) -> None:
    """Send the same message through a second channel; by mail it goes to the administrators, or the same person."""
    row.escalated_at = now()
    row.save(update_fields=["escalated_at"])
    to = row.escalate_to if row.escalate_to and row.escalate_to.is_active else second_way(row.channel, row.tenant_id)
    if to is None:
        log.error("delivery.no_second_channel", delivery_id=str(row.pk))
        return
    names = ("event", "severity", "title", "body", "url", "tenant_id", "asked_by", "details", "created_at")
    shared = {name: getattr(row, name) for name in names}
    people = [row.user] if row.user else list(users_with_role(Role.PLATFORM_ADMIN))
    by_mail = to.kind == Channel.Kind.MAIL
    escalated_at = row.escalated_at  # a message escalates once: the copy does not escalate again
    Delivery.objects.bulk_create(
        [
            new_delivery(to, user, f"escalated:{row.pk}", shared, escalated_at=escalated_at)
            for user in (people if by_mail else [None])
        ],
        ignore_conflicts=True,
    )
