"""A job's wish to have every system looked at, and what was seen: erasures that wait side by side look together."""

from django.db import models
from django.db.models import Q

from portal.lib.clock import now

from .request import ErasureRequest


class Look(models.Model):
    """One wish of one job. Whoever looks takes it for a while; what was seen stays until the job has read it.

    `seen` names nobody: it is the lines of the evidence as they will be kept.
    """

    job_id = models.UUIDField(primary_key=True)
    request = models.ForeignKey(ErasureRequest, on_delete=models.PROTECT, related_name="looks")
    stage = models.CharField(max_length=12)
    asked_at = models.DateTimeField(default=now)
    taken_by = models.UUIDField(null=True)
    taken_until = models.DateTimeField(null=True)
    seen = models.JSONField(null=True)
    seen_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["asked_at", "job_id"]
        constraints = [
            models.CheckConstraint(
                name="look_taken_for_a_while",
                condition=Q(taken_by=None, taken_until=None) | Q(taken_by__isnull=False, taken_until__isnull=False),
            ),
            models.CheckConstraint(
                name="look_seen_is_dated", condition=Q(seen=None, seen_at=None) | Q(seen_at__isnull=False)
            ),
        ]
