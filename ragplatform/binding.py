"""What the region's secret store says of a tenant: which role, bucket, keys and prefixes are its own.

A binding is held for one piece of work and names the routing epoch under which it was begun, so that the whole of it is
done at that epoch or refused by the stores.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

from bailiwick_client import Route


class Unbound(Exception):
    """This region's secret store holds nothing (usable) for the tenant."""


@dataclass(frozen=True)
class Binding:
    """The tenant's runtime names and credentials in this region, used at `epoch`; at 0 nothing is written."""

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
    epoch: int = 0

    def at(self, epoch: int) -> "Binding":
        """The same names, used at this epoch."""
        return self if epoch == self.epoch else replace(self, epoch=epoch)


class Bindings:
    """Reads the tenants' files of one region; a replaced file is noticed at the next request."""

    def __init__(self, folder: Path, region: str, route_of: Callable[[UUID], Route | None]) -> None:
        self._folder = folder
        self._region = region
        self._route_of = route_of
        self._read: dict[UUID, tuple[int, Binding]] = {}

    def of(self, tenant_id: UUID) -> Binding:
        """The tenant's binding as the file says now, at the epoch known now; raises Unbound.

        At epoch 0, at which nothing is written, where the registry is not known to have named the tenant.
        """
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
        route = self._route_of(tenant_id)
        return held[1].at(route.epoch if route else 0)

    def tenants(self) -> list[UUID]:
        """The tenants that have a binding here and are served here; of one that moves, one region at a time."""
        bound = [UUID(path.stem) for path in sorted(self._folder.glob("*-*-*-*-*.json"))]
        return [one for one in bound if (route := self._route_of(one)) and route.owner == self._region]

    def is_bound(self, tenant_id: UUID) -> bool:
        """Whether the tenant has a binding here, wherever it is served."""
        return (self._folder / f"{tenant_id}.json").exists()


def _binding(data: dict[str, object]) -> Binding:
    vector = data["vector"]
    if not isinstance(vector, dict):
        raise TypeError("vector is not an object")
    names = set(Binding.__dataclass_fields__) & set(data) - {"tenant_id", "epoch"}
    plain: dict[str, Any] = {name: str(data[name]) for name in names}
    return Binding(
        tenant_id=UUID(str(data["tenant_id"])),
        vector_provider=str(vector["provider"]),
        vector_namespace=str(vector["namespace"]),
        vector_index=str(vector.get("index") or ""),
        **plain,
    )
