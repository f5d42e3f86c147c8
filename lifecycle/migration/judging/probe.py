"""A question of our own, put to green through its platform where the tenant asks none; nothing of it is left behind."""

import httpx
import psycopg
import redis
import structlog

from lifecycle.migration.gates import Observation
from lifecycle.provisioning.targets import of_tenant
from lifecycle.provisioning.validation import Target, traces
from lifecycle.provisioning.validation.checks import ISOLATION
from lifecycle.provisioning.validation.findings import CouldNotRun, Findings
from lifecycle.provisioning.validation.platform_api import PlatformApi
from lifecycle.provisioning.validation.suite import run_check
from lifecycle.stores.errors import StoreError
from portal.jobs.errors import Permanent
from tenants.models import Tenant

CHECK = "gate"
log = structlog.get_logger(__name__)
NOT_ASKED = Observation()
ANSWERED = Observation(probes=1)  # the platform has counted it itself
UNANSWERED = Observation(requests=1, errors=1, probes=1)
REFUSED = Observation(requests=1, errors=1, probes=1, refused=1)


def ask(tenant: Tenant) -> Observation:
    """What the platform's counters do not show of the question; nothing where there is no way to ask."""
    try:
        target = of_tenant(tenant, {}, {})
    except (Permanent, StoreError, OSError):
        return NOT_ASKED
    try:
        return _ask(target)
    finally:
        _forget(target)


def leaks(tenant: Tenant) -> int | None:
    """1 where a row of another tenant could be reached on green; None where that could not be tried."""
    try:
        target = of_tenant(tenant, {}, {})
    except (Permanent, StoreError, OSError):
        return None
    found = run_check(target, ISOLATION)
    if found.outcome != "pass":
        log.warning("migration.isolation_probe", tenant_id=str(tenant.pk), outcome=found.outcome, found=found.summary)
    return None if found.outcome == "could_not_run" else int(found.outcome == "fail")


def _ask(target: Target) -> Observation:
    try:
        with PlatformApi(target) as api:
            api.query(f"{traces.mark(CHECK)}is somebody there")
    except CouldNotRun as error:
        return REFUSED if isinstance(error.__cause__, httpx.ConnectError) else UNANSWERED
    return ANSWERED


def _forget(target: Target) -> None:
    """Take the question back. What could not be now is by the next probe."""
    try:
        traces.forget_questions(target, Findings("security"), CHECK)
    except (StoreError, psycopg.Error, redis.RedisError) as error:
        log.warning("migration.probe_left", tenant_id=str(target.tenant_id), error=type(error).__name__)
