"""What was erased, for every restore to erase again: append-only, without a way back to whom it was."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.lib.clock import now
from tenants.models import Tenant

from .request import ErasureRequest, Kind


class Word(models.TextChoices):
    """What an entry says of its erasure. Each is said once."""

    BEGUN = "begun", _("is being erased")
    CALLED_OFF = "called_off", _("was cancelled in the middle")
    CONCLUDED = "concluded", _("was erased")


class ErasureLedger(models.Model):
    """One word of one erasure. A restore computes the same digests of what it brings back, and erases what is here.

    `begun` is there before the first destructive call: whatever happens to the worker, a restore knows. `subject` and
    `documents` are HMACs under a key outside the database (pseudonyms.LEDGER_KEY). Each row's `digest` covers it and
    the one before. Rows are never changed and never removed (0002).
    """

    id = models.BigAutoField(primary_key=True)
    request = models.ForeignKey(ErasureRequest, on_delete=models.PROTECT, related_name="entries")
    word = models.CharField(max_length=10, choices=Word.choices)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    is_synthetic = models.BooleanField(default=False, help_text=_("Of a made-up person, to try the machine"))
    subject = models.CharField(max_length=64, blank=True)
    documents = ArrayField(models.CharField(max_length=64), default=list)
    systems = models.JSONField(default=list)
    erased_at = models.DateTimeField(default=now)
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["tenant", "id"])]
        constraints = [
            models.CheckConstraint(name="erasure_ledger_kind_known", condition=Q(kind__in=Kind.values)),
            models.CheckConstraint(name="erasure_ledger_word_known", condition=Q(word__in=Word.values)),
            models.UniqueConstraint(name="erasure_ledger_word_once", fields=["request", "word"]),
        ]
