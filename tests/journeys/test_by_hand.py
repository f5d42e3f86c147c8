"""Requests that need a person's hands, and approvals that the world has overtaken."""

import json

from lifecycle.provisioning.validation import NAMES
from tests.journeys.product import Product, until


def ticket(product: Product, request_id: str) -> dict[str, object]:
    rows = product.sql("SELECT reference, items, closed_at FROM lifecycle_ticket WHERE request_id = %s", request_id)
    assert len(rows) == 1
    return rows[0]


def test_a_crore_is_set_up_by_hand_then_validated_like_any_other(product: Product) -> None:
    request = product.ask(tier="platinum", unit="FIN", annual_budget_inr="10000000.00")
    assert {"cfo", "cto"} <= set(request.sign_all())
    waiting = request.reach("pending_manual_setup")
    assert "Budget of ₹1 crore or more" in waiting["state_reason"]
    opened = ticket(product, request.id)
    assert [one["text"] for one in opened["items"]] == [  # type: ignore[attr-defined]
        "Contract terms are confirmed with Finance",
        "Capacity is reserved",
    ]
    assert request.champion.call("POST", f"{request.path}checklist/", json={"item": 0, "reason": "I say so"}).is_error
    assert (
        product.person("vikram")
        .call("POST", f"{request.path}checklist/", json={"item": 0, "reason": "I say so"})
        .is_error
    )
    engineer = product.person("kiran")
    half = engineer.post(f"{request.path}checklist/", {"item": 1, "reason": "two nodes"})
    assert half["closed_at"] is None and request.now()["state"] == "pending_manual_setup"
    request.tick_all("contract 4711")
    request.accept()
    assert set(request.checks()) == set(NAMES)
    assert request.shortcomings() in ({}, {"latency": "warn"})
    request.reach("active")
    done = ticket(product, request.id)["items"]
    assert [one["note"] for one in done] == ["contract 4711", "two nodes"]  # type: ignore[attr-defined]


def test_a_region_that_is_not_connected_waits_for_a_person(product: Product) -> None:
    """Nothing is created where the portal reaches nothing, and no tenant is active that nobody could validate."""
    request = product.ask(unit="RISK", region="us-east-1", geography="US")
    request.sign_all()
    waiting = request.reach("pending_manual_setup")
    assert "us-east-1 is not connected" in waiting["state_reason"]
    apply = next(step for step in request.job()["steps"] if step["name"] == "apply")
    assert apply["state"] == "skipped" and waiting["plan"] == {}
    request.tick_all()
    ended = request.reach("rolled_back")
    assert "not connected" in ended["state_reason"], ended["state_reason"]
    assert (request.held_inr() or {})["state"] == "released"


def test_a_missing_price_is_settled_by_a_person(product: Product) -> None:
    """A tier without a line in the price book: no amount to judge by, so the CFO signs and a person sets the price."""
    columns = [
        row["column_name"]
        for row in product.sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'tenants_tier'")
        if row["column_name"] not in ("code", "name")
    ]
    names = ", ".join(columns)
    product.sql(
        f"INSERT INTO tenants_tier (code, name, {names}) SELECT 'unpriced', 'Unpriced', {names} FROM tenants_tier"
        " WHERE code = 'bronze' ON CONFLICT DO NOTHING"
    )
    request = product.ask(tier="unpriced", unit="RISK")
    assert request.now()["estimate"]["annual_inr"] is None
    case = request.case()
    assert case["amount_inr"] is None and "cfo" in {one["role"] for one in case["requirements"]}, case["requirements"]
    request.sign_all()
    waiting = request.reach("pending_manual_setup")
    assert "No price for" in waiting["state_reason"]
    assert "No price for" in json.dumps(ticket(product, request.id)["items"])
    request.tick_all("priced like bronze")
    request.reach("active")


def test_what_changed_after_signing_voids_the_approval(alone: Product) -> None:
    """A new price book, or a tier's changed limit, arrives between the last signature and the worker's look."""
    for change in (_new_price_book, _lower_limit):
        request = alone.ask(unit="RISK", data_classes=["pii"])
        request.reach("pending_approval")
        with alone.workers_stopped():
            assert request.sign_all()
            request.reach("approved")
            change(alone)
        voided = request.reach("approval_voided")
        assert "changed since it was signed" in voided["state_reason"]
        assert request.case()["state"] == "voided"
        until("the job's end", lambda one=request: one.job()["state"] == "failed")
        assert request.now()["state"] == "approval_voided" and request.now()["rollback_job_id"] is None
        shape = request.shape()
        assert shape["state"] == [] and shape["kms keys"] == 0 and shape["registry"] == [], shape
        assert request.residue().is_clean
        old = voided["case_id"]
        request.champion.post(f"{request.path}submission/", {})
        until("a new case", lambda one=request, old=old: one.now()["case_id"] not in (None, old))
        assert request.sign_all()
        request.reach("active")


def _lower_limit(product: Product) -> None:
    product.sql("UPDATE tenants_tier SET max_queries_per_day = max_queries_per_day - 1 WHERE code = 'bronze'")


def _new_price_book(product: Product) -> None:
    """A tier with prices is a new version of the price book."""
    body = {
        "code": "copper", "name": "Copper", "sla_percent": "90", "support": "none", "p95_target_ms": 3000,
        "max_users": 5, "max_documents": 100, "max_queries_per_day": 100, "max_storage_gb": 1,
        "requests_per_minute": 60, "tier_base": "1000", "user": "10", "documents_1000": "1",
        "reason": "A tier below bronze.",
    }  # fmt: skip
    product.person("priya").post("/api/v1/tiers/", body)
