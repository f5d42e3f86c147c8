"""Logs in CloudWatch Logs: the tenant's group as a whole. No line names a person, so of one nothing has to go."""

from collections.abc import Iterator
from functools import partial

from lifecycle.stores import aws
from lifecycle.stores.logs import groups
from lifecycle.stores.throttle import looking
from portal.lib.regions import Region

from .asking import listed, remove_listed, still_ours
from .hint import Hint
from .target import Alive, Target
from .trying import shown, tried

SYSTEM = "logs"
PAGE = 20
PSEUDONYMS = Hint(
    "anonymised",
    "Log lines hold event names, numbers and random ids of sessions and documents; none names a user, an address or a"
    " text. The rows that said whose these were are destroyed, so the lines tell of nobody, and end with the log"
    " group's retention.",
)


class Logs:
    """The tenant's log group of one region."""

    system = SYSTEM

    def __init__(self, region: Region) -> None:
        self.region = region

    def hint(self, target: Target) -> Hint | None:
        """Why there is nothing to delete of a person or a document."""
        return None if target.is_whole_tenant else PSEUDONYMS

    def ids(self, target: Target) -> Iterator[str]:
        """The group, and each stream as `group/stream`."""
        group = target.names.log_group
        if not target.is_whole_tenant or groups.read(self.region, group) is None:
            return
        yield group
        pages = aws.client(self.region, "logs").get_paginator("describe_log_streams")
        with aws.translated(SYSTEM, f"DescribeLogStreams {group}"):
            for page in pages.paginate(logGroupName=group):
                yield from (f"{group}/{one['logStreamName']}" for one in page["logStreams"])

    def erase(self, target: Target, alive: Alive) -> int:
        """The group goes in one call; where it has a stream that was not listed, the streams that were."""
        if not target.is_whole_tenant:
            return 0
        group, known = target.names.log_group, self._listed(target)
        if set(self.ids(target)) - known:
            some = partial(self._remove_streams, group)
            return remove_listed(self.region, target, SYSTEM, some, alive, size=PAGE, wanted=lambda one: one != group)
        tried(partial(self._remove_group, target, alive))
        alive(len(known))
        return len(known)

    def settle(self, target: Target) -> None:
        """The service lists none of what was deleted any more."""
        group, known = target.names.log_group, self._listed(target)

        def followed() -> bool:
            there = set(self.ids(target))
            return known.isdisjoint(there if there <= known else there - {group})

        shown(followed, SYSTEM, f"{group} is still listed")

    def _remove_group(self, target: Target, alive: Alive) -> None:
        alive(0)
        with looking(lambda: still_ours(self.region, target, f"DeleteLogGroup {target.names.log_group}")):
            groups.remove(self.region, target.names.log_group, target.tenant_id)

    def _remove_streams(self, group: str, some: list[str]) -> int:
        logs = aws.client(self.region, "logs")
        with aws.translated(SYSTEM, f"DeleteLogStream {group}"):
            for one in some:
                name = one.removeprefix(f"{group}/")
                aws.unless_absent(logs.delete_log_stream, logGroupName=group, logStreamName=name)
        return len(some)

    def _listed(self, target: Target) -> set[str]:
        """A stream for each start of a platform: few enough to be held."""
        return set(listed(self.region, target, SYSTEM))
