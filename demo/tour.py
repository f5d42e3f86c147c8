"""The first-start tour: six tenants asked for, signed, provisioned, accepted and filled, through the portal's own API.

Speaks HTTP only, as the demo people. What its signers write is marked as simulated.
"""

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import httpx

from demo.ingest import fill

PORTAL = os.environ.get("BAILIWICK_PUBLIC_URL", f"http://127.0.0.1:{os.environ.get('PORT', '8000')}")
PASSWORD = "bailiwick-demo-only"  # noqa: S105 - published, exists only in the embedded runtime
MARK = "Simulated by the demo: "
DEADLINE_SECONDS = 300
TENANTS: list[dict[str, Any]] = [
    {
        "name": "finance-analytics",
        "display_name": "Finance Analytics",
        "business_unit": "FIN",
        "tier": "gold",
        "region": "ap-south-1",
        "geography": "IN",
        "data_classes": ["financial"],
        "expected_users": 40,
        "expected_documents": 83_000,
        "annual_budget_inr": "1200000.00",
        "justification": "Month-end close needs answers over 83,000 ledger documents; analysts now wait two days.",
        "champion": "meera",
    },
    {
        "name": "hr-operations",
        "display_name": "HR Operations",
        "business_unit": "HR",
        "tier": "silver",
        "region": "ap-south-1",
        "geography": "IN",
        "data_classes": ["pii"],
        "expected_users": 25,
        "expected_documents": 12_000,
        "annual_budget_inr": "600000.00",
        "justification": "Employees ask the same policy questions four hundred times a month.",
        "champion": "arjun",
    },
    {
        "name": "risk-models",
        "display_name": "Risk Models",
        "business_unit": "RISK",
        "tier": "platinum",
        "region": "ap-south-1",
        "geography": "IN",
        "data_classes": [],
        "expected_users": 30,
        "expected_documents": 40_000,
        "annual_budget_inr": "2500000.00",
        "justification": "Model validation searches twelve years of model documentation under a regulator's deadline.",
        "champion": "ishaan",
    },
    {
        "name": "europe-service",
        "display_name": "Europe Customer Service",
        "business_unit": "EUOPS",
        "tier": "silver",
        "region": "eu-west-1",
        "geography": "EU",
        "data_classes": ["pii"],
        "expected_users": 60,
        "expected_documents": 9_000,
        "annual_budget_inr": "900000.00",
        "justification": "Agents in Dublin answer from manuals that may not leave the European Union.",
        "champion": "clara",
    },
    {
        "name": "treasury-notes",
        "display_name": "Treasury Notes",
        "business_unit": "FIN",
        "tier": "bronze",
        "region": "ap-south-1",
        "geography": "IN",
        "data_classes": [],
        "expected_users": 8,
        "expected_documents": 1_000,
        "annual_budget_inr": "150000.00",
        "justification": "A small desk wants its market notes searchable.",
        "champion": "meera",
    },
    {
        "name": "people-handbook",
        "display_name": "People Handbook",
        "business_unit": "HR",
        "tier": "bronze",
        "region": "ap-south-1",
        "geography": "GLOBAL",
        "environment": "staging",  # one that may be moved abroad to try it
        "data_classes": [],
        "expected_users": 20,
        "expected_documents": 500,
        "annual_budget_inr": "180000.00",
        "justification": "The handbook and its annexes, for everybody.",
        "champion": "arjun",
    },
]
SIGNERS = {
    "cfo": "vikram",
    "cco": "leela",
    "legal": "thomas",
    "cto": "sanjay",
    "change_board": "anita",
    "compliance_officer": "farah",
}


