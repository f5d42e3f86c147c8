"""Whether the key service still has a tenant's key: asked with the read-only credentials, by the tenant's tag."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from portal.lib.regions import Region

from . import aws
from .answering import Seen, answer
from .looking import Answer

OWNER = "TenantID"


class Keys:
    """Counts a tenant's keys that still exist, whether they wait for their deletion or not."""

    name = "keys"

    def look(self, region: Region, tenant_id: UUID) -> Answer:
        query = f"every key tagged {OWNER}={tenant_id} in {region.name}, and what the key service says of each"
        return answer(self.name, aws.key_id(region), query, lambda: _seen(region, tenant_id))


def _seen(region: Region, tenant_id: UUID) -> Seen:
    kms, seen = aws.client(region, "kms"), Seen()
    for arn in _arns(region, tenant_id):
        if _exists(kms, arn):
            seen.by[arn.rpartition("/")[2]] = 1
    return seen


def _arns(region: Region, tenant_id: UUID) -> Iterator[str]:
    found = aws.client(region, "resourcegroupstaggingapi")
    wanted = [{"Key": OWNER, "Values": [str(tenant_id)]}]
    for page in aws.pages(found, "get_resources", ["ResourceTagMappingList"], "Tags of keys", TagFilters=wanted):
        for one in page["ResourceTagMappingList"]:
            if ":kms:" in one["ResourceARN"] and ":key/" in one["ResourceARN"]:
                yield one["ResourceARN"]


def _exists(kms: Any, arn: str) -> bool:
    with aws.heard("Key service, describe a key"):
        try:
            kms.describe_key(KeyId=arn)
        except kms.exceptions.NotFoundException:
            return False
    return True
