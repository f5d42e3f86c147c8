"""Holes in the region's row security: before activation they roll the tenant back, after it they are an incident.

The region's database is shared, so these tests have the product for themselves and mend what they broke.
"""

import time
from datetime import datetime, timedelta

import pytest

from tests.journeys.product import Product, Request, until
from tests.journeys.test_faults import by_hand, is_gone

ISOLATION = "(tenant_id = (SELECT bw.tenant_of(current_user)))"
PLANTS = {
    "leaky policy": (
        "ALTER POLICY tenant_isolation ON rag.documents USING (true)",
        f"ALTER POLICY tenant_isolation ON rag.documents USING {ISOLATION}",
        {"row_security", "tenant_isolation"},
    ),
    "unforced table": (
        "ALTER TABLE rag.chunks NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE rag.chunks FORCE ROW LEVEL SECURITY",
        {"row_security"},
    ),
    "leaky view": (
        "CREATE VIEW rag.everything AS SELECT * FROM rag.documents; GRANT SELECT ON rag.everything TO rag_tenant",
        "DROP VIEW rag.everything",
        {"row_security", "tenant_isolation"},
    ),
    "extra permissive policy": (
        "CREATE POLICY support ON rag.sessions FOR SELECT TO rag_tenant USING (true)",
        "DROP POLICY support ON rag.sessions",
        {"row_security", "tenant_isolation"},
    ),
}


def failed(request: Request) -> set[str]:
    return {name for name, check in request.checks().items() if check["outcome"] not in ("pass", "warn")}


@pytest.mark.parametrize("plant", PLANTS)
def test_before_activation_the_tenant_is_rolled_back(alone: Product, plant: str) -> None:
    fault, mend, expected = PLANTS[plant]
    request = by_hand(alone)
    with alone.planted(fault, mend):
        request.tick_all()
        request.reach("failed", "rolled_back")
    assert failed(request) >= expected, request.checks()
    ended = request.reach("rolled_back")
    assert "security failure" in ended["state_reason"], ended["state_reason"]
    is_gone(request)


def validate(product: Product, request: Request) -> None:
    """Have the active tenant validated now, as the compliance officer, and wait for the end."""
    body = {"tenant_id": str(request.tenant_id), "reason": "to be sure"}
    assert request.champion.call("POST", "/api/v1/validations/", json=body).status_code == 403
    job = product.person("farah").post("/api/v1/validations/", body)["job_id"]
    seen = product.person("farah").get(f"/api/v1/jobs/{job}/")["created_at"]
    ran = "SELECT 1 FROM lifecycle_validationrun WHERE tenant_id = %s AND started_at > %s AND outcome <> 'running'"
    until("the validation", lambda: product.sql(ran, request.tenant_id, seen))


def test_on_an_active_tenant_it_is_an_incident(alone: Product) -> None:
    request = alone.ask()
    request.sign_all()
    request.reach("active")
    fault, mend, _ = PLANTS["leaky policy"]
    with request.connect() as platform:
        assert platform.post("/v1/query", json={"q": "anything", "k": 1}).status_code == 200
        with alone.planted(fault, mend):
            validate(alone, request)
            incident = _open_incident(alone, request)
            assert incident["severity"] == "P0" and str(request.tenant_id) in incident["affected"]
            assert incident["evidence"]["row_security"] and incident["evidence"]["tenant_isolation"]
            notify_by, opened_at = (datetime.fromisoformat(str(incident[one])) for one in ("notify_by", "opened_at"))
            assert timedelta(hours=71, minutes=59) < notify_by - opened_at <= timedelta(hours=72, seconds=1)
            begun = time.monotonic()
            refused = until(
                "the platform refusing the tenant",
                lambda: (said := platform.post("/v1/query", json={"q": "anything", "k": 1})).is_error and said,
            )
            assert refused.status_code == 403, refused.text
            print(f"refused {time.monotonic() - begun:.1f} s after the incident")
            resolved = _resolve(alone, incident)
            assert resolved.status_code == 409 and "validation" in resolved.text, resolved.text
        assert _resolve(alone, incident).status_code == 409  # mended, but not yet proved
        validate(alone, request)
        assert failed(request) == set()
        assert _resolve(alone, incident).status_code == 200
        until(
            "the platform serving again",
            lambda: platform.post("/v1/query", json={"q": "anything", "k": 1}).status_code == 200,
        )


def _open_incident(product: Product, request: Request) -> dict[str, object]:
    found = until(
        "the incident",
        lambda: product.person("farah").get("/api/v1/incidents/", tenant_id=str(request.tenant_id))["results"],
    )
    assert len(found) == 1 and found[0]["resolved_at"] is None
    return dict(found[0])


def _resolve(product: Product, incident: dict[str, object]) -> object:
    path = f"/api/v1/incidents/{incident['id']}/resolution/"
    return product.person("farah").call("POST", path, json={"reason": "The policy was put back; nobody else read it."})
