"""How often one address may ask the public page: a fixed window of a minute, counted in the shared Redis.

Without Redis nobody is counted and nobody is served: verifying a signature costs more than asking for it.
"""

import hashlib
from functools import cache
from typing import Any

import redis
import structlog
from bailiwick_client.redis_at import connect
from django.conf import settings

from portal.access.throttle import TooManyAttempts
from portal.lib.errors import Busy

log = structlog.get_logger(__name__)
WINDOW = 60
COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('TTL', KEYS[1])}
"""


def count(address: str) -> None:
    """Count one request of this address; raises TooManyAttempts beyond the limit of its minute."""
    key = "verify:" + hashlib.sha256(address.encode()).hexdigest()[:32]
    try:
        asked, left = _store(settings.REDIS_URL).eval(COUNT, 1, key, WINDOW)
    except redis.RedisError as error:
        log.error("verify.uncounted", error=type(error).__name__)
        raise Busy("Requests cannot be counted at the moment. Try again in a minute.", retry_after=WINDOW) from error
    if asked > settings.CERTIFICATES["looks_a_minute"]:
        raise TooManyAttempts("Too many requests from your address. Try again in a minute.", retry_after=max(1, left))


@cache
def _store(url: str) -> Any:
    return connect(url, socket_timeout=2, socket_connect_timeout=2)
