"""The last routing epoch given out for each tenant. Where it is placed is on the tenant: its region and epoch."""

from django.db import models

from tenants.models import Tenant


class EpochCounter(models.Model):
    """Only ever rises, and what it once said is never given out again (trigger in migration 0002)."""

    tenant = models.OneToOneField(Tenant, on_delete=models.PROTECT, primary_key=True, related_name="+")
    value = models.PositiveBigIntegerField()
