"""Log groups, their streams, and events that name somebody."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from . import aws

AT_ONCE = 12  # of 77 characters each: a pattern has 1024 at most


def names(logs: Any) -> Iterator[str]:
    """Every log group of the region."""
    for page in aws.pages(logs, "describe_log_groups", ["logGroups"], "Logs, list groups"):
        yield from (one["logGroupName"] for one in page["logGroups"])


def streams(logs: Any, group: str) -> Iterator[str]:
    asked = f"Logs, streams of {group}"
    for page in aws.pages(logs, "describe_log_streams", ["logStreams"], asked, logGroupName=group):
        yield from (one["logStreamName"] for one in page["logStreams"])


def naming(logs: Any, group: str, ids: Collection[UUID]) -> Counter[UUID]:
    """How many events of a group name each of these ids, with or without dashes."""
    found: Counter[UUID] = Counter()
    for some in _batched(sorted(ids), AT_ONCE):
        if len(some) == 1 or _events(logs, group, some):
            found.update({one: _events(logs, group, [one]) for one in some})
    return found


def _events(logs: Any, group: str, ids: Iterable[UUID]) -> int:
    """How many events name any of these ids."""
    pattern, asked = " ".join(f'?"{one}" ?"{one.hex}"' for one in ids), f"Logs, events of {group}"
    pages = aws.pages(logs, "filter_log_events", ["events"], asked, logGroupName=group, filterPattern=pattern)
    return sum(len(page["events"]) for page in pages)


def _batched(ids: Sequence[UUID], many: int) -> Iterator[Sequence[UUID]]:
    return (ids[start : start + many] for start in range(0, len(ids), many))
