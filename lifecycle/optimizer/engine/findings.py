"""A finding: what was seen by which rule, what it is worth, and what would be changed."""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

from terraform.policies.rules import TAGS

from .facts import Tags
from .prices import Prices, Saving

Grade = Literal["low", "medium", "high"]
REQUIRED_TAGS = tuple(sorted(TAGS))
PRODUCTION = frozenset({"prod", "production"})
TRIAL = frozenset({"dev", "development", "test", "sandbox"})
BACKUP_DAYS = {"prod": 35, "production": 35, "staging": 14}
LEAST_BACKUP_DAYS = 7
ESTIMATED = "one of its prices is an estimate"


@dataclass(frozen=True)
class Rule:
    """A rule as it is shown: raise `version` when it decides differently.

    `action` is what is done about a finding: `delete` ends all others of the resource, the rest go by `rank`.
    """

    id: str
    version: int
    title: str
    category: Literal["cost", "security", "resilience", "tags"]
    action: str
    effort: Grade
    risk: Grade
    rank: int


@dataclass(frozen=True)
class Finding:
    """One finding. `saving` is None where no money is meant; inside it, None is an amount that is not known.

    `instead` names the finding that ends this one's resource, `after` those to be done before it.
    """

    id: str
    rule: Rule
    resource: str
    region: str
    title: str
    tenant: str
    environment: str
    evidence: dict[str, Any]
    confidence: Grade
    reasons: tuple[str, ...]
    saving: Saving | None = None
    change: dict[str, Any] | None = None
    instead: str = ""
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Doubt:
    """A resource about which a rule says nothing, because it was not measured for long enough."""

    resource: str
    region: str
    about: str
    why: str


@dataclass
class Judging:
    """What rules are given, and where they put what they find."""

    at: datetime
    prices: Prices
    found: list[Finding] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)

    def find(
        self,
        rule: Rule,
        resource: str,
        region: str,
        title: str,
        tags: Tags,
        *,
        evidence: dict[str, Any],
        key: str = "",
        confidence: Grade = "high",
        reasons: tuple[str, ...] = (),
        saving: Saving | None = None,
        change: dict[str, Any] | None = None,
    ) -> None:
        """Add a finding; `key` tells several of one rule about one resource apart."""
        if saving and saving.is_estimate:
            confidence, reasons = ("medium" if confidence == "high" else confidence), (*reasons, ESTIMATED)
        made = Finding(
            id=finding_id(rule.id, region, resource, key),
            rule=rule,
            resource=resource,
            region=region,
            title=title,
            tenant=tags.get("TenantID", ""),
            environment=environment_of(tags),
            evidence=evidence,
            confidence=confidence,
            reasons=reasons,
            saving=saving,
            change=change,
        )
        self.found.append(made)

    def doubt(self, resource: str, region: str, about: str, why: str) -> None:
        self.doubts.append(Doubt(resource, region, about, why))


def finding_id(rule: str, region: str, resource: str, key: str = "") -> str:
    """The same for the same rule and resource, in every scan."""
    return sha256("\n".join((rule, region, resource, key)).encode()).hexdigest()[:20]


def environment_of(tags: Tags) -> str:
    return tags.get("Environment", "").strip().lower()


def is_production(tags: Tags) -> bool:
    return environment_of(tags) in PRODUCTION


def is_trial(tags: Tags) -> bool:
    """Said to be for trial only; what does not say what it is, is treated as if it served people."""
    return environment_of(tags) in TRIAL


def change_of(
    resource: str, attribute: str, before: Any, after: Any, beside: dict[str, tuple[Any, Any]] | None = None
) -> dict[str, Any]:
    """A change of tfvars: one attribute of one resource, as the stack's `overrides` take it.

    `beside` becomes `with`: attributes that are set together with it, each from what to what.
    """
    said = {"path": ["overrides", resource, attribute], "before": before, "after": after}
    together = {name: {"before": was, "after": wanted} for name, (was, wanted) in (beside or {}).items()}
    return said | ({"with": together} if together else {})
