"""A request is one trace over every platform that had a part in it, and each says where the tenant is placed."""

from collections.abc import Iterator

import httpx
import pytest

from tests.jobs.support import eventually
from tests.otlp import Collector, collecting

from .conftest import ABROAD, HOME_REGION, Platform, make_tenant

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAYS = {"http.request.method", "http.route", "http.response.status_code", "bailiwick.tenant.id"}
SAYS |= {"bailiwick.placement.region", "bailiwick.placement.epoch"}


@pytest.fixture(scope="module", autouse=True)
def collector() -> Iterator[Collector]:
    """What the platforms of this module send to."""
    with collecting() as found, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield found


def test_a_request_handed_on_is_one_trace(collector: Collector, sides: dict[str, Platform]) -> None:
    tenant = make_tenant(sides[HOME_REGION])
    with tenant.client() as client:
        said = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
        secret = {"title": "Accruals of the merger", "text": "Nobody may read this in a trace."}
        answer = client.post(f"{sides[ABROAD].url}/v1/documents", json=secret, headers=said)
    assert answer.status_code == 201, answer.text
    eventually(lambda: len(collector.of(TRACE)) == 2, what="a span of each side")
    by = {one.sender["cloud.region"]: one for one in collector.of(TRACE)}
    assert by[ABROAD].parent == CALLER and by[HOME_REGION].parent == by[ABROAD].id
    for one in by.values():
        assert (one.name, one.about["http.response.status_code"]) == ("POST /v1/documents", 201)
        assert one.about["bailiwick.tenant.id"] == str(tenant.id) and one.about.keys() == SAYS
        assert (one.about["bailiwick.placement.region"], one.about["bailiwick.placement.epoch"]) == (HOME_REGION, 1)


def test_who_is_refused_is_in_a_trace_of_nobody(collector: Collector, sides: dict[str, Platform]) -> None:
    trace = "1" * 32
    answer = httpx.get(f"{sides[HOME_REGION].url}/v1/documents", headers={"traceparent": f"00-{trace}-{CALLER}-01"})
    assert answer.status_code == 401
    (one,) = eventually(lambda: collector.of(trace), what="a span")
    assert one.about["http.response.status_code"] == 401 and "bailiwick.tenant.id" not in one.about
