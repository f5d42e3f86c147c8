"""The shared cache as something pages can do without: what is lost with Redis is speed.

Sessions are rows with a copy here, names and counts are read again. Whoever must count or lock, such as the sign-in
throttle, speaks to Redis itself and refuses without it.
"""

import functools
from collections.abc import Callable
from typing import Any

import structlog
from bailiwick_client.redis_at import connect
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

log = structlog.get_logger(__name__)


@functools.cache
def _client(url: str) -> Redis:
    return connect(url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1))


def _or(instead: Callable[[], Any], method: Callable[..., Any]) -> Callable[..., Any]:
    def spared(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except RedisError as error:
            log.warning("cache.away", error=type(error).__name__)
            return instead()

    return spared


class SpareClient(RedisCacheClient):
    """Remembers nothing while Redis is away."""

    def get_client(self, key: Any = None, *, write: bool = False) -> Redis:
        servers: list[str] = self._servers  # type: ignore[attr-defined]
        return _client(servers[0])

    add = _or(bool, RedisCacheClient.add)
    set = _or(bool, RedisCacheClient.set)
    touch = _or(bool, RedisCacheClient.touch)
    delete = _or(bool, RedisCacheClient.delete)
    has_key = _or(bool, RedisCacheClient.has_key)
    get_many = _or(dict, RedisCacheClient.get_many)
    set_many = _or(list, RedisCacheClient.set_many)
    delete_many = _or(bool, RedisCacheClient.delete_many)

    def get(self, key: Any, default: Any) -> Any:
        return _or(lambda: default, super().get)(key, default)


class SpareCache(RedisCache):
    """Django's Redis cache that answers as if it were empty while Redis is away."""

    def __init__(self, server: list[str], params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = SpareClient

    def ping(self) -> None:
        """Raise unless Redis answers."""
        self._cache.get_client(write=True).ping()
