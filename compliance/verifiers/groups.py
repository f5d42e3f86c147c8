"""Log groups, their streams, and events that name somebody."""

from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

from . import aws


def names(logs: Any) -> Iterator[str]:
    """Every log group of the region."""
    for page in aws.pages(logs, "describe_log_groups", ["logGroups"], "Logs, list groups"):
        yield from (one["logGroupName"] for one in page["logGroups"])


def streams(logs: Any, group: str) -> Iterator[str]:
    asked = f"Logs, streams of {group}"
    for page in aws.pages(logs, "describe_log_streams", ["logStreams"], asked, logGroupName=group):
        yield from (one["logStreamName"] for one in page["logStreams"])


def naming(logs: Any, group: str, ids: Collection[UUID]) -> int:
    """How many events of a group name one of these ids, with or without dashes."""
    found = 0
    for one in ids:
        pattern = f'?"{one}" ?"{one.hex}"'
        asked = f"Logs, events of {group}"
        for page in aws.pages(logs, "filter_log_events", ["events"], asked, logGroupName=group, filterPattern=pattern):
            found += len(page["events"])
    return found
