"""Rows of the optimizer, in the states that pages and doors are tried with."""

from decimal import Decimal
from typing import Any

from lifecycle.optimizer.engine.findings import change_of, finding_id
from lifecycle.optimizer.models import Finding, FindingChange, FindingException, Scan
from portal.lib.clock import now
from tests.admin.world import person


def finding(resource: str = "i-1", **more: Any) -> Finding:
    """A t3.medium that would do as t3.small."""
    said = {
        "rule": "instance.one_size_down", "rule_version": 1, "region": "us-east-1", "resource": resource,
        "title": "t3.medium would do as t3.small", "category": "cost", "action": "resize", "environment": "prod",
        "confidence": "medium", "effort": "medium", "risk": "medium", "evidence": {"cpu_p95": 8.0}, "saves": True,
        "monthly_inr": Decimal("1267.53"), "annual_inr": Decimal("15210.36"), "cost_usd": Decimal("30.37"),
        "price": {"source": "list", "dated": "2026-01-01", "missing": ""},
        "change": change_of(resource, "instance_type", "t3.medium", "t3.small"), **more,
    }  # fmt: skip
    return Finding.objects.create(pk=finding_id(said["rule"], said["region"], resource), **said)


def excepted(resource: str, **more: Any) -> Finding:
    made = finding(resource, state="excepted")
    said = {"owner": person("kiran"), "reason": "moves in March", "expires_on": now().date().replace(year=2099)}
    FindingException.objects.create(finding=made, made_by="system:test", **{**said, **more})
    return made


def change(of: Finding, **more: Any) -> FindingChange:
    said = {"justification": "It idles.", "requested_by": person("kiran"), "digest": "d" * 64}
    return FindingChange.objects.create(
        finding=of, change=of.change, monthly_inr=of.monthly_inr, cost_usd=of.cost_usd,
        **{**said, "target": of.target, **more},
    )  # fmt: skip


def scanned(outcome: str = "complete", **more: Any) -> Scan:
    said = {"regions": ["us-east-1"], "asked_by": "system:test", "finished_at": now(), "counts": {"instances": 2}}
    return Scan.objects.create(outcome=outcome, **{**said, **more})
