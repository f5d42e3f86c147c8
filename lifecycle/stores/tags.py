"""Whose a resource is, by its tags; and every resource of a region that carries a tenant's tag."""

from dataclasses import dataclass
from uuid import UUID

from lifecycle.stores import aws
from lifecycle.stores.errors import ForeignResource
from portal.lib.regions import Region

OWNER = "TenantID"


@dataclass(frozen=True)
class Tagged:
    """A resource found by its tag alone."""

    arn: str
    tags: dict[str, str]


def refuse_foreign(system: str, resource: str, tags: dict[str, str], tenant_id: UUID) -> None:
    """Raise ForeignResource when the tags name another tenant, or when it is tagged and names none."""
    owner = tags.get(OWNER)
    if owner != str(tenant_id) and tags:
        raise ForeignResource(system, "adopt", f"{resource} carries {OWNER}={owner}, not {tenant_id}")


def of_tenant(region: Region, tenant_id: UUID) -> list[Tagged]:
    """Return every AWS resource of the region tagged with the tenant, by the Resource Groups Tagging API."""
    api = aws.client(region, "resourcegroupstaggingapi")
    found: list[Tagged] = []
    with aws.translated("tags", "GetResources"):
        pages = api.get_paginator("get_resources").paginate(TagFilters=[{"Key": OWNER, "Values": [str(tenant_id)]}])
        for page in pages:
            found += [
                Tagged(one["ResourceARN"], aws.as_dict(one.get("Tags", []))) for one in page["ResourceTagMappingList"]
            ]
    return found
