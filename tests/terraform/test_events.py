"""The log as rows: the latest news of each resource, from an offset, whole lines only."""

import json
from pathlib import Path
from typing import Any

from lifecycle.provisioning.terraform.events import events


def line(kind: str, address: str, action: str = "create", seconds: int = 0) -> str:
    hook = {"resource": {"addr": address}, "action": action, "elapsed_seconds": seconds}
    return json.dumps({"type": kind, "hook": hook}) + "\n"


def diagnostic(**found: Any) -> str:
    return json.dumps({"type": "diagnostic", "diagnostic": {"severity": "error", **found}}) + "\n"


def test_one_row_per_resource_with_the_providers_words(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(
        line("apply_start", "a")
        + line("apply_start", "b")
        + "panic: not json\n"
        + line("apply_complete", "a", seconds=3)
        + line("apply_errored", "b", seconds=2)
        + diagnostic(address="b", summary="AccessDenied: no", detail="objects: CreateBucket")
        + diagnostic(summary="Error acquiring the state lock", detail="held by somebody")
        + json.dumps({"type": "outputs", "outputs": {"x": {"sensitive": False, "value": 1}, "s": {"sensitive": True}}})
        + "\n"
    )
    page = events(tmp_path)
    rows = {row.address: row for row in page.resources}
    assert (rows["a"].state, rows["a"].seconds) == ("done", 3)
    assert (rows["b"].state, rows["b"].message) == ("failed", "AccessDenied: no: objects: CreateBucket")
    assert page.problems == ("Error acquiring the state lock: held by somebody",)
    assert page.outputs == {"x": 1}


def test_reading_goes_on_where_it_stopped(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert events(tmp_path).offset == 0
    half = line("apply_complete", "a")
    log.write_text(line("apply_start", "a") + half[:20])
    page = events(tmp_path)
    assert [row.state for row in page.resources] == ["running"]
    log.write_text(line("apply_start", "a") + half)
    rest = events(tmp_path, page.offset)
    assert [row.state for row in rest.resources] == ["done"] and rest.offset == log.stat().st_size
