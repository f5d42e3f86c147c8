"""Series that carry a tenant's or a person's label: in the platform's memory, in Prometheus, in Datadog."""

import json
from collections.abc import Iterator, Sequence

import httpx
from prometheus_client.parser import text_string_to_metric_families

from portal.lib.regions import Metrics as Kept
from portal.lib.regions import Region

from . import web
from .answering import NotChecked, Seen, Sought, answers
from .looking import Answer, Question, Together
from .manifest import Manifests

SURE = "rag_started_seconds"  # every platform tells it: without it the text is not whole, or not a platform's
LABEL = "tenant"
QUERY = (
    "GET /metrics of the platform; last_over_time of the tenant's series over a hundred years in Prometheus, or"
    " Datadog's metrics with the tenant's tag; every series with a label that names the subject"
)
Series = Iterator[tuple[str, dict[str, str]]]
"""Names with their labels."""


class Metrics(Together):
    """Counts series."""

    name = "metrics"

    def __init__(self, patience: float = 20.0) -> None:
        self._patience = patience

    def look_together(self, questions: Sequence[Question]) -> list[Answer]:
        kept = questions[0].region.metrics
        key = "none is needed" if kept is None else f"the read-only token of {kept.kind}"
        return answers(self.name, key, QUERY, len(questions), lambda: self._look(questions))

    def _look(self, questions: Sequence[Question]) -> list[Seen]:
        manifests, sought, seen = Manifests(questions, self.name), Sought(questions), [Seen() for _ in questions]
        told = set()
        with httpx.Client(timeout=self._patience, trust_env=False) as client:
            for place, name, labels in _everywhere(client, questions):
                record = _record(name, labels)
                if (place, record) not in told:
                    told.add((place, record))
                    for number in set().union(*(sought.named_in(value) for value in labels.values())):
                        seen[number].by[place] += 1
                manifests.look(record)
        for number, one in enumerate(seen):
            one.listed = manifests.listed(number)
        return seen


def _everywhere(client: httpx.Client, questions: Sequence[Question]) -> Iterator[tuple[str, str, dict[str, str]]]:
    region = questions[0].region
    for name, labels in of_platform(client, region.platform_url):
        yield "platform", name, labels
    if region.metrics is not None:
        for tenant in sorted({str(one.tenant_id) for one in questions}):
            for name, labels in _kept(client, region, region.metrics, tenant):
                yield region.metrics.kind, name, labels


def of_platform(client: httpx.Client, platform: str) -> Series:
    """Every series that the platform tells of."""
    asked = "The platform's metrics"
    said = web.text(client, f"{platform}/metrics", asked, "text/plain")
    try:
        found = [(one.name, one.labels) for family in text_string_to_metric_families(said) for one in family.samples]
    except (ValueError, KeyError) as error:
        raise NotChecked(f"{asked}: the text cannot be read.") from error
    if SURE not in {name for name, _ in found} or not said.endswith("\n"):
        raise NotChecked(f"{asked}: the text is not whole.")
    yield from found


def _kept(client: httpx.Client, region: Region, kept: Kept, tenant: str) -> Series:
    """The tenant's series where the region keeps them for longer. A writer's token is never used instead."""
    if kept.kind not in ("prometheus", "datadog"):
        raise NotChecked(f"{region.name} keeps its series in {kept.kind}, which nobody here can look into.")
    if (kept.token and not region.verifier.metrics_token) or (kept.app_key and not region.verifier.metrics_app_key):
        raise NotChecked(f"No read-only credentials for the series of {region.name} are configured.")
    yield from (
        of_prometheus(client, region, kept, tenant)
        if kept.kind == "prometheus"
        else of_datadog(client, region, kept, tenant)
    )


def of_prometheus(client: httpx.Client, region: Region, kept: Kept, tenant: str) -> Series:
    """Series that still have a sample: the plain list names deleted ones for hours."""
    token = region.verifier.metrics_token
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    asked, query = "Prometheus, series of the tenant", f'last_over_time({{{LABEL}="{tenant}"}}[100y])'
    url = f"{kept.url}/api/v1/query"
    said = web.page(client, "GET", url, asked, ["status", "data"], params={"query": query}, headers=headers)
    data = said["data"]
    if said["status"] != "success" or not isinstance(data, dict) or not isinstance(data.get("result"), list):
        raise NotChecked(f"{asked}: it did not succeed.")
    for one in data["result"]:
        yield one["metric"].get("__name__", ""), one["metric"]


def of_datadog(client: httpx.Client, region: Region, kept: Kept, tenant: str) -> Series:
    """Metrics that had a point with the tenant's tag in the last 30 days, the longest it can be asked about."""
    login = region.verifier
    headers = {"DD-API-KEY": login.metrics_token, "DD-APPLICATION-KEY": login.metrics_app_key}
    base = kept.url if "://" in kept.url else f"https://api.{kept.url}"
    asked, cursor = "Datadog, metrics of the tenant", ""
    while True:
        wanted = {"filter[tags]": f"{LABEL}:{tenant}", "window[seconds]": "2592000", "page[size]": "10000"}
        wanted |= {"page[cursor]": cursor} if cursor else {}
        said = web.page(client, "GET", f"{base}/api/v2/metrics", asked, ["data"], params=wanted, headers=headers)
        yield from ((str(one["id"]), {LABEL: tenant}) for one in said["data"])
        before, cursor = cursor, ((said.get("meta") or {}).get("pagination") or {}).get("next_cursor") or ""
        if not cursor:
            return
        if cursor == before:
            raise NotChecked(f"{asked}: the pages do not come to an end.")


def _record(name: str, labels: dict[str, str]) -> str:
    """As a manifest writes a series."""
    shown = ",".join(f"{key}={json.dumps(labels[key])}" for key in sorted(labels) if key != "__name__")
    return f"{name}{{{shown}}}"
