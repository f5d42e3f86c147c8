"""The ledger as the application may read it: views of the schema `audit`, whose tables it has no grant on."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class EntryQuerySet(models.QuerySet["Entry"]):
    def acts(self) -> "EntryQuerySet":
        """What people and processes did, in the product's words."""
        return self.filter(op=Entry.Op.ACT)

    def changes(self) -> "EntryQuerySet":
        """Row changes, as the triggers captured them."""
        return self.exclude(op=Entry.Op.ACT)


class Entry(models.Model):
    """One entry of the ledger: an act, or the change of one governed row. `body` is what is sealed."""

    class Op(models.TextChoices):
        ACT = "A", _("act")
        INSERT = "I", _("added")
        UPDATE = "U", _("changed")
        DELETE = "D", _("removed")

    id = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    op = models.CharField(max_length=1, choices=Op.choices)
    actor = models.CharField(max_length=64)
    via = models.CharField(max_length=16)
    verb = models.CharField(max_length=64)
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    tenant_id = models.UUIDField(null=True)
    reason = models.TextField(blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    xid = models.BigIntegerField()
    data = models.JSONField(default=dict)
    old = models.JSONField(null=True)
    new = models.JSONField(null=True)
    body = models.TextField()

    objects = EntryQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = '"audit"."entry"'
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.verb} by {self.actor}"


class Checkpoint(models.Model):
    """A signed statement of the ledger's size and root hash (C2SP tlog-checkpoint), and where it is anchored."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.TextField()
    sealed_at = models.DateTimeField()
    anchored_at = models.DateTimeField(null=True)
    place = models.CharField(max_length=200, null=True)
    version = models.CharField(max_length=200, null=True)
    cosignature = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = '"audit"."checkpoint"'

    def __str__(self) -> str:
        return f"{self.size} entries"


class LedgerFinding(models.Model):
    """What the sealer found when it looked: a replay, a comparison with the copies, a refusal to seal."""

    kind = models.CharField(max_length=32)
    at = models.DateTimeField()
    ok = models.BooleanField()
    checked = models.BigIntegerField()
    details = models.JSONField()

    class Meta:
        managed = False
        db_table = '"audit"."finding"'

    def __str__(self) -> str:
        return f"{self.kind}: {'as it should be' if self.ok else 'wrong'}"


class Governed(models.Model):
    """A table whose every change is captured, and how."""

    relation = models.CharField(max_length=63, primary_key=True)
    label = models.CharField(max_length=63)
    key = models.CharField(max_length=63)
    retention = models.DurationField()

    class Meta:
        managed = False
        db_table = '"audit"."governed"'

    def __str__(self) -> str:
        return self.relation
