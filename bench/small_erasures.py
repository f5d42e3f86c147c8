"""Small erasures through the whole machine: from the moment workers may begin until every certificate is issued.

`python -m bench.small_erasures [PEOPLE]` starts a product of its own, measures it and leaves nothing behind. All are
signed while the workers stand still; undo, grace and the wait for late tasks are none: what is measured is work. Of few
people it says too much per thousand: they wait for seals and for each other, and share less. A tenant of the smallest
tier has room for fifty, so that more are people of several.
"""

import itertools
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from bench import erasing
from bench.product import CHAMPIONS, PARTS, Person, active_tenant
from bench.rows import Row, timed
from portal.access.demo import PASSWORD
from portal.embedded import procs
from portal.embedded.stack import Stack

PEOPLE, A_TENANT, PATIENCE, BAR = 120, 40, 1_200.0, 600.0
NOW = {f"BAILIWICK_ERASURE_{one}_SECONDS": "0" for one in ("UNDO", "GRACE", "RESWEEP_AFTER")}
UNITS = itertools.cycle(CHAMPIONS)
SIGNERS = {"cco": "leela", "legal": "thomas"}
REQUESTS = "/api/v1/erasure-requests/"
WRONG = ("failed", "not_certifiable", "refused", "cancelled")


def measure(stack: Stack, many: int = PEOPLE) -> list[Row]:
    """So many people, each with two documents, said per thousand; the floor deletes the same rows."""
    people = [one for number in range(0, many, A_TENANT) for one in _settled(stack, min(A_TENANT, many - number))]
    with workers_stopped(stack):
        officer, signers = Person(stack.url, "farah"), {role: Person(stack.url, who) for role, who in SIGNERS.items()}
        for tenant, email in people:
            _signed(officer, signers, tenant, email)
        began = time.monotonic()
    _await(officer, many)
    measured, share = time.monotonic() - began, 1000 / many
    region = next(iter(stack.regions().values()))
    plain = erasing.filled_with_people(region, stack, many)
    floor = timed(lambda: erasing.people_plainly(plain))
    name = f"1,000 people erased, approval to certificate, said of {many} of them"
    return [Row(name, measured * share, floor * share, "bare statements, a transaction each", bar=BAR)]


def _settled(stack: Stack, many: int) -> Iterator[tuple[str, str]]:
    """People of a tenant of their own with documents, as their platform makes them; yields it and each address."""
    unit = next(UNITS)
    _, request = active_tenant(stack.url, unit, environment="staging")
    tenant, scope = request["tenant_id"], {"scope": ["read", "write", "admin"]}
    token = Person(stack.url, CHAMPIONS[unit]).post(f"/api/v1/tenants/{tenant}/access-tokens/", scope)
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    with httpx.Client(base_url=token["platform_url"], headers=headers, timeout=60) as platform:
        for number in range(many):
            email = f"person{number}@example.org"
            person = _sent(platform, "/v1/users", {"email": email})["id"]
            for title in ("One", "Two"):
                _sent(platform, "/v1/documents", {"title": title, "text": "A note.", "owner_user_id": person})
            yield tenant, email


def _sent(platform: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Sent as often as the platform's limit of requests wants it."""
    while (answer := platform.post(path, json=body)).status_code == 429:
        time.sleep(float(answer.headers.get("Retry-After", "1")))
    return dict(answer.raise_for_status().json())


@contextmanager
def workers_stopped(stack: Stack) -> Iterator[None]:
    group = int(stack.runtime["pids"]["worker"])
    procs.signal_group(group, signal.SIGSTOP)
    try:
        yield
    finally:
        procs.signal_group(group, signal.SIGCONT)


def _signed(officer: Person, signers: dict[str, Person], tenant: str, email: str) -> None:
    body = {"tenant_id": tenant, "kind": "person", "legal_basis": "gdpr-17", "identity": "party"}
    made = officer.post(REQUESTS, {**body, "email": email, "reason": "A measurement."})
    case = signers["cco"].get(f"/api/v1/approvals/{made['case_id']}/")
    for one in case["requirements"]:
        said = {"digest": case["digest"], "reason": "A measurement.", "password": PASSWORD}
        signers[one["role"]].post(f"/api/v1/approvals/{case['id']}/signatures/", said)


def _await(officer: Person, many: int) -> None:
    """Until all are completed; what ends in any other way is no measurement. Asked seldom, since asking costs."""
    began = time.monotonic()
    for looked in itertools.count():
        if (ended := int(officer.get(f"{REQUESTS}?state=completed&page_size=1")["count"])) == many:
            return
        for state in WRONG if looked % 10 == 9 else ():
            if found := officer.get(f"{REQUESTS}?state={state}&page_size=1")["results"]:
                raise SystemExit(f"an erasure of the bench is {state}: {' '.join(found[0]['reasons'])}")
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"{many - ended} erasures are not completed after {PATIENCE:g} s")
        time.sleep(1)


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory(prefix="bailiwick-small-erasures-") as folder,
        Stack(Path(folder) / "home", only=PARTS, durable=True, env=NOW) as running,
    ):
        os.environ.update(running.env)
        sys.stdout.write(json.dumps([asdict(row) for row in measure(running, *map(int, sys.argv[1:]))]))
