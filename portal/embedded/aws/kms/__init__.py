"""KMS keys, aliases and tags, and encryption with them; a disabled or deleted key refuses every use."""

from .keys import SCHEMA, arn_of, find, purge_expired, require_enabled, require_use, tagged
from .routes import FIELDS, call

__all__ = [
    "FIELDS", "SCHEMA", "arn_of", "call", "find", "purge_expired", "require_enabled", "require_use", "tagged",
]  # fmt: skip
