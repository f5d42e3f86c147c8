"""Tell people: a line in each inbox, and a message through each channel that the routes name."""

from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from django.db import transaction

from portal.access.actor import Actor
from portal.access.models import Role, User
from portal.access.queries import users_with_role
from portal.audit.context import action
from portal.lib.clock import now
from portal.lib.errors import Absent
from portal.lib.ids import new_id

from ..models import Channel, Delivery, Notice, Severity
from ..routing import channels_for, needs_two_ways

log = structlog.get_logger(__name__)


@transaction.atomic
def notify(
    event: str,
    *,
    title: str,
    users: Iterable[User] = (),
    role: str = "",
    severity: str = Severity.INFO,
    body: str = "",
    url: str = "",
    tenant_id: Any = None,
    where: dict[str, str] | None = None,
    asked_by: User | None = None,
    details: Sequence[tuple[str, str]] = (),
    key: str = "",
    inbox_only: bool = False,
) -> list[Notice]:
    """Tell `users` and everyone whose grant of `role` reaches `where`. The same `key` tells nobody twice.

    `title` and `details` go to chat and webhooks and must name no person; `body` and `asked_by` stay in inbox and
    mail. Nothing is sent here: deliveries leave with the next `schedule.deliver`.
    """
    key = (key or f"{event}:{new_id()}")[:200]
    title = " ".join(title.split())[:200]
    people = _people(users, role, where)
    if not people and (needs_two_ways(event, severity) or role):
        log.warning("notify.nobody", notice_event=event, role=role)
        people = _people((), Role.PLATFORM_ADMIN, None)
    shared = {
        "event": event,
        "severity": severity,
        "title": title,
        "body": body,
        "url": url,
        "tenant_id": tenant_id,
        "asked_by": asked_by,
        "details": [list(pair) for pair in details],
        "created_at": now(),
    }
    told = set(Notice.objects.filter(key=key, user__in=people).values_list("user_id", flat=True))
    notices = [Notice(user=user, key=key, **shared) for user in people if user.pk not in told]
    Notice.objects.bulk_create(notices, ignore_conflicts=True)
    if not inbox_only:
        _send(key, [notice.user for notice in notices], shared)
    return notices


def _people(users: Iterable[User], role: str, where: dict[str, str] | None) -> list[User]:
    found = {user.pk: user for user in users if user.is_active and not user.is_service}
    if role:
        found |= {user.pk: user for user in users_with_role(role, where)}
    return list(found.values())


def _send(key: str, people: list[User], shared: dict[str, Any]) -> None:
    """One delivery per person by mail, one per message through every other channel."""
    chosen = channels_for(shared["event"], shared["severity"], shared["tenant_id"])
    rows = []
    for channel, escalate_to in chosen.items():
        for user in people if channel.kind == Channel.Kind.MAIL else [None]:
            rows.append(delivery(channel, user, key, shared, escalate_to=escalate_to))
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)


def delivery(channel: Channel, user: User | None, key: str, shared: dict[str, Any], **more: Any) -> Delivery:
    """Return an unsaved delivery; its key makes the same message through the same channel unique."""
    whom = f":{user.pk}" if user else ""
    return Delivery(channel=channel, user=user, key=f"{channel.pk}{whom}:{key}"[:290], **shared, **more)


@action
def mark_read(notice_id: Any, *, actor: Actor) -> Notice:
    """Mark one's own notice as read; a second time changes nothing."""
    notice = Notice.objects.visible_to(actor).select_for_update().filter(pk=notice_id).first()
    if notice is None:
        raise Absent("There is no such notice.")
    if notice.read_at is None:
        notice.read_at = now()
        notice.save(update_fields=["read_at"])
    return notice


@action
def mark_all_read(*, actor: Actor) -> int:
    """Mark everything in one's own inbox as read; return how many were not."""
    return Notice.objects.visible_to(actor).unread().update(read_at=now())
