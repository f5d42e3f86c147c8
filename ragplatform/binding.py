"""What the region's secret store says of a tenant: which role, bucket, keys and prefixes are its own."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID


class Unbound(Exception):
    """This region's secret store holds nothing (usable) for the tenant."""


@dataclass(frozen=True)
class Binding:
    """The tenant's runtime names and credentials in this region."""

    tenant_id: UUID
    tenant_name: str
    region: str
    db_role: str
    bucket: str
    kms_key_id: str
    aws_access_key_id: str
    cache_user: str
    cache_prefix: str
    vector_provider: str
    vector_namespace: str
    vector_index: str
    log_group: str
    aws_secret_access_key: str = field(repr=False)
    cache_password: str = field(repr=False)


class Bindings:
    """Reads the tenants' files of one region; a replaced file is noticed at the next request."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[UUID, tuple[int, Binding]] = {}

    def of(self, tenant_id: UUID) -> Binding:
        """The tenant's binding as the file says now; raises Unbound."""
        path = self._folder / f"{tenant_id}.json"
        try:
            changed = path.stat().st_mtime_ns
            held = self._read.get(tenant_id)
            if held is None or held[0] != changed:
                held = self._read[tenant_id] = changed, _binding(json.loads(path.read_text()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._read.pop(tenant_id, None)
            raise Unbound(f"no binding for {tenant_id}") from error
        if held[1].tenant_id != tenant_id:
            raise Unbound(f"the binding of {tenant_id} is of another tenant")
        return held[1]

    def tenants(self) -> list[UUID]:
        """The tenants that have a binding here."""
        return [UUID(path.stem) for path in sorted(self._folder.glob("*-*-*-*-*.json"))]


def _binding(data: dict[str, object]) -> Binding:
    vector = data["vector"]
    if not isinstance(vector, dict):
        raise TypeError("vector is not an object")
    plain = {name: str(data[name]) for name in Binding.__dataclass_fields__ if name in data and name != "tenant_id"}
    return Binding(
        tenant_id=UUID(str(data["tenant_id"])),
        vector_provider=str(vector["provider"]),
        vector_namespace=str(vector["namespace"]),
        vector_index=str(vector.get("index") or ""),
        **plain,
    )
