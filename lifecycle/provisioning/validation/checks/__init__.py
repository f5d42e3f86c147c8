"""The nine checks and when each may run."""

from collections.abc import Callable
from dataclasses import dataclass

from lifecycle.provisioning.validation.checks import (
    authentication,
    cost_tags,
    database_connection,
    latency,
    metrics,
    object_store,
    row_security,
    tenant_isolation,
    vectors,
)
from lifecycle.provisioning.validation.findings import Findings
from lifecycle.provisioning.validation.result import Category
from lifecycle.provisioning.validation.target import Target


@dataclass(frozen=True)
class Check:
    """One check: `run` notes what it finds and raises where it cannot look."""

    name: str
    title: str
    category: Category
    run: Callable[[Target, Findings], None]


DATABASE = Check("database_connection", "Database answers as the tenant", "security", database_connection.run)
ISOLATION = Check("tenant_isolation", "Tenants cannot reach each other's rows", "security", tenant_isolation.run)
ROW_SECURITY = Check("row_security", "Row security enabled, forced and exact", "security", row_security.run)
VECTORS = Check("vectors", "Vectors written, found and isolated", "security", vectors.run)
AUTHENTICATION = Check("authentication", "Only honest tokens are served", "security", authentication.run)
LATENCY = Check("latency", "Query latency within the tier's target", "performance", latency.run)
OBJECT_STORE = Check("object_store", "Objects reachable by the tenant alone", "security", object_store.run)
METRICS = Check("metrics", "Metrics and logs arrive", "compliance", metrics.run)
COST_TAGS = Check("cost_tags", "Cost tags on every resource", "compliance", cost_tags.run)

# Latency is measured while nothing else of the suite works. Logs take a second to arrive: asked first, read last.
BACKGROUND = (METRICS.name,)
PHASES: tuple[tuple[Check, ...], ...] = (
    (METRICS, DATABASE, AUTHENTICATION),
    (LATENCY,),
    (ISOLATION, ROW_SECURITY, VECTORS, OBJECT_STORE, COST_TAGS),
)
CHECKS = tuple(check for phase in PHASES for check in phase)
