"""The provider's resources, one file per system."""

from tf.iface import Resource

from terraform.provider.resources.cache import CacheAcl
from terraform.provider.resources.database import Fence, RowSecurity, TagSet, TenantRole
from terraform.provider.resources.logs import LogGroup
from terraform.provider.resources.objects import Bucket, IamUser, KmsKey
from terraform.provider.resources.vectors import VectorNamespace

ALL: tuple[type[Resource], ...] = (
    Bucket,
    CacheAcl,
    Fence,
    IamUser,
    KmsKey,
    LogGroup,
    RowSecurity,
    TagSet,
    TenantRole,
    VectorNamespace,
)
