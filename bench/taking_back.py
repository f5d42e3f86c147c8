"""A tenant taken back as a person does it: from the button until blue takes writes, job, worker and stores included.

`python -m bench.taking_back` starts a product of its own, measures it and leaves nothing behind.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.product import PARTS, PATIENCE, Person, active_tenant
from bench.rows import Row, table
from portal.embedded.stack import Stack

DRILLS, THERE = 3, "eu-west-1"
LONGEST = 1.0
STAGING = {"environment": "staging", "geography": "GLOBAL", "vector_provider": "pgvector"}


def measure(stack: Stack) -> list[Row]:
    """Each drill of a tenant of its own, moved there first; the time is what the drill itself says."""
    engineer = Person(stack.url, "kiran")
    seen = [_drilled(engineer, active_tenant(stack.url, "HR", **STAGING)[1]["tenant_id"]) for _ in range(DRILLS)]
    took, promised = max(one["seconds"] for one in seen), seen[0]["bar_seconds"]
    name = f"rollback, from the button to blue's first write, longest of {DRILLS}"
    return [Row(name, took, promised, "what is promised", bar=LONGEST)]


def _drilled(engineer: Person, tenant: str) -> dict[str, Any]:
    asked = {"tenant_id": tenant, "target": THERE, "is_rehearsal": True, "strategy": "blue_green"}
    made = engineer.post("/api/v1/migrations/", {**asked, "reason": "A measurement."})
    path = f"/api/v1/migrations/{made['id']}/"
    engineer.post(f"{path}start/", {"reason": "A measurement."})
    _until(lambda: _state(engineer, path) == "traffic_cutover_complete", "a switch")
    drill = engineer.post("/api/v1/rollback-drills/", {"migration_id": made["id"], "reason": "A measurement."})
    return dict(_until(lambda: _ended(engineer, drill["id"]), "a drill"))


def _state(engineer: Person, path: str) -> str:
    found = engineer.get(path)
    if found["state"] in ("failed", "paused", "rolled_back"):
        raise SystemExit(f"the move is {found['state']}: {found['state_reason']}")
    return str(found["state"])


def _ended(engineer: Person, drill: str) -> dict[str, Any] | None:
    found: dict[str, Any] = engineer.get(f"/api/v1/rollback-drills/{drill}/")
    if found["outcome"] == "unmeasured":
        raise SystemExit("the way back came and was not measured")
    return None if found["outcome"] == "running" else found


def _until(true: Callable[[], Any], what: str) -> Any:
    began = time.monotonic()
    while not (found := true()):
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"{what} did not come within {PATIENCE:g} s")
        time.sleep(0.1)
    return found


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory(prefix="bailiwick-taking-back-") as folder,
        Stack(Path(folder) / "home", only=PARTS, durable=True) as running,
    ):
        sys.stdout.write(f"{table(measure(running))}\n")
