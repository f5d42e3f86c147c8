"""Canonical JSON read strictly: one value has one spelling, and any other file is refused."""

import json
from typing import Any

from .canonical import canonical
from .errors import Malformed


def read(data: bytes, what: str) -> Any:
    """Return the value of canonical JSON; Malformed when a key comes twice or the bytes are another spelling of it."""
    try:
        found = json.loads(data, object_pairs_hook=_once)
        is_canonical = canonical(found) == data
    except (ValueError, TypeError, RecursionError) as error:
        raise Malformed(f"not {what}: {error}") from error
    if not is_canonical:
        raise Malformed(f"not {what} in canonical form: something has rewritten the file since it was made")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
