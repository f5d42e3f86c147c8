"""A demo tenant moved to another region and taken back while it is written to, by the portal's own API."""

from typing import Any

from demo.tour import MARK, Person, tell, until

TENANT, TARGET, ENGINEER = "people-handbook", "eu-west-1", "kiran"
ENDED = ("completed", "rolled_back", "failed")
SECONDS = 600


def there_and_back(times: int) -> None:
    """Go there, come back, go there: so many ways. Each is a rehearsal, for which only such a tenant can be used."""
    engineer = Person(ENGINEER)
    move: dict[str, Any] = {}
    for way in range(times):
        if way % 2:
            engineer.post(f"/api/v1/migrations/{move['id']}/rollback/", {"reason": f"{MARK}the way back."})
            move = _reach(engineer, move["id"], "rolled_back")
        else:
            move = _begin(engineer)
            move = _reach(engineer, move["id"], "traffic_cutover_complete")
        pause = next((one["pause_ms"] for one in move["attempts"] if one["outcome"] == "switched"), None)
        waited = "" if pause is None else f"; writers waited {pause:.0f} ms"
        tell(f"{TENANT} is served in {move['source'] if way % 2 else move['target']}{waited}.")


def _begin(engineer: Person) -> dict[str, Any]:
    tenant = engineer.get("/api/v1/tenants/", name=TENANT)["results"][0]
    asked = {"tenant_id": tenant["id"], "target": TARGET, "is_rehearsal": True, "strategy": "blue_green"}
    move = dict(engineer.post("/api/v1/migrations/", {**asked, "reason": f"{MARK}a way there."}))
    engineer.post(f"/api/v1/migrations/{move['id']}/start/", {"reason": f"{MARK}now."})
    return move


def _reach(engineer: Person, move_id: str, state: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = engineer.get(f"/api/v1/migrations/{move_id}/")
        if found["state"] != state and found["state"] in ENDED:
            raise SystemExit(f"The move of {TENANT} is {found['state']}: {found['state_reason']}")
        return found if found["state"] == state else None

    return dict(until(f"the move of {TENANT} reaching {state}", look, SECONDS))
