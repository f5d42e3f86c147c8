"""Residency matrix, provider regions and profiles shipped as data.

Sources: Regulation (EU) 2016/679 (GDPR) chapter V and art. 32; RBI circular DPSS.CO.OD No. 2785 of 6 April 2018
(payment data); Digital Personal Data Protection Act 2023 s. 16; 45 CFR 164 (HIPAA); Sarbanes-Oxley Act s. 802.
Providers' regions: AWS's and Pinecone's public region lists; pgvector runs wherever PostgreSQL does.
"""

from portal.access.actor import Actor
from portal.audit.actions import record

from .models import CAPABILITIES, Profile, ProviderRegion, ResidencyRule

AWS_REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-south-1", "ap-southeast-1")
PINECONE_REGIONS = ("us-east-1", "us-west-2", "ap-southeast-1")
EU_REGIONS = ["eu-west-1", "eu-central-1"]
EVERYWHERE = list(AWS_REGIONS)

RULES = [
    # id, title, law, source, whose, which, where
    (
        "RES-001",
        "Data of people in the European Union stay in EU regions",
        "GDPR",
        "GDPR art. 44-46",
        ["EU"],
        [],
        EU_REGIONS,
    ),
    (
        "RES-014",
        "Financial data of Indian users stay in ap-south-1",
        "RBI 2018",
        "RBI circular DPSS.CO.OD No. 2785, 6 April 2018",
        ["IN"],
        ["financial"],
        ["ap-south-1"],
    ),
    (
        "RES-020",
        "Data of people in India may live in any region not restricted by notice",
        "DPDP",
        "DPDP Act 2023 s. 16",
        ["IN"],
        [],
        EVERYWHERE,
    ),
    (
        "RES-030",
        "Health data of people in the United States stay in US regions",
        "HIPAA",
        "45 CFR 164.308(b), parent company policy",
        ["US"],
        ["phi"],
        ["us-east-1", "us-west-2"],
    ),
    (
        "RES-040",
        "Other data of people in the United States",
        "Parent policy",
        "Group data policy 4.2",
        ["US"],
        [],
        EVERYWHERE,
    ),
    ("RES-050", "Data of people in Singapore", "PDPA", "PDPA 2012 s. 26", ["SG"], [], ["ap-southeast-1", "ap-south-1"]),
    (
        "RES-060",
        "Data of people in several countries stay where the strictest law allows",
        "GDPR",
        "Group data policy 4.6",
        ["GLOBAL"],
        ["pii", "phi", "financial", "privileged"],
        EU_REGIONS,
    ),
    (
        "RES-061",
        "Data of several countries without a protected class",
        "Parent policy",
        "Group data policy 4.6",
        ["GLOBAL"],
        [],
        EVERYWHERE,
    ),
]
PROFILES = [
    ("GDPR", "General Data Protection Regulation", "client", "GDPR art. 32", ["EU"], [], {"cmk": True, "tls": True}),
    ("HIPAA", "Health Insurance Portability and Accountability Act", "client", "45 CFR 164.312", [], ["phi"],
     {"access_logs": True, "tls": True, "cmk": True, "log_retention_days": 2192}),
    ("SOX", "Sarbanes-Oxley Act", "parent", "SOX s. 802", [], ["financial"],
     {"immutable_audit": True, "log_retention_days": 2557}),
    ("DPDP", "Digital Personal Data Protection Act", "india", "DPDP Rules 2025, rule 8(3)", ["IN"], ["pii"],
     {"access_logs": True, "log_retention_days": 365}),
]  # fmt: skip


def install(actor: Actor) -> None:
    """Create what is missing; never overwrite what somebody edited."""
    for rule_id, title, law, source, whose, which, where in RULES:
        rule, is_new = ResidencyRule.objects.get_or_create(
            rule_id=rule_id,
            defaults={
                "title": title,
                "law": law,
                "source": source,
                "geographies": whose,
                "data_classes": which,
                "capabilities": [],
                "allowed_regions": where,
            },
        )
        if is_new:
            record("residency_rule.added", rule, actor=actor, reason="shipped")
    for code, title, layer, source, whose, which, requires in PROFILES:
        profile, is_new = Profile.objects.get_or_create(
            code=code,
            defaults={
                "title": title,
                "layer": layer,
                "source": source,
                "geographies": whose,
                "data_classes": which,
                "requires": requires,
            },
        )
        if is_new:
            record("profile.added", profile, actor=actor, reason="shipped")
    if not ProviderRegion.objects.exists():
        _provider_regions()


def _provider_regions() -> None:
    other = [capability for capability in CAPABILITIES if capability != "vectors"]
    rows = [("aws", region, other, 10, "AWS regional services list") for region in AWS_REGIONS]
    rows += [("pinecone", region, ["vectors"], 20, "Pinecone SDK region list") for region in PINECONE_REGIONS]
    rows += [("pgvector", region, ["vectors"], 30, "Runs in the region's own PostgreSQL") for region in AWS_REGIONS]
    ProviderRegion.objects.bulk_create(
        ProviderRegion(provider=provider, region=region, capabilities=able, preference=preference, source=source)
        for provider, region, able, preference, source in rows
    )
