"""The region's secret store: one binding per tenant, which is all the platform knows of a tenant's names and keys.

Embedded: a file per tenant, 0600 in a 0700 directory, replaced in one step. Another store (AWS Secrets Manager) is
another class with the same three verbs.
"""

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True)
class VectorBinding:
    """Which provider holds the tenant's vectors, and under which name."""

    provider: str
    namespace: str
    index: str


@dataclass(frozen=True)
class TenantBinding:
    """A tenant's runtime names and credentials in one region. Its repr shows no secret."""

    tenant_id: UUID
    tenant_name: str
    region: str
    db_role: str
    bucket: str
    kms_key_id: str
    aws_access_key_id: str
    aws_secret_access_key: str = field(repr=False)
    cache_user: str
    cache_password: str = field(repr=False)
    cache_prefix: str
    vector: VectorBinding
    log_group: str


class SecretStore(Protocol):
    """Where a region keeps its tenants' bindings."""

    def write(self, binding: TenantBinding) -> None:
        """Keep the binding, replacing an older one whole."""

    def read(self, tenant_id: UUID) -> TenantBinding | None:
        """Return the tenant's binding, or None."""

    def remove(self, tenant_id: UUID) -> bool:
        """Forget the tenant's binding; true when there was one."""


@dataclass(frozen=True)
class FileSecrets:
    """Bindings as files under one directory of the region."""

    directory: Path

    def write(self, binding: TenantBinding) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        said = {**asdict(binding), "tenant_id": str(binding.tenant_id)}
        handle, temporary = tempfile.mkstemp(dir=self.directory, prefix=".binding-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                os.fchmod(stream.fileno(), 0o600)
                json.dump(said, stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, self._path(binding.tenant_id))
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def read(self, tenant_id: UUID) -> TenantBinding | None:
        try:
            said: dict[str, Any] = json.loads(self._path(tenant_id).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return TenantBinding(
            **{**said, "tenant_id": UUID(said["tenant_id"]), "vector": VectorBinding(**said["vector"])}
        )

    def remove(self, tenant_id: UUID) -> bool:
        try:
            self._path(tenant_id).unlink()
        except FileNotFoundError:
            return False
        return True

    def _path(self, tenant_id: UUID) -> Path:
        return self.directory / f"{tenant_id}.json"


def store_of(region_name: str, secrets_dir: Path | str | None = None) -> SecretStore:
    """Return the secret store of a region; the directory is BAILIWICK_SECRETS_DIR unless given."""
    root = Path(secrets_dir or os.environ["BAILIWICK_SECRETS_DIR"])
    return FileSecrets(root / "regions" / region_name / "tenants")
