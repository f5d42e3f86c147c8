"""The record of who did what, when and why. Rows are written beside the change and never change."""

from django.db import models
from django.db.models.functions import Now

from portal.lib.ids import new_id


class Entry(models.Model):
    """One recorded act. The database refuses UPDATE, DELETE and TRUNCATE (migration 0002)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.CharField(max_length=64)
    via = models.CharField(max_length=16)
    verb = models.CharField(max_length=64)
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    tenant_id = models.UUIDField(null=True)
    reason = models.TextField(blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "entries"
        indexes = [
            models.Index(fields=["object_type", "object_id", "at"]),
            models.Index(fields=["tenant_id", "at"]),
            models.Index(fields=["-at"]),
        ]

    def __str__(self) -> str:
        return f"{self.verb} by {self.actor}"
