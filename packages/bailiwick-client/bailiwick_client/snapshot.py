"""What the portal says of one tenant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
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
class Maintenance:
    """The tenant is not served before `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Throttle:
    """The tenant writes no more than this before `until`."""

    writes_per_second: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Service:
    """What a move takes from the tenant for a while. Each part ends by itself, whatever is or is not heard later."""

    maintenance: Maintenance | None = None
    throttle: Throttle | None = None

    @classmethod
    def of(cls, data: Any) -> "Service":
        """Read the portal's JSON; a portal that says nothing of it takes nothing. Raises Malformed."""
        if not data:
            return cls()
        shut, slow = (_take(data, part, dict) if part in data else None for part in ("maintenance", "throttle"))
        return cls(
            Maintenance(_moment(shut)) if shut is not None else None,
            Throttle(_take(slow, "writes_per_second", int), _moment(slow)) if slow is not None else None,
        )

    def told(self) -> dict[str, Any]:
        """The portal's own form."""
        shut, slow = self.maintenance, self.throttle
        found: dict[str, Any] = {"maintenance": {"until": shut.until.isoformat()}} if shut else {}
        pace = {"writes_per_second": slow.writes_per_second, "until": slow.until.isoformat()} if slow else None
        return found | ({"throttle": pace} if pace else {})


@dataclass(frozen=True, slots=True)
class ReadSplit:
    """Which share of a moving tenant's reads another region answers: `percent` of its callers.

    `mirror` is the share of reads that both sides are asked in the background. Whoever shows the `ticket` asks on
    behalf of the tenant's owner, who has counted the read already. Snapshots of `move` say what that region holds.
    """

    region: str
    percent: int
    mirror: float
    move: str
    ticket: str = field(repr=False)

    @classmethod
    def of(cls, data: Any) -> "ReadSplit":
        """Read the portal's JSON; raises Malformed."""
        return cls(
            region=_take(data, "region", str),
            percent=_take(data, "percent", int),
            mirror=float(_take(data, "mirror", (int, float))),
            move=_take(data, "move", str),
            ticket=_take(data, "ticket", str),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a tenant may be served, as of the status change `version`."""

    tenant_id: str
    version: int
    status: str
    reason: str
    validating: bool

    @property
    def servable(self) -> bool:
        """Active, or being validated (then only for callers who hold the `validate` scope).

        A tenant restricted by an incident is `suspended` and validated: nothing else could prove it well again.
        """
        return self.status == "active" or (self.status in ("provisioning", "suspended") and self.validating)

    @classmethod
    def of(cls, data: Any) -> "Standing":
        """Read the portal's JSON; raises Malformed."""
        return cls(
            tenant_id=_take(data, "tenant_id", str),
            version=_take(data, "status_version", int),
            status=_take(data, "status", str),
            reason=_take(data, "reason", str),
            validating=_take(data, "validating", bool),
        )


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything about a tenant but whether it may be served; goes on holding while the portal cannot be asked."""

    tenant_id: str
    name: str
    tier: str
    region: str
    limits: Limits
    flags: Mapping[str, Any]
    version: int
    routing_epoch: int
    vector_provider: str
    lease_seconds: float
    goes_on: bool
    document: Mapping[str, Any]  # the tenant's configuration document: model, retrieval, branding
    features: frozenset[str]  # what its tier includes
    service: Service = Service()
    reads: ReadSplit | None = None  # while it moves

    @classmethod
    def of(cls, data: Any) -> "Configuration":
        """Read the portal's JSON; unknown fields are ignored, a missing or ill-typed one raises Malformed."""
        limits = _take(data, "limits", dict)
        return cls(
            tenant_id=_take(data, "tenant_id", str),
            name=_take(data, "name", str),
            tier=_take(data, "tier", str),
            region=_take(data, "region", str),
            limits=Limits(
                max_users=_take(limits, "max_users", int),
                max_documents=_take(limits, "max_documents", int),
                max_queries_per_day=_take(limits, "max_queries_per_day", int),
                max_storage_gb=float(_take(limits, "max_storage_gb", (int, float))),
                requests_per_minute=_take(limits, "requests_per_minute", int),
            ),
            flags=MappingProxyType(_take(data, "flags", dict)),
            version=_take(data, "config_version", int),
            routing_epoch=_take(data, "routing_epoch", int),
            vector_provider=_take(data, "vector_provider", str),
            lease_seconds=float(_take(data, "lease_seconds", (int, float))),
            goes_on=_take(data, "on_outage", str) == "go_on",
            document=MappingProxyType(_take(data, "config", dict)),
            features=frozenset(map(str, _take(data, "features", list))),
            service=Service.of(data.get("service")),
            reads=ReadSplit.of(data["reads"]) if data.get("reads") is not None else None,
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One tenant as it is admitted. `lease` is how many seconds an answer of the portal may be acted on."""

    configuration: Configuration
    standing: Standing
    lease: float

    @classmethod
    def joined(cls, configuration: Configuration, standing: Standing) -> "Snapshot":
        return cls(configuration, standing, configuration.lease_seconds)

    @property
    def tenant_id(self) -> str:
        return self.configuration.tenant_id

    @property
    def name(self) -> str:
        return self.configuration.name

    @property
    def status(self) -> str:
        return self.standing.status

    @property
    def tier(self) -> str:
        return self.configuration.tier

    @property
    def region(self) -> str:
        return self.configuration.region

    @property
    def routing_epoch(self) -> int:
        return self.configuration.routing_epoch

    @property
    def limits(self) -> Limits:
        return self.configuration.limits

    @property
    def flags(self) -> Mapping[str, Any]:
        return self.configuration.flags

    @property
    def document(self) -> Mapping[str, Any]:
        return self.configuration.document

    @property
    def features(self) -> frozenset[str]:
        return self.configuration.features

    @property
    def service(self) -> Service:
        return self.configuration.service

    @property
    def vector_provider(self) -> str:
        return self.configuration.vector_provider

    @property
    def reads(self) -> ReadSplit | None:
        return self.configuration.reads

    @property
    def validating(self) -> bool:
        return self.standing.validating


def _moment(data: Any) -> datetime:
    try:
        found = datetime.fromisoformat(_take(data, "until", str))
    except ValueError as error:
        raise Malformed("until is no moment") from error
    if found.tzinfo is None:
        raise Malformed("until says no time zone")
    return found


def _take(data: Any, field: str, kind: Any) -> Any:
    if not isinstance(data, dict):
        raise Malformed("a snapshot is an object")
    value = data.get(field)
    # bool is an int to isinstance, and true is no version number
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise Malformed(f"{field} is missing or of the wrong type")
    return value
