"""What is learnt from a move that was taken back: how it went, why, what is done about it, and when it may be retried.

Migration 0002 repeats the rules in the database, and keeps a move from starting before its review allows it.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lifecycle.migration.models import Migration
from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id


class ReviewQuerySet(models.QuerySet["Review"]):
    def visible_to(self, actor: Actor) -> "ReviewQuerySet":
        roles, way = VERBS["migration_review.view"], "migration__tenant"
        return self.filter(scope_filter(actor, roles, tenant=f"{way}_id", business_unit=f"{way}__business_unit_id"))


class Review(models.Model):
    """Opened by a roll-back; closed by somebody who neither asked for the move nor took it back, and then final."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    migration = models.OneToOneField(Migration, on_delete=models.PROTECT, related_name="review")
    taken_back_by = models.CharField(max_length=64, help_text=gettext_lazy("The actor who asked for the roll-back"))
    timeline = models.JSONField(default=list)
    cause = models.TextField(max_length=4000, blank=True)
    retry_on = models.DateField(null=True, blank=True, help_text=gettext_lazy("Not before this day (UTC)"))
    opened_at = models.DateTimeField(default=now)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.CheckConstraint(
                name="review_closed_says_why",
                condition=Q(closed_at=None, closed_by=None)
                | Q(closed_at__isnull=False, closed_by__isnull=False, retry_on__isnull=False) & ~Q(cause=""),
            ),
        ]
        indexes = [models.Index(fields=["closed_at", "retry_on"])]

    def __str__(self) -> str:
        return _("Review of %(move)s") % {"move": self.migration}

    def access_scope(self) -> dict[str, Any]:
        return self.migration.access_scope()

    @property
    def status(self) -> str:
        return "resolved" if self.closed_at else "open"


class Measure(models.Model):
    """Something a person does by a day so that it does not happen again."""

    id = models.BigAutoField(primary_key=True)
    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="measures")
    text = models.CharField(max_length=500)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    due_on = models.DateField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(name="measure_says_what", condition=~Q(text=""))]

    def __str__(self) -> str:
        return self.text
