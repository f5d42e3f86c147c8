"""What a move may take from its tenant: a window without service, and for a while the pace of its writes."""

from datetime import timedelta

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from lifecycle.migration.models import BEFORE_SWITCH, Migration
from portal.lib.clock import now
from portal.lib.ids import new_id

LONGEST = timedelta(hours=24)


class Window(models.Model):
    """When a move may leave its tenant without service. It was signed, so it never changes; it is opened once."""

    migration = models.OneToOneField(Migration, on_delete=models.PROTECT, primary_key=True, related_name="window")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_because = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="window_ends_later", condition=Q(ends_at__gt=F("starts_at"))),
            models.CheckConstraint(
                name="window_opens_inside",
                condition=Q(opened_at=None) | Q(opened_at__gte=F("starts_at"), opened_at__lt=F("ends_at")),
            ),
            models.CheckConstraint(
                name="window_closes_after_it_opened",
                condition=Q(closed_at=None) | Q(opened_at__isnull=False, closed_at__gte=F("opened_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%d %b %Y %H:%M} to {self.ends_at:%H:%M} UTC"

    @property
    def is_open(self) -> bool:
        """Whether the tenant is without service now."""
        return self.opened_at is not None and self.closed_at is None


class ThrottleQuerySet(models.QuerySet["Throttle"]):
    def in_force(self) -> "ThrottleQuerySet":
        """Those that slow somebody now: approved, not lifted, not over, and of a move before its switch."""
        return self.filter(lifted_at=None, until__gt=now(), migration__state__in=BEFORE_SWITCH)


class Throttle(models.Model):
    """How many writes a second the tenant agrees to for a while, so that the copy can keep up with it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    migration = models.ForeignKey(Migration, on_delete=models.PROTECT, related_name="throttles")
    writes_per_second = models.PositiveIntegerField(default=100, validators=[MinValueValidator(1)])
    minutes = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(1), MaxValueValidator(1440)], help_text=_("From the approval on")
    )
    reason = models.CharField(max_length=1000)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=now)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_because = models.CharField(max_length=500, blank=True)

    objects = ThrottleQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.CheckConstraint(name="throttle_lets_something_pass", condition=Q(writes_per_second__gt=0)),
            models.CheckConstraint(
                name="throttle_approved_as_a_whole",
                condition=Q(approved_by=None, approved_at=None, until=None)
                | Q(approved_by__isnull=False, approved_at__isnull=False, until__isnull=False),
            ),
            models.CheckConstraint(name="throttle_not_by_who_asked", condition=~Q(approved_by=F("asked_by"))),
            models.CheckConstraint(
                name="throttle_ends_within_a_day",
                condition=Q(until=None) | Q(until__gt=F("approved_at"), until__lte=F("approved_at") + LONGEST),
            ),
            models.UniqueConstraint(name="one_throttle", fields=["migration"], condition=Q(lifted_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.writes_per_second} writes a second"

    @property
    def stands(self) -> str:
        """In one word: asked, in_force, over."""
        if self.lifted_at or (self.until and self.until <= now()):
            return "over"
        return "in_force" if self.approved_at else "asked"
