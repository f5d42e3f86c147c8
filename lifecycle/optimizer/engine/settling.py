"""Several findings about one resource: what ends it comes before what would change it, and what keeps data first."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from .findings import Finding


def settle(found: Iterable[Finding]) -> list[Finding]:
    """In a fixed order, each told what it gives way to (`instead`) and what is to be done before it (`after`)."""
    of: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for one in found:
        of[one.region, one.resource].append(one)
    settled = [one for together in of.values() for one in _together(together)]
    return sorted(settled, key=lambda one: (one.region, one.resource, one.rule.rank, one.rule.id, one.id))


def _together(found: list[Finding]) -> list[Finding]:
    ending = min((one.id for one in found if one.rule.action == "delete"), default="")
    if ending:
        return [one if one.id == ending else replace(one, instead=ending) for one in found]
    keeping = tuple(sorted(one.id for one in found if one.rule.category == "resilience"))
    return [replace(one, after=keeping) if one.rule.action == "resize" else one for one in found]
