"""One look at a platform's /metrics: what its process uses up, and what it counted of one tenant's reads."""

from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import httpx
import structlog
from prometheus_client.parser import text_string_to_metric_families

from lifecycle.migration.gates import Mirrored, Observation

from .windows import by_bucket

log = structlog.get_logger(__name__)
TIMEOUT = httpx.Timeout(5.0, connect=2.0)
AT_LEAST_SECONDS = 0.2  # between two looks, for a share of processor time
PLAIN = {
    "rag_started_seconds": "started",
    "process_cpu_seconds_total": "cpu_seconds",
    "process_resident_memory_bytes": "resident",
    "rag_cpus": "cpus",
    "rag_memory_bytes": "memory",
    "rag_pool_used": "pool_used",
    "rag_pool_max": "pool_max",
}
LABELLED = {
    "rag_split_reads_total": ("split", "by"),
    "rag_handed_unanswered_total": ("unanswered", "how"),
    "rag_mirrored_total": ("mirrored", "as"),
    "rag_handed_reads_total": ("handed", "status"),
    "rag_requests_total": ("requests", "status"),
    "rag_handed_seconds_bucket": ("buckets", "le"),
}
COUNTERS = ("split", "unanswered", "mirrored", "handed", "requests", "buckets")
NOT_YET = "409"  # what green said it does not hold yet, and the owner answered
Counts = dict[str, float]


@dataclass(frozen=True)
class Side:
    """Process figures, and the tenant's counters by label, since the process began."""

    started: float = 0.0
    cpu_seconds: float = 0.0
    resident: float = 0.0
    cpus: float = 0.0
    memory: float = 0.0
    pool_used: float = 0.0
    pool_max: float = 0.0
    split: Counts = field(default_factory=dict)
    unanswered: Counts = field(default_factory=dict)
    mirrored: Counts = field(default_factory=dict)
    handed: Counts = field(default_factory=dict)
    requests: Counts = field(default_factory=dict)
    buckets: Counts = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def since(self, before: "Side") -> "Side":
        """The same with what was counted since; a process that began anew counts from nought."""
        if before.started != self.started:
            return self
        fresh = {name: _less(getattr(self, name), getattr(before, name)) for name in COUNTERS}
        return Side(**{**asdict(self), **fresh, "cpu_seconds": self.cpu_seconds - before.cpu_seconds})


def look_at(url: str, tenant_id: UUID) -> Side | None:
    """What the platform says; None where it cannot be read."""
    try:
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as http:
            return read(http.get(f"{url}/metrics").raise_for_status().text, str(tenant_id))
    except (httpx.HTTPError, OSError, ValueError, KeyError) as error:
        log.info("migration.side_unread", url=url, error=type(error).__name__)
        return None


def read(text: str, tenant: str) -> Side:
    """The figures of the process and of one tenant; ValueError or KeyError where it is no such text."""
    plain: dict[str, float] = {}
    counts: dict[str, Counts] = {name: {} for name in COUNTERS}
    for family in text_string_to_metric_families(text):
        for name, labels, value, *_ in family.samples:
            if name in PLAIN:
                plain[PLAIN[name]] = value
            elif name in LABELLED and labels["tenant"] == tenant:
                into, label = LABELLED[name]
                counts[into][labels[label]] = counts[into].get(labels[label], 0.0) + value
    return Side(**plain, **counts)  # type: ignore[arg-type]  # floats by PLAIN's names, counts by COUNTERS'


def usage(fresh: Side | None, seconds: float) -> dict[str, float | None]:
    """Shares of processor, memory and connections in use; None for what is not known."""
    if fresh is None:
        return {"cpu": None, "memory": None, "pool": None}
    known = seconds >= AT_LEAST_SECONDS and fresh.cpus > 0 and fresh.cpu_seconds >= 0
    return {
        "cpu": fresh.cpu_seconds / seconds / fresh.cpus if known else None,
        "memory": fresh.resident / fresh.memory if fresh.memory else None,
        "pool": fresh.pool_used / fresh.pool_max if fresh.pool_max else None,
    }


def of_green(green: Side | None, blue: Side | None, seconds: float) -> Observation | None:
    """What green answered for the owner. What it did not answer only the owner knows."""
    if green is None:
        return None
    lost = blue.unanswered if blue else {}
    answered = sum(count for status, count in green.handed.items() if status != NOT_YET)
    never = lost.get("refused", 0) + lost.get("slow", 0)
    requests = int(answered + never)
    errors = int(max(_badly(green), lost.get("error", 0)) + never)
    refused = int(lost.get("refused", 0))
    latencies = by_bucket(green.buckets)
    return Observation(
        requests, min(errors, requests), latencies, refused=refused, **usage(green, seconds)  # type: ignore[arg-type]  # by name
    )  # fmt: skip


def of_blue(blue: Side | None) -> Observation | None:
    """The owner's answers to the same questions, asked in the same way."""
    if blue is None:
        return None
    requests = int(sum(blue.handed.values()))
    return Observation(requests, min(int(_badly(blue)), requests), by_bucket(blue.buckets))


def compared(blue: Side | None) -> Mirrored:
    """What the owner found by asking both sides."""
    seen = blue.mirrored if blue else {}
    empty, differs = int(seen.get("empty", 0)), int(seen.get("differs", 0))
    return Mirrored(int(seen.get("same", 0)) + differs + empty, differs + empty, empty)


def _badly(side: Side) -> float:
    return sum(count for status, count in side.handed.items() if status >= "500")


def _less(after: Counts, before: Counts) -> Counts:
    return {name: max(0.0, count - before.get(name, 0.0)) for name, count in after.items()}
