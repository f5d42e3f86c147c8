"""What the suite is told of the tenant it judges."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from lifecycle.stores.names import TenantNames
from lifecycle.stores.secrets import TenantBinding
from portal.lib.regions import Region

PLATFORM_AUDIENCE = "rag-platform"
Binding = TenantBinding


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
    budget_seconds: float = 40.0
