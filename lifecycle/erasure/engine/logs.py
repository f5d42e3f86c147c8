"""Logs in CloudWatch Logs: the tenant's groups with their streams. No line names a person, so of one nothing goes."""

from collections.abc import Callable, Iterator
from functools import partial

from lifecycle.stores import aws
from lifecycle.stores.logs import groups
from lifecycle.stores.tags import refuse_foreign
from portal.lib.regions import Region
from portal.lib.streams import beneath, part_of

from .asking import listed, remove_listed
from .hint import Hint
from .target import Alive, Target
from .trying import shown, tried

SYSTEM = "logs"
PAGE = 20
FOR_EVER = 0  # days of retention
PSEUDONYMS = Hint(
    "anonymised",
    "Log lines hold event names, numbers and random ids of sessions and documents; none names a user, an address or a"
    " text. The rows that said whose these were are destroyed, so the lines tell of nobody, and end with the log"
    " group's retention.",
)


class Logs:
    """The tenant's own log group of one region, and those beneath it, but for what a law keeps of them.

    What is kept is named by streams or groups (portal.lib.streams): lines cannot be deleted one by one.
    """

    system = SYSTEM

    def __init__(self, region: Region) -> None:
        self.region = region

    def hint(self, target: Target) -> Hint | None:
        """Why there is nothing to delete of a person or a document."""
        return None if target.is_whole_tenant else PSEUDONYMS

    def ids(self, target: Target) -> Iterator[str]:
        """Each stream as `group:stream`, and before them the group where nothing of it stays."""
        if not target.is_whole_tenant:
            return
        for group, streams in self._there(target):
            is_meant = _meant(target, group)
            going = [one for one in streams if is_meant(one)]
            if is_meant("") and going == streams:
                yield group
            yield from (_id(group, one) for one in going)

    def erase(self, target: Target, alive: Alive) -> int:
        """A group goes in one call; where it has a stream that was not listed, the streams that were."""
        if not target.is_whole_tenant:
            return 0
        tried(partial(self._keep, target))
        known = self._listed(target)
        stays = {group for group, streams in self._there(target) if not known.issuperset(_ids(group, streams))}
        whole = {one for one in known if ":" not in one} - stays
        some = partial(self._remove, target, whole)
        return remove_listed(self.region, target, SYSTEM, some, alive, size=PAGE, wanted=lambda one: one not in stays)

    def settle(self, target: Target) -> None:
        """The service lists none of what was deleted any more; what expired before a hold does not again after it."""
        known = self._listed(target)
        self._keep(target)

        def followed() -> bool:
            there = [(group, set(_ids(group, streams))) for group, streams in self._there(target)]
            left = {group for group, streams in there if streams <= known}
            return known.isdisjoint(left.union(*(streams for _, streams in there)))

        shown(followed, SYSTEM, f"{target.names.log_group} is still listed")

    def _there(self, target: Target) -> Iterator[tuple[str, list[str]]]:
        """Every group of the tenant with its streams."""
        for group in groups.all_of(self.region, target.names.log_group):
            yield group, groups.streams(self.region, group)

    def _keep(self, target: Target) -> None:
        """What a law keeps does not expire meanwhile: its day ends it, and then people do."""
        parts, own = target.kept_of(SYSTEM), target.names.log_group
        for group, streams in self._there(target) if parts and target.is_whole_tenant else ():
            if any(part_of(parts, beneath(own, group), one) for one in ["", *streams]):
                groups.set_retention(self.region, group, target.tenant_id, FOR_EVER)

    def _remove(self, target: Target, whole: set[str], some: list[str]) -> int:
        """Streams of a group that goes as a whole go with it."""
        logs = aws.client(self.region, "logs")
        for group in {one.partition(":")[0] for one in some} - whole:
            refuse_foreign(SYSTEM, group, groups.tags(self.region, group), target.tenant_id)
        for one in some:
            group, _, stream = one.partition(":")
            if not stream:
                groups.remove(self.region, group, target.tenant_id)
            elif group not in whole:
                with aws.translated(SYSTEM, f"DeleteLogStream {group}"):
                    aws.unless_absent(logs.delete_log_stream, logGroupName=group, logStreamName=stream)
        return len(some)

    def _listed(self, target: Target) -> set[str]:
        """A stream for each start of a platform: few enough to be held."""
        return set(listed(self.region, target, SYSTEM))


def _meant(target: Target, group: str) -> Callable[[str], bool]:
    """Which streams of a group are to go, and with an empty text the group itself once it has no other."""
    kept, only, place = target.kept_of(SYSTEM), target.only_of(SYSTEM), beneath(target.names.log_group, group)
    has_streams_of_it = not place and any(not one.startswith("/") for one in only)

    def is_meant(stream: str) -> bool:
        if part_of(kept, place, stream):
            return False
        return not only or bool(part_of(only, place, stream)) or (not stream and has_streams_of_it)

    return is_meant


def _id(group: str, stream: str) -> str:
    """No name of either holds a colon, and a stream may be called as a group beneath is."""
    return f"{group}:{stream}"


def _ids(group: str, streams: list[str]) -> list[str]:
    return [_id(group, one) for one in streams]
