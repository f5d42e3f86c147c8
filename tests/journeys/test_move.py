"""A tenant moved to another region over HTTP with its documents, and taken back: nothing is lost.

On the way its worker is killed, it is paused, and the tenant is suspended while it moves.
"""

from typing import Any

from bailiwick_proof.policy import Policy
from bailiwick_verify.migration import verify

from lifecycle.stores.postgres import fences, rows
from portal.lib.regions import Region
from tests.journeys.product import Product, Request, until

TEXT = "The quarterly accrual for the Pune warehouse is released after the stock count."
HALTED = ("failed", "paused", "rolled_back")
CONTENT = ("documents", "chunks", "chunk_vectors")


def reach(product: Product, path: str, *states: str) -> dict[str, Any]:
    """Wait for one of the states; fail with what its job says when it halts elsewhere."""

    def look() -> Any:
        found = product.person("kiran").get(path)
        halted = found["state"] in HALTED and found["state"] not in states
        assert not halted, f"{found['state']}: {found['state_reason']}\n{story(product, found)}"
        return found if found["state"] in states else None

    try:
        return dict(until(f"the move reaching {states}", look))
    except AssertionError as late:
        raise AssertionError(f"{late}\n{story(product, product.person('kiran').get(path))}") from None


def story(product: Product, found: dict[str, Any]) -> str:
    lines = product.sql(
        "SELECT j.kind, j.state, j.wait_reason, s.name, s.state AS step, s.attempts, s.error FROM jobs_job j"
        " JOIN jobs_step s ON s.job_id = j.id WHERE j.subject_id = %s ORDER BY j.created_at, s.seq",
        found["id"],
    )
    return "\n".join(" ".join(str(value) for value in line.values() if value not in ("", None)) for line in lines)


def fence(region: Region, request: Request) -> str:
    found = fences.read(region, request.tenant_id)
    assert found is not None
    return found.state


def content(region: Region, request: Request) -> dict[str, Any]:
    found = rows.count(region, request.tenant_id)
    return {name: found[name] for name in CONTENT}


def suspended(product: Product, request: Request) -> tuple[bool, ...]:
    found = [fences.read(product.region(name), request.tenant_id) for name in ("ap-south-1", "eu-west-1")]
    return tuple(bool(one and one.suspended) for one in found)


def retired(product: Product, subject: str) -> dict[str, Any]:
    """What was left by a move or a copy, once it is erased."""

    def look() -> Any:
        [found] = product.person("kiran").get("/api/v1/retired-stores/", subject=subject)["results"]
        job = product.person("kiran").get(f"/api/v1/jobs/{found['job_id']}/")
        assert job["state"] not in ("failed", "cancelled"), job["error"]
        return found if found["state"] == "erased" else None

    return dict(until("the store being retired", look))


def proved(product: Product, path: str) -> dict[str, Any]:
    """The move's newest record, once it is sealed, as a stranger checks it."""

    def look() -> Any:
        answer = product.person("kiran").call("GET", f"{path}record/")
        assert answer.status_code in (200, 409), answer.text
        return answer.content if answer.status_code == 200 else None

    policy = product.person("oliver").call("GET", "/api/v1/audit/policy/").content
    return verify(until("the signed record", look), Policy.parse(policy)).record


