"""Analytics: series with the tenant's label, wherever the region keeps them. None is labelled by user or document."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import httpx
from prometheus_client.parser import text_string_to_metric_families

from lifecycle.stores import throttle
from lifecycle.stores.errors import Permanent, Transient
from portal.lib.regions import Region

from .asking import listed, still_ours
from .hint import Hint
from .target import Alive, Target
from .trying import shown, tried

SYSTEM = "metrics"
LABEL = "tenant"
TIMEOUT = httpx.Timeout(20.0, connect=3.0)
DATADOG_DAYS = 457  # fifteen months, which its plans keep at most
UNLABELLED = Hint("anonymised", "Series are labelled by tenant and never by user or document: none is of a person.")


class Place(Protocol):
    """Where series are kept."""

    def series(self, tenant_id: UUID) -> set[str]:
        """Every series with the tenant's label of which something is left, as `name{label="value"}`."""

    def drop(self, tenant_id: UUID) -> None:
        """Delete them, where that can be asked for."""

    def hint(self) -> Hint | None:
        """What is to be said where it cannot."""


class Metrics:
    """The platform's own memory, and the region's Prometheus or Datadog where it has one."""

    system = SYSTEM

    def __init__(self, region: Region) -> None:
        self.region = region
        self.places = tuple(_places(region))

    def hint(self, target: Target) -> Hint | None:
        if not target.is_whole_tenant:
            return UNLABELLED
        return next(filter(None, (place.hint() for place in self.places)), None)

    def ids(self, target: Target) -> Iterator[str]:
        if target.is_whole_tenant:
            yield from sorted(self._left(target))

    def erase(self, target: Target, alive: Alive) -> int:
        """The tenant's binding is to be gone before, or the platform goes on telling what is scraped again."""
        if not target.is_whole_tenant:
            return 0
        known = set(listed(self.region, target, SYSTEM))
        for place in self.places:
            tried(partial(self._drop, place, target, alive))
        gone = len(known - self._left(target))
        alive(gone)
        return gone

    def settle(self, target: Target) -> None:
        """No place that can delete shows a series any more."""

        def forgotten() -> bool:
            return not any(place.series(target.tenant_id) for place in self.places if place.hint() is None)

        if target.is_whole_tenant:
            shown(forgotten, SYSTEM, "series of the tenant are still told")

    def _drop(self, place: Place, target: Target, alive: Alive) -> None:
        alive(0)
        still_ours(self.region, target, "delete series")
        place.drop(target.tenant_id)

    def _left(self, target: Target) -> set[str]:
        return {one for place in self.places for one in place.series(target.tenant_id)}


class Platform:
    """What the region's platform counts in memory. It forgets a tenant that has no binding left, at the next scrape."""

    def __init__(self, url: str) -> None:
        self.url = url

    def series(self, tenant_id: UUID) -> set[str]:
        text = _asked("GET", f"{self.url}/metrics").text
        try:
            samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        except (ValueError, KeyError) as error:
            raise Permanent(SYSTEM, "scrape", f"{self.url} answered what is no metrics: {error}") from error
        return {_named(one.name, one.labels) for one in samples if one.labels.get(LABEL) == str(tenant_id)}

    def drop(self, tenant_id: UUID) -> None:
        """Nothing to ask for."""

    def hint(self) -> Hint | None:
        return None


