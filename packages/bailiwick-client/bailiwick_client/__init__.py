"""Ask the portal, under a lease, whether a tenant may be served and within which limits."""

from .credentials import file_token
from .registry import Registry
from .snapshot import Limits, Malformed, Refused, Snapshot

__all__ = ["Limits", "Malformed", "Refused", "Registry", "Snapshot", "file_token"]
