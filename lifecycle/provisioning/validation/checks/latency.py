"""How long a query takes at the tier's concurrency, over the running platform, with a document to find."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

from lifecycle.provisioning.validation import traces
from lifecycle.provisioning.validation.findings import CouldNotRun, Findings
from lifecycle.provisioning.validation.platform_api import PlatformApi, told
from lifecycle.provisioning.validation.target import Target

FEWEST = 30
ROUNDS = 3
SECONDS = 20.0
WORDS = "which vessel passes the northern breakwater"


def run(target: Target, found: Findings) -> None:
    try:
        with PlatformApi(target, connections=target.concurrency) as api, api.document() as document_id:
            _find_it(api, found, document_id)
            taken = _measure(target, api)
    finally:
        traces.forget_questions(target, found, "latency")
        traces.forget_document(target, found)
    _judge(target, found, sorted(taken))


def _find_it(api: PlatformApi, found: Findings, document_id: UUID) -> None:
    """An empty answer would be quick."""
    answer = api.query(traces.mark("latency") + WORDS + uuid4().hex)
    if answer.status_code != 200:
        raise CouldNotRun(f"the platform does not answer a query: {told(answer)}")
    hits = [passage["document_id"] for passage in answer.json()["passages"]]
    found.expect(
        str(document_id) in hits,
        "the query finds the seeded document",
        "the query does not find the document that was put in",
    )


def _measure(target: Target, api: PlatformApi) -> list[float]:
    """Milliseconds of each query, `concurrency` of them always under way."""
    number = max(FEWEST, ROUNDS * target.concurrency)
    deadline = time.monotonic() + SECONDS

    def one(_: int) -> float | None:
        if time.monotonic() > deadline:
            return None
        words = f"{traces.mark('latency')}{WORDS} {uuid4().hex}"
        began = time.perf_counter()
        answer = api.query(words)
        took = (time.perf_counter() - began) * 1000
        if answer.status_code != 200:
            raise CouldNotRun(f"a query was not answered: {told(answer)}")
        return took

    with ThreadPoolExecutor(max_workers=target.concurrency) as pool:
        return [took for took in pool.map(one, range(number)) if took is not None]


def _judge(target: Target, found: Findings, taken: list[float]) -> None:
    found.measured |= {
        "samples": len(taken),
        "concurrency": target.concurrency,
        "target_p95_ms": target.p95_target_ms,
        "measured_in": target.region.name,
        "users_in": target.user_region,
        "simulated_distance": target.region.simulated,
    }
    if len(taken) < FEWEST:
        raise CouldNotRun(f"only {len(taken)} of {FEWEST} queries were answered in {SECONDS:.0f} s")
    p50, p95 = percentile(taken, 50), percentile(taken, 95)
    found.measured |= {"p50_ms": round(p50, 1), "p95_ms": round(p95, 1), "max_ms": round(taken[-1], 1)}
    asked = f"{len(taken)} queries at concurrency {target.concurrency}"
    said = f"p95 {p95:.0f} ms of {asked}, target {target.p95_target_ms} ms"
    found.headline = said
    if p95 > target.p95_target_ms:
        found.missed(said)
    else:
        found.held(said)


def percentile(ordered: list[float], share: int) -> float:
    """The nearest-rank percentile of an ascending list."""
    return ordered[math.ceil(share / 100 * len(ordered)) - 1]
