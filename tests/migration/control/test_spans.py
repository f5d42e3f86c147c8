"""A move there and back as its spans tell it: which move, whose tenant, placed where, and nothing of its content."""

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from portal.embedded.stack import Stack
from portal.lib import tracing

from .running import NO_READS, SIDES, running
from .test_workers import BACK, SWITCHED

pytestmark = pytest.mark.django_db(transaction=True)
BLUE, GREEN = SIDES
PARTS = {"move.chunk", "move.round", "move.range", "move.switch", "move.rollback"}
SAYS = {
    *("bailiwick.migration.id", "bailiwick.tenant.id", "bailiwick.placement.region", "bailiwick.placement.epoch"),
    *("bailiwick.job.id", "bailiwick.job.kind", "bailiwick.job.step", "bailiwick.job.epoch", "bailiwick.job.outcome"),
    *(
        "bailiwick.source",
        "bailiwick.target",
        "bailiwick.table",
        "bailiwick.chunk",
        "bailiwick.rows",
        "bailiwick.bytes",
    ),
    *("bailiwick.keys", "bailiwick.left", "bailiwick.unlike", "bailiwick.switch.epoch", "bailiwick.switch.pause_ms"),
}


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What this process's spans go to while the test lasts."""
    made, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(made))
    monkeypatch.setattr(tracing, "TRACER", provider.get_tracer("test"))
    return made


def about(one: ReadableSpan) -> dict[str, Any]:
    return dict(one.attributes or {})


def placed(one: ReadableSpan) -> tuple[Any, Any]:
    return about(one)["bailiwick.placement.region"], about(one)["bailiwick.placement.epoch"]


def test_each_part_of_a_move_says_which_move_and_where_the_tenant_is_placed(
    shipped: None, stack: Stack, settings: Any, exporter: InMemorySpanExporter
) -> None:
    settings.MIGRATION = {**settings.MIGRATION, **NO_READS, "budget_ms": 5_000, "gate_seconds": 3600}
    one = running(stack.superuser_kwargs("control", "postgres"), documents=20)
    before = one.stands
    one.until(SWITCHED)
    there = one.stands
    one.roll_back()
    one.until(BACK)
    spans = exporter.get_finished_spans()
    steps = {span.context.span_id: span for span in spans if span.name == "job.step"}
    moves = [span for span in spans if span.name != "job.step"]
    assert {span.name for span in moves} == PARTS
    for span in moves:
        mine = about(span)["bailiwick.migration.id"], about(span)["bailiwick.tenant.id"]
        assert mine == (str(one.migration.pk), str(one.stores.id))
    for name, where in (("move.chunk", before), ("move.range", before), ("move.rollback", there)):
        assert {placed(span) for span in moves if span.name == name} == {where}, name
    attempts = [span for span in moves if span.name == "move.switch"]
    assert [placed(span) for span in attempts] == [before, there]
    assert [about(span)["bailiwick.switch.epoch"] for span in attempts] == [there[1], one.stands[1]]
    chunks = [span for span in moves if span.name == "move.chunk"]
    assert sum(about(span)["bailiwick.rows"] for span in chunks) == one.migration.rows_total
    for span in chunks:
        assert span.parent and about(steps[span.parent.span_id])["bailiwick.job.step"] == "copy", "from its threads"
    done = {about(span)["bailiwick.job.step"]: about(span) for span in steps.values()}
    assert {"copy", "verify", "switch", "take_back"} <= done.keys() and done["copy"]["bailiwick.job.outcome"] == "done"
    assert all(told["bailiwick.job.epoch"] > 0 and told["bailiwick.job.id"] for told in done.values())
    assert all(about(span).keys() <= SAYS and not span.events for span in spans), "and nothing else"


def test_an_error_is_marked_by_its_kind_and_not_by_its_words(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="meera"), tracing.span("one", {}):
        raise ValueError("meera@bank.example")
    with pytest.raises(KeyError), tracing.span("two", {}, (KeyError,)):
        raise KeyError
    one, two = exporter.get_finished_spans()
    assert (one.status.status_code, one.status.description, one.events) == (StatusCode.ERROR, "ValueError", ())
    assert two.status.status_code is StatusCode.UNSET
