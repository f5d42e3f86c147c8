"""What each tenant used, told to the portal: noted beside the counters first, then sent until it is taken.

A difference has a number of its own for its tenant, metric and day, and keeps it through crashes and retries, so the
portal counts it once. Storage is told for days that are over: the bytes held at the end of each.
"""

import logging
from collections.abc import Callable
from itertools import groupby
from typing import Any
from uuid import UUID

import httpx

from .binding import Binding, Bindings, Unbound
from .database import Database
from .problems import Problem

LOG = logging.getLogger("ragplatform.reporting")
SOURCE, PATH = "ragplatform", "/api/v1/usage/"
EVERY_SECONDS = 60.0
MOST_OF_ONE, BATCH = 300, 300
NOTE = """
    WITH today AS (SELECT (now() AT TIME ZONE 'UTC')::date AS date),
    counted AS (
        SELECT metric, day, sum(amount) AS amount FROM rag.usage_counters WHERE tenant_id = %(tenant)s GROUP BY 1, 2
    ),
    past AS (
        SELECT d::date AS day, extract(day FROM date_trunc('month', d) + interval '1 month - 1 day') AS days_of_month
        FROM today, generate_series(today.date - 31, today.date - 1, interval '1 day') AS d
    ),
    used AS (
        SELECT 'queries' AS metric, day, amount FROM counted WHERE metric = 'queries'
        UNION ALL
        SELECT 'compute_hours', day, round(amount / 3600000000, 12) FROM counted WHERE metric = 'compute_us'
        UNION ALL
        SELECT 'gb_months', past.day, round(sum(amount) / 1000000000 / days_of_month, 12)
        FROM past JOIN counted ON counted.metric = 'bytes' AND counted.day <= past.day GROUP BY past.day, days_of_month
    ),
    told AS (
        SELECT metric, day, sum(amount) AS amount, max(number) AS number
        FROM rag.usage_reports WHERE tenant_id = %(tenant)s GROUP BY 1, 2
    )
    INSERT INTO rag.usage_reports (tenant_id, metric, day, number, amount)
    SELECT %(tenant)s, metric, day, coalesce(told.number, 0) + 1, coalesce(used.amount, 0) - coalesce(told.amount, 0)
    FROM used FULL JOIN told USING (metric, day), today
    WHERE day >= today.date - 31 AND coalesce(used.amount, 0) <> coalesce(told.amount, 0)
    ON CONFLICT DO NOTHING
"""
WAITING = """
    SELECT metric, day, number, amount FROM rag.usage_reports
    WHERE tenant_id = %s AND taken_at IS NULL ORDER BY day, metric, number LIMIT %s
"""
TAKEN = """
    UPDATE rag.usage_reports SET taken_at = now()
    WHERE tenant_id = %s AND (metric, day, number) IN (SELECT * FROM unnest(%s::text[], %s::date[], %s::int[]))
"""
Note = tuple[Binding, dict[str, Any], tuple[str, str, int]]


class Reporter:
    """Tells the portal what the counters say."""

    def __init__(self, database: Database, bindings: Bindings, portal_url: str, token: Callable[[], str]) -> None:
        self._database = database
        self._bindings = bindings
        self._token = token
        self._http = httpx.Client(base_url=portal_url, timeout=10, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def run(self) -> int:
        """Note what is new of every tenant and send what waits; returns how many differences were taken."""
        waiting: list[Note] = []
        taken = 0
        for tenant_id in self._bindings.tenants():
            waiting += self._notes(tenant_id)
            if len(waiting) >= BATCH:
                taken += self._tell(waiting)
                waiting = []
        return taken + self._tell(waiting)

    def _notes(self, tenant_id: UUID) -> list[Note]:
        try:
            binding = self._bindings.of(tenant_id)
            with self._database.tenant(binding) as connection:
                connection.execute(NOTE, {"tenant": tenant_id})
                rows = connection.execute(WAITING, (tenant_id, MOST_OF_ONE)).fetchall()
        except (Unbound, Problem) as error:
            LOG.info("usage.skipped tenant=%s reason=%s", tenant_id, error)
            return []
        return [_note(binding, *row) for row in rows]

    def _tell(self, notes: list[Note]) -> int:
        """Send them; where one tenant's are refused, the others' are sent without."""
        if not notes:
            return 0
        status = self._post([delta for _, delta, _ in notes])
        by_tenant = [list(of_one) for _, of_one in groupby(notes, key=lambda note: note[0].tenant_id)]
        if status == 200:
            for of_one in by_tenant:
                self._strike_off(of_one)
            return len(notes)
        if 400 <= status < 500 and status not in (401, 403, 429) and len(by_tenant) > 1:
            return sum(self._tell(of_one) for of_one in by_tenant)
        LOG.warning("usage.not_taken status=%s tenant=%s deltas=%s", status, notes[0][0].tenant_id, len(notes))
        return 0

    def _post(self, deltas: list[dict[str, Any]]) -> int:
        try:
            headers = {"Authorization": f"Bearer {self._token()}"}
            return self._http.post(PATH, json={"deltas": deltas}, headers=headers).status_code
        except (httpx.HTTPError, OSError) as error:
            LOG.info("usage.unreachable reason=%s", type(error).__name__)
            return 0

    def _strike_off(self, notes: list[Note]) -> None:
        binding = notes[0][0]
        metrics, days, numbers = zip(*(place for _, _, place in notes), strict=True)
        try:
            with self._database.tenant(binding) as connection:
                connection.execute(TAKEN, (binding.tenant_id, list(metrics), list(days), list(numbers)))
        except Problem as error:  # they are sent again, and known there
            LOG.info("usage.not_struck_off tenant=%s reason=%s", binding.tenant_id, error)


def _note(binding: Binding, metric: str, day: Any, number: int, amount: Any) -> Note:
    tenant, on = str(binding.tenant_id), day.isoformat()
    delta = {"tenant_id": tenant, "metric": metric, "amount": f"{amount.normalize():f}", "day": on, "source": SOURCE}
    delta["key"] = f"{tenant}:{metric}:{on}:{number}"
    if amount < 0:
        delta["reason"] = "The platform's own counter was corrected."
    return binding, delta, (metric, on, number)
