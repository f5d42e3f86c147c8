"""Administrative connections to a region's Redis."""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, RedisError, TimeoutError, TryAgainError
from redis.retry import Retry

from lifecycle.stores.cache.tokens import Tokens
from lifecycle.stores.errors import Permanent, Transient
from portal.lib.regions import Aws, Cache, Region

SYSTEM = "cache"


def connection(region: Region) -> Any:
    """Return this process's client of the region's Redis, as its administrator; it pools and is thread-safe."""
    return _connection(region.name, region.cache, region.aws, os.getpid())


@functools.cache
def _connection(region: str, cache: Cache, account: Aws, _pid: int) -> Any:
    login: dict[str, Any] = {"username": cache.user or None, "password": cache.admin_password}
    if cache.iam_name:
        login = {"credential_provider": Tokens(cache.user, cache.iam_name, region, account)}
    return redis.Redis(
        **cache.address(),
        **login,
        socket_timeout=10,
        socket_connect_timeout=3,
        decode_responses=True,
        encoding_errors="surrogateescape",  # what is no text is still a key, and goes back as it came
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 2),
    )


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Raise this house's errors instead of the driver's."""
    try:
        yield
    except (ConnectionError, TimeoutError, BusyLoadingError, TryAgainError) as error:
        raise Transient(SYSTEM, operation, str(error)) from error
    except RedisError as error:
        raise Permanent(SYSTEM, operation, str(error)) from error
