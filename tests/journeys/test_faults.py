"""What goes wrong in a region: creating fails, destroying fails, a bucket is full, a champion stays away."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.journeys.product import Product, Request

RESOURCES = ("region_tenant_role", "region_kms_key", "region_bucket", "region_log_group", "region_tag_set")


def fault_for(request: Request, operation: str, type_name: str, **more: Any) -> dict[str, Any]:
    return {f"{operation}:{type_name}": {"message": "AccessDenied: drill", "tenant_id": str(request.tenant_id), **more}}


def is_gone(request: Request) -> None:
    """Nothing of it is left, and what it held is free again."""
    assert request.residue().is_clean, request.residue()
    shape = request.shape()
    assert shape["lock"] is None and shape["state"] == [] and shape["reservation"] == "released", shape
    assert shape["registry"] in ([], ["deleted"], ["failed"]), shape
    again = request.product.ask(name=request.names.name)
    again.champion.post(f"{again.path}cancellation/", {"reason": "the name was free"})


def cancel(request: Request) -> None:
    engineer = request.product.person("kiran")
    engineer.post(f"/api/v1/jobs/{request.job()['id']}/cancellation/", {"reason": "not wanted any more"})


def by_hand(product: Product, **more: Any) -> Request:
    """A request whose resources exist and which waits for a person's hands."""
    request = product.ask(integrations=["snowflake"], **more)
    request.sign_all()
    request.reach("pending_manual_setup")
    return request


@pytest.mark.parametrize("failing", RESOURCES)
def test_failing_at_a_resource_is_rolled_back_by_itself(alone: Product, failing: str) -> None:
    request = alone.ask()
    alone.faults(**fault_for(request, "create", failing))
    request.sign_all()
    ended = request.reach("rolled_back")
    assert "AccessDenied: drill" in ended["state_reason"], ended["state_reason"]
    passes = [request.evidence(step, "rollback_job_id") for step in ("sweep", "sweep_again")]
    assert [one["clean"] for one in passes] == [True, True]
    failed = request.job()
    assert failed["state"] == "failed" and failed["compensation"] == request.job("rollback_job_id")["id"]
    alone.faults()
    is_gone(request)


def test_destroy_failing_twice_then_succeeding(alone: Product) -> None:
    request = by_hand(alone)
    alone.faults(**fault_for(request, "delete", "region_bucket", times=2))
    cancel(request)
    request.reach("rolled_back")
    destroyed = next(one for one in request.job("rollback_job_id")["steps"] if one["name"] == "destroy")
    assert destroyed["attempts"] == 3, destroyed
    is_gone(request)


def test_destroy_failing_for_ever_then_an_engineer_tries_again(alone: Product) -> None:
    """The state stays, the remainder and its cost are told, name and money stay held."""
    request = by_hand(alone)
    alone.faults(**fault_for(request, "delete", "region_bucket"), **fault_for(request, "delete", "region_log_group"))
    cancel(request)
    ended = request.reach("rollback_incomplete")
    assert {one["system"] for one in ended["remainder"]} >= {"objects"}, ended["remainder"]
    assert all("monthly_inr" in one for one in ended["remainder"])
    assert (request.held_inr() or {})["state"] == "reserved"
    with pytest.raises(AssertionError, match="409"):
        alone.ask(name=request.names.name)
    alone.faults()
    alone.person("kiran").post(f"{request.path}roll-back/", {"reason": "the region answers again"})
    request.reach("rolled_back")
    is_gone(request)


def test_a_roll_back_that_breaks_off_is_said_and_can_be_tried_again(alone: Product) -> None:
    """The job ends in a step that this version does not know, as after a downgrade."""
    request = by_hand(alone)
    alone.faults(**{"delete:region_bucket": {"sleep": 3, "times": 1, "tenant_id": str(request.tenant_id)}})
    cancel(request)
    alone.sql(
        "UPDATE jobs_step SET name = 'newer' WHERE name = 'purge' AND job_id = %s", request.job("rollback_job_id")["id"]
    )
    ended = request.reach("rollback_incomplete")
    assert "the roll-back stopped" in ended["remainder"][0]["detail"] and ended["remainder"][0]["monthly_inr"] is None
    assert (request.held_inr() or {})["state"] == "reserved"
    alone.person("kiran").post(f"{request.path}roll-back/", {"reason": "the right version runs again"})
    request.reach("rolled_back")
    is_gone(request)


def test_a_full_bucket_is_emptied_in_a_roll_back(product: Product) -> None:
    """1,500 objects, a third of them under delete markers, and an open upload, while the champion hesitates."""
    request = product.ask(tier="gold", unit="RISK", annual_budget_inr="1100000.00")
    request.sign_all()
    request.reach("awaiting_champion")
    s3, bucket = request.s3(), request.names.bucket
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: s3.put_object(Bucket=bucket, Key=f"docs/{n:05}", Body=b"text"), range(1500)))
        list(pool.map(lambda n: s3.delete_object(Bucket=bucket, Key=f"docs/{n:05}"), range(500)))
    s3.create_multipart_upload(Bucket=bucket, Key="half")
    cancel(request)
    request.reach("rolled_back")
    emptied = request.evidence("empty", "rollback_job_id")
    assert (emptied["versions"], emptied["markers"], emptied["uploads"]) == (1500, 500, 1), emptied
    is_gone(request)


def test_a_champion_who_stays_away_lets_it_expire(product: Product) -> None:
    request = product.ask(tier="gold", unit="FIN", annual_budget_inr="1100000.00")
    request.sign_all()
    due = request.reach("awaiting_champion")["champion_due_at"]
    assert due
    product.sql("UPDATE lifecycle_tenantrequest SET champion_due_at = now() - interval '1 s' WHERE id = %s", request.id)
    late = request.champion.call("POST", f"{request.path}acceptance/", json={"reason": "late"})
    assert late.status_code == 409 and "has passed" in late.text
    product.sql("UPDATE jobs_job SET wake_at = now() WHERE id = %s", request.job()["id"])
    ended = request.reach("rolled_back")
    assert "did not accept" in ended["state_reason"], ended
    history = product.sql("SELECT state FROM lifecycle_historicaltenantrequest WHERE id = %s", request.id)
    assert "expired" in {row["state"] for row in history}
    is_gone(request)
