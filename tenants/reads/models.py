"""Which share of a moving tenant's reads is answered where it moves to. Part of what enforcement points are told."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.lib.clock import now
from tenants.models import Tenant

PERCENTS = (0, 10, 25, 50, 75, 100)


class ReadSplit(models.Model):
    """In force only at the routing epoch it was set at: a tenant that is placed anew is read where it is placed.

    More than nothing only while the tenant is `migrating`, at its present epoch and into another region (trigger in
    migration 0002).
    """

    tenant = models.OneToOneField(Tenant, on_delete=models.PROTECT, primary_key=True, related_name="read_split")
    move = models.UUIDField(help_text=_("Whose snapshots say what the other region holds"))
    epoch = models.PositiveBigIntegerField()
    region = models.CharField(max_length=32)
    percent = models.PositiveSmallIntegerField(default=0)
    mirror = models.FloatField(default=0, help_text=_("Share of reads that both sides are asked"))
    changed_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.CheckConstraint(name="read_split_in_steps", condition=Q(percent__in=PERCENTS)),
            models.CheckConstraint(name="read_split_mirrors_a_share", condition=Q(mirror__gte=0, mirror__lte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.percent} % in {self.region}"

    @property
    def is_on(self) -> bool:
        return self.percent > 0 or self.mirror > 0
