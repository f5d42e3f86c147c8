"""The configuration document: its schema, how a tenant's part lies over its tier's, and what differs between two.

Every key is optional, so a tier, a tenant and both together are all valid by the one schema.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

from portal.lib.errors import Invalid

Document = dict[str, Any]
MOST_BYTES, DEEPEST = 32_768, 8
WHOLE = 2**53 - 1  # what a double keeps exactly
KEY = "^[a-z][a-z0-9_-]{1,62}[a-z0-9]$"


def _section(**properties: Any) -> Document:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _text(most: int, **more: Any) -> Document:
    return {"type": "string", "minLength": 1, "maxLength": most, **more}


def _number(least: float, most: float, kind: str = "integer") -> Document:
    return {"type": kind, "minimum": least, "maximum": most}


SCHEMA: Document = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Tenant configuration",
    **_section(
        model=_section(
            name=_text(100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$"),
            temperature=_number(0, 2, "number"),
            max_output_tokens=_number(16, 32_768),
            system_prompt=_text(4_000),
        ),
        retrieval=_section(
            passages=_number(1, 100),
            min_score=_number(0, 1, "number"),
            rerank={"type": "boolean"},
            chunk_tokens=_number(64, 4_096),
        ),
        branding=_section(
            display_name=_text(80),
            accent={"type": "string", "pattern": "^#[0-9a-f]{6}$"},
            logo_url=_text(300, pattern="^https://[^ ]+$"),
            welcome=_text(300),
        ),
        switches={
            "type": "object",
            "description": "What began as a flag and stayed, by the flag's key",
            "propertyNames": {"pattern": KEY},
            "maxProperties": 200,
            "additionalProperties": {"type": ["boolean", "string", "number", "object"]},
        },
    ),
}
_validator = Draft202012Validator(SCHEMA)


def check(document: Any) -> Document:
    """Return the document, without empty sections, if the schema allows it; else say what is wrong where."""
    if not travels(document):
        raise Invalid(fields={"document": f"numbers that every language keeps, and at most {DEEPEST} levels"})
    errors = sorted(_validator.iter_errors(document), key=lambda one: [str(part) for part in one.path])
    if errors:
        raise Invalid(fields={".".join(["document", *map(str, one.path)]): one.message[:200] for one in errors[:10]})
    if len(json.dumps(document).encode()) > MOST_BYTES:
        raise Invalid(fields={"document": f"at most {MOST_BYTES // 1024} KB"})
    return {name: section for name, section in document.items() if section}


def travels(value: Any, depth: int = 0) -> bool:
    """True if JSON carries the value to any reader as it is."""
    if isinstance(value, (dict, list)):
        inside = value.values() if isinstance(value, dict) else value
        return depth < DEEPEST and all(travels(one, depth + 1) for one in inside)
    if isinstance(value, int):
        return abs(value) <= WHOLE
    return not isinstance(value, float) or math.isfinite(value)


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> Document:
    """The tier's document with the tenant's over it, key by key within each section."""
    names = sorted(set(below) | set(above))
    return {name: {**below.get(name, {}), **above.get(name, {})} for name in names}


@dataclass(frozen=True)
class Change:
    """One key that differs; None where it is not set."""

    path: str
    old: Any
    new: Any


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What changed from one document to another, key by key."""
    before, after = dict(flat(old)), dict(flat(new))
    paths = [path for path in sorted(before.keys() | after.keys()) if not _same(before.get(path), after.get(path))]
    return [Change(path, before.get(path), after.get(path)) for path in paths]


def flat(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every key with its section: `retrieval.passages`, and its value."""
    for section, values in document.items():
        for name, value in values.items():
            yield f"{section}.{name}", value


def _same(one: Any, other: Any) -> bool:
    """Python's True is 1; JSON's is not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
