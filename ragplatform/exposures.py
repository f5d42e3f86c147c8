"""What was answered under each variant of a flag that this platform reads: how often, how long, how often it failed.

Added up in memory and told to the portal in the background. A batch keeps its key until the portal has taken or refused
it, so that one whose answer was lost counts once; what a process that dies had not told is lost.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from .ids import new_id
from .problems import Problem

LOG = logging.getLogger("ragplatform.exposures")
PATH = "/api/v1/flags/exposures/"
MOST = 500
Variant = tuple[str, str]


@dataclass
class Measured:
    """Sums under one variant."""

    requests: int = 0
    failed: int = 0
    latency_ms: int = 0


class Exposures:
    """Counts under variants and tells the portal. Thread-safe."""

    def __init__(self, portal_url: str, token: Callable[[], str]) -> None:
        self._token = token
        self._http = httpx.Client(base_url=portal_url, timeout=10, trust_env=False)
        self._lock = threading.Lock()
        self._measured: dict[Variant, Measured] = {}
        self._waiting: tuple[str, list[dict[str, Any]]] | None = None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @contextmanager
    def under(self, flag: str, given: Mapping[str, Any] | None) -> Iterator[None]:
        """Measure what is done inside under the flag's variant; a refusal is no failure. Nothing without the flag."""
        began, failed = time.perf_counter(), 0
        try:
            yield
        except Problem as problem:
            failed = int(problem.status >= 500)
            raise
        except Exception:
            failed = 1
            raise
        finally:
            if given and given.get("variant"):
                self._add((flag, str(given["variant"])), failed, round((time.perf_counter() - began) * 1000))

    def _add(self, variant: Variant, failed: int, milliseconds: int) -> None:
        with self._lock:
            one = self._measured.setdefault(variant, Measured())
            one.requests += 1
            one.failed += failed
            one.latency_ms += milliseconds

    def tell(self) -> int:
        """Send what was counted; returns how many variants the portal took. What was not taken is sent again."""
        key, rows = self._waiting = self._waiting or (str(new_id()), self._drained())
        if not rows:
            self._waiting = None
            return 0
        status = self._post(key, rows)
        if status == 200 or (400 <= status < 500 and status not in (401, 403, 409, 429)):
            self._waiting = None  # a refusal is final: a flag or variant that is gone has nobody to compare it
        if status != 200:
            LOG.warning("exposures.not_taken status=%s variants=%s", status, len(rows))
        return len(rows) if status == 200 else 0

    def _drained(self) -> list[dict[str, Any]]:
        with self._lock:
            taken = dict(list(self._measured.items())[:MOST])
            for variant in taken:
                del self._measured[variant]
        return [
            {"flag": flag, "variant": variant, "requests": m.requests, "failed": m.failed, "latency_ms": m.latency_ms}
            for (flag, variant), m in sorted(taken.items())
        ]

    def _post(self, key: str, rows: list[dict[str, Any]]) -> int:
        try:
            headers = {"Authorization": f"Bearer {self._token()}", "Idempotency-Key": key}
            return self._http.post(PATH, json={"exposures": rows}, headers=headers).status_code
        except (httpx.HTTPError, OSError) as error:
            LOG.info("exposures.unreachable reason=%s", type(error).__name__)
            return 0
