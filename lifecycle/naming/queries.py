"""What a tenant's resources are called in a region: the one place that everybody asks who has a tenant and a region.

A bucket's name is taken for everybody and an IAM user's for the whole account. So the first set of a tenant is called
after the tenant alone, and every later one, made by a move or a copy, bears its region. Who looks for a tenant in a
region finds the names by which its set there was, or would be, made.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from lifecycle.estate.modules import files_of
from lifecycle.queries import request_of_tenant
from lifecycle.stores.errors import StoreError
from lifecycle.stores.names import TenantNames
from lifecycle.stores.postgres import fences
from portal.lib.composed import composed
from portal.lib.regions import Region
from tenants.models import Tenant

from .models import RegionalSet

KNOWN_BY = 'variable "bears_region"'


def names_in(tenant: Tenant, region: str) -> TenantNames:
    """The names of the tenant's set in the region, as it is."""
    return TenantNames(tenant.pk, tenant.name, region, _second(tenant, region), bool(_sets(tenant.pk, region)))


@composed
def _sets(tenant_id: UUID, region: str) -> QuerySet[RegionalSet, Any]:
    return RegionalSet.objects.filter(tenant_id=tenant_id, region=region).order_by().values_list("pk", flat=True)


def names_to_be(tenant: Tenant, region: str) -> TenantNames:
    """The names that a set which is made there now will have."""
    names = names_in(tenant, region)
    bears = names.bears_region or (names.state_of != "" and _is_known(tenant) and names.fits_region)
    return replace(names, bears_region=bears)


def clash(wanted: TenantNames, tenant: Tenant, regions: Mapping[str, Region]) -> str:
    """Why no set can be made by these names: another's of the same AWS has them. Empty where none has."""
    for one in sorted(regions[wanted.region].same_aws):
        taken = names_in(tenant, one).bucket == wanted.bucket
        if taken and (one == tenant.region or _has(regions[one], tenant)):
            return f"{one} and {wanted.region} are one AWS, and the tenant's modules give both buckets the same name"
    return ""


def _second(tenant: Tenant, region: str) -> str:
    """The region of a set that is not the tenant's first; empty for that one, and where nobody asked for the tenant."""
    request = request_of_tenant(tenant)
    return "" if request is None or region == request.region else region


def _is_known(tenant: Tenant) -> bool:
    """Whether the modules that make its sets can let names bear a region."""
    files = files_of(tenant.pk)
    return files is None or any(KNOWN_BY in text for path, text in files.items() if path.startswith("stacks/tenant/"))


def _has(region: Region, tenant: Tenant) -> bool:
    """Whether the region holds a set of the tenant's; one that does not answer may."""
    try:
        return fences.knows(region, tenant.pk)
    except StoreError:
        return True
