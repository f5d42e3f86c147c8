"""Questions of our own, under the tenant's registry ticket: nothing is counted as usage, and nothing is left behind."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from lifecycle.migration.gates import Finding, Outcome
from lifecycle.migration.models import Migration
from lifecycle.provisioning.subject import region_named
from lifecycle.provisioning.targets import sign
from tenants.reads.models import ReadSplit
from tenants.reads.queries import ticket_of

TIMEOUT = httpx.Timeout(5.0, connect=1.0)
WORKERS, LOAD_WORKERS = 4, 8
LOAD, QUANTILE = "load before the first user", 0.95
Question = tuple[str, str, dict[str, object] | None]


@dataclass(frozen=True)
class Target:
    """A load that green has to bear: requests a second, and the tier's p95 in seconds."""

    rate: float
    p95: float
    seconds: float
    is_capped: bool = False


def ask_owner(migration: Migration, split: ReadSplit, count: int) -> int:
    """Have the owner asked about what the tenant holds; it asks both sides the same. How many were taken so."""
    with _client(migration, split, migration.source) as http, ThreadPoolExecutor(WORKERS) as pool:
        known = _known(http)
        if not known:
            return 0
        return sum(pool.map(lambda asked: _is_quiet(http, asked), _in_turn(known, count)))


def try_load(migration: Migration, split: ReadSplit, target: Target) -> Finding:
    """Ask green at a rate for a moment, and say whether it bore it."""
    with _client(migration, split, migration.target) as http, ThreadPoolExecutor(LOAD_WORKERS) as pool:
        http.headers["X-Routed-From"] = "load"
        known = _known(http)
        if not known:
            return Finding(LOAD, Outcome.HOLD, "green does not answer on behalf of the owner yet")
        began, many = time.monotonic(), max(1, round(target.rate * target.seconds))
        asked = [pool.submit(_timed, http, one, began + n / target.rate) for n, one in enumerate(_in_turn(known, many))]
        took = [one.result() for one in asked]
        return _judged(target, took, time.monotonic() - began)


def _judged(target: Target, took: list[float | None], elapsed: float) -> Finding:
    answered = sorted(one for one in took if one is not None)
    if len(answered) < len(took):
        return Finding(LOAD, Outcome.HOLD, f"{len(took) - len(answered)} of {len(took)} requests were not answered")
    rate, p95 = len(took) / elapsed, answered[min(len(answered) - 1, int(len(answered) * QUANTILE))]
    most = ", as much as one worker asks" if target.is_capped else ""
    said = f"{rate:.1f} requests a second of {target.rate:.1f} wanted{most}; p95 {p95 * 1000:.0f} ms"
    is_borne = rate >= 0.8 * target.rate and p95 <= target.p95
    return Finding(LOAD, Outcome.PASS if is_borne else Outcome.HOLD, f"{said}, {target.p95 * 1000:.0f} allowed")


def _client(migration: Migration, split: ReadSplit, region: str) -> httpx.Client:
    headers = {
        "Authorization": f"Bearer {sign(tenant_id=migration.tenant_id)}",
        "X-Handed": ticket_of(split),
    }
    url = region_named(region).platform_url
    limits = httpx.Limits(max_connections=LOAD_WORKERS)
    return httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT, limits=limits, trust_env=False)


def _known(http: httpx.Client) -> list[Question]:
    """What can be asked, made of what the tenant holds; nothing while the platform does not take it as ours."""
    try:
        answer = http.get("/v1/documents", params={"limit": 20})
        if answer.status_code != 200 or "X-Handed" not in answer.headers:
            return []
        held = answer.json()["documents"]
    except (httpx.HTTPError, ValueError, KeyError):
        return []
    found: list[Question] = [("GET", "/v1/documents?limit=20", None)]
    for one in held:
        found.append(("POST", "/v1/query", {"q": one["title"][:200] or "what is there", "k": 5}))
        found.append(("GET", f"/v1/documents/{one['id']}", None))
    return found if held else [*found, ("POST", "/v1/query", {"q": "is somebody there", "k": 5})]


def _in_turn(known: list[Question], count: int) -> Iterator[Question]:
    return (known[number % len(known)] for number in range(count))


def _is_quiet(http: httpx.Client, asked: Question) -> bool:
    method, path, body = asked
    try:
        return http.request(method, path, json=body).status_code < 500
    except httpx.HTTPError:
        return False


def _timed(http: httpx.Client, asked: Question, at: float) -> float | None:
    """Seconds from when it was due; None where it was not answered."""
    time.sleep(max(0.0, at - time.monotonic()))
    return time.monotonic() - at if _is_quiet(http, asked) else None
