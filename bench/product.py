"""The running product as the bench sees it: people over HTTP, its region's stores from outside."""

import itertools
import time
from typing import Any

import httpx

from portal.access.demo import PASSWORD
from portal.embedded.stack import Stack

PARTS = ("stores", "migrate", "provider", "platform", "web", "worker", "dispatcher", "sealer", "holder")
CHAMPIONS = {"HR": "arjun", "FIN": "meera", "RISK": "ishaan"}
PATIENCE = 180.0
NUMBERS = itertools.count(1)


class Person:
    """One demo person signed in for a bearer token."""

    def __init__(self, url: str, username: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=60)
        answer = self.http.post("/api/v1/auth/token", json={"username": username, "password": PASSWORD})
        self.http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"

    def get(self, path: str) -> Any:
        return self.http.get(path).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.http.post(path, json=body)
        if answer.is_error:
            raise SystemExit(f"{path}: {answer.status_code} {answer.text[:400]}")
        return answer.json()


def first_page(stack: Stack) -> float:
    """Start it; the seconds until it says that it is ready for pages."""
    began = time.monotonic()
    stack.launch()
    while True:
        try:
            if httpx.get(f"{stack.url}/health/ready", timeout=5).status_code == 200:
                return time.monotonic() - began
        except (httpx.TransportError, httpx.TimeoutException):
            pass
        if not stack.running() or time.monotonic() - began > PATIENCE:
            raise SystemExit((stack.home.root / "supervisor.out").read_text())
        time.sleep(0.05)


def active_tenant(url: str, unit: str, **more: Any) -> tuple[float, dict[str, Any]]:
    """Ask for a bronze tenant that needs no signature; the seconds until it is active, and its request."""
    champion = CHAMPIONS[unit]
    person = Person(url, champion)
    name = f"bench-{next(NUMBERS)}-{unit.lower()}"
    body = {
        "name": name,
        "display_name": name,
        "business_unit": unit,
        "tier": "bronze",
        "region": "ap-south-1",
        "geography": "IN",
        "data_classes": [],
        "expected_users": 5,
        "expected_documents": 100,
        "annual_budget_inr": "150000.00",
        "justification": "A measurement.",
        "owner": champion,
        "champion": champion,
        **more,
    }
    began = time.monotonic()
    request = person.post("/api/v1/tenant-requests/", body)
    while request["state"] != "active":
        if request["state"] in ("failed", "rejected", "rolled_back", "rollback_incomplete"):
            raise SystemExit(f"{name} is {request['state']}: {request['state_reason']}")
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"{name} is still {request['state']} after {PATIENCE:g} s")
        time.sleep(0.1)
        request = person.get(f"/api/v1/tenant-requests/{request['id']}/")
    return time.monotonic() - began, request
