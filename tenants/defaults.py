"""Tiers, prices and business units shipped as data; installed once, editable ever after."""

from datetime import UTC, datetime
from decimal import Decimal

from portal.access.actor import Actor
from portal.audit.actions import record

from .models import BusinessUnit, Price, PriceBook, PriceKind, StatusVersion, Tier

TIERS = [
    # code, SLA, support, p95 ms, users, documents, queries a day, GB, requests a minute, concurrency, champion
    ("platinum", "99.99", "24/7", 200, 1_000, 1_000_000, 50_000, 1_000, 3_000, 16, True),
    ("gold", "99.9", "24/7", 500, 500, 500_000, 20_000, 500, 1_200, 8, True),
    ("silver", "99", "business hours", 1_000, 200, 100_000, 5_000, 100, 600, 4, False),
    ("bronze", "95", "community", 2_000, 50, 20_000, 1_000, 20, 120, 2, False),
]
TIER_PRICES = {
    "platinum": (150_000, 500, 100),
    "gold": (80_000, 300, 50),
    "silver": (30_000, 150, 20),
    "bronze": (10_000, 100, 10),
}
REGION_MULTIPLIERS = {"ap-south-1": "1.0", "us-east-1": "1.3", "eu-west-1": "1.5", "ap-southeast-1": "1.2"}
USAGE = {PriceKind.QUERY: "2.50", PriceKind.GB_MONTH: "150", PriceKind.COMPUTE_HOUR: "50"}
DEMO_UNITS = [
    ("FIN", "Finance", "CC-FIN-07", "50000000.00"),
    ("HR", "Human Resources", "CC-HR-02", "20000000.00"),
    ("RISK", "Risk", "CC-RSK-01", "30000000.00"),
    ("EUOPS", "Europe Operations", "CC-EU-11", "30000000.00"),
]


def install(actor: Actor) -> None:
    """Create what is missing; never overwrite what somebody edited."""
    StatusVersion.objects.get_or_create(pk=1)
    for rank, row in enumerate(TIERS, start=1):
        code, sla, support, p95, users, documents, queries, storage, rpm, concurrency, champion = row
        tier, is_new = Tier.objects.get_or_create(
            code=code,
            defaults={
                "name": code.capitalize(),
                "rank": rank * 10,
                "sla_percent": Decimal(sla),
                "support": support,
                "p95_target_ms": p95,
                "max_users": users,
                "max_documents": documents,
                "max_queries_per_day": queries,
                "max_storage_gb": storage,
                "requests_per_minute": rpm,
                "validated_concurrency": concurrency,
                "needs_champion": champion,
            },
        )
        if is_new:
            record("tier.saved", tier, actor=actor, reason="shipped")
    if not PriceBook.objects.exists():
        _first_prices(actor)


def _first_prices(actor: Actor) -> None:
    book = PriceBook.objects.create(
        version="2026-01 v1", effective_from=datetime(2026, 1, 1, tzinfo=UTC), source="Shipped defaults"
    )
    lines = [Price(book=book, kind=kind, amount=Decimal(amount)) for kind, amount in USAGE.items()]
    lines += [
        Price(book=book, kind=PriceKind.REGION, key=region, amount=Decimal(factor))
        for region, factor in REGION_MULTIPLIERS.items()
    ]
    for tier, amounts in TIER_PRICES.items():
        kinds = (PriceKind.TIER_BASE, PriceKind.USER, PriceKind.DOCUMENTS)
        lines += [
            Price(book=book, kind=kind, key=tier, amount=Decimal(amount))
            for kind, amount in zip(kinds, amounts, strict=True)
        ]
    Price.objects.bulk_create(lines)
    record("prices.published", book, actor=actor, reason="shipped")


def install_demo_units(actor: Actor) -> None:
    """The business units of the embedded demo."""
    for code, name, cost_centre, envelope in DEMO_UNITS:
        unit, is_new = BusinessUnit.objects.get_or_create(
            code=code, defaults={"name": name, "cost_centre": cost_centre, "envelope_inr": Decimal(envelope)}
        )
        if is_new:
            record("business_unit.created", unit, actor=actor, reason="demo")
