"""A production tenant moved in a product of three regions: copied first, rehearsed on a clone, then moved for good."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lifecycle.stores.postgres import fences, rows
from portal.access.demo import PASSWORD
from portal.embedded.stack import Stack
from tests.journeys.product import SIGNERS, Product, Request, until
from tests.journeys.test_move import proved, reach, retired

PARTS = ("stores", "migrate", "provider", "platform", "web", "worker", "dispatcher", "sealer", "holder")
HOME, TARGET, THIRD = "ap-south-1", "eu-west-1", "us-east-1"
TEXT = "The quarterly accrual for the Pune warehouse is released after the stock count."


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Product]:
    brief = {"BAILIWICK_MIGRATION_STABILITY_SECONDS": "1", "BAILIWICK_MIGRATION_BUDGET_MS": "2000"}
    with Stack(tmp_path / "home", regions=(HOME, TARGET, THIRD), only=PARTS, env=brief) as stack:
        yield Product(stack)


def held(product: Product, region: str, tenant_id: Any) -> dict[str, int | None]:
    found = rows.count(product.region(region), tenant_id)
    return {name: found[name] for name in ("documents", "chunks", "chunk_vectors")}


def clone_of(product: Product, rehearsal: dict[str, Any]) -> Request:
    asked = product.person("priya").get(f"/api/v1/tenant-requests/{rehearsal['request_id']}/")
    return Request(product, product.person("arjun"), asked)


def sign(product: Product, case_id: str) -> None:
    path = f"/api/v1/approvals/{case_id}/"
    while (case := product.person("vikram").get(path))["state"] == "open":
        wanted = [one for one in case["requirements"] if one["state"] == "open"]
        role = min(wanted, key=lambda one: one["order"])["role"]
        body = {"digest": case["digest"], "reason": "agreed", "password": PASSWORD}
        assert product.person(SIGNERS[role]).call("POST", f"{path}signatures/", json=body).status_code == 201


def test_copied_rehearsed_and_moved(three: Product) -> None:
    product, priya = three, three.person("priya")
    request = product.ask(geography="GLOBAL", vector_provider="pgvector")
    request.sign_all()
    request.reach("active")
    with request.connect() as platform:
        for number in range(3):
            sent = platform.post("/v1/documents", json={"title": f"Accruals {number}", "text": TEXT})
            assert sent.status_code == 201, sent.text
    before, about = held(product, HOME, request.tenant_id), {"tenant_id": str(request.tenant_id)}
    for path, rule in (("playbooks", {"notice_days": 0}), ("rehearsal-demands", {"days": 30})):
        answer = priya.call("PATCH", f"/api/v1/{path}/bronze/", json={**rule, "reason": "A journey."})
        assert answer.status_code == 200, answer.text
    plan = priya.post("/api/v1/migrations/plan/", {**about, "target": TARGET})
    assert {"MIG-COPY", "MIG-REHEARSAL"} <= {one["code"] for one in plan["findings"] if one["outcome"] == "wait"}

    copy = priya.post("/api/v1/tenant-copies/", {**about, "region": THIRD, "reason": "Before the move."})
    rehearsal = priya.post("/api/v1/rehearsals/", {**about, "target": TARGET, "reason": "Before the move."})
    twin = clone_of(product, rehearsal)
    twin.sign_all()
    if twin.reach("awaiting_champion", "active")["state"] == "awaiting_champion":
        twin.accept()

    def copied() -> Any:
        found = priya.get(f"/api/v1/tenant-copies/{copy['id']}/")
        assert found["state"] != "failed", found["error"]
        return found if found["state"] == "verified" else None

    found = until("the copy", copied)
    assert found["root_source"] == found["root_copy"] and found["objects_found"] == 3
    assert held(product, THIRD, request.tenant_id) == before
    fence = fences.read(product.region(THIRD), request.tenant_id)
    assert fence is not None and fence.state == "closed"

    def passed() -> Any:
        found = priya.get(f"/api/v1/rehearsals/{rehearsal['id']}/")
        assert found["ok"] is not False, found["findings"]
        return found if found["ok"] else None

    found = until("the rehearsal", passed, 240)
    assert found["killed_at_step"] == found["kill_at"] and found["rollback_ms"] > 0 and found["moved_in_ms"] > 0
    print({name: found[name] for name in ("killed_at_step", "moved_in_ms", "pause_ms", "rollback_ms")})
    assert held(product, HOME, twin.tenant_id) == before, "the clone is back, and whole"
    assert twin.champion.get(f"/api/v1/tenants/{twin.tenant_id}/")["status"] == "suspended"

    made = priya.post("/api/v1/migrations/", {**about, "target": TARGET, "reason": "Closer to its users."})
    path = f"/api/v1/migrations/{made['id']}/"
    sign(product, made["case_id"])
    until("the approval", lambda: priya.get(path)["approved_at"])
    priya.post(f"{path}start/", {"reason": "now"})
    reach(product, path, "completed")
    assert held(product, TARGET, request.tenant_id) == before
    assert held(product, THIRD, request.tenant_id) == before, "the copy stays where it is, closed"
    assert retired(product, made["id"])["region"] == HOME
    assert proved(product, path)["outcome"] == "completed"
    released = priya.call("POST", f"/api/v1/tenant-copies/{copy['id']}/release/", json={"reason": "Not needed."})
    assert released.status_code == 200, released.text
    assert retired(product, copy["id"])["occasion"] == "copy"
    assert priya.get(f"/api/v1/tenant-copies/{copy['id']}/")["state"] == "erased"
    for region in (HOME, THIRD):
        assert not any(rows.count(product.region(region), request.tenant_id).values())
    left = request.residue()
    assert left.residue == () and left.not_checked == (), left
    with request.connect() as platform:
        assert platform.post("/v1/query", json={"q": "quarterly accrual"}).json()["passages"]
