"""The lease: how long one answer of the portal may be acted on."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from .snapshot import Malformed, Refused, Snapshot

# The boot-time clock goes on while the machine is suspended; CLOCK_MONOTONIC stops, and a lease would outlive its age.
# Only Linux has both; elsewhere the monotonic clock is what there is.
BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
MAX_HELD = 20_000


def boot_seconds() -> float:
    """Seconds since boot, sleep included."""
    return time.clock_gettime(BOOT_CLOCK)


@dataclass(frozen=True, slots=True)
class _Lease:
    asked: float
    snapshot: Snapshot | None
    refusal: Refused | None = None
    etag: str = ""

    def answer(self) -> Snapshot:
        if self.snapshot is not None and self.refusal is None:
            return self.snapshot
        assert self.refusal is not None
        raise Refused(self.refusal.code, self.refusal.reason)


class Registry:
    """Answers whether a tenant may be served, never from an answer older than the lease.

    Thread-safe. `token_source` is called for every question, so a replaced credential is used at once.
    """

    def __init__(
        self,
        base_url: str,
        token_source: Callable[[], str],
        lease_seconds: float = 2.0,
        timeout_seconds: float = 2.0,
        clock: Callable[[], float] = boot_seconds,
    ) -> None:
        self._token = token_source
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._http = httpx.Client(base_url=base_url, timeout=timeout_seconds, trust_env=False)
        self._held: dict[str, _Lease] = {}
        self._flights: dict[str, Future[_Lease]] = {}
        self._lock = threading.Lock()

    def tenant(self, tenant_id: str) -> Snapshot:
        """The tenant's snapshot under a live lease; raises Refused with the reason otherwise."""
        lease = self._held.get(tenant_id)
        if lease is not None:
            age = self._clock() - lease.asked
            if age < self._lease_seconds / 2:
                return lease.answer()
            if age < self._lease_seconds:
                return self._renew_early(tenant_id, lease).answer()
        return self._fly(tenant_id).answer()

    def tenant_now(self, tenant_id: str) -> Snapshot:
        """The same, asked for anew: for a refusal that a live lease may give too late."""
        return self._fly(tenant_id).answer()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _renew_early(self, tenant_id: str, lease: _Lease) -> _Lease:
        """The newer lease if this caller gets to fetch it and the portal answers, else the one still live."""
        if tenant_id in self._flights:
            return lease
        try:
            return self._fly(tenant_id)
        except Refused:
            if self._clock() - lease.asked < self._lease_seconds:
                return lease
            raise

    def _fly(self, tenant_id: str) -> _Lease:
        """Ask once for all who wait; raises Refused('unreachable') when there is no answer to hold."""
        with self._lock:
            flight = self._flights.get(tenant_id)
            mine = flight is None
            if flight is None:
                flight = self._flights[tenant_id] = Future()
        if mine:
            try:
                flight.set_result(self._ask(tenant_id))
            except BaseException as error:  # noqa: BLE001  (whatever happened, those who wait must hear of it)
                flight.set_exception(error)
            finally:
                with self._lock:
                    del self._flights[tenant_id]
        return flight.result()

    def _ask(self, tenant_id: str) -> _Lease:
        held = self._held.get(tenant_id)
        asked = self._clock()
        lease = _checked(self._lease_of(self._request(tenant_id, held), tenant_id, asked, held), held)
        if self._clock() - asked >= self._lease_seconds:
            raise Refused("unreachable", "the registry's answer came after its lease was over")
        if len(self._held) >= MAX_HELD:
            self._held.clear()
        self._held[tenant_id] = lease
        return lease

    def _request(self, tenant_id: str, held: _Lease | None) -> httpx.Response:
        try:
            headers = {"Authorization": f"Bearer {self._token()}"}
            if held is not None and held.etag:
                headers["If-None-Match"] = held.etag
            return self._http.get(f"/v1/snapshot/{quote(tenant_id, safe='')}", headers=headers)
        except (httpx.HTTPError, OSError) as error:
            raise Refused("unreachable", f"the registry cannot be asked ({type(error).__name__})") from error

    def _lease_of(self, response: httpx.Response, tenant_id: str, asked: float, held: _Lease | None) -> _Lease:
        if response.status_code == 404:
            return _Lease(asked, None, Refused("unknown", "the registry does not know this tenant"))
        if response.status_code == 304 and held is not None:
            return _Lease(asked, held.snapshot, held.refusal, held.etag)
        if response.status_code != 200:
            raise Refused("unreachable", f"the registry answered {response.status_code}")
        try:
            snapshot = Snapshot.of(response.json())
        except (Malformed, ValueError, RecursionError) as error:
            raise Refused("unreachable", f"the registry's answer is not a snapshot ({error})") from error
        if snapshot.tenant_id != tenant_id:
            raise Refused("unreachable", "the registry answered for another tenant")
        refusal = None if snapshot.servable else Refused("not_active", f"the tenant is {snapshot.status}")
        return _Lease(asked, snapshot, refusal, response.headers.get("ETag", ""))


def _checked(lease: _Lease, held: _Lease | None) -> _Lease:
    """Refuse to step back: a status older than one already seen comes from a replica that lags."""
    if lease.snapshot is None or held is None or held.snapshot is None:
        return lease
    if lease.snapshot.status_version < held.snapshot.status_version:
        raise Refused("unreachable", "the registry answered with an older status than it had before")
    return lease
