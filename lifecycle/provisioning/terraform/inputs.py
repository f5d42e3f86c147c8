"""The typed variables of the tenant stack, as they go into a `tfvars.json` file."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from lifecycle.stores.names import TenantNames

Tier = str
DataClass = Literal["pii", "phi", "financial", "privileged", "none"]
VectorProvider = Literal["pgvector", "pinecone", "weaviate"]


@dataclass(frozen=True)
class TenantInputs:
    """What the caller decides; the identity comes from TenantNames. The modules validate every value again."""

    tier: Tier
    environment: str
    cost_center: str
    owner: str
    project: str
    data_class: str
    data_classes: tuple[DataClass, ...] = ()
    compliance: tuple[str, ...] = ()
    expires_on: str = ""  # ISO date, or "" for none
    vector_provider: VectorProvider = "pgvector"
    vector_index: str = ""
    encryption_cmk: bool = True
    log_retention_days: int = 90
    backup_retention_days: int = 7
    object_noncurrent_days: int = 30
    overrides: dict[str, dict[str, Any]] = field(default_factory=dict)  # of findings; older modules take none

    def variables(self, names: TenantNames) -> dict[str, Any]:
        """Return the stack's variables for this tenant. Modules of before names bore a region know no word of it."""
        chosen = asdict(self)
        if not self.overrides:
            del chosen["overrides"]
        chosen["data_classes"] = sorted(self.data_classes)
        chosen["compliance"] = sorted(self.compliance)
        named = {"tenant_id": str(names.tenant_id), "name": names.name, "region": names.region, **chosen}
        return named | ({"bears_region": True} if names.bears_region else {})
