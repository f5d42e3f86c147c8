"""The fast rung: follows the registry's stream in Redis. Needs the extra `stream`; the lease does not depend on it."""

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .redis_at import connect
from .snapshot import Configuration, Malformed, Standing

PREFIX = "bailiwick:registry:"
PAUSE = 0.5
Piece = Configuration | Standing


class Stream:
    """Hands every change to `take` as it comes. What was missed comes with the next lease."""

    def __init__(self, url: str, take: Callable[[list[Piece]], None]) -> None:
        self._redis = connect(url, socket_timeout=2.0, socket_connect_timeout=2.0, retry=Retry(NoBackoff(), 0))
        self._take = take
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="registry-stream", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def configurations(self) -> list[Configuration]:
        """Every configuration that Redis holds; nothing if it cannot be asked."""
        try:
            found: Any = self._redis.hgetall(PREFIX + "configuration")
        except redis.RedisError:
            return []
        return [one for value in found.values() for one in _read(b"configuration", value.partition(b"|")[2])
                if isinstance(one, Configuration)]  # fmt: skip

    def close(self) -> None:
        """End within a second: the follower puts its connection down itself, which may be reading from it."""
        self._stop.set()

    def _follow(self) -> None:
        last, is_told = b"", False
        while not self._stop.is_set():
            try:
                last = last if is_told else self._resume(last)
                is_told = True
                found: Any = self._redis.xread({PREFIX + "stream": last}, block=1000, count=500)
            except (redis.RedisError, OSError, ValueError):
                is_told = False
                self._stop.wait(PAUSE)
                continue
            for _, entries in found or []:
                last = entries[-1][0]
                self._take([one for _, entry in entries for one in _read(entry.get(b"kind"), entry.get(b"told", b""))])
        self._redis.close()

    def _resume(self, last: bytes) -> bytes:
        """Where to go on: a server that took over may be behind what was read from the one before it."""
        found: Any = self._redis.xrevrange(PREFIX + "stream", count=1)
        newest = found[0][0] if found else b"0-0"
        return min(last or newest, newest, key=_place)


def _place(entry: bytes) -> list[int]:
    return [int(part) for part in entry.split(b"-")]


def _read(kind: bytes | None, told: bytes) -> Iterator[Piece]:
    """What an entry says; nothing if it is not one of ours."""
    try:
        data = json.loads(told)
        if kind == b"configuration":
            yield Configuration.of(data)
        elif kind == b"standing":
            yield Standing.of(data)
    except (ValueError, Malformed, RecursionError):
        return
