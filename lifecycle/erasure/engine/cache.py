"""The region's Redis: a tenant's keys by their exact first segment, and of a person or document what names it.

A listed id is a key, or of one that also holds others' data one part: `key?field=` of a hash, `?entry=` of a stream,
`?member=` of a set, `?scored=` of a sorted set, `?item=` of a list. What is not plain ASCII in it is percent-encoded.
"""

import re
import string
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote, unquote

from lifecycle.stores.cache.connection import SYSTEM, connection, translated
from lifecycle.stores.cache.keys import under
from lifecycle.stores.errors import Transient
from lifecycle.stores.postgres import fences
from portal.lib.regions import Region

from .asking import batches, remove_listed, still_ours
from .target import Alive, Target
from .trying import shown, tried

UNLINKED, LOOKED_AT = 1000, 100  # keys of one call: none takes Redis 20 ms
PASSING_MS = 90_000  # what lives no longer is waited for; the platform keeps an answer for a minute
PLAIN = string.punctuation.replace("%", "").replace("?", "")
UUIDS = re.compile(r"(?=([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}))", re.IGNORECASE)
Parts = Iterator[tuple[str, str]]
"""How each part of a key is named, and all that it says."""


class Cache:
    """The cache of one region."""

    system = SYSTEM

    def __init__(self, region: Region) -> None:
        self.region = region

    def ids(self, target: Target) -> Iterator[str]:
        keys = _each_once(under(self.region, target.names.cache_prefix))
        if target.is_whole_tenant:
            yield from map(_quoted, keys)
            return
        names = _naming(target)
        for some in batches(keys, LOOKED_AT):
            yield from self._naming_keys(some, names)

    def erase(self, target: Target, alive: Alive) -> int:
        remove = self._unlink
        if not target.is_whole_tenant:
            tried(lambda: self._outdate_answers(target))
            remove = self._take_out
        return remove_listed(self.region, target, SYSTEM, remove, alive, size=UNLINKED)

    def settle(self, target: Target) -> None:
        """Every replica has all that the primary had when this was asked, by the offsets of their streams.

        Of a person or document, whom others ask about meanwhile: no answer that names it is about to expire. Transient
        says how long that takes. What does not expire soon is left to be found.
        """
        asked = self._replication()["master_repl_offset"]

        def followed() -> bool:
            now = self._replication()
            return all(now[f"slave{n}"]["offset"] >= asked for n in range(now["connected_slaves"]))

        shown(followed, SYSTEM, f"a replica has not reached {asked}")
        if not target.is_whole_tenant and (left := self._longest_passing(target)):
            raise Transient(SYSTEM, "settle", f"cached answers expire within {left:.1f} s", retry_after=left)

    def _naming_keys(self, keys: list[str], names: Callable[[str], bool]) -> Iterator[str]:
        redis = connection(self.region)
        with translated("read keys"):
            kinds = dict(zip(keys, _all(redis, [("TYPE", key) for key in keys]), strict=True))
            texts = [key for key in keys if kinds[key] == "string"]
            said = dict(zip(texts, _all(redis, [("GET", key) for key in texts]), strict=True))
            for key in keys:
                if names(key) or names(said.get(key) or ""):
                    yield _quoted(key)
                elif kinds[key] in PARTS:
                    kind, parts = PARTS[kinds[key]]
                    for part in dict.fromkeys(part for part, text in parts(redis, key) if names(text)):
                        yield f"{_quoted(key)}?{kind}={_quoted(part)}"

    def _outdate_answers(self, target: Target) -> None:
        """Make every cached answer unreachable, one that is being kept at this moment too; it expires in a minute."""
        still_ours(self.region, target, "outdate answers")
        fence = fences.read(self.region, target.tenant_id)
        if fence is not None:
            with translated("INCR generation"):
                connection(self.region).incr(f"{target.names.cache_prefix}{fence.epoch}:generation")

    def _longest_passing(self, target: Target) -> float:
        """Seconds until the last short-lived key that still names the target has expired."""
        keys = [_plain(one.partition("?")[0]) for one in self.ids(target)]
        with translated("PTTL"):
            lives = _all(connection(self.region), [("PTTL", key) for key in keys]) if keys else []
        return max((life / 1000 for life in lives if 0 < life <= PASSING_MS), default=0.0)

    def _unlink(self, batch: list[str]) -> int:
        keys = [_plain(one) for one in batch]
        with translated(f"UNLINK {len(keys)} keys"):
            connection(self.region).unlink(*keys)
        return len(keys)

    def _take_out(self, batch: list[str]) -> int:
        with translated(f"take {len(batch)} parts out"):
            _all(connection(self.region), [_removal(one) for one in batch])
        return len(batch)

    def _replication(self) -> dict[str, Any]:
        with translated("INFO replication"):
            return dict(connection(self.region).info("replication"))


def _naming(target: Target) -> Callable[[str], bool]:
    """Whether a text names the person or one of the documents, with or without dashes, wherever in it."""
    wanted = {one.hex for one in (*target.documents, target.user_id) if one}
    return lambda text: any(found.replace("-", "").lower() in wanted for found in UUIDS.findall(text))


def _each_once(keys: Iterable[str]) -> Iterator[str]:
    """A scan gives a key twice when the table grows meanwhile; what was seen is held as a number, not as text."""
    seen = set[int]()
    for key in keys:
        if (number := hash(key)) not in seen:
            seen.add(number)
            yield key


def _fields(redis: Any, key: str) -> Parts:
    for field, value in redis.hscan_iter(key, count=UNLINKED):
        yield field, f"{field} {value}"


def _entries(redis: Any, key: str) -> Parts:
    after = "-"
    while page := redis.xrange(key, min=after, count=UNLINKED):
        for entry, said in page:
            yield entry, " ".join(f"{field} {value}" for field, value in said.items())
        after = f"({page[-1][0]}"


def _members(redis: Any, key: str) -> Parts:
    return ((member, member) for member in redis.sscan_iter(key, count=UNLINKED))


def _scored(redis: Any, key: str) -> Parts:
    return ((member, member) for member, _ in redis.zscan_iter(key, count=UNLINKED))


def _items(redis: Any, key: str) -> Parts:
    start = 0
    while page := redis.lrange(key, start, start + UNLINKED - 1):
        yield from ((item, item) for item in page)
        start += UNLINKED


PARTS: dict[str, tuple[str, Callable[[Any, str], Parts]]] = {
    "hash": ("field", _fields),
    "stream": ("entry", _entries),
    "set": ("member", _members),
    "zset": ("scored", _scored),
    "list": ("item", _items),
}
REMOVALS: dict[str, tuple[str, tuple[int, ...]]] = {
    "field": ("HDEL", ()),
    "entry": ("XDEL", ()),
    "member": ("SREM", ()),
    "scored": ("ZREM", ()),
    "item": ("LREM", (0,)),  # however often it is there
}


def _removal(listed: str) -> tuple[Any, ...]:
    """The command that removes what the id names."""
    key, _, part = listed.partition("?")
    if not part:
        return "UNLINK", _plain(key)
    kind, _, name = part.partition("=")
    command, arguments = REMOVALS[kind]
    return command, _plain(key), *arguments, _plain(name)


def _all(redis: Any, commands: list[tuple[Any, ...]]) -> list[Any]:
    """The answers to the commands, sent together."""
    with redis.pipeline(transaction=False) as calls:
        for command in commands:
            calls.execute_command(*command)
        return list(calls.execute())


def _quoted(text: str) -> str:
    return quote(text, safe=PLAIN, errors="surrogateescape")


def _plain(text: str) -> str:
    return unquote(text, errors="surrogateescape")
