"""Every name a tenant has in a region, derived in this one place."""

import re
from dataclasses import dataclass
from uuid import UUID

from portal.lib.streams import own_group

TENANT_NAME = re.compile(r"^[a-z][a-z0-9-]{1,30}[a-z0-9]$")
LONGEST_BUCKET = 63


@dataclass(frozen=True)
class TenantNames:
    """The names of one tenant's resources in one region.

    All but the bucket carry the whole tenant id, so no two tenants can ever meet in one name. A bucket name is
    limited to 63 characters and shared by everybody, so it carries the readable name and the last eight digits of the
    id (the first ones are a clock), and its tags decide whose it is.

    Bucket and IAM user are names of a whole AWS, not of a region: a second set of resources, made by a move or a copy,
    bears its region in them (`bears_region`). Which set does is told by lifecycle/naming.
    """

    tenant_id: UUID
    name: str
    region: str
    state_of: str = ""  # the region of a second set of resources, made by a move; the first one's state has no region
    bears_region: bool = False  # those made before names could do not, wherever they are

    def __post_init__(self) -> None:
        if not TENANT_NAME.fullmatch(self.name):
            raise ValueError(f"not a tenant name: {self.name!r}")
        if len(self.bucket) > LONGEST_BUCKET:
            raise ValueError(f"{self.bucket} is longer than the {LONGEST_BUCKET} characters of a bucket's name")

    @property
    def role(self) -> str:
        return f"t_{self.tenant_id.hex}"

    @property
    def partition(self) -> str:
        return f"chunk_vectors_{self.tenant_id.hex}"

    @property
    def namespace(self) -> str:
        return self.tenant_id.hex

    @property
    def bucket(self) -> str:
        return f"rag-{self.name}-{self.tenant_id.hex[-8:]}{self._set}"

    @property
    def iam_user(self) -> str:
        return f"rag-{self.tenant_id.hex}{self._set}"

    @property
    def cache_user(self) -> str:
        return f"t-{self.tenant_id.hex}"

    @property
    def cache_prefix(self) -> str:
        return f"t:{self.tenant_id.hex}:"

    @property
    def log_group(self) -> str:
        return own_group(self.region, self.tenant_id)

    @property
    def kms_alias(self) -> str:
        return f"alias/rag-{self.tenant_id.hex}"

    @property
    def state_key(self) -> str:
        return "/".join(filter(None, ("tenants", str(self.tenant_id), self.state_of, "terraform.tfstate")))

    @property
    def fits_region(self) -> bool:
        """Whether a bucket's name has room for the region, as it has for any that AWS has."""
        return len(f"{self.bucket}-{self.region}") <= LONGEST_BUCKET

    @property
    def _set(self) -> str:
        return f"-{self.region}" if self.bears_region else ""
