"""Identifiers: UUID version 7 (RFC 9562), unguessable and in order of time."""

import secrets
import time
from uuid import UUID


def new_id() -> UUID:
    """48 bits of Unix milliseconds, 74 random bits."""
    millis = time.time_ns() // 1_000_000 & (1 << 48) - 1
    return UUID(int=millis << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62))


def uuid_or_none(text: object) -> UUID | None:
    """The UUID a string spells in its usual form, None for anything else."""
    if not isinstance(text, str) or len(text) != 36:
        return None
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None
