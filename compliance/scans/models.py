"""One search of every account, what it found that nobody listed, and who signed for it.

Migration 0002 repeats the rules: nothing is removed, what is settled stays, and who signs has settled everything.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.lib.clock import now
from portal.lib.ids import new_id


class State(models.TextChoices):
    RUNNING = "running", _("searching")
    OPEN = "open", _("waits for an owner")
    SIGNED = "signed", _("signed")


class Scan(models.Model):
    """`places` says of each account and region how many stores are there, and how many of them nobody had listed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    quarter = models.CharField(max_length=7, help_text=_("Such as 2026-Q4"))
    asked_by = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    places = models.JSONField(default=list)
    due_on = models.DateField(help_text=_("Signed by then, or it is overdue"))
    job_id = models.UUIDField(null=True, blank=True)
    started_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True, blank=True)
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    signed_at = models.DateTimeField(null=True, blank=True)
    alarmed_on = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("account scan"), _("account scans")
        ordering = ["-started_at", "-id"]
        constraints = [
            models.CheckConstraint(name="scan_state_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(
                name="scan_signed_by_somebody",
                condition=Q(state="signed", signed_by__isnull=False, signed_at__isnull=False, ended_at__isnull=False)
                | ~Q(state="signed") & Q(signed_by=None, signed_at=None),
            ),
            models.UniqueConstraint(name="one_scan_at_a_time", fields=["state"], condition=Q(state="running")),
        ]

    def __str__(self) -> str:
        return f"{self.quarter}, {self.started_at:%d %b %Y}"

    @property
    def is_overdue(self) -> bool:
        return self.state != State.SIGNED and self.due_on < now().date()


class StoreFinding(models.Model):
    """A store that no row of the inventory knows, or a service that could not be asked. Settled by a person, once.

    What was settled is known to later searches: with `system` it belongs to that one, without it holds nobody's data.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scan = models.ForeignKey(Scan, on_delete=models.PROTECT, related_name="findings")
    account = models.CharField(max_length=60)
    region = models.CharField(max_length=32)
    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=300)
    why = models.CharField(max_length=300, blank=True)
    found_at = models.DateTimeField(default=now)
    system = models.CharField(max_length=60, blank=True, help_text=_("The listed system it belongs to"))
    resolution = models.CharField(max_length=500, blank=True)
    resolved_by = models.CharField(max_length=64, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("scanned store"), _("scanned stores")
        ordering = ["account", "region", "kind", "name"]
        constraints = [
            models.UniqueConstraint(name="store_finding_once", fields=["scan", "account", "region", "kind", "name"]),
            models.CheckConstraint(
                name="store_finding_settled_for_a_reason",
                condition=Q(resolved_at=None, resolution="", resolved_by="")
                | Q(resolved_at__isnull=False) & ~Q(resolution="") & ~Q(resolved_by=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name} in {self.account}, {self.region}"

    def access_scope(self) -> dict[str, Any]:
        return {}

    @property
    def state(self) -> str:
        return "resolved" if self.resolved_at else "open"
