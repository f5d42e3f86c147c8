"""What the portal says of one tenant."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Code = Literal["unknown", "not_active", "unreachable"]


class Refused(Exception):
    """The tenant may not be served now.

    code: `unknown` (no such tenant), `not_active` (suspended, archived, not yet provisioned), `unreachable` (the
    portal did not say, so nobody knows; worth another try).
    """

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code: Code = code
        self.reason = reason


class Malformed(ValueError):
    """The answer is not a snapshot."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the tenant's tier allows; storage in GB of 10^9 bytes."""

    max_users: int
    max_documents: int
    max_queries_per_day: int
    max_storage_gb: float
    requests_per_minute: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One published state of a tenant."""

    tenant_id: str
    name: str
    status: str
    tier: str
    region: str
    limits: Limits
    flags: Mapping[str, Any]
    config_version: int
    status_version: int
    vector_provider: str
    validating: bool

    @property
    def servable(self) -> bool:
        """Active, or being validated (then only for callers who hold the `validate` scope).

        A tenant restricted by an incident is `suspended` and validated: nothing else could prove it well again.
        """
        return self.status == "active" or (self.status in ("provisioning", "suspended") and self.validating)

    @classmethod
    def of(cls, data: Any) -> "Snapshot":
        """Read the portal's JSON; unknown fields are ignored, a missing or ill-typed one raises Malformed."""
        if not isinstance(data, dict):
            raise Malformed("a snapshot is an object")
        limits = _take(data, "limits", dict)
        return cls(
            tenant_id=_take(data, "tenant_id", str),
            name=_take(data, "name", str),
            status=_take(data, "status", str),
            tier=_take(data, "tier", str),
            region=_take(data, "region", str),
            limits=Limits(
                max_users=_take(limits, "max_users", int),
                max_documents=_take(limits, "max_documents", int),
                max_queries_per_day=_take(limits, "max_queries_per_day", int),
                max_storage_gb=float(_take(limits, "max_storage_gb", (int, float))),
                requests_per_minute=_take(limits, "requests_per_minute", int),
            ),
            flags=_take(data, "flags", dict),
            config_version=_take(data, "config_version", int),
            status_version=_take(data, "status_version", int),
            vector_provider=_take(data, "vector_provider", str),
            validating=_take(data, "validating", bool),
        )


def _take(data: dict[str, Any], field: str, kind: Any) -> Any:
    value = data.get(field)
    # bool is an int to isinstance, and true is no version number
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise Malformed(f"{field} is missing or of the wrong type")
    return value
