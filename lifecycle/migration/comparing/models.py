"""A comparison of both sides in two snapshots that a process of its own holds, and what was found in them so far."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lifecycle.migration.engine.snapshots import Snapshot
from lifecycle.migration.engine.verify import Compared
from portal.lib.clock import now
from portal.lib.ids import new_id


class Outcome(models.TextChoices):
    COMPARED = "compared", _("compared")
    VOID = "void", _("void: its snapshots are gone")


class Comparison(models.Model):
    """Asked for by a job; the holder gives the source's snapshot, the job brings it over, the holder then the target's.

    A snapshot once given never changes: what was found counts for these two or for nothing (a trigger repeats it).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    job_id = models.UUIDField()
    source = models.CharField(max_length=32)
    target = models.CharField(max_length=32)
    asked_at = models.DateTimeField(default=now)
    of_source = models.JSONField(null=True, help_text=_("The source's snapshot, as it is held"))
    carried_at = models.DateTimeField(null=True, help_text=_("The target has all that the source's snapshot shows"))
    of_target = models.JSONField(null=True, help_text=_("The target's snapshot, taken before anything else came there"))
    used_at = models.DateTimeField(default=now, help_text=_("What nobody uses is let go"))
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(name="one_open_comparison", fields=["job_id"], condition=Q(ended_at=None)),
            models.CheckConstraint(
                name="comparison_in_order",
                condition=(Q(carried_at=None) | Q(of_source__isnull=False))
                & (Q(of_target__isnull=True) | Q(carried_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="comparison_ended_somehow",
                condition=Q(ended_at=None, outcome="") | Q(ended_at__isnull=False, outcome__in=Outcome.values),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} and {self.target}"

    @property
    def mine(self) -> Snapshot:
        return Snapshot(**(self.of_source or {}))

    @property
    def theirs(self) -> Snapshot:
        return Snapshot(**(self.of_target or {}))


class Found(models.Model):
    """A range of rows, digested on both sides."""

    id = models.BigAutoField(primary_key=True)
    comparison = models.ForeignKey(Comparison, on_delete=models.CASCADE, related_name="found")
    table = models.CharField(max_length=63)
    upto = models.JSONField(null=True)
    rows = models.BigIntegerField()
    digest = models.BinaryField()
    rows_there = models.BigIntegerField()
    digest_there = models.BinaryField()
    unlike = models.JSONField(default=list, help_text=_("Keys of rows that are not the same"))

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.table} up to {self.upto}"

    @classmethod
    def of(cls, comparison: Comparison, one: Compared) -> "Found":
        return cls(comparison=comparison, **vars(one))

    @property
    def compared(self) -> Compared:
        here, there = bytes(self.digest), bytes(self.digest_there)
        return Compared(self.table, self.upto, self.rows, here, self.rows_there, there, self.unlike)
