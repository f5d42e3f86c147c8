"""What a region's platform says of its tenants: whether it is ready, and its counters. No database."""

from dataclasses import dataclass, field

import httpx
import structlog
from prometheus_client.parser import text_string_to_metric_families

from .score import Tally

log = structlog.get_logger(__name__)
TIMEOUT = httpx.Timeout(10.0, connect=2.0)
MOST_BYTES = 64_000_000
COUNTED = ("rag_requests_total", "rag_errors_total", "query_latency_bucket", "rag_stored_bytes", "rag_handed_on_total")


@dataclass
class Counted:
    """The counters of one tenant since its platform started, and what it holds."""

    requests: float = 0.0
    errors: float = 0.0
    buckets: dict[str, float] = field(default_factory=dict)
    stored_bytes: int | None = None
    handed_on: float = 0.0

    def tally(self) -> Tally:
        return Tally(requests=self.requests, errors=self.errors, buckets=self.buckets)


@dataclass(frozen=True)
class Look:
    """One look at one platform. `started` is None where its counters could not be read: nothing is known of them."""

    is_up: bool
    started: float | None = None
    tenants: dict[str, Counted] = field(default_factory=dict)


def look_at(url: str) -> Look:
    """Ask the platform at `url`; one that does not answer, or is not ready, is down."""
    try:
        with httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False) as http:
            is_up = http.get("/health/ready").status_code == 200
            answer = http.get("/metrics")
    except (httpx.HTTPError, OSError) as error:
        log.info("health.unreachable", url=url, error=type(error).__name__)
        return Look(is_up=False)
    if answer.status_code != 200 or len(answer.content) > MOST_BYTES:
        return Look(is_up)
    try:
        started, tenants = read(answer.text)
    except (ValueError, KeyError) as error:
        log.warning("health.unreadable", url=url, error=type(error).__name__)
        return Look(is_up)
    return Look(is_up, started, tenants)


def read(text: str) -> tuple[float | None, dict[str, Counted]]:
    """When the platform started, and its counters by tenant id; ValueError or KeyError where it is no such text."""
    started, found = None, dict[str, Counted]()
    for family in text_string_to_metric_families(text):
        for name, labels, value, *_ in family.samples:
            if name == "rag_started_seconds":
                started = value
            elif name in COUNTED:
                _add(found.setdefault(labels["tenant"], Counted()), name, labels, value)
    return started, found


def _add(one: Counted, name: str, labels: dict[str, str], value: float) -> None:
    if name == "rag_requests_total":
        one.requests += value
    elif name == "rag_errors_total":
        one.errors += value
    elif name == "rag_handed_on_total":
        one.handed_on += value
    elif name == "query_latency_bucket":
        one.buckets[labels["le"]] = value
    else:
        one.stored_bytes = int(value)
