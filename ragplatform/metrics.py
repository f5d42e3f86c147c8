"""What Prometheus reads: by tenant id, never by user."""

from collections.abc import Callable
from contextlib import suppress
from uuid import NAMESPACE_URL, uuid5

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
REQUESTS = Counter("rag_requests", "Requests served.", ["tenant", "route", "status"], registry=REGISTRY)
ERRORS = Counter("rag_errors", "Requests that ended in a 5xx.", ["tenant", "route"], registry=REGISTRY)
HANDED_ON = Counter("rag_handed_on", "Requests for a tenant of elsewhere.", ["tenant"], registry=REGISTRY)
QUERY_LATENCY = Histogram(
    "query_latency",
    "Seconds from a query's arrival to its answer.",
    ["tenant"],
    buckets=BUCKETS,
    registry=REGISTRY,
)
DOCUMENTS = Gauge("rag_documents", "Documents held.", ["tenant"], registry=REGISTRY)
STORED_BYTES = Gauge("rag_stored_bytes", "Bytes of documents held.", ["tenant"], registry=REGISTRY)
STARTED = Gauge("rag_started_seconds", "When this process began to count.", registry=REGISTRY)
STARTED.set_to_current_time()
# always there, of nobody: who looks for a tenant's series and finds none can look for this one
CANARY = Gauge("rag_canary", "Always one, of a tenant that is none.", ["tenant"], registry=REGISTRY)
CANARY.labels(str(uuid5(NAMESPACE_URL, "urn:bailiwick:canary"))).set(1)
LOG_LINES_LOST = Counter("rag_log_lines_lost", "Log lines dropped after retries.", ["tenant"], registry=REGISTRY)
# what a region has to give, beside what process_* says is used of it
CPUS = Gauge("rag_cpus", "Processors this process may use.", registry=REGISTRY)
MEMORY = Gauge("rag_memory_bytes", "Memory this process may use.", registry=REGISTRY)
POOL_MAX = Gauge("rag_pool_max", "Connections the database pool may have.", registry=REGISTRY)
POOL_USED = Gauge("rag_pool_used", "Connections in use, and requests that wait for one.", registry=REGISTRY)
# reads while a tenant moves: answered for its owner (`handed`), by whom the owner had them answered, and compared
HANDED = Counter("rag_handed_reads", "Reads answered on behalf of the owner.", ["tenant", "status"], registry=REGISTRY)
HANDED_SECONDS = Histogram(
    "rag_handed_seconds", "Seconds such a read took.", ["tenant"], buckets=BUCKETS, registry=REGISTRY
)
HANDED_LOAD = Counter("rag_handed_load", "Reads asked to try how much is borne.", ["tenant"], registry=REGISTRY)
UNANSWERED = Counter(
    "rag_handed_unanswered", "Reads that the other region did not answer well.", ["tenant", "how"], registry=REGISTRY
)
SPLIT = Counter("rag_split_reads", "Reads of a moving tenant, by who answered.", ["tenant", "by"], registry=REGISTRY)
MIRRORED = Counter("rag_mirrored", "Reads both sides were asked, by outcome.", ["tenant", "as"], registry=REGISTRY)
BY_TENANT = (
    *(REQUESTS, ERRORS, HANDED_ON, QUERY_LATENCY, DOCUMENTS, STORED_BYTES, LOG_LINES_LOST),
    *(HANDED, HANDED_SECONDS, HANDED_LOAD, UNANSWERED, SPLIT, MIRRORED),
)


def forget_levels(tenant: str) -> None:
    """Stop telling what a tenant holds: another region serves it now."""
    for level in (DOCUMENTS, STORED_BYTES):
        with suppress(KeyError):
            level.remove(tenant)


def forget(is_gone: Callable[[str], bool]) -> None:
    """Drop every series of the tenants that are gone."""
    samples = (sample for family in REGISTRY.collect() for sample in family.samples)
    told: set[str] = {sample.labels["tenant"] for sample in samples if "tenant" in sample.labels}
    for tenant in filter(is_gone, told):
        for metric in BY_TENANT:
            metric.remove_by_labels({"tenant": tenant})
