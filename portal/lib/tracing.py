"""Spans of OpenTelemetry. Nothing is made of them until a process is told where to send them.

What a span says is in `attributes`: ids, regions, epochs and counts, never a person and never content. What an error
says may be content: of it a span has the name of its kind.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Span, Status, StatusCode

Value = str | int | float | bool
TRACER = trace.get_tracer("bailiwick")


@contextmanager
def span(name: str, attributes: Mapping[str, Value], expected: tuple[type[Exception], ...] = ()) -> Iterator[Span]:
    """A span around what is done inside. What leaves it is marked on it as an error, unless it was `expected`."""
    with TRACER.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as made:
        try:
            yield made
        except expected:
            raise
        except BaseException as error:
            made.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def passed(name: str, attributes: Mapping[str, Value], began: int) -> None:
    """A span of what has just been done since `began` (nanoseconds since 1970)."""
    TRACER.start_span(name, attributes=attributes, start_time=began).end()


def send(service: str) -> bool:
    """Send this process's spans over OTLP/HTTP where the environment names an endpoint; whether it does.

    The variable's name is OpenTelemetry's own, as are those that its exporter reads beside it (headers, certificate). A
    child made by a fork sends its own. Raises ModuleNotFoundError where the extra `tracing` is not installed.
    """
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return False
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME") or service})
    provider = TracerProvider(resource=named)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True
