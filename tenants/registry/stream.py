"""The registry in Redis: the newest of everything in two hashes, and the changes as a stream.

Everything here can be lost: the lease is given by the database, and what is missing is published again. Values are
written only when they are newer, so the order in which publishers arrive does not matter.
"""

import functools
import json
from collections.abc import Iterable
from typing import Any, Literal

import redis
from bailiwick_client.redis_at import connect
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

PREFIX = "bailiwick:registry:"
STREAM = PREFIX + "stream"
KEPT = 10_000
Kind = Literal["configuration", "standing"]
SET_IF_NEWER = """
local held = redis.call('HGET', KEYS[1], ARGV[2])
if held and tonumber(string.match(held, '^%d+')) >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3] .. '|' .. ARGV[4])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', 'kind', ARGV[1], 'tenant', ARGV[2], 'version', ARGV[3],
           'told', ARGV[4])
return 1
"""


def put(kind: Kind, entries: Iterable[tuple[str, int, str]]) -> None:
    """Publish (tenant, version, JSON) unless newer is there. Raises redis.RedisError."""
    pipe = _redis(settings.REDIS_URL).pipeline(transaction=False)
    for tenant, version, told in entries:
        pipe.eval(SET_IF_NEWER, 2, PREFIX + kind, STREAM, kind, tenant, version, told, KEPT)
    pipe.execute()


def held(kind: Kind) -> dict[str, int]:
    """The version of everything that is there."""
    found: Any = _redis(settings.REDIS_URL).hgetall(PREFIX + kind)
    return {tenant.decode(): int(value.split(b"|", 1)[0]) for tenant, value in found.items()}


def line(told: Any) -> str:
    return json.dumps(told, separators=(",", ":"))


@functools.cache
def _redis(url: str) -> redis.Redis:
    """One attempt, half a second: whoever publishes has just committed and is waited for."""
    return connect(url, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0))
