"""Wakes long polls when the registry changes. The stream is only a hint: without it they look every second."""

import functools
import threading
from typing import Any

import redis
from bailiwick_client.redis_at import connect
from django.conf import settings

from .stream import STREAM

LOOK_EVERY = 1.0


class Watch:
    """One follower of the stream for all who wait in this process; it runs while somebody waits."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._follower: threading.Thread | None = None
        self._waiting = 0

    def wait(self, seconds: float) -> None:
        """Return at the next change, or after `seconds`."""
        with self._news:
            self._waiting += 1
            if self._follower is None or not self._follower.is_alive():
                self._follower = threading.Thread(target=self._follow, name="registry-watch", daemon=True)
                self._follower.start()
            self._news.wait(seconds)
            self._waiting -= 1

    def _follow(self) -> None:
        source = connect(settings.REDIS_URL, socket_timeout=LOOK_EVERY * 2)
        last: bytes | None = None
        while self._waiting:
            try:
                last = last or _newest(source)
                found: Any = source.xread({STREAM: last}, block=int(LOOK_EVERY * 1000))
                last = found[0][1][-1][0] if found else last
            except redis.RedisError:
                threading.Event().wait(LOOK_EVERY)
                found = True
            if found:
                with self._news:
                    self._news.notify_all()
        source.close()


def _newest(source: redis.Redis) -> bytes:
    found: Any = source.xrevrange(STREAM, count=1)
    return found[0][0] if found else b"0"


@functools.cache
def watch() -> Watch:
    """The process's own."""
    return Watch()
