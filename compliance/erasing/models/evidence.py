"""What an erasure leaves: each system's answer, what was kept and by which law, what is still owed, who was told."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.access.actor import Actor
from portal.access.policy import VERBS
from portal.access.queries import scope_filter
from portal.lib.clock import now
from portal.lib.ids import new_id

from .request import ErasureRequest, State


class RunState(models.TextChoices):
    WAITING = "waiting", _("not started")
    LISTED = "listed", _("listed")
    DELETING = "deleting", _("being deleted")
    SETTLED = "settled", _("deleted, not verified yet")
    VERIFIED = "verified", _("verified")
    NOT_CHECKED = "not_checked", _("not checked")
    FAILED = "failed", _("failed")
    SKIPPED = "skipped", _("holds nothing of it")


class SystemRun(models.Model):
    """One row of the matrix: what one system of one region held, let go, and still has. Null is not known, not zero."""

    id = models.BigAutoField(primary_key=True)
    request = models.ForeignKey(ErasureRequest, on_delete=models.PROTECT, related_name="systems")
    system = models.CharField(max_length=40)
    region = models.CharField(max_length=32, blank=True)
    title = models.CharField(max_length=120)
    state = models.CharField(max_length=12, choices=RunState.choices, default=RunState.WAITING)
    found = models.BigIntegerField(null=True, blank=True, help_text=_("Seen when it was asked for"))
    targeted = models.BigIntegerField(null=True, blank=True)
    acknowledged = models.BigIntegerField(null=True, blank=True)
    absent_after = models.BigIntegerField(null=True, blank=True)
    residual = models.BigIntegerField(null=True, blank=True)
    kept = models.BigIntegerField(null=True, blank=True, help_text=_("What a law keeps of it: neither gone nor left"))
    outcome = models.CharField(max_length=24, blank=True)
    until = models.DateField(null=True, blank=True)
    manifest_root = models.CharField(max_length=64, blank=True)
    manifest_leaves = models.BigIntegerField(null=True, blank=True)
    checks = models.JSONField(default=list)
    method = models.CharField(max_length=1000, blank=True)
    limits = models.CharField(max_length=1000, blank=True)
    why = models.CharField(max_length=1000, blank=True)
    changed_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(name="erasure_system_once", fields=["request", "system", "region"]),
            models.CheckConstraint(name="erasure_run_state_known", condition=Q(state__in=RunState.values)),
        ]

    @staticmethod
    def place(name: str, region: str) -> tuple[str, str]:
        """System and region of a row of the inventory; a name that does not end with its region is kept whole."""
        ends = f"-{region}"
        return (name.removesuffix(ends), region) if region and name.endswith(ends) else (name, "")

    @property
    def name(self) -> str:
        """As certificate and inventory write it: `postgres-ap-south-1`, `backups`."""
        return f"{self.system}-{self.region}" if self.region else self.system


class Exemption(models.Model):
    """What the request leaves where it is because a law says so. It is printed; the rest of the request goes on."""

    id = models.BigAutoField(primary_key=True)
    request = models.ForeignKey(ErasureRequest, on_delete=models.PROTECT, related_name="exemptions")
    rule = models.CharField(max_length=16)
    system = models.CharField(max_length=72)
    category = models.CharField(max_length=80)
    part = models.CharField(max_length=200, blank=True, help_text=_("Only this of it; empty: all of the system"))
    ground = models.CharField(max_length=300)
    until = models.DateField()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(name="exemption_once", fields=["request", "rule", "system", "category"])]


class Owed(models.TextChoices):
    OPEN = "open", _("still owed")
    OVERDUE = "overdue", _("overdue")
    LAPSED = "lapsed", _("no longer owed")


class ObligationQuerySet(models.QuerySet["Obligation"]):
    def visible_to(self, actor: Actor) -> "ObligationQuerySet":
        """Those of the requests that the actor may see."""
        roles, tenant = VERBS["erasure.view"], "request__tenant_id"
        return self.filter(scope_filter(actor, roles, tenant=tenant, business_unit="request__tenant__business_unit_id"))


class Obligation(models.Model):
    """What an erasure still owes, by a day: a purge at a provider, the end of a backup's key."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request = models.ForeignKey(ErasureRequest, on_delete=models.PROTECT, related_name="obligations")
    system = models.CharField(max_length=72)
    due_on = models.DateField()
    owed = models.CharField(max_length=300)
    part = models.CharField(max_length=200, blank=True, help_text=_("What a law keeps of it until that day, if so"))
    state = models.CharField(max_length=8, choices=Owed.choices, default=Owed.OPEN)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_how = models.CharField(max_length=1000, blank=True)
    alarmed_at_days = models.SmallIntegerField(null=True, blank=True)

    objects = ObligationQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("obligation"), _("obligations")
        ordering = ["due_on", "id"]
        constraints = [
            models.UniqueConstraint(name="obligation_once", fields=["request", "system", "owed"]),
            models.CheckConstraint(name="obligation_state_known", condition=Q(state__in=Owed.values)),
            models.CheckConstraint(
                name="obligation_settled_is_dated",
                condition=Q(state=Owed.LAPSED, settled_at__isnull=False) | ~Q(state=Owed.LAPSED) & Q(settled_at=None),
            ),
        ]
        indexes = [models.Index(fields=["state", "due_on"])]

    def __str__(self) -> str:
        return f"{self.system}, {self.due_on}"

    def access_scope(self) -> dict[str, Any]:
        return self.request.access_scope()


class Recipient(models.Model):
    """Somebody who had been given the data and was told of its erasure (Art. 19)."""

    id = models.BigAutoField(primary_key=True)
    request = models.ForeignKey(ErasureRequest, on_delete=models.PROTECT, related_name="recipients")
    name = models.CharField(max_length=120)
    how = models.CharField(max_length=300)
    told_at = models.DateTimeField(default=now)
    told_by = models.CharField(max_length=64)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(name="recipient_once", fields=["request", "name"])]


class Passage(models.Model):
    """One change of an erasure's state or phase: its timeline."""

    id = models.BigAutoField(primary_key=True)
    request = models.ForeignKey(ErasureRequest, on_delete=models.PROTECT, related_name="passages")
    old = models.CharField(max_length=20, blank=True)
    new = models.CharField(max_length=20)
    phase = models.CharField(max_length=12, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    actor = models.CharField(max_length=64)
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-id"]

    @property
    def words(self) -> str:
        """Where it went, in words that give no hold away."""
        return str(State(self.new).label)
