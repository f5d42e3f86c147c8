"""Residency: whose data, of which kind, may live where; the region asked for is never changed."""

import itertools
from typing import Any

import pytest

from compliance.defaults import AWS_REGIONS, EU_REGIONS
from compliance.models import CAPABILITIES, ResidencyRule
from compliance.residency import evaluate
from portal.lib.clock import now
from tenants.models import DataClass, Geography

KINDS = [[], *[[one] for one in DataClass.values], ["pii", "financial"], sorted(DataClass.values)]
REGIONS = [*AWS_REGIONS, "ap-southeast-3", "mars-north-1"]


def rules(placement: Any, outcome: str) -> set[str]:
    return {finding.rule_id for finding in placement.findings if finding.outcome == outcome}


def test_data_of_europeans_stay_in_europe(shipped: None) -> None:
    refused = evaluate(region="ap-south-1", geography="EU", data_classes=[])
    assert rules(refused, "refuse") == {"RES-001"}
    assert "eu-west-1" in refused.refused[0].remedy
    assert not evaluate(region="eu-west-1", geography="EU", data_classes=["pii"]).refused


@pytest.mark.parametrize(
    ("geography", "classes", "region", "rule"),
    [
        ("IN", ["financial"], "us-east-1", "RES-014"),
        ("US", ["phi"], "ap-south-1", "RES-030"),
        ("SG", [], "us-east-1", "RES-050"),
        ("GLOBAL", ["pii"], "ap-south-1", "RES-060"),
    ],
)
def test_the_shipped_rules(shipped: None, geography: str, classes: list[str], region: str, rule: str) -> None:
    assert rule in rules(evaluate(region=region, geography=geography, data_classes=classes), "refuse")


def test_a_provider_without_the_region_is_replaced_and_that_is_said(shipped: None) -> None:
    found = evaluate(region="eu-west-1", geography="EU", data_classes=[], vector_provider="pinecone")
    said = next(finding for finding in found.findings if finding.rule_id == "PRV-002")
    assert found.providers["vectors"] == "pgvector" and found.region == "eu-west-1"
    assert said.inputs["asked"] == "pinecone" and said.inputs["taken"] == "pgvector"


def test_a_wish_that_can_be_met_is(shipped: None) -> None:
    found = evaluate(region="us-east-1", geography="US", data_classes=[], vector_provider="pgvector")
    assert found.providers["vectors"] == "pgvector" and "PRV-002" not in rules(found, "pass")


def test_an_unknown_region_goes_to_a_person_for_every_path(shipped: None) -> None:
    found = evaluate(region="ap-southeast-3", geography="IN", data_classes=[])
    missing = {one.inputs["capability"] for one in found.findings if one.rule_id == "PRV-001"}
    assert missing == set(CAPABILITIES) and not found.providers


def test_the_whole_matrix(shipped: None) -> None:
    """Every people × kind × region: the region stays, every path has a provider or a verdict, and a rule spoke."""
    for geography, classes, region in itertools.product(Geography.values, KINDS, REGIONS):
        found = evaluate(region=region, geography=geography, data_classes=classes)
        case = (geography, classes, region)
        assert found.region == region, case
        assert any(finding.rule_id.startswith("RES-") for finding in found.findings), case
        settled = {one.inputs["capability"] for one in found.findings if one.rule_id == "PRV-001"}
        assert set(found.providers) | settled == set(CAPABILITIES), case
        assert all(finding.remedy for finding in found.refused), case
        assert all(finding.inputs["region"] == region for finding in found.findings), case
        if geography == "EU" and region not in EU_REGIONS:
            assert found.refused, case


def test_silence_is_not_permission(shipped: None) -> None:
    ResidencyRule.objects.filter(rule_id="RES-001").update(effective_until=now())
    assert "RES-000" in rules(evaluate(region="eu-west-1", geography="EU", data_classes=[]), "refuse")


def test_a_rule_for_one_path_speaks_of_that_path(shipped: None) -> None:
    ResidencyRule.objects.create(
        rule_id="RES-900", title="Backups stay at home", law="Client", source="Contract 7", geographies=["IN"],
        data_classes=[], capabilities=["backups"], allowed_regions=["ap-south-1"],
    )  # fmt: skip
    refused = evaluate(region="us-east-1", geography="IN", data_classes=[]).refused
    assert [one.rule_id for one in refused] == ["RES-900"] and refused[0].inputs["paths"] == "backups"


@pytest.mark.parametrize(
    ("geography", "classes", "region", "held"),
    [
        ("EU", ["pii"], "eu-west-1", {"GDPR"}),
        ("US", ["phi"], "us-east-1", {"HIPAA"}),
        ("IN", ["financial"], "ap-south-1", {"SOX"}),
        ("IN", ["pii"], "ap-south-1", {"DPDP"}),
        ("IN", [], "ap-south-1", set()),
    ],
)
def test_profiles_that_the_law_adds(
    shipped: None, geography: str, classes: list[str], region: str, held: set[str]
) -> None:
    assert set(evaluate(region=region, geography=geography, data_classes=classes).profiles) == held


def test_the_stronger_duty_wins(shipped: None) -> None:
    found = evaluate(region="ap-south-1", geography="IN", data_classes=["pii", "financial", "phi"])
    assert found.requires["log_retention_days"] == 2557 and found.requires["cmk"] is True


def test_a_profile_nobody_knows_is_refused(shipped: None) -> None:
    found = evaluate(region="ap-south-1", geography="IN", data_classes=[], profiles=["NOSUCH"])
    assert "CMP-000" in rules(found, "refuse")