class Person:
    """One demo person's signed-in HTTP client."""

    def __init__(self, username: str) -> None:
        self.username = username
        # a connection for each request: one that was kept may be closed by the server just as the next is sent
        self.http = httpx.Client(base_url=PORTAL, timeout=30, limits=httpx.Limits(max_keepalive_connections=0))
        self.http.headers["Authorization"] = f"Bearer {until(f'{username} is signed in', self._sign_in)}"

    def _sign_in(self) -> str | None:
        """None while too many sign in at once from here: a visitor's attempts count together with these."""
        answer = self.http.post("/api/v1/auth/token", json={"username": self.username, "password": PASSWORD})
        return None if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS else str(_ok(answer)["access_token"])

    def get(self, path: str, **params: Any) -> Any:
        return _ok(self.http.get(path, params=params))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return _ok(self.http.post(path, json=body))


def _ok(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise SystemExit(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:400]}")
    return answer.json()


def until(what: str, look: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> Any:
    """Look again every 200 ms until `look` returns something true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.2)
    return found


def tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run() -> None:
    """Provision and fill the demo tenants that are not there yet. Safe to run again."""
    people = {name: Person(name) for name in {"priya", "kiran", *SIGNERS.values()} | {t["champion"] for t in TENANTS}}
    begun = time.monotonic()
    with ThreadPoolExecutor(len(TENANTS)) as pool:
        done = list(pool.map(lambda wanted: bring_up(wanted, people), TENANTS))
    tell(f"{sum(done)} demo tenants are active with documents after {time.monotonic() - begun:.0f} s.")
    if not all(done):
        raise SystemExit(1)


def bring_up(wanted: dict[str, Any], people: dict[str, Person]) -> bool:
    """Take one tenant from nothing to active with documents."""
    champion = people[wanted["champion"]]
    request = _asked(wanted, champion)
    path = f"/api/v1/tenant-requests/{request['id']}/"
    while request["state"] not in ("active", "rejected", "failed", "rolled_back", "rollback_incomplete", "expired"):
        _help_along(request, people, champion, path)
        seen = request["state"], request["case_id"]
        if request["state"] == "pending_approval":
            request = champion.get(path)
            time.sleep(0.1)
        else:
            request = until(
                f"{wanted['name']} leaving {seen[0]}",
                lambda old=seen: (now := champion.get(path)) and (now["state"], now["case_id"]) != old and now,
            )
    if request["state"] != "active":
        tell(f"{wanted['name']}: {request['state']}. {request['state_reason']}")
        return False
    _fill(champion, request)
    tell(f"{wanted['name']} is active in {wanted['region']}.")
    return True


def _asked(wanted: dict[str, Any], champion: Person) -> Any:
    known = champion.get("/api/v1/tenant-requests/", name=wanted["name"])["results"]
    if known:
        return known[0]
    body = {**wanted, "owner": wanted["champion"]}
    return champion.post("/api/v1/tenant-requests/", body)


def _help_along(request: Any, people: dict[str, Person], champion: Person, path: str) -> None:
    if request["state"] == "pending_approval" and request["case_id"]:
        _sign(request["case_id"], people)
    elif request["state"] == "awaiting_champion":
        champion.post(f"{path}acceptance/", {"reason": f"{MARK}the tenant is what we asked for."})


def _sign(case_id: str, people: dict[str, Person]) -> None:
    case = people["vikram"].get(f"/api/v1/approvals/{case_id}/")
    for wanted in case["requirements"]:
        if wanted["state"] == "open":
            signer = people[SIGNERS[wanted["role"]]]
            body = {
                "digest": case["digest"],
                "reason": f"{MARK}cost and placement are as agreed.",
                "password": PASSWORD,
            }
            answer = signer.http.post(f"/api/v1/approvals/{case_id}/signatures/", json=body)
            if answer.status_code not in (200, 201, 409):
                _ok(answer)


def _fill(champion: Person, request: Any) -> None:
    wanted = {"scope": ["read", "write", "admin"]}
    access = champion.post(f"/api/v1/tenants/{request['tenant_id']}/access-tokens/", wanted)
    fill(access["platform_url"], access["access_token"], request["name"])
