"""What enforcement points were told, and what they have applied."""

from django.db import models

from portal.lib.clock import now
from tenants.models import Tenant


class Published(models.Model):
    """One tenant's configuration as it was last published.

    `version` is drawn under one lock held until commit, so its order is the commit order over all tenants; it is never
    drawn twice, also not after a rollback.
    """

    tenant = models.OneToOneField(Tenant, on_delete=models.PROTECT, primary_key=True, related_name="published")
    version = models.PositiveBigIntegerField(unique=True)
    body = models.TextField()
    at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return f"{self.tenant_id} at {self.version}"


class EnforcementPoint(models.Model):
    """A process that admits requests under a lease, and how far it has applied the registry's status changes."""

    name = models.CharField(max_length=64, primary_key=True)
    caller = models.CharField(max_length=64)
    applied = models.PositiveBigIntegerField(default=0)
    first_seen_at = models.DateTimeField(default=now)
    seen_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Acknowledgement(models.Model):
    """A point said that it has applied every status change up to `version`."""

    point = models.ForeignKey(EnforcementPoint, on_delete=models.CASCADE, related_name="acknowledgements")
    version = models.PositiveBigIntegerField()
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(name="point_acknowledges_once", fields=["point", "version"])]

    def __str__(self) -> str:
        return f"{self.point_id}: {self.version}"
