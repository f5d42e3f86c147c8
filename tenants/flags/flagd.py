"""The flags as flagd's own document (https://flagd.dev/schema/v0/flags.json), for evaluators inside a process.

Each tenant is named, so that whoever evaluates with `targetingKey` = the tenant's id gets the value that we give:
flagd's fractional rule hashes otherwise. A flag that is off is exported as on with its off variant, because flagd
answers for a disabled one with what the caller had in mind. A tenant made later gets the default until the next export.
"""

from collections import defaultdict
from typing import Any

from .evaluation import Definition, evaluate
from .queries import definitions, living_tenants

SCHEMA = "https://flagd.dev/schema/v0/flags.json"
TENANT = {"var": "targetingKey"}


def document() -> dict[str, Any]:
    """Every active flag with the variant of every tenant. Two queries."""
    flags = definitions()
    given: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for pk, tier in living_tenants().order_by("pk").values_list("pk", "tier_id"):
        for key, answer in evaluate(flags, pk, tier).items():
            given[key][answer.variant].append(str(pk))
    return {"$schema": SCHEMA, "flags": {key: _flag(flag, given[key]) for key, flag in sorted(flags.items())}}


def _flag(flag: Definition, given: dict[str, list[str]]) -> dict[str, Any]:
    default = flag.off if flag.is_off else flag.default
    found: dict[str, Any] = {"state": "ENABLED", "variants": dict(flag.variants), "defaultVariant": default}
    named = [(variant, ids) for variant, ids in sorted(given.items()) if variant != default]
    if named:
        found["targeting"] = _first_of(named, default)
    found["metadata"] = {"stale": flag.is_stale, "off": flag.is_off}
    return found


def _first_of(named: list[tuple[str, list[str]]], default: str) -> dict[str, Any]:
    rule: list[Any] = []
    for variant, ids in named:
        rule += [{"in": [TENANT, ids]}, variant]
    return {"if": [*rule, default]}