class Prometheus:
    """A Prometheus over its HTTP API, started with --web.enable-admin-api: without it nothing is deleted."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url, self._headers = url, {"Authorization": f"Bearer {token}"} if token else {}

    def series(self, tenant_id: UUID) -> set[str]:
        """Those that still have a sample: the list of series itself goes on naming deleted ones for hours."""
        query = f"last_over_time({_selector(tenant_id)}[100y])"
        said = self._ask("POST", "query", {"query": query})
        return {_named(one["metric"].get("__name__", ""), one["metric"]) for one in said["result"]}

    def drop(self, tenant_id: UUID) -> None:
        self._ask("POST", "admin/tsdb/delete_series", {"match[]": _selector(tenant_id)})
        self._ask("POST", "admin/tsdb/clean_tombstones", {})

    def hint(self) -> Hint | None:
        return None

    def _ask(self, method: str, path: str, parameters: dict[str, str]) -> Any:
        answer = _asked(method, f"{self.url}/api/v1/{path}", params=parameters, headers=self._headers)
        if answer.status_code == 204:
            return None
        said = _object(answer)
        if said.get("status") != "success":
            raise Permanent(SYSTEM, path, f"{said.get('errorType')}: {said.get('error')}")
        return said["data"]


class Datadog:
    """Datadog, which deletes no series by tag: what it has ends with its retention."""

    def __init__(self, site: str, api_key: str, app_key: str) -> None:
        self.url = site if "://" in site else f"https://api.{site}"
        self._headers = {"DD-API-KEY": api_key, "DD-APPLICATION-KEY": app_key}

    def series(self, tenant_id: UUID) -> set[str]:
        """The metrics that had a point with the tenant's tag in the last 30 days, the longest it can be asked about."""
        found, cursor = set[str](), ""
        while True:
            asked = {"filter[tags]": f"{LABEL}:{tenant_id}", "window[seconds]": "2592000", "page[size]": "10000"}
            asked |= {"page[cursor]": cursor} if cursor else {}
            said = _object(_asked("GET", f"{self.url}/api/v2/metrics", params=asked, headers=self._headers))
            found |= {_named(one["id"], {LABEL: str(tenant_id)}) for one in said["data"]}
            cursor = ((said.get("meta") or {}).get("pagination") or {}).get("next_cursor") or ""
            if not cursor:
                return found

    def drop(self, tenant_id: UUID) -> None:
        """There is no such call."""

    def hint(self) -> Hint:
        until = (datetime.now(UTC) + timedelta(days=DATADOG_DAYS)).date()
        reason = "Datadog deletes no series by tag. Nothing is sent any more; what it has ends with its retention."
        return Hint("expires", reason, until)


def _places(region: Region) -> Iterator[Place]:
    if region.platform_url:
        yield Platform(region.platform_url)
    kept = region.metrics
    if kept is not None and kept.kind == "prometheus":
        yield Prometheus(kept.url, kept.token)
    elif kept is not None and kept.kind == "datadog":
        yield Datadog(kept.url, kept.token, kept.app_key)
    elif kept is not None:
        raise Permanent(SYSTEM, "choose", f"{region.name} keeps its series in {kept.kind!r}, which is not known here")


def _selector(tenant_id: UUID) -> str:
    return f'{{{LABEL}="{tenant_id}"}}'


def _named(name: str, labels: dict[str, str]) -> str:
    shown = ",".join(
        f"{key}={json.dumps(labels[key], ensure_ascii=False)}" for key in sorted(labels) if key != "__name__"
    )
    return f"{name}{{{shown}}}"


def _asked(method: str, url: str, **arguments: Any) -> httpx.Response:
    """A good answer; Transient where another try may get one, else Permanent."""
    operation = f"{method} {httpx.URL(url).path}"
    try:
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as http:
            answer = http.request(method, url, **arguments)
    except httpx.HTTPError as error:
        raise Transient(SYSTEM, operation, f"{type(error).__name__}: {error}") from error
    if answer.status_code == 429 or (answer.status_code >= 500 and "admin APIs disabled" not in answer.text):
        wait = throttle.retry_after(answer.headers.get("Retry-After"))
        raise Transient(SYSTEM, operation, f"{answer.status_code}: {answer.text[:300]}", retry_after=wait)
    if answer.status_code not in (200, 204):
        raise Permanent(SYSTEM, operation, f"{answer.status_code}: {answer.text[:300]}")
    return answer


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError as error:
        raise Permanent(SYSTEM, "read", f"{answer.url.path} answered what is no JSON") from error
    if not isinstance(said, dict):
        raise Permanent(SYSTEM, "read", f"{answer.url.path} answered no object")
    return said
