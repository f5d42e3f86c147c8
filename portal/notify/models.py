"""The in-app inbox, the channels that leave the house, and what was sent where.

No name and no e-mail address is stored here: people are referred to by id and named when a message is rendered.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access.models import User
from portal.lib.clock import now
from portal.lib.ids import new_id

if TYPE_CHECKING:
    from portal.access.actor import Actor


class Severity(models.TextChoices):
    INFO = "info", _("Information")
    WARNING = "warning", _("Warning")
    CRITICAL = "critical", _("Critical")


class NoticeQuerySet(models.QuerySet["Notice"]):
    def visible_to(self, actor: "Actor") -> "NoticeQuerySet":
        """A person's own inbox, and nobody else's."""
        return self.filter(user=actor.user) if actor.user else self.none()

    def unread(self) -> "NoticeQuerySet":
        return self.filter(read_at=None)


class Notice(models.Model):
    """One line in one person's inbox."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notices")
    event = models.CharField(max_length=64)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.INFO)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=500, blank=True)
    tenant_id = models.UUIDField(null=True)
    asked_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    details = models.JSONField(default=list, help_text=_("Pairs of label and value, never a name"))
    key = models.CharField(max_length=200, help_text=_("The same news twice has the same key"))
    created_at = models.DateTimeField(default=now)
    read_at = models.DateTimeField(null=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["user", "key"], name="notice_once_per_person"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "-created_at"]),
            models.Index(fields=["user"], condition=Q(read_at=None), name="notice_unread"),
            models.Index(fields=["key"], name="notice_key"),
        ]

    def __str__(self) -> str:
        return self.title


class Channel(models.Model):
    """A way out of the house. Addresses and secrets are sealed with a key that is not in the database."""

    class Kind(models.TextChoices):
        MAIL = "mail", _("Mail")
        WEBHOOK = "webhook", _("Webhook")
        SLACK = "slack", _("Slack")
        TEAMS = "teams", _("Microsoft Teams")
        PAGERDUTY = "pagerduty", _("PagerDuty")
        JIRA = "jira", _("Jira")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    tenant_id = models.UUIDField(null=True, blank=True, help_text=_("Empty: for every tenant"))
    sealed_target = models.BinaryField(editable=False, default=b"")
    shown_target = models.CharField(max_length=200, editable=False, help_text=_("Host only"))
    is_active = models.BooleanField(default=True)
    stopped_reason = models.CharField(max_length=300, blank=True, editable=False)
    created_by = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name

    def access_scope(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id}


class Route(models.Model):
    """Which news goes to which channel, and where it goes when that channel fails."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.CharField(max_length=64, default="*", help_text=_("An event, a family such as approval.*, or *"))
    min_severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.INFO)
    tenant_id = models.UUIDField(null=True, blank=True, help_text=_("Empty: every tenant"))
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="routes")
    escalate_to = models.ForeignKey(Channel, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["event", "channel__name"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["event", "min_severity", "tenant_id", "channel"],
                nulls_distinct=False,
                name="notify_route_once",
            ),
            models.CheckConstraint(
                name="notify_route_escalates_elsewhere",
                condition=Q(escalate_to=None) | ~Q(channel=models.F("escalate_to")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} → {self.channel}"


class Delivery(models.Model):
    """One message on its way through one channel, with every attempt counted."""

    class State(models.TextChoices):
        PENDING = "pending", _("On its way")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Given up")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    escalate_to = models.ForeignKey(Channel, on_delete=models.SET_NULL, null=True, related_name="+")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="+")
    event = models.CharField(max_length=64)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=500, blank=True)
    tenant_id = models.UUIDField(null=True)
    asked_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    details = models.JSONField(default=list)
    key = models.CharField(max_length=300, unique=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=now)
    escalated_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    last_status = models.PositiveSmallIntegerField(null=True)
    link = models.CharField(max_length=500, blank=True, help_text=_("The issue a tracker made of it"))
    created_at = models.DateTimeField(default=now)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        ordering: ClassVar[list[str]] = ["-created_at"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["next_attempt_at"], condition=Q(state="pending"), name="notify_delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.event} through {self.channel}"
