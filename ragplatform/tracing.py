"""Requests as spans of OpenTelemetry, part of whatever trace their caller has begun (W3C traceparent).

Nothing is made of them until an endpoint is named. They carry the tenant's id and placement, the route and the answer's
status: no address, no person, no content.
"""

import os
from collections.abc import Callable
from uuid import UUID

from flask import Response, request
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .problems import Problem

TRACER = trace.get_tracer("ragplatform")
W3C = TraceContextTextMapPropagator()


def serving(route: str, serve: Callable[[], Response], about: Callable[[], dict[str, str | int]]) -> Response:
    """Serve the present request in a span below its caller's; `about` is asked once it is served, or refused."""
    method = request.method
    with TRACER.start_as_current_span(
        route,
        W3C.extract({name: request.headers[name] for name in W3C.fields if name in request.headers}),
        SpanKind.SERVER,
        {"http.request.method": method, "http.route": route.removeprefix(f"{method} ")},
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        try:
            answer = serve()
            _ended(made, answer.status_code)
            return answer
        except Exception as error:
            _ended(made, error.status if isinstance(error, Problem) else 500)
            raise
        finally:
            made.set_attributes(about())


def placed(tenant_id: UUID, region: str, epoch: int) -> dict[str, str | int]:
    """Whose request it is, and where that tenant is placed as far as this process knows."""
    return {
        "bailiwick.tenant.id": str(tenant_id),
        "bailiwick.placement.region": region,
        "bailiwick.placement.epoch": epoch,
    }


def onward() -> dict[str, str]:
    """The headers by which the next platform's span is below the present one; none where there is no trace."""
    headers: dict[str, str] = {}
    W3C.inject(headers)
    return headers


def send(region: str) -> None:
    """Send this process's spans over OTLP/HTTP where the environment names an endpoint."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {"service.name": os.environ.get("OTEL_SERVICE_NAME") or "ragplatform", "cloud.region": region}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def _ended(made: Span, status: int) -> None:
    """Say how it was answered; an error is one of ours."""
    made.set_attribute("http.response.status_code", status)
    if status >= 500:
        made.set_status(Status(StatusCode.ERROR))
