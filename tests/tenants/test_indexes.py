"""With 5,000 tenants, what is asked for by status, tier, payment or health is found by its index."""

from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import QuerySet

from portal.access.accounts import SEED
from portal.audit.context import acting
from tenants.models import Tenant
from tests.admin.world import tenant

pytestmark = pytest.mark.django_db
MANY = 5_000
COPIES = """
INSERT INTO tenants_tenant SELECT (jsonb_populate_record(t, jsonb_build_object(
    'id', gen_random_uuid(), 'name', 'many-' || n,
    'status', CASE WHEN n %% 100 = 0 THEN 'suspended' ELSE 'active' END,
    'tier_id', CASE WHEN n %% 100 = 1 THEN 'platinum' ELSE 'bronze' END,
    'payment_status', CASE WHEN n %% 100 = 2 THEN 'overdue' ELSE 'current' END,
    'health_score', CASE WHEN n %% 100 = 3 THEN 40 ELSE 95 END))).*
FROM tenants_tenant t, generate_series(1, %s) AS n WHERE t.id = %s
"""


@pytest.fixture
def many(shipped: None) -> None:
    with acting(SEED), connection.cursor() as cursor:
        one = tenant("first", "FIN", "meera", annual_budget_inr=Decimal(1))
        cursor.execute(COPIES, [MANY, one.pk])
        cursor.execute("ANALYZE tenants_tenant")


def test_each_is_found_by_its_index(many: None) -> None:
    asked: list[QuerySet[Tenant]] = [
        Tenant.objects.filter(status="suspended"),
        Tenant.objects.filter(tier="platinum"),
        Tenant.objects.filter(payment_status="overdue"),
        Tenant.objects.filter(health_score__lt=80),
    ]
    for rows in asked:
        plan = rows.order_by().explain()
        assert "Index" in plan and "Seq Scan" not in plan, plan
