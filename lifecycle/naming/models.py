"""Which sets of a tenant's resources bear their region in the names that are a whole AWS's."""

from django.db import models

from portal.lib.clock import now
from portal.lib.ids import new_id


class RegionalSet(models.Model):
    """Bucket and IAM user of the tenant's set in this region bear the region: decided before the set is made, for good.

    The first set of a tenant has no row, nor has one that was made before names could bear a region, or is made from
    modules of that time: those keep the names they have.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.PROTECT, related_name="+")
    region = models.CharField(max_length=32)
    named_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "region"], name="naming_one_set_in_a_region")]

    def __str__(self) -> str:
        return f"{self.tenant_id} in {self.region}"
