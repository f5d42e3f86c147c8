"""Ask the portal, under a lease, whether a tenant may be served and within which limits."""

from .credentials import file_token
from .reading import Applied, ReadToken
from .registry import Registry
from .router import Route, Router
from .snapshot import (
    Configuration,
    Limits,
    Maintenance,
    Malformed,
    ReadSplit,
    Refused,
    Service,
    Snapshot,
    Standing,
    Throttle,
)

__all__ = [
    "Applied",
    "Configuration",
    "Limits",
    "Maintenance",
    "Malformed",
    "ReadSplit",
    "ReadToken",
    "Refused",
    "Registry",
    "Route",
    "Router",
    "Service",
    "Snapshot",
    "Standing",
    "Throttle",
    "file_token",
]
