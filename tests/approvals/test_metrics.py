import pytest
from prometheus_client import CollectorRegistry, generate_latest

from portal.approvals.metrics import ApprovalCollector
from portal.notify.metrics import DeliveryCollector

from .people import opened

pytestmark = pytest.mark.django_db


def test_figures_of_waiting_and_blocked_cases(rules, asker, cfo):
    opened(asker)
    opened(cfo)
    registry = CollectorRegistry()
    registry.register(ApprovalCollector())
    registry.register(DeliveryCollector())
    text = generate_latest(registry).decode()
    assert 'bailiwick_approval_cases{kind="tenant_request",state="open"} 2.0' in text
    assert 'bailiwick_approval_wait_seconds{role="cfo"}' in text
    assert "bailiwick_approval_blocked 1.0" in text
