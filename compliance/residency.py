"""Residency and provider choice: law × data class × region × provider × capability, for every path of the data.

A path is one capability (database, vectors, objects, backups, logs, embeddings) at one provider. For each path the
rules in force that speak of it must all allow the region, and some provider must offer the capability there. The
region asked for is never changed; only the provider within it may be the next allowed one, and the verdict says so.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .models import CAPABILITIES, Profile, ProviderRegion, ResidencyRule


@dataclass(frozen=True)
class Finding:
    """One rule's answer. outcome: `pass`, `refuse`, or `person` (somebody must set it up by hand)."""

    rule_id: str
    rule_version: str
    outcome: str
    title: str
    remedy: str
    inputs: dict[str, Any]


@dataclass(frozen=True)
class Placement:
    """Where each capability of the tenant would live."""

    region: str
    providers: dict[str, str]
    profiles: tuple[str, ...]
    requires: dict[str, Any]
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.outcome == "refuse")


def evaluate(
    *,
    region: str,
    geography: str,
    data_classes: list[str],
    profiles: list[str] | None = None,
    vector_provider: str = "",
    at: datetime | None = None,
) -> Placement:
    """Judge a placement. `profiles` are opted into beside those that apply by law; `vector_provider` is a wish."""
    inputs = {"region": region, "geography": geography, "data_classes": sorted(data_classes)}
    findings = _residency(inputs, at)
    providers, more = _providers(region, vector_provider, inputs, at)
    held, requires, duties = _profiles(geography, data_classes, profiles or [], inputs, at)
    return Placement(region, providers, held, requires, (*findings, *more, *duties))


def _residency(inputs: dict[str, Any], at: datetime | None) -> tuple[Finding, ...]:
    found = []
    spoken: set[str] = set()
    for rule in ResidencyRule.objects.in_force(at).order_by("rule_id"):
        paths = [
            capability
            for capability in CAPABILITIES
            if rule.speaks_of(geography=inputs["geography"], data_classes=inputs["data_classes"], capability=capability)
        ]
        if not paths:
            continue
        spoken.update(paths)
        allowed = inputs["region"] in rule.allowed_regions
        remedy = "" if allowed else f"Choose one of: {', '.join(sorted(rule.allowed_regions))}."
        where = "all paths" if len(paths) == len(CAPABILITIES) else ", ".join(paths)
        found.append(
            Finding(
                rule.rule_id,
                f"v{rule.version}",
                "pass" if allowed else "refuse",
                rule.title,
                remedy,
                {**inputs, "paths": where, "law": rule.law},
            )
        )
    silent = [capability for capability in CAPABILITIES if capability not in spoken]
    if silent:
        found.append(
            Finding(
                "RES-000",
                "v1",
                "refuse",
                f"No residency rule speaks of {', '.join(silent)} for these data",
                "A compliance officer must add a rule before such data can be placed.",
                inputs,
            )
        )
    return tuple(found)


def _providers(
    region: str, wish: str, inputs: dict[str, Any], at: datetime | None
) -> tuple[dict[str, str], tuple[Finding, ...]]:
    offers = list(ProviderRegion.objects.in_force(at).filter(region=region).order_by("preference", "provider"))
    chosen: dict[str, str] = {}
    found = []
    for capability in CAPABILITIES:
        able = [offer.provider for offer in offers if capability in offer.capabilities]
        seen = {**inputs, "capability": capability, "offered_by": able}
        if not able:
            remedy = "Choose a supported region, or a person sets it up by hand."
            found.append(Finding("PRV-001", "v1", "person", f"No provider of {capability} in {region}", remedy, seen))
            continue
        chosen[capability] = wish if capability == "vectors" and wish in able else able[0]
    if wish and chosen.get("vectors") not in (None, wish):
        title = f"Vectors at {chosen['vectors']}: {wish} has no {region} region"
        found.append(Finding("PRV-002", "v1", "pass", title, "", {**inputs, "asked": wish, "taken": chosen["vectors"]}))
    return chosen, tuple(found)


DUTIES = {
    "cmk": "encryption under the tenant's own key",
    "tls": "encrypted transport on every path",
    "access_logs": "access logs",
    "immutable_audit": "an audit record that cannot be changed",
}


def _in_words(duty: str, value: Any) -> str:
    return f"logs kept for {value} days" if duty == "log_retention_days" else DUTIES.get(duty, duty.replace("_", " "))


def _profiles(
    geography: str, data_classes: list[str], asked: list[str], inputs: dict[str, Any], at: datetime | None
) -> tuple[tuple[str, ...], dict[str, Any], tuple[Finding, ...]]:
    held, found = [], []
    requires: dict[str, Any] = {}
    for profile in Profile.objects.in_force(at):
        if profile.code not in asked and not profile.applies_to(geography=geography, data_classes=data_classes):
            continue
        held.append(profile.code)
        for duty, value in profile.requires.items():
            requires[duty] = max(requires.get(duty, value), value)
        duties = ", ".join(_in_words(duty, value) for duty, value in sorted(profile.requires.items()))
        found.append(
            Finding(f"CMP-{profile.code}", f"v{profile.version}", "pass", f"{profile.title}: {duties}", "", inputs)
        )
    unknown = sorted(set(asked) - set(held))
    for code in unknown:
        remedy = "Use a profile that exists, or ask compliance to add it."
        found.append(Finding("CMP-000", "v1", "refuse", f"There is no compliance profile {code}", remedy, inputs))
    return tuple(held), requires, tuple(found)


COUNTRY_OF_AREA = {"us": "US", "eu": "EU", "ap-south": "IN", "ap-southeast": "SG"}


def country_of(region: str) -> str:
    """The geography a region stands in, from its AWS area name; empty when unknown."""
    area = region.rsplit("-", 1)[0]
    return COUNTRY_OF_AREA.get(area) or COUNTRY_OF_AREA.get(area.partition("-")[0], "")
