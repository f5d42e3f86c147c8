"""What a tenant gets of each flag, and why. Pure: the same definitions and tenant give the same answer anywhere.

Order: off → needs and exclusions → the tenant's override → the rollout in its tier → the tier's default → the flag's
default. Reasons are those of OpenFeature. The end of a flag changes its reason to STALE and never its value.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

STATIC, DEFAULT, TARGETING_MATCH, SPLIT = "STATIC", "DEFAULT", "TARGETING_MATCH", "SPLIT"
DISABLED, STALE, ERROR = "DISABLED", "STALE", "ERROR"
BUCKETS = 10_000


@dataclass(frozen=True)
class TierPart:
    """What a tier gets: a default of its own if `variant`, and the rollout up to `percent`."""

    variant: str = ""
    percent: int = 0


@dataclass(frozen=True)
class Definition:
    """One flag as evaluation needs it; `overrides` maps tenants to variants."""

    key: str
    variants: Mapping[str, Any]
    off: str
    default: str
    rollout: str = ""
    is_off: bool = False
    is_stale: bool = False
    tiers: Mapping[str, TierPart] = field(default_factory=dict)
    overrides: Mapping[UUID, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """One flag for one tenant. `because` is a word for pages, `about` the flag, tier or percent it names."""

    value: Any
    variant: str
    reason: str
    because: str
    about: str = ""

    def public(self) -> dict[str, Any]:
        """As snapshots carry it."""
        return {"value": self.value, "variant": self.variant, "reason": self.reason}


def bucket(key: str, tenant_id: UUID) -> int:
    """Where a tenant stands in the rollout of a flag, 0 to 9999: the same for ever, so that a raise only adds."""
    return int.from_bytes(hashlib.sha256(f"{key}:{tenant_id}".encode()).digest()) % BUCKETS


def is_in(key: str, tenant_id: UUID, percent: int) -> bool:
    return bucket(key, tenant_id) < percent * BUCKETS // 100


def evaluate(flags: Mapping[str, Definition], tenant_id: UUID, tier: str) -> dict[str, Answer]:
    """Every flag for one tenant."""
    return {key: answer(flags, flag, tenant_id, tier) for key, flag in flags.items()}


def answer(flags: Mapping[str, Definition], flag: Definition, tenant_id: UUID, tier: str) -> Answer:
    """One flag for one tenant; relations are one level deep, so what it looks at looks at nothing else."""
    for other in flag.needs:
        if other not in flags or not wants(flags[other], tenant_id, tier):
            return _given(flag, flag.off, DISABLED, "needs", other)
    found = alone(flag, tenant_id, tier)
    if found.variant != flag.off:
        for other in flag.excludes:
            if other in flags and wants(flags[other], tenant_id, tier):
                return _given(flag, flag.off, DISABLED, "excludes", other)
    return found


def wants(flag: Definition, tenant_id: UUID, tier: str) -> bool:
    """True if the flag by itself would be on for the tenant: anything but its off variant."""
    return alone(flag, tenant_id, tier).variant != flag.off


def alone(flag: Definition, tenant_id: UUID, tier: str) -> Answer:
    """One flag for one tenant, relations left aside."""
    part = flag.tiers.get(tier, TierPart())
    if flag.is_off:
        return _given(flag, flag.off, DISABLED, "off")
    if tenant_id in flag.overrides:
        return _given(flag, flag.overrides[tenant_id], TARGETING_MATCH, "override")
    if part.percent and is_in(flag.key, tenant_id, part.percent):
        return _given(flag, flag.rollout, SPLIT, "rollout", str(part.percent))
    base, because = (part.variant, "tier") if part.variant else (flag.default, "default")
    if part.percent:
        return _given(flag, base, SPLIT, "waiting", str(part.percent))
    if part.variant:
        return _given(flag, base, TARGETING_MATCH, because, tier)
    return _given(flag, base, DEFAULT if _has_rules(flag) else STATIC, because)


def _has_rules(flag: Definition) -> bool:
    """Overrides of other tenants do not count: a tenant's answer is the same whoever is asked about with it."""
    return any(part.percent or part.variant for part in flag.tiers.values())


def _given(flag: Definition, variant: str, reason: str, because: str, about: str = "") -> Answer:
    if variant not in flag.variants:  # only a write past the rules of the database makes one
        return Answer(flag.variants.get(flag.off), flag.off, ERROR, "unknown_variant", variant)
    shown = STALE if flag.is_stale and reason != DISABLED else reason
    return Answer(flag.variants[variant], variant, shown, because, about)
