"""What the suite is told of the tenant it judges."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from lifecycle.stores.names import TenantNames
from portal.lib.regions import Region

PLATFORM_AUDIENCE = "rag-platform"


class TokenSource(Protocol):
    """Signs with the portal's own key whatever it is asked to say, at once and without a cap on `expires_in`.

    Hostile tokens need true signatures over wrong claims: an expired one, one for another audience. The claims are
    `sub` "system:validation", `tenant`, `scope`, `aud`, `iss` (the portal's where `issuer` is empty) and `exp`, which
    lies `expires_in` seconds ahead (behind, where negative).
    """

    def __call__(
        self,
        *,
        tenant_id: UUID,
        scope: str = "validate",
        audience: str = PLATFORM_AUDIENCE,
        issuer: str = "",
        expires_in: int = 300,
    ) -> str: ...


@dataclass(frozen=True)
class Binding:
    """The tenant's runtime names and credentials, as the region's secret store has them."""

    tenant_id: UUID
    db_role: str
    bucket: str
    kms_key_id: str
    aws_access_key_id: str
    aws_secret_access_key: str = field(repr=False)
    cache_user: str
    cache_password: str = field(repr=False)
    cache_prefix: str
    vector_provider: str
    vector_namespace: str
    vector_index: str
    log_group: str

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Binding":
        """Read the stored JSON; raises KeyError or ValueError where something is missing."""
        vector = stored["vector"]
        plain = {
            name: str(stored[name]) for name in cls.__dataclass_fields__ if name in stored and name != "tenant_id"
        }
        return cls(
            tenant_id=UUID(str(stored["tenant_id"])),
            vector_provider=str(vector["provider"]),
            vector_namespace=str(vector.get("namespace") or ""),
            vector_index=str(vector.get("index") or ""),
            **plain,
        )


@dataclass(frozen=True)
class Target:
    """Everything a check may use.

    requires: the duties of the tenant's compliance profiles: `cmk`, `tls`, `access_logs`, `immutable_audit` (bool) and
    `log_retention_days` (int). tags: expected on every resource. secrets_dir: where the region's secret store is
    (BAILIWICK_SECRETS_DIR); the canary neighbour's binding is kept there. user_region: where the tenant's users are.
    """

    tenant_id: UUID
    name: str
    region: Region
    names: TenantNames
    tier: str
    p95_target_ms: int
    concurrency: int
    requires: Mapping[str, Any]
    tags: Mapping[str, str]
    binding: Binding
    token: TokenSource
    issuer: str
    secrets_dir: Path
    user_region: str
    budget_seconds: float = 60.0