def test_there_and_back(alone: Product) -> None:
    product = alone
    request = product.ask(environment="staging", geography="GLOBAL", vector_provider="pgvector")
    request.sign_all()
    request.reach("active")
    blue, green = product.region(), product.region("eu-west-1")
    with request.connect() as platform:
        for number in range(5):
            sent = platform.post("/v1/documents", json={"title": f"Accruals {number}", "text": TEXT})
            assert sent.status_code == 201, sent.text
    before = content(blue, request)
    assert before["documents"] == 5

    engineer = product.person("kiran")
    asked = {"tenant_id": str(request.tenant_id), "target": "eu-west-1", "is_rehearsal": True, "strategy": "blue_green"}
    plan = engineer.post("/api/v1/migrations/plan/", asked)
    assert plan["is_possible"], plan["findings"]
    made = engineer.post("/api/v1/migrations/", {**asked, "reason": "A rehearsal."})
    path = f"/api/v1/migrations/{made['id']}/"
    engineer.post(f"{path}start/", {"reason": "now"})

    job = f"/api/v1/jobs/{reach(product, path, 'provisioning_green')['job_id']}/"
    product.kill_worker_group()
    engineer.post(f"{path}pause/", {"reason": "Lunch."})
    until("the pause", lambda: "Lunch" in engineer.get(job)["wait_reason"])
    engineer.post(f"{path}resume/", {"reason": "Back."})

    there = reach(product, path, "traffic_cutover_complete")
    assert there["root_source"] == there["root_target"] != ""
    assert there["pause_ms"] is None or there["pause_ms"] > 0
    read = there["reading"]
    assert (read["percent"], read["outcome"]) == (100, "pass"), read
    assert read["figures"]["load"]["outcome"] == "pass", "green bore the load before its first user"
    tenant = request.champion.get(f"/api/v1/tenants/{request.tenant_id}/")
    assert (tenant["region"], tenant["operation"]) == ("eu-west-1", "migrating")
    assert tenant["status"] == "active", "a moving tenant stays active for its clients"
    assert fence(green, request) == "open"
    until("blue closed, right after the commit", lambda: fence(blue, request) == "closed")
    assert content(green, request) == before
    until("the exposure", lambda: engineer.get(path)["exposure"] == 0)

    record = proved(product, path)
    assert (record["outcome"], record["source"], record["target"]) == ("switched", "ap-south-1", "eu-west-1")
    assert record["objects"]["total"] == 5 and record["rows"]["tables"]["documents"] == 5

    tenant_path = f"/api/v1/tenants/{request.tenant_id}"
    engineer.post(f"{tenant_path}/suspension/", {"reason": "payment overdue"})
    until("both fences", lambda: suspended(product, request) == (True, True))
    engineer.post(f"{tenant_path}/reactivation/", {"reason": "paid"})
    until("neither fence", lambda: suspended(product, request) == (False, False))

    engineer.post(f"{path}rollback/", {"reason": "The drill."})
    back = reach(product, path, "rolled_back")
    tenant = request.champion.get(f"/api/v1/tenants/{request.tenant_id}/")
    assert (tenant["region"], tenant["operation"]) == ("ap-south-1", "")
    assert (fence(blue, request), fence(green, request)) == ("open", "closed")
    assert content(blue, request) == before
    assert [one["new"] for one in reversed(back["passages"])] == [
        "initiated", "provisioning_green", "paused", "provisioning_green", "initial_sync",
        "dual_write_enabled", "incremental_sync",
        "traffic_cutover_started", "traffic_cutover_complete", "rolled_back",
    ]  # fmt: skip
    assert {one["direction"] for one in back["attempts"] if one["outcome"] == "switched"} == {"forward", "back"}
    until("the record of the way back", lambda: proved(product, path)["outcome"] == "rolled_back")

    released = engineer.call("POST", f"{path}green-release/", json={"reason": "tidy"})
    assert released.status_code == 200, released.text
    gone = retired(product, made["id"])
    assert (gone["region"], gone["occasion"]) == ("eu-west-1", "green")
    left = gone["evidence"]["systems"]
    assert left["postgres-eu-west-1"]["leaves"] == left["postgres-eu-west-1"]["acknowledged"] > 0
    assert {one["after"] for one in left.values()} == {0}
    assert not any(rows.count(green, request.tenant_id).values()) and not fences.knows(green, request.tenant_id)
    assert content(blue, request) == before
    with request.connect() as platform:
        assert platform.post("/v1/query", json={"q": "quarterly accrual"}).json()["passages"], (
            "the tenant noticed nothing"
        )
