"""Money: what a tenant costs, and amounts as people write them."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifecycle.models import TenantRequest
from lifecycle.provisioning.judgement import judge
from portal.lib.errors import Invalid
from portal.lib.money import CEILING, inr, inr_short, parse_inr
from tenants.costs.estimate import estimate
from tenants.models import Price, PriceBook, Tier

GOLD = {"tier": "gold", "region": "ap-south-1", "users": 100, "documents": 50_000}
AMOUNTS = st.decimals(min_value=0, max_value=CEILING, places=2, allow_nan=False, allow_infinity=False)


def test_the_gold_tenant_of_the_price_list(shipped: None) -> None:
    found = estimate(**GOLD)
    assert found.monthly_inr == Decimal("112500.00") and inr(found.monthly_inr) == "₹1,12,500.00"
    assert found.annual_inr == Decimal("1350000.00")
    assert found.low_annual_inr < found.annual_inr < found.high_annual_inr  # type: ignore[operator]
    assert found.unpriced == ()


@pytest.mark.parametrize(
    ("tier", "region", "monthly"),
    [
        ("platinum", "ap-south-1", "205000.00"),
        ("silver", "ap-south-1", "46000.00"),
        ("bronze", "ap-south-1", "20500.00"),
        ("gold", "us-east-1", "146250.00"),
        ("gold", "eu-west-1", "168750.00"),
        ("gold", "ap-southeast-1", "135000.00"),
    ],
)
def test_the_price_list(shipped: None, tier: str, region: str, monthly: str) -> None:
    assert estimate(**{**GOLD, "tier": tier, "region": region}).monthly_inr == Decimal(monthly)


def test_queries_are_charged_by_use_and_not_by_region(shipped: None) -> None:
    without, asked = estimate(**GOLD), estimate(**GOLD, queries_per_day=100)
    assert asked.monthly_inr - without.monthly_inr == Decimal("7500.00")  # type: ignore[operator]
    there = {**GOLD, "region": "eu-west-1"}
    more = estimate(**there, queries_per_day=100).monthly_inr - estimate(**there).monthly_inr  # type: ignore[operator]
    assert more == Decimal("7500.00")


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ({"kind": "tier_base", "key": "gold"}, "Platform, gold"),
        ({"kind": "user", "key": "gold"}, "Users"),
        ({"kind": "documents_1000", "key": "gold"}, "Documents (1,000)"),
        ({"kind": "region_multiplier", "key": "ap-south-1"}, "region ap-south-1"),
    ],
)
def test_an_unknown_price_is_never_nothing(shipped: None, missing: dict[str, str], named: str) -> None:
    _a_book_without(**missing)
    found = estimate(**GOLD)
    assert found.monthly_inr is None and found.annual_inr is None and named in found.unpriced
    assert not any(line.amount_inr == 0 for line in found.lines)
    _needs_a_person()


def test_without_any_price_book(shipped: None) -> None:
    found = estimate(**GOLD, at=PriceBook.objects.earliest("effective_from").effective_from.replace(year=2000))
    assert found.annual_inr is None and found.unpriced == ("no price book is in force",)


def test_a_region_without_a_multiplier_needs_a_person(shipped: None) -> None:
    said = judge(_request(region="us-west-2"), tier=Tier.objects.get(pk="gold"))
    assert said.estimate.unpriced == ("region us-west-2",)
    assert "No price for region us-west-2" in said.manual_reasons


def _a_book_without(**line: str) -> None:
    old = PriceBook.objects.latest("effective_from")
    book = PriceBook.objects.create(version="test", effective_from=old.created_at, source="test")
    rows = [row for row in old.prices.all() if (row.kind, row.key) != (line["kind"], line["key"])]
    Price.objects.bulk_create(Price(book=book, kind=row.kind, key=row.key, amount=row.amount) for row in rows)


def _request(**changes: object) -> TenantRequest:
    fields = {"region": "ap-south-1", "geography": "IN", "expected_users": 100, "expected_documents": 50_000}
    return TenantRequest(tier_id="gold", annual_budget_inr=Decimal("500000.00"), **{**fields, **changes})


def _needs_a_person() -> None:
    said = judge(_request(), tier=Tier.objects.get(pk="gold"))
    assert any(finding.rule_id == "CST-001" and finding.outcome == "person" for finding in said.findings)
    assert any(reason.startswith("No price for") for reason in said.manual_reasons)


# -- amounts as people write them -------------------------------------------------------------------------------------
@given(AMOUNTS)
@settings(max_examples=300, deadline=None)
def test_what_is_printed_is_read_back(amount: Decimal) -> None:
    assert parse_inr(inr(amount)) == parse_inr(f"{amount:.2f}") == amount


@given(AMOUNTS)
@settings(max_examples=300, deadline=None)
def test_grouping_is_indian(amount: Decimal) -> None:
    whole = inr(amount).removeprefix("₹").partition(".")[0].split(",")
    assert len(whole[-1]) <= 3 and all(len(part) == 2 for part in whole[1:-1]) and len(whole[0]) <= 3
    assert len(whole) == 1 or len(whole[-1]) == 3


@given(st.one_of(st.text(), st.floats(), st.booleans(), st.none(), st.integers(max_value=-1)))
@settings(max_examples=300, deadline=None)
def test_anything_is_an_amount_or_refused(value: object) -> None:
    try:
        amount = parse_inr(value)
    except Invalid as refusal:
        assert refusal.fields
    else:
        assert 0 <= amount <= CEILING and amount == amount.quantize(Decimal("0.01"))


@pytest.mark.parametrize(
    ("amount", "short"),
    [("0", "₹0"), ("99999", "₹99,999"), ("1150000", "₹11.5 L"), ("12300000", "₹1.23 Cr"), ("9999999.99", "₹1 Cr"),
     ("1000000", "₹10 L"), ("-150000", "-₹1.5 L")],
)  # fmt: skip
def test_headlines(amount: str, short: str) -> None:
    assert inr_short(Decimal(amount)) == short
