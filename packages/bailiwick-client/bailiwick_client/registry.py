"""The lease: how long one answer of the portal may be acted on."""

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from . import disk
from .held import Held, News
from .snapshot import Configuration, Malformed, Refused, Snapshot, Standing

# The boot-time clock goes on while the machine is suspended; CLOCK_MONOTONIC stops, and a lease would outlive its age.
# Only Linux has both; elsewhere the monotonic clock is what there is.
BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
NEVER = float("-inf")
RENEW_SECONDS, RENEW_AT, KEEP_SECONDS = 0.8, 0.4, 10.0  # at most; at this part of the shortest lease
ASK_AGAIN_SECONDS, SILENCE_SECONDS = 0.1, 0.25
TIMEOUT_SECONDS = 2.0


boot_seconds: Callable[[], float] = partial(time.clock_gettime, BOOT_CLOCK)
"""Seconds since boot, sleep included."""


class Registry:
    """Answers whether a tenant may be served, never from an answer older than the tenant's lease.

    All tenants are held in memory. Changes come by the stream (`stream_url`, Redis, where there is one) and with every
    lease, which only the portal gives: a lease counts once everything up to the version it names is applied. Without
    the portal tenants are refused when their lease is over, unless their tier goes on; their configuration is served
    from memory, Redis or the copy on disk for as long as it takes.

    Thread-safe. `token_source` is called for every question, so a replaced credential is used at once. `point` names
    this process in the portal's receipts. Threads start with the first question, after any fork.
    """

    def __init__(
        self,
        base_url: str,
        token_source: Callable[[], str],
        *,
        point: str = "",
        stream_url: str = "",
        copy: Path | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        clock: Callable[[], float] = boot_seconds,
        follows: bool = True,
    ) -> None:
        self._token = token_source
        self._point = point
        self._stream_url, self._copy = stream_url, copy
        self._clock = clock
        self._follows = follows
        self._http = httpx.Client(base_url=base_url, timeout=timeout_seconds, trust_env=False)
        self._held = Held()
        self._admitted = self._held.admitted
        self._asked = NEVER  # when the question was put whose answer the lease is
        self._tried = self._ended = NEVER  # when the last question was put, and when its answer or failure came
        self._renew_seconds = RENEW_SECONDS
        self._failure = "the portal has not been asked"
        self._status_version = self._config_version = 0
        self._asking = threading.Lock()
        self._starting = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._news, self._stop = threading.Event(), threading.Event()
        self._stream: Any = None

    def tenant(self, tenant_id: str) -> Snapshot:
        """The tenant's snapshot under a live lease; raises Refused with the reason otherwise."""
        try:
            held = self._admitted[tenant_id]
        except KeyError:
            return self._admit(tenant_id)
        return held if self._clock() - self._asked < held.lease else self._admit(tenant_id)

    def tenant_now(self, tenant_id: str) -> Snapshot:
        """The same, asked for anew: for a refusal that a live lease may give too late."""
        called = self._clock()
        self._renew(lambda: self._tried >= called)
        return self._present(tenant_id)

    def configuration(self, tenant_id: str) -> Configuration | None:
        """The last known configuration, whoever can be asked now. It admits nobody."""
        self._start()
        if tenant_id not in self._held.configurations and self._asked == NEVER:
            self._join(self._clock())
        return self._held.configurations.get(tenant_id)

    def configuration_beyond(self, tenant_id: str, epoch: int, seconds: float) -> Configuration | None:
        """The configuration at a newer routing epoch, as soon as it is known; None when `seconds` pass without it.

        While the stream is silent the portal is asked, by the thread that keeps the lease: no wait is longer than
        `seconds`, whatever hangs. Without that thread only what is held already is answered.
        """
        self._start()
        until = time.monotonic() + seconds
        found = self._held.beyond(tenant_id, epoch, 0)
        while found is None and (left := until - time.monotonic()) > 0:
            self._news.set()
            found = self._held.beyond(tenant_id, epoch, min(left, SILENCE_SECONDS))
        return found

    def tell(self, path: str, body: dict[str, Any]) -> bool:
        """Post to the portal under this service's credential; whether it was taken."""
        try:
            headers = {"Authorization": f"Bearer {self._token()}"}
            return self._http.post(path, json=body, headers=headers).is_success
        except (httpx.HTTPError, OSError):
            return False

    @property
    def age_seconds(self) -> float:
        """How old the lease is; infinite before the first."""
        return self._clock() - self._asked

    def close(self) -> None:
        """Stop following and close the connections."""
        self._stop.set()
        self._news.set()
        if self._stream is not None:
            self._stream.close()
        for thread in self._threads:
            thread.join(timeout=5.0)
        self._http.close()

    def _admit(self, tenant_id: str) -> Snapshot:
        """The slow way: nothing is held under a live lease."""
        self._start()
        called = self._clock()
        self._join(called)
        if tenant_id not in self._held.standings and self._asked >= self._tried:
            self._renew(lambda: self._tried >= called)  # the answer may be from just before the tenant was made
        return self._present(tenant_id)

    def _present(self, tenant_id: str) -> Snapshot:
        held, standing = self._admitted.get(tenant_id), self._held.standings.get(tenant_id)
        asked, age = self._asked, self.age_seconds
        if held is not None and (age < held.lease or (held.configuration.goes_on and asked != NEVER)):
            return held
        if standing is not None and not standing.servable:
            why = f": {standing.reason}" if standing.reason else ""
            raise Refused("not_active", f"the tenant is {standing.status}{why}")
        if held is None and asked >= self._tried:  # the portal has just answered, and did not name it
            raise Refused("unknown", "the registry does not know this tenant")
        raise Refused("unreachable", self._failure)

    def _join(self, called: float) -> None:
        """Whoever needs an answer takes the next that comes, or the failure that came a moment ago."""
        self._renew(lambda: self._ended > called - ASK_AGAIN_SECONDS)

    def _renew(self, is_known: Callable[[], bool]) -> None:
        """Ask, one at a time, unless what was asked meanwhile is good enough."""
        with self._asking:
            if not is_known():
                self._tried = self._clock()
                self._ask(self._tried)
                self._ended = self._clock()

    def _ask(self, asked: float) -> None:
        try:
            news = self._question()
        except Refused as refused:
            self._failure = refused.reason
            return
        self._held.take(news.configurations, news.standings)
        self._status_version, self._config_version = news.status_version, news.config_version
        self._asked, self._failure = asked, "the registry's answer came after its lease was over"
        if news.configurations:
            shortest = min(one.lease_seconds for one in self._held.configurations.values())
            self._renew_seconds = min(RENEW_SECONDS, shortest * RENEW_AT)

    def _question(self) -> News:
        said = {"since": str(self._config_version), "status": str(self._status_version)}
        said |= {"point": self._point} if self._point else {}
        try:
            headers = {"Authorization": f"Bearer {self._token()}"}
            answer = self._http.get("/v1/snapshots", params=said, headers=headers)
        except (httpx.HTTPError, OSError) as error:
            raise Refused("unreachable", f"the registry cannot be asked ({type(error).__name__})") from error
        if answer.status_code != 200:
            raise Refused("unreachable", f"the registry answered {answer.status_code}")
        try:
            news = News(answer.json())
        except (Malformed, ValueError, RecursionError) as error:
            raise Refused("unreachable", f"the registry's answer is not one ({error})") from error
        if news.status_version < self._status_version:
            raise Refused("unreachable", "the registry answered with an older status than it had before")
        return news

    def _start(self) -> None:
        """Begin to follow, in the process that asks and not in the one that forked it."""
        if self._threads or not self._follows:
            return
        with self._starting:
            if self._threads:
                return
            self._held.take(disk.read(self._copy) if self._copy else [])
            self._threads = [threading.Thread(target=self._keep_leased, name="registry-lease", daemon=True)]
            if self._stream_url:
                from .stream import Stream  # needs redis, which not everybody installs

                self._stream = Stream(self._stream_url, self._take)
                self._held.take(self._stream.configurations())
                self._stream.start()
            self._threads[0].start()

    def _take(self, pieces: list[Configuration | Standing]) -> None:
        standings = [one for one in pieces if isinstance(one, Standing)]
        self._held.take([one for one in pieces if isinstance(one, Configuration)], standings)
        if standings:
            self._news.set()

    def _keep_leased(self) -> None:
        """Renew well before the lease is over, and at once after a change, so that the portal learns it is applied."""
        kept_at, kept = NEVER, -1
        while not self._stop.is_set():
            before = self._status_version
            self._renew(lambda: False)
            if self._copy and self._config_version != kept and self._clock() - kept_at > KEEP_SECONDS:
                kept_at, kept = self._clock(), self._config_version
                self._keep(self._copy)
            if self._status_version == before:
                self._news.wait(self._renew_seconds)
            self._news.clear()

    def _keep(self, path: Path) -> None:
        try:
            disk.keep(path, list(self._held.configurations.values()))
        except OSError as error:
            self._failure = f"the copy on disk cannot be written ({type(error).__name__})"
