"""A query of this tenant shows in the platform's metrics and in the tenant's log group, which is kept as required."""

import time
from typing import Any
from uuid import uuid4

from lifecycle.provisioning.validation import traces, transport
from lifecycle.provisioning.validation.findings import CouldNotRun, Findings
from lifecycle.provisioning.validation.platform_api import PlatformApi, told
from lifecycle.provisioning.validation.target import Target
from lifecycle.stores import aws
from lifecycle.stores.logs import groups

ROUTE = "POST /v1/query"
COUNTER = "rag_requests_total"
ARRIVES_WITHIN = 10.0
BEHIND = 60_000
ACCESS_FIELDS = ("event", "request", "route", "status")  # what a duty of access logs asks of a line


def run(target: Target, found: Findings) -> None:
    transport.url(target, found, "logs", target.region.aws.endpoint_url or "https://logs.amazonaws.com")
    asked = int(time.time() * 1000)
    try:
        with PlatformApi(target) as api:
            before = _count(api)
            answer = api.query(traces.mark("metrics") + uuid4().hex)
            if answer.status_code != 200:
                raise CouldNotRun(f"the platform does not answer a query: {told(answer)}")
            counted = _count(api) - before
    finally:
        traces.forget_questions(target, found, "metrics")
    found.expect(counted >= 1, "the query was counted", f"{COUNTER} did not move for this tenant")
    _group(target, found)
    _line(target, found, answer.headers.get("X-Request-Id", ""), asked)
    found.headline = f"counter and log line of a query arrived after {found.measured.get('log_seconds')} s"


def _count(api: PlatformApi) -> float:
    samples = api.metrics()
    return sum(value for (name, labels), value in samples.items() if name == COUNTER and ("route", ROUTE) in labels)


def _group(target: Target, found: Findings) -> None:
    state = groups.read(target.region, target.binding.log_group)
    if state is None:
        found.wrong(f"log group {target.binding.log_group} does not exist")
        return
    wanted = int(target.requires.get("log_retention_days") or 0)
    kept = state.retention_days
    found.measured |= {"log_group": state.name, "retention_days": kept, "required_days": wanted}
    enough = kept == 0 or kept >= wanted
    found.expect(enough, "logs are kept long enough", f"logs are kept {kept} days, {wanted} are required")
    if target.requires.get("cmk"):
        own = bool(state.kms_key_arn) and state.kms_key_arn.endswith(target.binding.kms_key_id.rpartition("/")[2])
        found.expect(own, "logs are encrypted with the tenant's key", "logs are not encrypted with the tenant's key")


def _line(target: Target, found: Findings, request_id: str, since: int) -> None:
    """Wait for the line of our request; lines are delivered in batches about once a second."""
    if not request_id:
        found.wrong("the platform names no request id, so its log line cannot be found")
        return
    logs = aws.client(target.region, "logs")
    began, pause = time.monotonic(), 0.1
    while not (line := _find(logs, target.binding.log_group, request_id, since)):
        if time.monotonic() - began > ARRIVES_WITHIN:
            found.measured["log_seconds"] = None
            found.wrong(f"no line of request {request_id} arrived in the log group within {ARRIVES_WITHIN:.0f} s")
            return
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)
    found.measured |= {"log_seconds": round(time.monotonic() - began, 2), "log_line": line[:500]}
    found.held("the query's log line arrived")
    if target.requires.get("access_logs"):
        told = all(f'"{field}"' in line for field in ACCESS_FIELDS)
        found.expect(told, "the line tells of the access", f"the log line lacks one of {', '.join(ACCESS_FIELDS)}")


def _find(logs: Any, group: str, request_id: str, since: int) -> str:
    with aws.translated("logs", f"FilterLogEvents {group}"):
        page = aws.unless_absent(
            logs.filter_log_events, logGroupName=group, startTime=since - BEHIND, filterPattern=f'"{request_id}"'
        )
    events = page["events"] if page else []
    return str(events[0]["message"]) if events else ""
