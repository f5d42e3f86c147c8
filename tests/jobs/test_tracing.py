"""A process makes spans when an endpoint is named, and only then; what an error says goes nowhere."""

import os
import subprocess
import sys

from tests.otlp import collecting

from .support import ROOT

SAYS = """
import django
django.setup()
from opentelemetry import trace
from portal.lib.tracing import span
try:
    with span("one", {"bailiwick.keys": 7}) as made:
        print(made.is_recording(), type(trace.get_tracer_provider()).__name__)
        raise ValueError("meera@bank.example")
except ValueError:
    pass
"""


def said(**more: str) -> str:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    env = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    ended = subprocess.run(
        [sys.executable, "-c", SAYS], env={**env, "PYTHONPATH": path, **more}, cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_without_an_endpoint_nothing_is_made() -> None:
    assert said() == "False ProxyTracerProvider"


def test_with_one_spans_are_sent_when_the_process_ends_at_the_latest() -> None:
    with collecting() as collector:
        assert said(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) == "True TracerProvider"
    (one,) = collector.spans
    assert (one.name, one.about, one.sender["service.name"]) == ("one", {"bailiwick.keys": 7}, "bailiwick")
