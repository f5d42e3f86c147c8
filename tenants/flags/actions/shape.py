"""What variants of a flag may look like."""

import json
import re
from collections.abc import Mapping
from typing import Any

from portal.lib.errors import Invalid
from tenants.configuration.document import DEEPEST, travels
from tenants.flags.models import ValueType

NAME = re.compile(r"^[a-z][a-z0-9_-]{0,39}$")
MOST_VARIANTS, MOST_BYTES = 10, 4096
TYPES: dict[str, tuple[type, ...]] = {
    ValueType.BOOLEAN: (bool,),
    ValueType.STRING: (str,),
    ValueType.NUMBER: (int, float),
    ValueType.OBJECT: (dict,),
}
ON_OFF: dict[str, Any] = {"on": True, "off": False}


def check_variants(kind: str, variants: Mapping[str, Any]) -> None:
    """Refuse variants that are not 2 to 10 named values of one type, small and finite."""
    wrong = [name for name in variants if not NAME.match(name)]
    if wrong:
        raise _bad(f"{wrong[0][:40]!r} is no name: small letters, digits, - and _, at most 40")
    if not 2 <= len(variants) <= MOST_VARIANTS:
        raise _bad(f"between 2 and {MOST_VARIANTS} variants")
    other = [name for name, value in variants.items() if not _fits(kind, value)]
    if other:
        raise _bad(f"{other[0]} is not of type {ValueType(kind).value}")
    if not all(travels(value) for value in variants.values()):
        raise _bad(f"numbers that every language keeps, and structures at most {DEEPEST} deep")
    if len(json.dumps(variants).encode()) > MOST_BYTES:
        raise _bad(f"at most {MOST_BYTES} bytes together; what is larger is configuration")


def _fits(kind: str, value: Any) -> bool:
    if isinstance(value, bool) != (kind == ValueType.BOOLEAN):
        return False
    return isinstance(value, TYPES[kind])


def _bad(words: str) -> Invalid:
    return Invalid(fields={"variants": words})
