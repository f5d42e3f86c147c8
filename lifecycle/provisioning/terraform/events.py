"""Terraform's `-json` stream as one row per resource."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

PAGE = 4 * 1024 * 1024
STATES = {
    "planned_change": "planned",
    "resource_drift": "drifted",
    "refresh_start": "reading",
    "refresh_complete": "read",
    "apply_start": "running",
    "apply_progress": "running",
    "apply_complete": "done",
    "apply_errored": "failed",
}


@dataclass(frozen=True)
class ResourceEvent:
    """The latest news of one resource. `message` is the provider's own where it failed."""

    address: str
    action: str
    state: str
    seconds: int
    message: str = ""


@dataclass(frozen=True)
class EventPage:
    """News since the asked offset. `problems` are errors and warnings that name no resource."""

    resources: tuple[ResourceEvent, ...]
    problems: tuple[str, ...]
    outputs: dict[str, Any]
    offset: int


def events(run_dir: Path, offset: int = 0) -> EventPage:
    """Return one row per resource that moved since byte `offset` of the log, and where to read on from.

    A page is at most PAGE bytes of log, however much there is: ask again until the offset stays.
    """
    rows: dict[str, ResourceEvent] = {}
    problems: list[str] = []
    outputs: dict[str, Any] = {}
    lines, read_to = _lines(run_dir / "log.jsonl", offset)
    for line in lines:
        if line.get("type") == "outputs":
            outputs = {k: v.get("value") for k, v in line["outputs"].items() if not v.get("sensitive")}
        elif line.get("type") == "diagnostic":
            _diagnose(line["diagnostic"], rows, problems)
        elif line.get("type") in STATES:
            row = _row(line)
            rows[row.address] = row
    return EventPage(tuple(rows.values()), tuple(problems), outputs, read_to)


def _row(line: dict[str, Any]) -> ResourceEvent:
    about = line.get("hook") or line.get("change") or {}
    return ResourceEvent(
        address=about["resource"]["addr"],
        action=str(about.get("action", "read")),
        state=STATES[line["type"]],
        seconds=int(about.get("elapsed_seconds", 0)),
    )


def _diagnose(found: dict[str, Any], rows: dict[str, ResourceEvent], problems: list[str]) -> None:
    """An error of a resource fails its row; the row then tells the provider's words."""
    words = ": ".join(part for part in (found.get("summary", ""), found.get("detail", "")) if part)
    address = found.get("address", "")
    if not address or found.get("severity") != "error":
        problems.append(words)
        return
    row = rows.get(address) or ResourceEvent(address, "", "failed", 0)
    rows[address] = replace(row, state="failed", message=words)


def _lines(path: Path, offset: int) -> tuple[Iterator[dict[str, Any]], int]:
    """Return the whole lines of one page from `offset` on; a line still being written is left for next time."""
    try:
        with open(path, "rb") as log:
            log.seek(offset)
            page = log.read(PAGE)
            whole, newline, _ = page.rpartition(b"\n")
            if not newline and len(page) == PAGE:  # one line that is longer than a page
                whole, newline = page + log.readline(), b""
    except FileNotFoundError:
        return iter(()), offset
    return _parsed(whole), offset + len(whole) + len(newline)


def _parsed(whole: bytes) -> Iterator[dict[str, Any]]:
    for line in whole.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue  # not Terraform's: a panic's trace, for example; stderr.log keeps those
        if isinstance(value, dict):
            yield value
