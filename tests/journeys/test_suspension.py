"""A tenant put away and taken back over HTTP: refused at once, its systems follow, a worker that is killed included."""

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from lifecycle.stores.cache import users as cache_users
from lifecycle.stores.logs import groups
from lifecycle.stores.objects import buckets
from lifecycle.stores.postgres import fences
from tests.journeys.product import Product, Request, until
from tests.routed import routed

DOCUMENT = {"title": "Note", "text": "The accrual waits for the controller."}


def stands(request: Request) -> tuple[bool, tuple[str, ...], bool, str]:
    """Fence, bucket, cache and logs by their own words."""
    region, names = request.product.region(), request.names
    fence, bucket = fences.read(region, names.tenant_id), buckets.read(region, names.bucket)
    user, group = cache_users.read(region, names.cache_user), groups.read(region, names.log_group)
    assert fence and bucket and user and group
    return fence.suspended, bucket.shut, user.is_on, group.status


def followed(request: Request, kind: str) -> dict[str, str]:
    """System -> state once the newest job of the kind has succeeded."""
    engineer = request.product.person("kiran")

    def look() -> Any:
        [job, *_] = engineer.get("/api/v1/jobs/", kind=kind, tenant_id=str(request.tenant_id))["results"] or [None]
        assert not job or job["state"] not in ("failed", "cancelled"), job["error"]
        return job if job and job["state"] == "succeeded" else None

    found = engineer.get(f"/api/v1/jobs/{until(kind, look)['id']}/")
    return {step["name"]: step["evidence"].get("state", step["state"]) for step in found["steps"]}


def test_put_away_and_taken_back(alone: Product) -> None:
    request = alone.ask()
    request.sign_all()
    request.reach("active")
    platform = request.connect()
    assert platform.post("/v1/documents", json=DOCUMENT).status_code == 201
    engineer, path = alone.person("kiran"), f"/api/v1/tenants/{request.tenant_id}"

    engineer.post(f"{path}/suspension/", {"reason": "payment overdue"})
    alone.kill_worker_group()
    refused = until("a refusal", lambda: (answer := platform.get("/v1/usage")).status_code == 403 and answer)
    assert "suspended" in refused.json()["detail"]
    states = followed(request, "suspension")
    assert states["postgres"] == "fenced" and states["usage"] == states["backups"] == "skipped"
    assert stands(request) == (True, tuple(buckets.WRITES), False, "suspended")
    with psycopg.connect(**routed(request.product.region())) as writer:
        writer.execute(f'SET LOCAL ROLE "{request.names.role}"')
        with pytest.raises(errors.OperationalError, match="suspended"):
            sql = "INSERT INTO rag.documents (tenant_id, id, title) VALUES (%s, %s, 'late')"
            writer.execute(sql, (request.tenant_id, uuid4()))

    engineer.post(f"{path}/reactivation/", {"reason": "paid"})
    assert followed(request, "reactivation")["postgres"] == "open"
    assert stands(request) == (False, (), True, "")
    assert platform.post("/v1/documents", json=DOCUMENT).status_code == 201

    engineer.post(f"{path}/suspension/", {"reason": "the project ended"})
    kept = alone.person("priya").post(f"{path}/archive/", {"reason": "nobody needs it"})
    assert kept["status"] == "archived" and followed(request, "archive")["objects"] == "denied"
    assert stands(request) == (True, tuple(buckets.EVERYTHING), False, "archived")
    assert platform.get("/v1/usage").status_code == 403
