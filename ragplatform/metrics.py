"""What Prometheus reads: by tenant id, never by user."""

from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
REQUESTS = Counter("rag_requests", "Requests served.", ["tenant", "route", "status"], registry=REGISTRY)
ERRORS = Counter("rag_errors", "Requests that ended in a 5xx.", ["tenant", "route"], registry=REGISTRY)
HANDED_ON = Counter("rag_handed_on", "Requests for a tenant of elsewhere.", ["tenant"], registry=REGISTRY)
QUERY_LATENCY = Histogram(
    "query_latency",
    "Seconds from a query's arrival to its answer.",
    ["tenant"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
    registry=REGISTRY,
)
DOCUMENTS = Gauge("rag_documents", "Documents held.", ["tenant"], registry=REGISTRY)
STORED_BYTES = Gauge("rag_stored_bytes", "Bytes of documents held.", ["tenant"], registry=REGISTRY)
STARTED = Gauge("rag_started_seconds", "When this process began to count.", registry=REGISTRY)
STARTED.set_to_current_time()
LOG_LINES_LOST = Counter("rag_log_lines_lost", "Log lines dropped after retries.", ["tenant"], registry=REGISTRY)


def forget_levels(tenant: str) -> None:
    """Stop telling what a tenant holds: another region serves it now."""
    for level in (DOCUMENTS, STORED_BYTES):
        with suppress(KeyError):
            level.remove(tenant)
