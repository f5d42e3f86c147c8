"""Whose a resource is, by its tags; and every resource of a region that carries a tenant's tag."""

import re
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from lifecycle.stores import aws
from lifecycle.stores.errors import ForeignResource
from lifecycle.stores.names import TenantNames
from portal.lib.regions import Region

OWNER = "TenantID"
IS_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Tagged:
    """A resource found by its tag alone."""

    arn: str
    tags: dict[str, str]

    @property
    def name(self) -> str:
        return re.split("[:/]", self.arn)[-1]


def refuse_foreign(system: str, resource: str, tags: dict[str, str], tenant_id: UUID) -> None:
    """Raise ForeignResource when the tags name another tenant, or when it is tagged and names none."""
    owner = tags.get(OWNER)
    if owner != str(tenant_id) and tags:
        raise ForeignResource(system, "adopt", f"{resource} carries {OWNER}={owner}, not {tenant_id}")


def of_tenant(region: Region, tenant_id: UUID) -> list[Tagged]:
    """Return every AWS resource of the region tagged with the tenant, by the Resource Groups Tagging API."""
    return _resources(region, {"Key": OWNER, "Values": [str(tenant_id)]})


def of_set(region: Region, names: TenantNames) -> list[Tagged]:
    """Return those that can be of this set: a listing of a whole account has those of the tenant's other sets, too."""
    found = of_tenant(region, names.tenant_id)
    if not region.same_aws:
        return found
    first, ours = replace(names, bears_region=False), (names.iam_user, names.bucket)
    others = (first.iam_user, first.bucket)
    return [one for one in found if one.name in ours or not one.name.startswith(others)]


def owners(region: Region) -> dict[str, UUID]:
    """Return the tenant of every AWS resource of the region that names one, by ARN."""
    found = {one.arn: one.tags.get(OWNER, "") for one in _resources(region, {"Key": OWNER})}
    return {arn: UUID(owner) for arn, owner in found.items() if IS_UUID.fullmatch(owner)}


def _resources(region: Region, wanted: dict[str, Any]) -> list[Tagged]:
    pages = aws.client(region, "resourcegroupstaggingapi").get_paginator("get_resources")
    found: list[Tagged] = []
    with aws.translated("tags", "GetResources"):
        for page in pages.paginate(TagFilters=[wanted]):
            found += [
                Tagged(one["ResourceARN"], aws.as_dict(one.get("Tags", []))) for one in page["ResourceTagMappingList"]
            ]
    return found
